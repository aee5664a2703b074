"""TensorFlow: a scalar that changes between two steps."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_trainkit.callbacks._learning_rate.scalar import AssignedScalar, Scalar


def fast_scalar(model: keras.Model, variable: keras.Variable) -> Scalar:
    """Return the fastest way to write a scalar variable."""
    resource = variable._value
    if isinstance(resource, tf.distribute.DistributedValues):
        return AssignedScalar(resource)  # TensorFlow's own `assign` writes every replica's copy.
    return FastScalar(resource)


class FastScalar(Scalar):
    """Writes tensors made in advance, past the checks of `keras.Variable.assign`.

    Args:
        resource: scalar `tf.Variable`, one for all replicas.
    """

    def __init__(self, resource: tf.Variable) -> None:
        self._resource = resource
        self._tensors: dict[float, tf.Tensor] = {}

    def expect(self, values: Sequence[float]) -> None:
        """Prepare to write these values."""
        # To make a tensor of a number takes about as long as to write it, and the checks longer
        # than both; to make many at once, on the variable's device, takes next to nothing.
        with tf.device(self._resource.device):
            tensors = tf.unstack(tf.constant(values, self._resource.dtype))
        self._tensors = dict(zip(values, tensors, strict=True))

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        tensor = self._tensors.get(value)
        if tensor is None:  # Of a plain function, or under a multiplier that is new.
            tensor = tf.constant(value, self._resource.dtype)
        tf.raw_ops.AssignVariableOp(resource=self._resource.handle, value=tensor)
