"""TensorFlow: a scalar that changes between two steps."""

import keras
import tensorflow as tf


class Direct:
    """Writes past `keras.Variable.assign`, whose checks cost several times as much as the write.

    Args:
        model: not used.
        variable: scalar variable.
    """

    def __init__(self, model: keras.Model, variable: keras.Variable) -> None:
        self._variable = variable._value
        self._replicated = isinstance(self._variable, tf.distribute.DistributedValues)

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        if self._replicated:
            self._variable.assign(value)
        else:
            dtype = self._variable.dtype
            # The operation itself makes float32 of a float, in less time than a constant takes.
            tensor = value if dtype == tf.float32 else tf.constant(value, dtype)
            tf.raw_ops.AssignVariableOp(resource=self._variable.handle, value=tensor)
