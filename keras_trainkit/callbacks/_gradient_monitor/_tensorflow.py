"""Observed steps on TensorFlow: a ring of variables takes the statistics out of the graph."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_trainkit._backend._tensorflow import operations_in
from keras_trainkit.callbacks._gradient_monitor.draws import host_draws
from keras_trainkit.callbacks._gradient_monitor.reductions import SAFE, Reductions, careful_norms
from keras_trainkit.callbacks._gradient_monitor.session import Options, Session

NOT_WANTED = -(2**48)  # From here on the steps of a call are counted that nobody asked for.
REASSOCIATED = ("Mul", "Add", "AddV2", "AddN", "Sub")


def private_variable(value: tf.Tensor) -> tf.Variable:
    """Return a plain variable, also where a strategy would mirror it."""
    # A thread of its own stands outside the strategy's scope and outside the graph being traced.
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(tf.Variable, value, trainable=False).result()


class XLAReductions(Reductions):
    """Backend-neutral reductions of gradients, which XLA fuses."""

    def __init__(self) -> None:
        self._anchor = private_variable(tf.zeros(()))

    def rows(self, tensors: Sequence[Any]) -> tf.Tensor:
        """Return tensors of one shape as the rows of a float32 matrix."""
        # A variable that is converted would be read only where it is used: after the update.
        values = [tf.identity(t.value if isinstance(t, keras.Variable) else t) for t in tensors]
        return tf.cast(tf.reshape(tf.stack(values), (len(values), -1)), "float32")

    def dense(self, gradient: Any, shape: Sequence[int]) -> tf.Tensor:
        """Return a gradient as one tensor, without adding a reader to its last operations.

        TensorFlow reorders `learning_rate * (a * b)` where nobody else reads the inner product. To
        leave every bit of the training as it is, the monitor computes such a product once more.
        What the graph knows of a gradient's shape may be less than the variable tells.
        """
        if isinstance(gradient, tf.IndexedSlices):
            gradient = tf.IndexedSlices(gradient.values, gradient.indices, tf.constant([*shape]))
        tensor = tf.convert_to_tensor(gradient)
        tensor = tensor if tf.executing_eagerly() else self._repeated(tensor)
        return tensor if tensor.shape.is_fully_defined() else tf.reshape(tensor, shape)

    def _repeated(self, tensor: tf.Tensor) -> tf.Tensor:
        kind = tensor.op.type
        if kind not in REASSOCIATED:
            return tensor
        operands = [self._repeated(operand) for operand in tensor.op.inputs]
        # Waiting for something else keeps it from being merged with what it repeats.
        with tf.control_dependencies([self._anchor.read_value()]):
            if kind == "AddN":
                return tf.raw_ops.AddN(inputs=operands)
            return getattr(tf.raw_ops, kind)(x=operands[0], y=operands[1])

    def replicas(self) -> int:
        """Return how many replicas run the step at once."""
        context = tf.distribute.get_replica_context()
        return 1 if context is None else context.num_replicas_in_sync

    def total(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the sum over replicas."""
        if self.replicas() == 1:
            return rows
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, rows)


class GraphReductions(XLAReductions):
    """Reductions that read each row once, for TensorFlow's own operations."""

    def norms(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return each row's L2 norm, and its number of entries that are NaN or infinite."""
        norms = self.plain_norms(rows)
        safe = tf.reduce_all((norms > SAFE[0]) & (norms < SAFE[1]))
        return tf.cond(safe, lambda: (norms, tf.zeros_like(norms)), lambda: careful_norms(rows))

    def plain_norms(self, rows: tf.Tensor) -> tf.Tensor:
        """Return each row's L2 norm by the sum of its squares, which may overflow or vanish."""
        return tf.raw_ops.EuclideanNorm(input=rows, axis=1)

    def means(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the mean of each row."""
        return tf.reduce_sum(rows, 1) / rows.shape[1]

    def peaks(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the largest magnitude of each row."""
        return tf.maximum(tf.reduce_max(rows, 1), -tf.reduce_min(rows, 1))

    def zero_fractions(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the share of each row's entries that are zero."""
        shares = 1.0 - self.plain_norms(tf.sign(rows)) ** 2 / rows.shape[1]
        # A root that is squared may exceed a count, which would make a share of less than zero.
        return tf.where(tf.math.is_nan(shares), 0.0, tf.maximum(shares, 0.0))


def draws_by_itself(graph: tf.Graph) -> bool:
    """Say whether an operation, also in a function that is called, draws from its own generator.

    Each function that is made of a step has such generators of its own, which begin at the seeds.
    Those that were given none never draw the same twice.
    """
    settings = (node.attr for node in operations_in(graph))
    return any("seed2" in has and (has["seed"].i or has["seed2"].i) for has in settings)


def _can_be_given_again(spec: tf.TypeSpec) -> bool:
    """Say whether `Dataset.from_generator` takes values of this kind."""
    kinds = (tf.TensorSpec, tf.RaggedTensorSpec, tf.SparseTensorSpec)
    return isinstance(spec, kinds) and spec.dtype.is_numpy_compatible


class BackendSession(Session):
    """Re-makes the train function around a step that writes its table into a private variable.

    An output would not do: of `steps_per_execution` steps in one graph, Keras returns the last.
    The variables belong to no model, optimizer or metric, so no file ever contains them.
    """

    def __init__(self, model: keras.Model, options: Options) -> None:
        super().__init__(model, options)
        self.draws = False if model.run_eagerly else None
        self._buffer: tf.Variable | None = None
        self._cursor = private_variable(tf.zeros((), "int64"))
        self._length = options.capacity * model.steps_per_execution
        self._step_now = private_variable(tf.zeros((), "int64"))
        self._step_numbers = private_variable(tf.zeros((self._length,), "int64"))
        self.recorder.exchange = self._exchange
        self._train_step = model.train_step
        self._observed = self.remade(self._step)

    @staticmethod
    def reductions(model: keras.Model) -> Reductions:
        """Return the reductions that suit the backend and the way the model is compiled."""
        return XLAReductions() if model.jit_compile else GraphReductions()

    def run(self, iterator: Any) -> Any:
        """Run up to `steps_per_execution` steps."""
        self._step_now.assign(self._next_step if self._wanted else NOT_WANTED)
        return self._observed(iterator)

    def peek(self, iterator: Any) -> tuple[Any, tuple]:
        """Return the next batch and arguments that still hold it."""
        kinds = tf.nest.flatten(iterator.element_spec)
        is_one = self.model.distribute_strategy.num_replicas_in_sync == 1
        if not is_one or not all(map(_can_be_given_again, kinds)):
            return None, (iterator,)
        batches = list(itertools.islice(iterator, self.model.steps_per_execution))
        if not batches:
            return None, (iterator,)
        # An iterator of another type would be another trace.
        again = tf.data.Dataset.from_generator(
            lambda: iter(batches), output_signature=iterator.element_spec
        )
        return batches[0], (iter(again),)

    def put_direction(self, group: tuple[int, ...], direction: np.ndarray) -> None:
        """Assign to the variable that the traced step reads."""
        self._directions[group].assign(direction)

    def fetch(self) -> list[tuple[int, np.ndarray]]:
        """Return steps and statistics since the last `fetch`, `(1 + V, columns)` each."""
        if self._buffer is None:
            return []
        steps = self._step_numbers[: self._cursor].numpy().tolist()
        tables = self._buffer[: self._cursor].numpy()
        self._cursor.assign(0)
        return [found for found in zip(steps, tables, strict=True) if found[0] >= 0]

    def _step(self, data: Any) -> Any:
        drawn = host_draws()
        with self.recorder.watching():
            logs = self._train_step(data)
            table = self.recorder.table(data, logs)
        if not tf.executing_eagerly() and not self.draws:
            self.draws = draws_by_itself(tf.compat.v1.get_default_graph()) or drawn != host_draws()
        context = tf.distribute.get_replica_context()
        if table is not None and tf.get_static_value(context.replica_id_in_sync_group) == 0:
            self._write(table)
        return logs

    def _write(self, table: tf.Tensor) -> None:
        if self._buffer is None:
            with tf.init_scope():
                self._buffer = private_variable(tf.zeros((self._length, *table.shape)))
        # A dataset that ends unexpectedly runs whatever does not depend on its next element.
        with tf.control_dependencies([table]):
            place = (self._cursor.assign_add(1) - 1) % self._length
            step = self._step_now.assign_add(1) - 1
        self._buffer.scatter_nd_update([[place]], [table[: self._buffer.shape[1]]])
        self._step_numbers.scatter_nd_update([[place]], [step])

    def _exchange(self, variables: Sequence[Any], units: tf.Tensor) -> tf.Tensor:
        key = tuple(id(variable) for variable in variables)
        if key not in self._directions:
            with tf.init_scope():
                first = self.begin_group(key, units.shape)
                self._directions[key] = private_variable(tf.constant(first))
        last = tf.identity(self._directions[key])
        with tf.control_dependencies([last]):
            self._directions[key].assign(units)
        return last
