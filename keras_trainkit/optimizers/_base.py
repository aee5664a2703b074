"""What every optimizer of the package shares: checked arguments and one update for all variables.

Keras loops over the variables and calls `update_step` for each. On PyTorch that costs one Python
round trip per variable, so there the rules update whole lists of tensors (`update_all`). The hooks
that this takes (`_backend_update_step`, `_get_variable_index`) are Keras internals; nothing outside
this file and the rules' own files relies on them.
"""

import math
from typing import Any, TypeAlias

import keras
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._precision import at_least_float32

LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule

POSITIVE_ARGUMENTS = ("clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor")


class Optimizer(keras.optimizers.Optimizer):
    """Base of the package's optimizers: Keras's base arguments, each checked at construction."""

    def __init__(self, learning_rate: Any, **base_arguments: Any) -> None:
        """Check the arguments of `keras.optimizers.Optimizer` and pass them on."""
        for name in POSITIVE_ARGUMENTS:
            if base_arguments.get(name) is not None:
                _validation.positive(name, base_arguments[name])
        if base_arguments.get("weight_decay") is not None:
            _validation.real("weight_decay", base_arguments["weight_decay"], low=0.0)
        if base_arguments.get("gradient_accumulation_steps") is not None:
            steps = base_arguments["gradient_accumulation_steps"]
            _validation.integer("gradient_accumulation_steps", steps, low=2)
        if not callable(learning_rate):
            learning_rate = _validation.real("learning_rate", learning_rate, low=0.0)
        super().__init__(learning_rate=learning_rate, **base_arguments)

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        if keras.backend.backend() == "torch" and all_wide(trainable_variables):
            self.update_all(grads, trainable_variables, learning_rate)
        else:
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_all(self, gradients: list[Any], variables: list[Any], learning_rate: Any) -> None:
        """Apply the rule to every variable by multi-tensor kernels (PyTorch)."""
        raise NotImplementedError

    def slots(self, slots: list[Any], variables: list[Any]) -> list[Any]:
        """Return the tensors of the `slots` that belong to `variables`, in their order."""
        return [slots[self._get_variable_index(variable)].value for variable in variables]


def all_wide(variables: list[Any]) -> bool:
    """Say whether every variable's own type is wide enough to compute an update in."""
    return all(
        keras.backend.standardize_dtype(v.dtype) == at_least_float32(v.dtype) for v in variables
    )


def dense(gradient: Any, dtype: str) -> Any:
    """Return a dense gradient tensor of type `dtype`."""
    if keras.backend.backend() == "tensorflow":
        from keras_trainkit.optimizers import _tensorflow

        gradient = _tensorflow.dense(gradient)
    return ops.cast(gradient, dtype)


def bias_correction(beta: float, step: Any) -> Any:
    """Return 1 - beta^step without the cancellation that costs float32 five digits at step 1."""
    return -ops.expm1(step * (math.log(beta) if beta > 0 else -math.inf))
