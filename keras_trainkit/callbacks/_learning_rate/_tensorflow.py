"""TensorFlow: a scalar that changes between two steps."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_trainkit.callbacks._learning_rate.scalar import Scalar


class Direct(Scalar):
    """Writes tensors made in advance, past the checks of `keras.Variable.assign`.

    To make a tensor of a number takes about as long as to write it, and the checks longer than
    both; to make many tensors at once takes next to nothing.
    """

    def __init__(self, model: keras.Model, variable: keras.Variable) -> None:
        super().__init__(model, variable)
        self._resource = variable._value
        self._replicated = isinstance(self._resource, tf.distribute.DistributedValues)
        self._tensors: dict[float, tf.Tensor] = {}

    def expect(self, values: Sequence[float]) -> None:
        """Prepare to write these values."""
        if not self._replicated:
            with tf.device(self._resource.device):
                tensors = tf.unstack(tf.constant(values, self._resource.dtype))
            self._tensors = dict(zip(values, tensors, strict=True))

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        if self._replicated:
            self._resource.assign(value)
            return
        tensor = self._tensors.get(value)
        if tensor is None:
            tensor = tf.constant(value, self._resource.dtype)
        tf.raw_ops.AssignVariableOp(resource=self._resource.handle, value=tensor)
