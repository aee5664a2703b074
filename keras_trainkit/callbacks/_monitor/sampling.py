"""Which steps are measured."""

import math
from typing import Any

from keras_trainkit._validation import integer, invalid

PER_OCTAVE = 8


class Sampling:
    """A choice of steps: every n-th from step 0, or a number of steps that doubling leaves equal.

    Args:
        every: integer >= 1, or `"log"`: 8 steps of each octave, all of them below 8.
        in_pairs: bool. Whether the step before is measured, too, to compare two gradients.
    """

    def __init__(self, every: Any, in_pairs: bool) -> None:
        if isinstance(every, str) and every != "log":
            raise invalid("every", 'an integer >= 1 or "log"', every)
        self.every = every if every == "log" else integer("every", every, low=1)
        self._in_pairs = in_pairs

    def wants(self, step: int, count: int = 1) -> bool:
        """Say whether one of `count` steps from `step` on is measured."""
        return any(self._wants(s + i) for s in range(step, step + count) for i in self._offsets())

    def _offsets(self) -> range:
        return range(2 if self._in_pairs else 1)

    def _wants(self, step: int) -> bool:
        if self.every == "log":
            return step < 1 or _mark(step) != _mark(step - 1)
        return step % self.every == 0


def _mark(step: int) -> int:
    return math.floor(PER_OCTAVE * math.log2(step)) if step else -1
