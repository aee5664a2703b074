"""Learning rates, schedules and numbers of updates."""

from functools import partial

from keras import optimizers

from benchmarks.diagnosis.case import Cases, fault, trained
from benchmarks.diagnosis.recipes import adam, rmsprop, sgd
from benchmarks.diagnosis.second_held_out import recipes
from keras_trainkit.optimizers import NAG

HIGH = "learning_rate_too_high"
LOW = "learning_rate_too_low|too_few_updates"
FEW = "too_few_updates|learning_rate_too_low|slow_convergence"
SLOW = "slow_convergence|learning_rate_too_low|too_few_updates"
schedules = optimizers.schedules


def too_high() -> Cases:
    """Return steps that are too long."""
    return (
        trained("Adam(.3) on heartbeats", recipes.HEARTBEATS, fault(HIGH, optimizer=adam(0.3))),
        trained(
            "NAG(1) on a plant's power",
            recipes.PLANT_SGD,
            fault(HIGH, optimizer=partial(NAG, 1.0)),
        ),
        trained("RMSprop(.5) on bearings", recipes.BEARINGS, fault(HIGH, optimizer=rmsprop(0.5))),
        trained("Adam(.5) on intents", recipes.INTENTS, fault(HIGH, optimizer=adam(0.5))),
        trained(
            "AdamW(1) on hours of a load",
            recipes.HOURS,
            fault(HIGH, optimizer=partial(optimizers.AdamW, 1.0)),
        ),
    )


def too_low() -> Cases:
    """Return steps that lead nowhere, from the beginning or soon."""
    every_step = partial(schedules.ExponentialDecay, 5e-3, decay_steps=1, decay_rate=0.8)
    rising = partial(schedules.CosineDecay, 0.0, 1000000, warmup_target=5e-3, warmup_steps=100000)
    return (
        trained("Adam(1e-6) on letters", recipes.LETTERS, fault(LOW, optimizer=adam(1e-6))),
        trained("SGD(1e-5) on glyphs", recipes.GLYPHS, fault(LOW, optimizer=sgd(1e-5))),
        trained(
            "a decay meant for epochs at each step, spots",
            recipes.SPOTS,
            fault(LOW, optimizer=lambda: optimizers.Adam(every_step())),
        ),
        trained(
            "a warmup of 100000 steps, arrows",
            recipes.ARROWS_SGD,
            fault(LOW, optimizer=lambda: optimizers.SGD(rising())),
        ),
        trained(
            "Adagrad as it comes, grades",
            recipes.GRADES,
            fault(SLOW, optimizer=optimizers.Adagrad),
        ),
    )


def too_few() -> Cases:
    """Return trainings that end when they have just begun."""
    return (
        trained("one epoch as it comes, spam", recipes.MAILS, fault(FEW, batch_size=128, epochs=1)),
        trained(
            "three epochs of all rows, transfers",
            recipes.TRANSFERS,
            fault(FEW, batch_size=1000, epochs=3, optimizer=adam(1e-3)),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*too_high(), *too_low(), *too_few())
