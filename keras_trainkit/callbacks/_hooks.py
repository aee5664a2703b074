"""Where every Keras trainer hands over the true gradients: `apply` on the optimizer instance."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
from keras import ops

from keras_trainkit._shadowing import shadowed
from keras_trainkit.callbacks._statistics import (
    Tensor,
    gradient_statistics,
    groups_of,
    snapshots,
    update_statistics,
)
from keras_trainkit.diagnosis.history import STATISTICS


class Recorder:
    """Measures what the optimizers of a model are given in a step, and what they do with it.

    While `watching`, the methods by which an optimizer takes gradients are shadowed on the
    instance. Only the outermost call counts: LossScaleOptimizer calls its inner optimizer inside
    a conditional, and the tensors made there may not leave it.

    Args:
        model: the model whose attributes are searched for optimizers.
        dense: function from what the backend calls a gradient to a tensor.
    """

    def __init__(self, model: keras.Model, dense: Callable) -> None:
        found = [
            value for value in vars(model).values() if isinstance(value, keras.optimizers.Optimizer)
        ]
        self._optimizers = list({id(optimizer): optimizer for optimizer in found}.values())
        self._dense = dense
        self._inside = False
        self._blocks: list[Tensor] = []
        self._place: dict[int, int] = {}
        self.variables: list[Any] = []
        self.failure: Exception | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Shadow the optimizers' methods while one step runs or is traced."""
        self._blocks, self._place = [], {}
        with ExitStack() as stack:
            for optimizer in self._optimizers:
                apply = self._hooked_apply(optimizer)
                stateless_apply = self._hooked_stateless_apply(optimizer)
                hooks = shadowed(optimizer, apply=apply, stateless_apply=stateless_apply)
                stack.enter_context(hooks)
            yield

    def table(self) -> Tensor | None:
        """Return the statistics of this step, shape `(V, 8)`, or None if there are none."""
        if not self._blocks:
            return None
        with self._harmless():
            absent = ops.full((1, len(STATISTICS)), math.nan, dtype="float32")
            rows = ops.concatenate([absent, *self._blocks], axis=0)
            return ops.take(rows, [self._place.get(id(v), 0) for v in self.variables], axis=0)
        return None

    def _hooked_apply(self, optimizer: keras.optimizers.Optimizer) -> Callable:
        original = optimizer.apply

        def apply(grads: Any, trainable_variables: Any = None) -> Any:
            if self._inside:
                return original(grads, trainable_variables)
            grads, given = list(grads), trainable_variables and list(trainable_variables)
            variables = given or trained_variables(optimizer)
            with self._update(variables, grads, loss_scale(optimizer), variables) as after:
                result = original(grads, given)
                after += variables
            return result

        return apply

    def _hooked_stateless_apply(self, optimizer: keras.optimizers.Optimizer) -> Callable:
        original = optimizer.stateless_apply

        def stateless_apply(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
            variables, scale = trained_variables(optimizer), loss_scale(optimizer)
            for variable, value in zip(optimizer.variables, optimizer_variables, strict=False):
                scale = value if variable is scale else scale
            with self._update(variables, grads, scale, trainable_variables) as after:
                result = original(optimizer_variables, grads, trainable_variables)
                after += result[0]
            return result

        return stateless_apply

    @contextmanager
    def _update(
        self, variables: Sequence, gradients: Sequence, scale: Any, before: Sequence
    ) -> Iterator[list]:
        """Measure one update; the caller fills the list it is given with the new weights."""
        seen = [i for i, variable in enumerate(variables) if _has_gradient(variable)]
        groups = [[seen[i] for i in group] for group in groups_of([variables[i] for i in seen])]
        after: list[Tensor] = []
        described: list[Tensor] = []
        with self._harmless():
            scale, weights = ops.copy(scale), snapshots(before, groups)
            given = [self._tensor(*pair) for pair in zip(gradients, variables, strict=True)]
            described = [gradient_statistics(rows, scale) for rows in snapshots(given, groups)]
        self._inside = True
        try:
            yield after
        finally:
            self._inside = False
        known = {id(variable) for variable in self.variables}
        self.variables += [variables[i] for i in seen if id(variables[i]) not in known]
        with self._harmless():
            updates = map(update_statistics, weights, snapshots(after, groups))
            blocks = [
                ops.concatenate(pair, axis=1) for pair in zip(described, updates, strict=True)
            ]
            for group, block in zip(groups, blocks, strict=True):
                self._keep([variables[i] for i in group], block)

    def _tensor(self, gradient: Any, variable: Any) -> Tensor:
        """Return a dense gradient; that of a variable which the loss does not use is zero."""
        if gradient is None:
            return ops.zeros(variable.shape, variable.dtype)
        return self._dense(gradient)

    def _keep(self, variables: Sequence, rows: Tensor) -> None:
        """Hold rows until `table`; those of a later update of a variable replace the earlier."""
        first = 1 + sum(block.shape[0] for block in self._blocks)
        self._blocks.append(rows)
        self._place.update((id(variable), first + i) for i, variable in enumerate(variables))

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """Note what goes wrong in measuring: no reason to stop the training that is measured."""
        try:
            yield
        except Exception as error:
            self.failure = self.failure or error


def trained_variables(optimizer: keras.optimizers.Optimizer) -> list:
    """Return the variables the optimizer was built for; Keras has no public name for them."""
    return list(optimizer._trainable_variables)


def loss_scale(optimizer: keras.optimizers.Optimizer) -> Any:
    """Return the number or variable by which the optimizer's incoming gradients are too large."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer.dynamic_scale if optimizer.built else optimizer.initial_scale
    return optimizer.loss_scale_factor or 1.0


def _has_gradient(variable: Any) -> bool:
    """Tell real variables from float8 scales, whose "gradient" is their next value."""
    return math.prod(variable.shape) > 0 and not getattr(variable, "overwrite_with_gradient", False)
