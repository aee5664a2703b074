"""Hyperband's plan: how many trials there are, and after which epochs each may be stopped.

s_max = floor(log_factor(max_epochs)),   for s = s_max, ..., 0:
ceil((s_max + 1) / (s + 1) * factor^s) trials, which are halved s times,
for the first time after ceil(max_epochs / factor^s) epochs         (Li et al. 2018, algorithm 1)
"""

from dataclasses import dataclass

from keras_trainkit import _validation


@dataclass(frozen=True)
class Bracket:
    """Trials that are compared with each other.

    Args:
        first: number of its first trial.
        size: number of its trials.
        halvings: after how many numbers of epochs a trial may be stopped.
        epochs: the lowest of these.
    """

    first: int
    size: int
    halvings: int
    epochs: int

    def has(self, trial_id: str) -> bool:
        """Return whether a trial is one of its trials."""
        return self.first <= int(trial_id) < self.first + self.size


class Brackets:
    """The brackets of a search.

    Args:
        max_epochs: int >= 1.
        factor: int >= 2. One in so many trials goes on.
    """

    def __init__(self, max_epochs: int, factor: int) -> None:
        self.max_epochs = _validation.integer("max_epochs", max_epochs, low=1)
        self.factor = _validation.integer("factor", factor, low=2)
        most = 0
        while self.factor ** (most + 1) <= self.max_epochs:
            most += 1
        self._halvings = range(most, -1, -1)

    @property
    def trials(self) -> int:
        """The number of trials in one iteration."""
        return sum(map(self._size, self._halvings))

    def of(self, trial_id: str) -> Bracket:
        """Return the bracket of a trial."""
        first = int(trial_id) // self.trials * self.trials
        for halvings in self._halvings:
            epochs = -(-self.max_epochs // self.factor**halvings)
            bracket = Bracket(first, self._size(halvings), halvings, epochs)
            if bracket.has(trial_id):
                break
            first += bracket.size
        return bracket

    def _size(self, halvings: int) -> int:
        return -(-len(self._halvings) * self.factor**halvings // (halvings + 1))
