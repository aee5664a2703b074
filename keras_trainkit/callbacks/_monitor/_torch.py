"""Observed steps on PyTorch: hooks see an eager step run, `.grad` tells what a compiled one did."""

from collections.abc import Sequence
from typing import Any

import keras
import torch

from keras_trainkit.callbacks._monitor.session import Options, Session
from keras_trainkit.callbacks._monitor.statistics import Kernels, careful_norms
from keras_trainkit.callbacks._monitor.update import Settings, Update

SAFE = (1e-15, 1e18)  # Between these the squares neither overflow nor vanish.


class TorchKernels(Kernels):
    """Reductions that read each row once and make no copy."""

    def norms(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each row's L2 norm, and its number of entries that are NaN or infinite."""
        norms = torch.linalg.vector_norm(rows, dim=1)
        # Asking an accelerator would wait for it.
        if rows.device.type != "cpu" or not ((norms > SAFE[0]) & (norms < SAFE[1])).all():
            return careful_norms(rows)
        return norms, torch.zeros_like(norms)

    def peaks(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the largest magnitude of each row."""
        return torch.maximum(rows.amax(dim=1), -rows.amin(dim=1))

    def zero_fractions(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the share of each row's entries that are zero."""
        return 1.0 - torch.count_nonzero(rows, dim=1) / rows.shape[1]

    def distances(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """Return the L2 norm of each row's difference; `before` is overwritten."""
        return torch.linalg.vector_norm(before.sub_(after), dim=1)


class BackendSession(Session):
    """Calls the model's own train function with the hooks in place, or looks before and after."""

    def __init__(self, model: keras.Model, options: Options) -> None:
        super().__init__(model, options)
        self._directions: dict[tuple[int, ...], torch.Tensor] = {}
        self.recorder.exchange = self._exchange

    @staticmethod
    def kernels(model: keras.Model) -> Kernels:
        """Return the reductions that suit the backend and the way the model is compiled."""
        return TorchKernels()

    def run(self, data: Any) -> Any:
        """Run one step."""
        if self.model.jit_compile:
            return self._run_compiled(data)
        with self.recorder.watching():
            logs = self.original(data)
            self.keep(self.recorder.table(data[0], logs))
        return logs

    def peek(self, data: Any) -> tuple[Any, tuple]:
        """Return the next batch and arguments that still hold it."""
        return data[0], (data,)

    def _run_compiled(self, data: Any) -> Any:
        """Run one step whose inside cannot be hooked; Keras leaves the gradients on the weights."""
        recorder, optimizer = self.recorder, self.model.optimizer
        variables = self.model.trainable_variables
        variables = [variables[i] for i in recorder.wanted(variables)]
        update = Update(variables, recorder.kernels, recorder.parts)
        recorder.begin_step()
        with recorder.harmless():
            settings = Settings.of(optimizer)
            update.begin(variables)
        logs = self.original(data)
        with recorder.harmless(), torch.no_grad():
            update.see([v.value.grad for v in variables], settings, recorder.exchange)
            recorder.keep(update.finish(variables))
            self.keep(recorder.table(data[0], logs))
        return logs

    def _exchange(self, variables: Sequence[Any], units: torch.Tensor) -> torch.Tensor:
        key = tuple(id(variable) for variable in variables)
        last = self._directions.get(key)
        self._directions[key] = units
        return torch.zeros_like(units) if last is None else last
