"""Short trainings at a suggested rate and at lower ones: is it one at which training works?

A loss that is lowest at some rate of the sweep says what a few steps do there, from weights that
lower rates have prepared. A model that sticks when it begins at such a rate shows it only then.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# From each rate to the next lower one, and how many there are.
STEP, MOST = 8, 3
# Standard errors by which the losses of one training are clearly higher than those of another.
CLEARLY = 3.0


@dataclass(frozen=True, eq=False)
class Proof:
    """A short training at one rate.

    Attributes:
        learning_rate: float.
        losses: float64 array. Loss of each step; shorter if one was not finite.
        whole: bool. Whether all of them were finite.
    """

    learning_rate: float
    losses: np.ndarray
    whole: bool

    @property
    def end(self) -> np.ndarray:
        """The losses of the last third."""
        return self.losses[-(len(self.losses) // 3 or 1) :]

    @property
    def loss(self) -> float:
        """Their mean, infinite where one was not finite."""
        return float(self.end.mean()) if self.whole else math.inf

    def is_worse_than(self, other: "Proof") -> bool:
        """Say whether it ends clearly higher; both have trained on the same batches."""
        if not (self.whole and other.whole):
            return other.whole
        difference = self.end - other.end
        error = float(difference.std()) / math.sqrt(len(difference))
        return float(difference.mean()) > CLEARLY * error + 1e-6 * abs(other.loss)


def prove(rate: float, train: Callable[[float], Proof]) -> list[Proof]:
    """Train at a rate, and at eighths of it until one is clearly worse than the one above."""
    proofs = [train(rate)]
    while len(proofs) < MOST:
        proofs.append(train(proofs[-1].learning_rate / STEP))
        if proofs[-1].is_worse_than(proofs[-2]):
            break
    return proofs


def best(proofs: Sequence[Proof]) -> Proof:
    """Return the one at the highest rate that is not clearly worse than any other."""
    lowest = min(proofs, key=lambda proof: proof.loss)
    return next(proof for proof in proofs if not proof.is_worse_than(lowest))


def described(proofs: Sequence[Proof]) -> str:
    """Say what was seen, the suggestion first."""
    chosen = best(proofs)
    lines = [f"{p.loss:.3g} at {p.learning_rate:.3g}" for p in proofs if p is not chosen]
    seen = f" A training of {len(chosen.losses)} steps there ends at a loss of {chosen.loss:.3g}"
    return f"{seen} (others: {', '.join(lines)})."
