"""What the optimizers need from TensorFlow itself."""

from typing import Any

import tensorflow as tf


def dense(gradient: Any) -> tf.Tensor:
    """Return a gradient as one tensor; rows that `tf.IndexedSlices` holds twice are summed."""
    return tf.convert_to_tensor(gradient)
