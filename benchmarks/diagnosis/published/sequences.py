"""Programs with recurrent layers, and with tokens."""

from functools import partial

import numpy as np
from keras import layers, regularizers

from benchmarks.diagnosis import networks, recipes, spoils
from benchmarks.diagnosis.case import fault
from benchmarks.diagnosis.datasets import Split
from benchmarks.diagnosis.published import datasets
from benchmarks.diagnosis.published.program import Programs, published
from benchmarks.diagnosis.recipe import Body
from benchmarks.diagnosis.recipes import ONE_HOT, adam, rmsprop


def programs() -> Programs:
    """Return all of them."""
    return (*series(), *texts())


def series() -> Programs:
    """Return recurrent layers over values."""
    traffic = recipes.regression(
        datasets.traffic,
        networks.chain(
            partial(layers.LSTM, 20, return_sequences=True),
            partial(layers.Dropout, 0.5),
            partial(layers.LSTM, 40),
            partial(layers.Dropout, 0.5),
        ),
        0.7,
        6,
        family="RNN",
        optimizer=rmsprop(1e-3),
        epochs=10,
        batch_size=20,
        validated=False,
        metrics=("mae",),
    )
    rises = recipes.classifier(
        "RNN",
        datasets.rises,
        networks.recurrent(layers.LSTM, 4),
        0.85,
        optimizer=adam(1e-3),
        epochs=100,
        batch_size=50,
        split=0.3,
        validated=False,
    )
    return (
        published(
            "counts of up to 50000, one output for the next six",
            "https://github.com/keras-team/keras/issues/14630",
            "Insane loss, 0 accuracy and all inputs are the same",
            "Why is the loss extreme, the accuracy 0 and every output the same?",
            "16 steps for 150 and 6 targets for 18; batches of 20 for 50.",
            traffic,
            fault("too_few_output_units|label_shape_broadcast", units=1, spoils=(_with_axis,)),
            fault("unnormalized_input", data=partial(datasets.traffic, scaled=False)),
            fault(
                "unnormalized_target",
                data=partial(datasets.traffic, scaled=False, target_scaled=False),
            ),
            fault("metric_does_not_fit", metrics=("accuracy",)),
        ),
        published(
            "rising or falling, cross-entropy of an LSTM without a sigmoid",
            "https://imathworks.com/cv/solved-why-the-accuracy-of-the-neural-network-is-falling-"
            "when-epoch-increases",
            "Why the accuracy of the neural network is falling when epoch increases",
            "Why does the accuracy fall for some epochs and stay low?",
            "Steps and columns are not told.",
            rises,
            fault("missing_output_activation", output="linear"),
        ),
    )


def texts() -> Programs:
    """Return embeddings with convolutions behind them."""
    given = {"loss": ONE_HOT, "changes": (spoils.one_hot,), "optimizer": adam(1e-3)}
    penalized = recipes.classifier(
        "embedding", datasets.sentences, _convolved(), 0.85, 3, epochs=12, **given
    )
    reviews = recipes.classifier(
        "embedding",
        partial(datasets.sentences, classes=5, words=2000, share=0.25, wrong=0.3, rows=1200),
        _reviews(0.5),
        0.15,
        5,
        epochs=9,
        batch_size=50,
        score=skill,
        **given,
    )
    return (
        published(
            "texts of three kinds, L2 of .1 on every convolution",
            "https://github.com/keras-team/keras/issues/7223",
            "Keras model not training, while tflearn model does.",
            "Why does the same network train in another library only?",
            "30 tokens for 100, narrower; epochs are not told.",
            penalized,
            fault("excess_regularization", body=_convolved(regularizers.L2(0.1))),
        ),
        published(
            "reviews of one to five stars",
            "https://datascience.stackexchange.com/questions/47720/"
            "validation-loss-increases-and-validation-accuracy-decreases",
            "Validation loss increases and validation accuracy decreases",
            "Why does the validation become worse from the second epoch on?",
            "1200 reviews for 300000, and 30 epochs for 5; narrower.",
            reviews,
            fault("overfitting", body=_reviews(0.0), epochs=30),
            is_static=False,
        ),
    )


def skill(outputs: np.ndarray, truth: np.ndarray, logits: bool) -> float:
    """Return by how much the cross-entropy is below that of equal chances, as a share of it."""
    chances = np.take_along_axis(outputs, truth[:, None], -1).clip(1e-7, 1)
    return float(1 + np.mean(np.log(chances)) / np.log(outputs.shape[-1]))


def _convolved(penalty: regularizers.Regularizer | None = None) -> Body:
    conv = partial(layers.Conv1D, padding="same", activation="relu", kernel_regularizer=penalty)
    return networks.chain(
        partial(layers.Embedding, 300, 32),
        *(partial(conv, 16, size) for size in (3, 7, 7)),
        partial(layers.MaxPooling1D, 3),
        partial(layers.Dropout, 0.5),
        layers.Flatten,
    )


def _reviews(rate: float) -> Body:
    return networks.chain(
        partial(layers.Embedding, 2000, 32),
        partial(layers.Conv1D, 32, 8, activation="relu"),
        partial(layers.MaxPooling1D, 2),
        layers.Flatten,
        partial(layers.Dropout, rate),
        partial(layers.Dense, 10, "relu"),
    )


def _with_axis(data: Split) -> Split:
    return data._replace(y=data.y[..., None], y_test=data.y_test[..., None])
