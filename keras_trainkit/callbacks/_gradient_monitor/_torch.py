"""Observed steps on PyTorch: hooks see an eager step run, `.grad` tells what a compiled one did."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import torch

from keras_trainkit.callbacks._gradient_monitor.recorder import settings_of
from keras_trainkit.callbacks._gradient_monitor.reductions import (
    SAFE,
    Reductions,
    Update,
    careful_norms,
)
from keras_trainkit.callbacks._gradient_monitor.session import Options, Session


class TorchReductions(Reductions):
    """The operations of PyTorch itself, each of which costs less than its like in keras.ops."""

    def __init__(self) -> None:
        self._device = keras.ops.convert_to_tensor(0.0).device

    def rows(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return tensors of one shape as the rows of a float32 matrix."""
        if len(tensors) > 1:
            return self.snapshot(tensors)
        return _value(tensors[0]).reshape(1, -1).float()

    def snapshot(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return copies of tensors of one shape as the rows of a float32 matrix."""
        stack = torch.stack([_value(tensor) for tensor in tensors])
        return stack.reshape(len(tensors), -1).float()

    def dense(self, gradient: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """Return what the backend calls a gradient of a variable of `shape` as one tensor."""
        return gradient.to_dense() if gradient.is_sparse else gradient

    def norms(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each row's L2 norm, and its number of entries that are NaN or infinite."""
        if rows.device.type == "cpu":  # Asking an accelerator would wait for it.
            norms = self.plain_norms(rows)
            least, largest = torch.aminmax(norms)
            if float(least) > SAFE[0] and float(largest) < SAFE[1]:
                return norms, torch.zeros_like(norms)
        return careful_norms(rows)

    def plain_norms(self, rows: torch.Tensor) -> torch.Tensor:
        """Return each row's L2 norm by the sum of its squares, which may overflow or vanish."""
        return torch.linalg.vector_norm(rows, dim=1)

    def distances(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """Return the L2 norm of each row's difference; `before` is overwritten."""
        return self.plain_norms(before.sub_(after))

    def means(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the mean of each row."""
        return rows.mean(dim=1)

    def peaks(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the largest magnitude of each row."""
        return torch.maximum(rows.amax(dim=1), -rows.amin(dim=1))

    def zero_fractions(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the share of each row's entries that are zero."""
        return torch.eq(rows, 0.0, out=torch.empty_like(rows)).mean(dim=1)

    def full(self, count: int, value: Any) -> torch.Tensor:
        """Return a vector of one number."""
        if isinstance(value, torch.Tensor):
            return value.float().expand(count)
        return torch.full((count,), float(value), device=self._device)

    def columns(self, vectors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return vectors as the columns of a matrix."""
        return torch.stack([vector.float() for vector in vectors], dim=1)

    def join(self, parts: Sequence[torch.Tensor], axis: int) -> torch.Tensor:
        """Return the parts as one tensor."""
        return torch.cat(list(parts), dim=axis)

    def vector(self, numbers: Sequence[Any]) -> torch.Tensor:
        """Return numbers and scalars as a vector."""
        return torch.cat([self.full(1, number) for number in numbers])

    def is_broken(self, scalar: Any) -> torch.Tensor:
        """Return 1 for NaN or infinity, else 0."""
        return 1.0 - torch.isfinite(torch.as_tensor(scalar)).float()

    def broken_examples(self, leaves: Sequence[torch.Tensor]) -> tuple[Any, Any]:
        """Return how many examples of a batch hold NaN or infinity, and the first's position."""
        leaves = [torch.as_tensor(leaf) for leaf in leaves]  # `train_on_batch` hands on arrays.
        if all(leaf.device.type == "cpu" and math.isfinite(leaf.sum()) for leaf in leaves):
            return 0.0, 0.0
        return super().broken_examples(leaves)


def _value(tensor: Any) -> torch.Tensor:
    """Return the values of a tensor, parameter or Keras variable, outside of autograd."""
    return getattr(tensor, "value", tensor).detach()


class BackendSession(Session):
    """Re-makes the train function around a step that is measured, or looks before and after one."""

    def __init__(self, model: keras.Model, options: Options) -> None:
        super().__init__(model, options)
        self.recorder.exchange = self._exchange
        self._train_step = model.train_step
        self._observed = self.original if model.jit_compile else self.remade(self._step)

    @staticmethod
    def obstacle(model: keras.Model) -> str | None:
        """Return why this model cannot be observed, or None."""
        own = type(model).make_train_function is not keras.Model.make_train_function
        if own and model.jit_compile and model.steps_per_execution > 1:
            return "it compiles a train function of its own for several steps at once"
        return None

    @staticmethod
    def reductions(model: keras.Model) -> Reductions:
        """Return the reductions that suit the backend and the way the model is compiled."""
        return TorchReductions()

    def run(self, data: Sequence[Any]) -> Any:
        """Run a list of batches."""
        if not self.model.jit_compile:
            return self._run_hooked(data)
        logs: Any = {}
        for batch in data:  # As Keras's own function does.
            logs = self._run_compiled([batch])
        return logs

    def peek(self, data: Sequence[Any]) -> tuple[Any, tuple]:
        """Return the next batch and arguments that still hold it."""
        return data[0], (data,)

    def _run_hooked(self, data: Sequence[Any]) -> Any:
        """Run a call; where it takes no `train_step`, it counts as a single step."""
        first = self._next_step
        with self.recorder.watching():
            logs = self._observed(data)
            if self._next_step == first:
                self.keep(self.recorder.table(data[0], logs))
        return logs

    def _step(self, batch: Any) -> Any:
        self.recorder.begin_step()
        logs = self._train_step(batch)
        self.keep(self.recorder.table(batch, logs))
        return logs

    def _run_compiled(self, data: Sequence[Any]) -> Any:
        """Run one step whose inside cannot be hooked; Keras leaves the gradients on the weights."""
        recorder, optimizer = self.recorder, self.model.optimizer
        variables = self.model.trainable_variables
        variables = [variables[i] for i in recorder.wanted(variables)]
        update = Update(variables, recorder.reductions, recorder.statistics)
        recorder.begin_step()
        recorder.sees_updates = True
        with recorder.harmless():
            settings = settings_of(optimizer, len(variables) == len(self.model.trainable_variables))
            update.begin(variables)
        logs = self.original(data)
        with recorder.harmless(), torch.no_grad():
            update.see([v.value.grad for v in variables], settings, recorder.exchange_once)
            recorder.keep(update, variables)
            self.keep(recorder.table(data[0], logs))
        return logs

    def _exchange(self, variables: Sequence[Any], units: torch.Tensor) -> torch.Tensor:
        key = tuple(id(variable) for variable in variables)
        last = self._directions.get(key)
        if last is None:
            last = torch.as_tensor(self.begin_group(key, units.shape), device=units.device)
        self._directions[key] = units
        return last
