"""Where sequences are padded: steps of one content at their beginning or their end."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Padding:
    """Where rows of steps are padded.

    Args:
        content: the number, or the numbers of one step, that the padding holds.
        held: bools, shape `(rows, steps)`. Which steps hold it.
        before, after: integers, shape `(rows,)`. How many of them stand at the beginning and at
            the end; all of an empty row stand at its end.
    """

    content: np.ndarray
    held: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @property
    def steps(self) -> np.ndarray:
        """Which steps are padding, shape `(rows, steps)`."""
        place = np.broadcast_to(np.arange(self.held.shape[1]), self.held.shape)
        return np.logical_or(place < self.before[:, None], place[:, ::-1] < self.after[:, None])

    @property
    def is_empty(self) -> np.ndarray:
        """Which rows are padding alone."""
        return np.equal(self.after, self.held.shape[1])


def padding_in(rows: np.ndarray) -> Padding | None:
    """Return how rows of steps are padded, by what most of them end or begin with.

    None for what is no sequence of numbers, and if no rows agree in how they end or begin.
    """
    if rows.ndim not in (2, 3) or min(rows.shape[:2]) < 2 or rows.dtype.kind not in "iuf":
        return None
    found = [_padded_with(rows, end) for end in (_usual(rows[:, -1]), _usual(rows[:, 0]))]
    best = max(found, key=lambda each: each.steps.sum())
    is_shared = (best.before + best.after > 0).sum() > 1
    return best if is_shared else None


def _usual(ends: np.ndarray) -> np.ndarray:
    """Return what most rows hold in one step."""
    distinct, counts = np.unique(ends, axis=0, return_counts=True)
    return distinct[counts.argmax()]


def _padded_with(rows: np.ndarray, content: np.ndarray) -> Padding:
    held = (rows == content).reshape(*rows.shape[:2], -1).all(axis=-1)
    after = _run(held[:, ::-1])
    return Padding(content, held, np.where(held.all(axis=1), 0, _run(held)), after)


def _run(held: np.ndarray) -> np.ndarray:
    """Return how many steps in a row hold it from the first one on."""
    return np.where(held.all(axis=1), held.shape[1], held.argmin(axis=1))
