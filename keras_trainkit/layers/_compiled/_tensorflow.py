"""Functions compiled by TensorFlow."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` as a graph; like Keras's trainer, without autograph."""
    return tf.function(function, autograph=False, reduce_retracing=True)
