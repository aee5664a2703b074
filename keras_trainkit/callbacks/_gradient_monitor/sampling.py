"""Which steps are measured."""

import math
from typing import Any

from keras_trainkit._validation import integer, invalid

PER_OCTAVE = 8
WIDEST = 100


class Sampling:
    """A choice of steps.

    Args:
        every: integer n >= 1: steps 0, n, 2 n, ...; `"log"`: eight of each octave, which are all
            steps up to 8; `"auto"`: as `"log"` until they are 100 steps apart, then every 100th,
            and the first step of each epoch.
        in_pairs: bool. Whether the step before is measured, too, to compare two gradients.
    """

    def __init__(self, every: Any, in_pairs: bool) -> None:
        if isinstance(every, str) and every not in ("auto", "log"):
            raise invalid("every", 'an integer >= 1, "auto" or "log"', every)
        self.every = every if isinstance(every, str) else integer("every", every, low=1)
        self._offsets = (0, 1) if in_pairs else (0,)

    def wants(self, step: int, count: int = 1, begins_epoch: bool = False) -> bool:
        """Say whether one of `count` steps from `step` on is measured."""
        if begins_epoch and self.every == "auto":
            return True
        return any(self._wants(s + i) for s in range(step, step + count) for i in self._offsets)

    def _wants(self, step: int) -> bool:
        if isinstance(self.every, int):
            return step % self.every == 0
        if self.every == "auto" and step >= PER_OCTAVE * WIDEST:
            return step % WIDEST == 0
        return step == 0 or _mark(step) != _mark(step - 1)


def _mark(step: int) -> int:
    """Return the number of the step's part of an octave."""
    return math.floor(PER_OCTAVE * math.log2(step)) if step else -1
