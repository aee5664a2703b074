"""Learning rates and numbers of updates."""

from functools import partial

import keras
from keras import optimizers

from benchmarks.diagnosis.case import Cases, fault, trained
from benchmarks.diagnosis.held_out import recipes, tables
from benchmarks.diagnosis.recipes import adam, rmsprop, sgd

HIGH, LOW = "learning_rate_too_high", "learning_rate_too_low|too_few_updates"
FEW = "too_few_updates|learning_rate_too_low|slow_convergence"
SLOW = "slow_convergence|learning_rate_too_low|too_few_updates"


def too_high() -> Cases:
    """Return steps that are too long."""
    return (
        trained("Adam(.5) on shapes", recipes.SHAPES, fault(HIGH, optimizer=adam(0.5))),
        trained("SGD(1) with momentum, a hand", recipes.ARM, fault(HIGH, optimizer=sgd(1.0, 0.9))),
        trained("RMSprop(1) on rows of digits", recipes.ROWS, fault(HIGH, optimizer=rmsprop(1.0))),
        trained("Adam(1) in an own model", recipes.OWN, fault(HIGH, optimizer=adam(1.0))),
        trained("Adam(1) on two encoders", recipes.PAIRS, fault(HIGH, optimizer=adam(1.0))),
        trained(
            "Lion(.3) on letters",
            recipes.NAMES,
            fault(HIGH, optimizer=partial(optimizers.Lion, 0.3)),
        ),
        trained("SGD(30) on spectra", recipes.SPECTRA, fault(HIGH, optimizer=sgd(30.0))),
        trained(
            "Adam(1) on fares, ReLU at the output",
            recipes.FARES,
            fault(HIGH, optimizer=adam(1.0)),
            fault("relu_output|bounded_output_for_unbounded_target", output="relu"),
        ),
        trained(
            "SGD(3) on rings", recipes.RINGS, fault(f"oscillating_loss|{HIGH}", optimizer=sgd(3.0))
        ),
        trained(
            "SGD(1) with momentum, colours",
            recipes.TILES_SGD,
            fault(f"oscillating_loss|{HIGH}", optimizer=sgd(1.0, 0.9)),
        ),
    )


def too_low() -> Cases:
    """Return steps that lead nowhere."""
    halved = optimizers.schedules.ExponentialDecay
    return (
        trained(
            "Adadelta as it comes, colours",
            recipes.TILES,
            fault(LOW, optimizer=optimizers.Adadelta),
        ),
        trained("SGD(1e-5), pulses", recipes.PULSES, fault(LOW, optimizer=sgd(1e-5))),
        trained(
            "a rate halved every five updates",
            recipes.GENES,
            fault(LOW, optimizer=lambda: keras.optimizers.Adam(halved(1e-3, 5, 0.5))),
        ),
        trained("Adam(1e-7) on stars", recipes.STARS, fault(LOW, optimizer=adam(1e-7))),
        trained(
            "Adam(3e-6) and raw customers",
            recipes.CHURN,
            fault(LOW, optimizer=adam(3e-6)),
            fault("unnormalized_input", data=tables.raw_churn),
        ),
        trained(
            "Adagrad as it comes, sums",
            recipes.SUMS,
            fault(SLOW, optimizer=optimizers.Adagrad),
        ),
        trained("SGD(1e-3) on places", recipes.ROLL, fault(SLOW, optimizer=sgd(1e-3))),
    )


def too_few() -> Cases:
    """Return trainings that end when they have just begun."""
    return (
        trained("two updates for shapes", recipes.SHAPES, fault(FEW, batch_size=512, epochs=2)),
        trained(
            "one epoch of large batches, fares", recipes.FARES, fault(FEW, batch_size=200, epochs=1)
        ),
        trained(
            "three epochs of all rows, orders", recipes.ORDERS, fault(FEW, batch_size=600, epochs=3)
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*too_high(), *too_low(), *too_few())
