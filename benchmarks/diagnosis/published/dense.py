"""Programs with dense layers that classify."""

from functools import partial

from keras import layers

from benchmarks.diagnosis import datasets as others
from benchmarks.diagnosis import networks, recipes, scores, spoils
from benchmarks.diagnosis.case import fault
from benchmarks.diagnosis.published import datasets
from benchmarks.diagnosis.published.program import Programs, published
from benchmarks.diagnosis.recipe import Recipe
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT, adam, sgd


def programs() -> Programs:
    """Return all of them."""
    uniform = {"kernel_initializer": "random_uniform"}
    tumours = recipes.classifier(
        "MLP",
        others.cancer,
        networks.mlp(16, 16, rate=0.1, **uniform),
        0.92,
        optimizer=adam(1e-3),
        epochs=100,
        batch_size=100,
        head=uniform,
        changes=(spoils.columns_of_targets,),
    )
    flags = recipes.classifier(
        "MLP",
        datasets.flags,
        networks.mlp(40, 31, **uniform),
        0.8,
        output="sigmoid",
        loss=BINARY,
        optimizer=adam(1e-3),
        epochs=1,
        batch_size=10,
        head=uniform,
        validated=False,
        metrics=("binary_accuracy",),
    )
    flags = Recipe(**{**vars(flags), "units": 2, "score": scores.all_labels})
    irises = recipes.classifier(
        "MLP",
        partial(others.iris, scaled=False),
        networks.mlp(8),
        0.85,
        3,
        output="sigmoid",
        loss=ONE_HOT,
        changes=(spoils.one_hot,),
        optimizer=adam(1e-3),
        epochs=100,
        batch_size=5,
        validated=False,
    )
    pixels = recipes.classifier(
        "MLP",
        datasets.large_digits,
        networks.mlp(100),
        0.85,
        10,
        loss=ONE_HOT,
        changes=(spoils.one_hot,),
        optimizer=sgd(0.01),
        epochs=15,
        batch_size=10,
        validated=False,
    )
    exclusive = recipes.classifier(
        "MLP",
        datasets.exclusive_or,
        networks.mlp(8, 8),
        0.95,
        optimizer=sgd(0.01),
        epochs=150,
        validated=False,
    )
    linear = networks.chain(partial(layers.Dense, 8), partial(layers.Dense, 8, "relu"))
    return (
        published(
            "exclusive or, ReLU at the output, five epochs",
            "https://stats.stackexchange.com/questions/433365/xor-with-neural-network",
            "XOR with Neural Network",
            "Why does the loss of the textbook's example stand still?",
            "Eight units for two, with which the mended one trains in some runs only; 800 rows.",
            exclusive,
            fault("relu_output", output="relu", body=linear),
            fault("classification_with_regression_loss", loss="mse"),
            fault("too_few_updates|slow_convergence|learning_rate_too_low", epochs=5),
        ),
        published(
            "tumours, categorical cross-entropy of one unit",
            "https://github.com/keras-team/keras/issues/14729",
            "too low accuracy",
            "Why does the network for benign and malignant tumours stay at a low accuracy?",
            "Nothing.",
            tumours,
            fault("loss_always_zero|wrong_loss|too_few_output_units", loss=ONE_HOT),
        ),
        published(
            "two flags that may both be off, categorical cross-entropy",
            "https://github.com/keras-team/keras/issues/6421",
            'Discrepancies between "evaluate" accuracy and "predict" result',
            "Why is the accuracy 1 where the predictions of two labels are all wrong?",
            "8000 generated rows.",
            flags,
            fault(
                "exclusive_output_for_multilabel|wrong_loss",
                loss=ONE_HOT,
                metrics=("categorical_accuracy",),
            ),
        ),
        published(
            "irises, one epoch in place of many",
            "https://github.com/keras-team/keras/issues/7196",
            "keras gave bad result with too low Accuracy(~40%) using example data (iris.csv)",
            "Why are 40 % right where the tutorial has 97? (`nb_epoch` is no longer heard.)",
            "Eight hidden units for four; mended, 100 epochs for 150.",
            irises,
            fault("too_few_updates|slow_convergence", epochs=1),
        ),
        published(
            "digits with pixels up to 255, ReLU and SGD",
            "https://datascience.stackexchange.com/questions/18667/relu-vs-sigmoid-in-mnist-example",
            "Relu vs Sigmoid in mnist example",
            "Why are less than half of the digits right when the sigmoid becomes a ReLU?",
            "1347 digits of 24 x 24 pixels; batches of 10 for 100.",
            pixels,
            fault("unnormalized_input", data=partial(datasets.large_digits, scale=1.0)),
        ),
    )
