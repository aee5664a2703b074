"""Programs that predict values, with dense layers."""

from functools import partial

from keras import initializers, layers

from benchmarks.diagnosis import networks, recipes
from benchmarks.diagnosis.case import fault
from benchmarks.diagnosis.published import datasets
from benchmarks.diagnosis.published.program import Programs, published
from benchmarks.diagnosis.recipes import adam, sgd


def programs() -> Programs:
    """Return all of them."""
    return (*heads(), *scales(), *signals())


def heads() -> Programs:
    """Return output layers that cannot give the values."""
    chances = recipes.regression(
        datasets.chances,
        networks.mlp(32),
        0.85,
        output="sigmoid",
        optimizer=adam(1e-3),
        epochs=30,
        validated=False,
    )
    sinus = recipes.regression(
        datasets.sinus,
        networks.mlp(40, 12, activation="sigmoid"),
        0.9,
        optimizer=adam(1e-2),
        epochs=80,
        batch_size=8,
        validated=False,
        metrics=("mse",),
    )
    return (
        published(
            "probabilities, softmax over one unit",
            "https://stackoverflow.com/a/63909566",
            "Why can't I use softmax in regression task for probabilities?",
            "Why does a squared error not move when the output is a softmax?",
            "Width, batches and epochs are not told.",
            chances,
            fault("softmax_one_unit", output="softmax"),
        ),
        published(
            "a sine, sigmoid at the output, ten epochs",
            "https://datascience.stackexchange.com/questions/19365/"
            "predict-sinus-with-keras-feed-forward-neural-network",
            "Predict sinus with keras feed forward neural network",
            "Why is a small network so bad at a sine?",
            "Of the answer's program the copy has the data only: Adam and 80 epochs for 1000.",
            sinus,
            fault(
                "bounded_output_for_unbounded_target",
                output="sigmoid",
                body=networks.mlp(10, activation="sigmoid"),
            ),
            fault("unnormalized_input", data=partial(datasets.sinus, rows=100, divisor=1.0)),
            fault(
                "too_few_updates|slow_convergence|learning_rate_too_low",
                optimizer=sgd(0.01),
                epochs=10,
                batch_size=1,
            ),
            fault("metric_does_not_fit", metrics=("accuracy",)),
        ),
    )


def scales() -> Programs:
    """Return inputs and targets that are not scaled."""
    powers = recipes.regression(
        datasets.fourth_power,
        networks.chain(
            partial(layers.Dense, 50, "sigmoid"),
            partial(layers.Dense, 50, "elu"),
        ),
        0.8,
        optimizer=adam(1e-3),
        epochs=150,
        batch_size=40,
        validated=False,
    )
    return (
        published(
            "a fourth power of up to 1e8",
            "https://stackoverflow.com/questions/52800582/"
            "why-do-i-fail-to-predict-y-x4-with-keras-y-x3-works",
            "Why do I fail to predict y=x**4 with Keras? (y=x**3 works)",
            "Why is a fourth power not learned where a third one is?",
            "Batches of 40 for 400, in exchange for epochs.",
            powers,
            fault("unnormalized_input", data=partial(datasets.fourth_power, scaled=False)),
            fault(
                "unnormalized_target",
                data=partial(datasets.fourth_power, scaled=False, target_scaled=False),
            ),
        ),
    )


def signals() -> Programs:
    """Return signals that die on their way."""
    bits = recipes.regression(
        datasets.bits,
        networks.mlp(*4 * [64]),
        0.85,
        optimizer=sgd(0.01),
        epochs=40,
        validated=False,
    )
    # Of the starts, which the thread tells of, one from which the shape is not found.
    unlucky = partial(initializers.GlorotUniform, 4)
    distances = recipes.regression(
        datasets.distances, networks.mlp(32), 0.97, optimizer=adam(3e-3), epochs=25
    )
    return (
        published(
            "bits to values, four sigmoid layers",
            "https://ai.stackexchange.com/questions/16557/what-could-be-the-problem-when-a-neural-"
            "network-with-four-hidden-layers-with-the",
            "What could be the problem when a neural network with four hidden layers with the "
            "sigmoid activation function is not learning?",
            "Why is the loss high even on the training data?",
            "64 units for 500; optimizer and epochs are not told.",
            bits,
            fault("vanishing_gradient", body=networks.mlp(*4 * [64], activation="sigmoid")),
            fault("unnormalized_target", data=partial(datasets.bits, scaled=False)),
        ),
        published(
            "absolute values of complex numbers, three ReLU units",
            "https://stats.stackexchange.com/questions/363352/"
            "my-neural-network-cant-even-learn-euclidean-distance",
            "My neural network can't even learn Euclidean distance",
            "Why do three ReLU units find the shape in few runs only?",
            "The initial weights are those of a run that fails; mended, with more units.",
            distances,
            fault("dead_units|underfitting", body=networks.mlp(3, kernel_initializer=unlucky)),
            is_static=False,
        ),
    )
