"""Observed steps on JAX: the statistics are an extra output of the compiled step."""

from collections.abc import Iterator
from typing import Any

import jax
import keras

from keras_trainkit.callbacks._session import Session


class BackendSession(Session):
    """Re-makes the train function around a step that returns `((logs, table), state)`."""

    def __init__(self, model: keras.Model, capacity: int) -> None:
        super().__init__(model, capacity)
        self._train_step = model.train_step
        self._observed = self.remade(self._step, steps_per_execution=1)

    @staticmethod
    def obstacle(model: keras.Model) -> str | None:
        """Return why this model cannot be observed, or None."""
        if keras.config.is_nnx_enabled():
            return "Keras ignores a model's own train step when NNX is enabled"
        if jax.process_count() > 1:
            return "it is trained by several processes"
        return None

    def run(self, state: Any, iterator: Iterator) -> tuple[Any, Any]:
        """Run up to `steps_per_execution` steps."""
        if self.recorder.failure:
            return self.original(state, iterator)
        logs, state = self._run_step(state, iterator)
        try:
            for _ in range(self.model.steps_per_execution - 1):
                logs, state = self._run_step(state, iterator)
        except StopIteration:
            pass
        return logs, state

    def _run_step(self, state: Any, iterator: Iterator) -> tuple[Any, Any]:
        data = next(iterator)
        try:
            (logs, table), state = self._observed(state, iter((data,)))
        except jax.errors.UnexpectedTracerError as error:
            # The optimizer is called inside a conditional or a loop, and nothing has run yet.
            self.recorder.failure = error
            return self.original(state, iter((data,)))
        self.keep(table)
        return logs, state

    def _step(self, state: Any, data: Any) -> tuple[Any, Any]:
        with self.recorder.watching():
            logs, state = self._train_step(state, data)
            return (logs, self.recorder.table()), state
