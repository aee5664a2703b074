"""Observed steps on TensorFlow: a ring of variables takes the statistics out of the graph."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_trainkit.callbacks._session import Session

REASSOCIATED = ("Mul", "Add", "AddV2", "AddN", "Sub")


class BackendSession(Session):
    """Re-makes the train function around a step that writes its table into a private variable.

    An output would not do: of `steps_per_execution` steps in one graph, Keras returns the last.
    The variables belong to no model, optimizer or metric, so no file ever contains them.
    """

    def __init__(self, model: keras.Model, capacity: int) -> None:
        super().__init__(model, capacity)
        self._buffer: tf.Variable | None = None
        self._cursor = tf.Variable(0, dtype="int64", trainable=False)
        self._length = capacity * model.steps_per_execution
        self._train_step = model.train_step
        self._observed = self.remade(self._step)

    @staticmethod
    def obstacle(model: keras.Model) -> str | None:
        """Return why this model cannot be observed, or None."""
        if model.distribute_strategy.num_replicas_in_sync > 1:
            return "it is trained on several replicas"
        return None

    def run(self, iterator: Any) -> Any:
        """Run up to `steps_per_execution` steps."""
        return self._observed(iterator)

    def fetch(self) -> list[np.ndarray]:
        """Return the statistics of the steps since the last `fetch`, `(V, 8)` each."""
        self.calls = 0
        if self._buffer is None:
            return []
        tables = self._buffer[: self._cursor].numpy()
        self._cursor.assign(0)
        return list(tables)

    def dense(self, gradient: Any) -> tf.Tensor:
        """Return a gradient as one tensor, without adding a reader to its last operations.

        TensorFlow reorders `learning_rate * (a * b)` where nobody else reads the inner product. To
        leave every bit of the training as it is, the monitor computes such a product once more.
        """
        tensor = tf.convert_to_tensor(gradient)
        return tensor if tf.executing_eagerly() else self._repeated(tensor)

    def _repeated(self, tensor: tf.Tensor) -> tf.Tensor:
        kind = tensor.op.type
        if kind not in REASSOCIATED:
            return tensor
        operands = [self._repeated(operand) for operand in tensor.op.inputs]
        # Waiting for something else keeps it from being merged with what it repeats.
        with tf.control_dependencies([self._cursor.read_value()]):
            if kind == "AddN":
                return tf.raw_ops.AddN(inputs=operands)
            return getattr(tf.raw_ops, kind)(x=operands[0], y=operands[1])

    def _step(self, data: Any) -> Any:
        with self.recorder.watching():
            logs = self._train_step(data)
            table = self.recorder.table()
        if table is not None:
            self._write(table)
        return logs

    def _write(self, table: tf.Tensor) -> None:
        with tf.init_scope():
            if self._buffer is None:
                shape = (self._length, *table.shape)
                self._buffer = tf.Variable(tf.zeros(shape), trainable=False)
        # A dataset that ends unexpectedly runs whatever does not depend on its next element.
        with tf.control_dependencies([table]):
            place = (self._cursor.assign_add(1) - 1) % self._length
        self._buffer.scatter_nd_update([[place]], [table[: self._buffer.shape[1]]])
