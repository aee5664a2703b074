"""Observed steps on PyTorch: nothing is compiled, so the hooks see each step run."""

from typing import Any

import keras

from keras_trainkit.callbacks._session import Session


class BackendSession(Session):
    """Calls the model's own train function with the hooks in place."""

    @staticmethod
    def obstacle(model: keras.Model) -> str | None:
        """Return why this model cannot be observed, or None."""
        if model.jit_compile:
            return "the hooks cannot enter a step compiled by torch.compile (jit_compile=True)"
        return None

    def run(self, data: Any) -> Any:
        """Run one step."""
        with self.recorder.watching():
            logs = self.original(data)
            self.keep(self.recorder.table())
        return logs
