"""Learning rates, schedules, clips, and numbers of updates."""

from functools import partial

from keras import optimizers

from benchmarks.diagnosis.case import Cases, fault, trained
from benchmarks.diagnosis.recipes import adam, sgd
from benchmarks.diagnosis.third_held_out import recipes

HIGH = "learning_rate_too_high"
EDGE = f"oscillating_loss|{HIGH}"
LOW = "learning_rate_too_low|too_few_updates|slow_convergence"
FEW = "too_few_updates|learning_rate_too_low|slow_convergence"
schedules = optimizers.schedules


def too_high() -> Cases:
    """Return steps that are too long."""
    return (
        trained("Adam(.5) in a U-Net", recipes.PIXELS, fault(HIGH, optimizer=adam(0.5))),
        trained("Adam(.1) in a transformer", recipes.SENTENCES, fault(HIGH, optimizer=adam(0.1))),
        trained(
            "Lion(.1) on two digits",
            recipes.SAME,
            fault(HIGH, optimizer=partial(optimizers.Lion, 0.1)),
        ),
        trained(
            "SGD(1) with momentum, clocks", recipes.CLOCKS, fault(HIGH, optimizer=sgd(1.0, 0.9))
        ),
    )


def at_the_edge() -> Cases:
    """Return losses that go up and down."""
    return (
        trained(
            "momentum of .99 on strengths", recipes.CONCRETE, fault(EDGE, optimizer=sgd(0.2, 0.99))
        ),
    )


def too_low() -> Cases:
    """Return steps that lead nowhere, from the beginning or soon."""
    by_epochs = partial(schedules.PiecewiseConstantDecay, [5, 8], [0.05, 5e-4, 5e-6])
    until_epoch = partial(schedules.CosineDecay, 0.01, decay_steps=12)
    return (
        trained(
            "Adadelta as it comes, gestures",
            recipes.GESTURES,
            fault(LOW, optimizer=optimizers.Adadelta),
        ),
        trained(
            "boundaries of a schedule in epochs, clocks",
            recipes.CLOCKS_SGD,
            fault(LOW, optimizer=lambda: optimizers.SGD(by_epochs(), 0.9)),
        ),
        trained(
            "a cosine over twelve steps, engines",
            recipes.ENGINES,
            fault(LOW, optimizer=lambda: optimizers.Adam(until_epoch())),
        ),
        trained(
            "gradients clipped to 1e-4, cells",
            recipes.CELLS,
            fault(f"{LOW}|vanishing_gradient", optimizer=sgd(0.05, clipnorm=1e-4)),
        ),
    )


def too_few() -> Cases:
    """Return trainings that end when they have just begun."""
    return (
        trained("one epoch of sales", recipes.SHOPS, fault(FEW, batch_size=500, epochs=1)),
        trained(
            "all fields of a board at once", recipes.BOARD, fault(FEW, batch_size=900, epochs=8)
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*too_high(), *at_the_edge(), *too_low(), *too_few())
