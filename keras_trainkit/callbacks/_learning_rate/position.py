"""Where a training is, in optimizer steps."""

from collections.abc import Sequence
from typing import Any

from keras_trainkit._keras_internals import counted_batches


class Position:
    """Finds the optimizer steps of a training from its epochs and batches.

    A training that is resumed with `initial_epoch`, or by `TrainingState`, is where it would be
    had it never stopped, whatever its optimizer counted. Data without a length is the exception:
    there the optimizer's count is all there is, and several of them may count differently.

    Args:
        optimizers: those that train.
        batches: int or None. Batches in an epoch, if known.
        epochs: int or None. Epochs of the whole training, if known.

    Attributes:
        batches_before: int. Batches of the training before this epoch.
        batches_per_step: int. Batches over which an optimizer step accumulates gradients.
        origin: int or None. What the optimizer had counted, in batches, when the training began;
            None where that is not needed.
    """

    def __init__(self, optimizers: Sequence[Any], batches: int | None, epochs: int | None) -> None:
        self.batches_before = 0
        self.origin: int | None = None
        self.epochs = epochs
        self._optimizer = optimizers[0]
        self._batches = batches
        accumulated = {one.gradient_accumulation_steps or 1 for one in optimizers}
        if len(accumulated) > 1:
            raise ValueError(
                "`gradient_accumulation_steps` must be the same in all optimizers that train, as "
                f"a schedule counts optimizer steps. Received: {sorted(accumulated)}"
            )
        if batches is None and len(optimizers) > 1:
            raise ValueError(
                "`steps_per_epoch` must be given to `fit` where the data has no length and "
                f"several optimizers train. Received: steps_per_epoch=None, {len(optimizers)} "
                "optimizers"
            )
        (self.batches_per_step,) = accumulated

    @property
    def steps_per_epoch(self) -> float | None:
        """Optimizer steps in an epoch, None if the data has no length."""
        return None if self._batches is None else self._batches / self.batches_per_step

    def begin_epoch(self, epoch: int) -> None:
        """Find how many batches came before."""
        if self._batches is not None:
            self.batches_before = epoch * self._batches
            return
        counted = counted_batches(self._optimizer)
        if self.origin is None:
            self.origin = 0 if epoch else counted
            if epoch and not counted:
                raise ValueError(
                    "`steps_per_epoch` must be given to `fit` where `initial_epoch` is not 0, the "
                    "data has no length and the optimizer has not counted any step. "
                    f"Received: initial_epoch={epoch}"
                )
        self.batches_before = counted - self.origin
