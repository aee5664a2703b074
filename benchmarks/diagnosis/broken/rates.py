"""Learning rates that are too high or too low."""

from functools import partial

import keras

from benchmarks.diagnosis import datasets, recipes
from benchmarks.diagnosis.case import Cases, fault, trained
from benchmarks.diagnosis.recipes import adam, rmsprop, sgd

HIGH, LOW = "learning_rate_too_high", "learning_rate_too_low|too_few_updates"


def too_high() -> Cases:
    """Return rates at which steps overshoot."""
    return (
        trained("Adam(1) on moons", recipes.MOONS, fault(HIGH, optimizer=adam(1.0))),
        trained(
            "SGD(3) with momentum, digits", recipes.DIGITS, fault(HIGH, optimizer=sgd(3.0, 0.9))
        ),
        trained("Adam(.5), images", recipes.DIGITS_CNN, fault(HIGH, optimizer=adam(0.5))),
        trained(
            "SGD(2) with momentum, stripes",
            recipes.STRIPES_SGD,
            fault(HIGH, optimizer=sgd(2.0, 0.9)),
        ),
        trained("Adam(3), GRU", recipes.WAVES, fault(HIGH, optimizer=adam(3.0))),
        trained("Adam(.5), simple recurrence", recipes.FORECAST, fault(HIGH, optimizer=adam(0.5))),
        trained(
            "Adam(.5), transformer", recipes.TOPIC_TRANSFORMER, fault(HIGH, optimizer=adam(0.5))
        ),
        trained("RMSprop(1), spirals", recipes.SPIRALS, fault(HIGH, optimizer=rmsprop(1.0))),
        trained(
            "SGD(1) with momentum, houses", recipes.HOUSES_SGD, fault(HIGH, optimizer=sgd(1.0, 0.9))
        ),
        trained(
            "SGD(.8) with momentum, Friedman",
            recipes.FRIEDMAN,
            fault(HIGH, optimizer=sgd(0.8, 0.9)),
        ),
        trained(
            "Adam(2), words through convolutions",
            recipes.CONVOLVED_WORDS,
            fault(HIGH, optimizer=adam(2.0)),
        ),
        trained(
            "Adam(1) and no softmax",
            recipes.SPIRALS,
            fault(HIGH, optimizer=adam(1.0)),
            fault("missing_output_activation", output="linear"),
        ),
    )


def too_low() -> Cases:
    """Return rates at which nothing moves in the time that is planned."""
    return (
        trained("Adam(1e-6) on circles", recipes.CIRCLES, fault(LOW, optimizer=adam(1e-6))),
        trained("SGD(1e-5), digits", recipes.DIGITS, fault(LOW, optimizer=sgd(1e-5))),
        trained("Adam(3e-6), images", recipes.NORMALIZED_CNN, fault(LOW, optimizer=adam(3e-6))),
        trained("Adam(1e-6), GRU", recipes.WAVES, fault(LOW, optimizer=adam(1e-6))),
        trained("SGD(1e-3), words", recipes.WORDS, fault(LOW, optimizer=sgd(1e-3))),
        trained("Adam(1e-6), transformer", recipes.TRANSFORMER, fault(LOW, optimizer=adam(1e-6))),
        trained("SGD(1e-5), Friedman", recipes.FRIEDMAN, fault(LOW, optimizer=sgd(1e-5))),
        trained(
            "Adam(1e-6) and a ReLU at the output",
            recipes.PLANES,
            fault(LOW, optimizer=adam(1e-6)),
            fault("relu_output|bounded_output_for_unbounded_target", output="relu"),
        ),
        trained(
            "Adadelta(1e-5), and pixels up to 255",
            recipes.SLANTS,
            fault(f"{LOW}|slow_convergence", optimizer=partial(keras.optimizers.Adadelta, 1e-5)),
            fault("unnormalized_input", data=partial(_bright, 255.0)),
        ),
    )


def slow() -> Cases:
    """Return rates that end long before the training does."""
    slow_names = "slow_convergence|learning_rate_too_low|too_few_updates"
    ending = keras.optimizers.schedules.ExponentialDecay(1e-2, 4, 0.5)
    return (
        trained(
            "a schedule that halves the rate every 4 steps, spirals",
            recipes.SPIRALS,
            fault(slow_names, optimizer=adam(ending)),
        ),
        trained(
            "a schedule that halves the rate every 4 steps, digits",
            recipes.DIGITS_SPARSE,
            fault(slow_names, optimizer=sgd(ending)),
        ),
        trained(
            "plain SGD(2e-4), houses",
            recipes.HOUSES_SGD,
            fault(slow_names, optimizer=sgd(2e-4)),
        ),
        trained(
            "plain SGD(1e-3), convolutions",
            recipes.STRIPES_SGD,
            fault(slow_names, optimizer=sgd(1e-3)),
        ),
    )


def oscillating() -> Cases:
    """Return rates at the edge: the loss goes up and down."""
    name = "oscillating_loss|learning_rate_too_high"
    return (
        trained("SGD at the edge on a curve", recipes.CURVE, fault(name, optimizer=sgd(0.6, 0.9))),
        trained(
            "SGD(1) with momentum, spirals", recipes.SPIRALS, fault(name, optimizer=sgd(1.0, 0.9))
        ),
        trained("Adam(1) over tags", recipes.TAGS, fault(name, optimizer=adam(1.0))),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*too_high(), *too_low(), *slow(), *oscillating())


def _bright(factor: float, seed: int) -> datasets.Split:
    data = datasets.stripes(seed, classes=2)
    return data._replace(x=factor * data.x, x_test=factor * data.x_test)
