"""Random trainings for early stopping: what is asked for, and what every epoch logs."""

import math

from tests.references.early_stopping import Measured, Rules

NOT_FINITE = (math.nan, math.inf, -math.inf)


def random_rules(draw) -> Rules:
    """Return one to three metrics with limits that some of the histories reach."""
    return Rules(
        modes=tuple(draw.choice(("min", "max")) for _ in range(draw.choice((1, 1, 1, 2, 3)))),
        min_delta=draw.choice((0.0, 0.0, 0.25, 0.5, "25%", "50%")),
        patience=draw.randint(0, 5),
        baseline=draw.choice((None, None, 0.5, 1.5)),
        start_from_epoch=draw.choice((0, 0, 3)),
        smoothing=draw.choice((0.0, 0.0, 0.5, 0.75)),
        target=draw.choice((None,) * 6 + (0.25, 1.75)),
        divergence=draw.choice((None,) * 6 + (0.25, 1.75)),
        max_gap=draw.choice((None, None, 0.0, 0.75)),
        stop_on_nonfinite=draw.random() < 0.4,
        improvement=draw.choice(("first", "first", "any")),
    )


def random_history(
    draw, metrics: int, every: int | None = None, missing: float | None = None
) -> list[Measured | None]:
    """Return up to 20 epochs with ties and plateaus.

    Args:
        every: which epochs are validated; else drawn.
        missing: which part of these logs nothing nevertheless; else drawn.
    """
    history: list[Measured | None] = []
    every = every or draw.choice((1, 1, 2, 3))
    missing = draw.choice((0, 0.1)) if missing is None else missing
    broken = draw.choice((0, 0.15))
    values = tuple(draw.randint(0, 8) / 4 for _ in range(metrics))
    for epoch in range(draw.randint(1, 20)):
        if draw.random() < 0.7:
            values = tuple(
                draw.choice(NOT_FINITE) if draw.random() < broken else draw.randint(0, 8) / 4
                for _ in range(metrics)
            )
        in_training = None if draw.random() < 0.1 else draw.randint(0, 8) / 4
        measured = (epoch + 1) % every == 0 and draw.random() >= missing
        history.append(Measured(values, in_training) if measured else None)
    return history


def arguments_of(rules: Rules) -> dict:
    """Return the arguments of `EarlyStopping` that follow the rules."""
    arguments = dict(vars(rules))
    modes = arguments.pop("modes")
    return {"monitor": [f"val_{place}" for place in range(len(modes))], **arguments}
