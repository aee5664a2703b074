"""Values for a trial: of a sampler, of a grid, or a person's own.

All of them are candidates; who asks leaves out those that a trial has had already.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from keras_tuner.engine.trial import Trial

from keras_trainkit._validation import invalid
from keras_trainkit.tuner._oracle import grid, history
from keras_trainkit.tuner._oracle.distributions import Parameter

# From the trials in their order, the space, the direction and a seed.
Proposals = Callable[[list[Trial], list[Parameter], str, int], Iterator[dict[str, Any]]]
# So many candidates in a row of a sampler before values are drawn at random, and so many of these
# before the space counts as exhausted.
PROPOSED, AT_RANDOM = 20, 1000


def of_sampler(
    trials: list[Trial],
    space: list[Parameter],
    direction: str,
    seed: int,
    sampler: history.Sampler = history.random_sampler,
) -> Iterator[dict[str, Any]]:
    """Yield what a sampler of Optuna's proposes, then what is drawn at random."""
    for source, most in ((sampler, PROPOSED), (history.random_sampler, AT_RANDOM)):
        study = history.study(trials, space, direction, source(seed))
        for _ in range(most):
            yield history.proposal(study.ask(), space)


def of_grid(
    trials: list[Trial], space: list[Parameter], direction: str, seed: int
) -> Iterator[dict[str, Any]]:
    """Yield the points of the grid."""
    yield from grid.points(space)


def filled(space: list[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for all active hyperparameters: those given, and defaults for the others."""
    values: dict[str, Any] = {}
    for each in space:
        name = each.hyperparameter.name
        if name not in values and each.is_active(values):
            values[name] = given.get(name, each.hyperparameter.default)
    return values


def check(space: list[Parameter], given: Mapping[str, Any]) -> None:
    """Raise unless a trial can have these values."""
    names = [each.hyperparameter.name for each in space]
    for name in given:
        if name not in names:
            known = ", ".join(dict.fromkeys(names)) or "none are known before the first trial"
            raise ValueError(
                f"`values` must be of hyperparameters of the search ({known}). Received: {name!r}"
            )
    values = filled(space, given)
    for name, value in given.items():
        if name not in values:
            raise ValueError(f"`{name}` is not active where the others are {values}")
        active = next(e for e in space if e.hyperparameter.name == name and e.is_active(values))
        if not active.allows(value):
            raise invalid(name, active.requirement, value)
