"""What Adam's family shares: two moving moments of the gradient and their constants."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Unpack

import keras
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._tensors import Tensor
from keras_trainkit.optimizers._arguments import Arguments
from keras_trainkit.optimizers._base import Optimizer
from keras_trainkit.optimizers._hyperparameters import Hyperparameter, Scalar, read


class MomentOptimizer(Optimizer):
    """Base of the rules that keep m and v: their slots, `beta_1`, `beta_2` and `epsilon`."""

    beta_1 = Hyperparameter(partial(_validation.real, low=0.0, high=1.0, high_open=True))
    beta_2 = Hyperparameter(partial(_validation.real, low=0.0, high=1.0, high_open=True))
    epsilon = Hyperparameter(partial(_validation.real, low=0.0))

    def __init__(
        self,
        learning_rate: Any,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        **arguments: Unpack[Arguments],
    ) -> None:
        super().__init__(learning_rate=learning_rate, **arguments)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def _add_slots(self, variables: Sequence[keras.Variable]) -> None:
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )

    def _slot_lists(self) -> Sequence[Sequence[Any]]:
        return [self._momentums, self._velocities]

    def _constants(self, dtype: str) -> tuple[Scalar, Scalar, Scalar]:
        """Return `beta_1`, `beta_2` and `epsilon` for the running step."""
        return (
            read(self, "beta_1", dtype),
            read(self, "beta_2", dtype),
            read(self, "epsilon", dtype),
        )

    def _blend(self, moment: Any, value: Tensor, beta: Scalar) -> Tensor:
        """Set a moment to beta * moment + (1 - beta) * value, and return it."""
        old = ops.cast(moment, value.dtype)
        # One product, not two: compilers then round it in one way (see `_moved` of `NAG`).
        moved = old + (1 - beta) * (value - old)
        self.assign(moment, moved)
        return moved

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
