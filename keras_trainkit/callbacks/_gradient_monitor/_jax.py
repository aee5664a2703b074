"""Observed steps on JAX: the statistics are an extra output of the compiled step."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import keras
import numpy as np

from keras_trainkit._keras_internals import trained_variables
from keras_trainkit._untouched import Values
from keras_trainkit.callbacks._gradient_monitor.draws import host_draws
from keras_trainkit.callbacks._gradient_monitor.reductions import (
    SAFE,
    Reductions,
    careful_norms,
    groups_of,
)
from keras_trainkit.callbacks._gradient_monitor.session import Options, Session

Directions = dict[tuple[int, ...], Any]

_compiled_careful_norms = jax.jit(careful_norms)


class JaxReductions(Reductions):
    """The operations of keras.ops, but for norms that look again only where they must."""

    def norms(self, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return each row's L2 norm, and its number of entries that are NaN or infinite."""
        if keras.distribution.distribution():
            # Beside a conditional XLA may fuse and round the optimizer's own products differently.
            return careful_norms(rows)
        norms = self.plain_norms(rows)
        safe = jax.numpy.all((norms > SAFE[0]) & (norms < SAFE[1]))
        zeros = jax.numpy.zeros_like(norms)
        if isinstance(safe, jax.core.Tracer):
            return jax.lax.cond(safe, lambda r: (norms, zeros), careful_norms, rows)
        # In a step that runs eagerly a conditional would be compiled anew each time.
        return (norms, zeros) if safe else _compiled_careful_norms(rows)


class BackendSession(Session):
    """Re-makes the train function around a step that returns `((logs, table, directions), state)`.

    The directions of the last gradients travel with the data, as a part of the batch.
    """

    def __init__(self, model: keras.Model, options: Options) -> None:
        super().__init__(model, options)
        self.draws = None if model.jit_compile and not model.run_eagerly else False
        self._train_step = model.train_step
        self._observed = self.remade(self._step, steps_per_execution=1)
        if "cosine" in options.statistics:
            self._begin_groups()

    @staticmethod
    def reductions(model: keras.Model) -> Reductions:
        """Return the reductions that suit the backend and the way the model is compiled."""
        return JaxReductions()

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
        logs, state = self._run_step(state, iterator)
        try:
            for _ in range(self.model.steps_per_execution - 1):
                logs, state = self._run_step(state, iterator)
        except StopIteration:
            pass
        return logs, state

    def peek(self, state: Any, iterator: Iterator) -> tuple[Any, tuple]:
        """Return the next batch and arguments that still hold it."""
        batch = next(iterator)
        return batch, (state, itertools.chain([batch], iterator))

    def held(self, state: Any, iterator: Iterator) -> Values:
        """Return the model's variables with what is in the state."""
        model = self.model
        yield from zip(model.trainable_variables, state[0], strict=True)
        yield from zip(model.non_trainable_variables, state[1], strict=True)

    def on_host(self, tables: Sequence[jax.Array]) -> Sequence[np.ndarray]:
        """Return tables in the host's memory, all of them in one transfer."""
        return jax.device_get(tables)

    def _run_step(self, state: Any, iterator: Iterator) -> tuple[Any, Any]:
        data = next(iterator)
        try:
            (logs, table, self._directions), state = self._observed(
                state, iter(((data, self._directions),))
            )
        except jax.errors.UnexpectedTracerError as error:
            # The optimizer is called inside a conditional or a loop, and nothing has run yet.
            self.recorder.failure, self.draws = error, False
            return self.original(state, iter((data,)))
        self.keep(table)
        return logs, state

    def _step(self, state: Any, batch: tuple[Any, Directions]) -> tuple[Any, Any]:
        data, last = batch
        directions = dict(last)

        def exchange(variables: Sequence[Any], units: Any) -> Any:
            directions[_key(variables)] = units
            return last[_key(variables)]

        self.recorder.exchange = exchange
        drawn = host_draws()
        with self.recorder.watching():
            logs, state = self._train_step(state, data)
            table = self.recorder.table(data, logs)
        if self.draws is not False:
            self.draws = self.draws or drawn != host_draws()
        return (logs, table, directions), state

    def _begin_groups(self) -> None:
        for optimizer in self.recorder.optimizers:
            variables = trained_variables(optimizer)
            variables = [variables[i] for i in self.recorder.wanted(variables)]
            for group in groups_of(variables):
                members = [variables[i] for i in group]
                shape = (len(members), int(np.prod(members[0].shape)))
                key = _key(members)
                self._directions[key] = jax.numpy.asarray(self.begin_group(key, shape))


def _key(variables: Sequence[Any]) -> tuple[int, ...]:
    return tuple(id(variable) for variable in variables)
