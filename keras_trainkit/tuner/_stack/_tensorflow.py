"""Programs of a stack on TensorFlow."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, traced again for a second number of lanes, and then for all."""
    return tf.function(function, reduce_retracing=True, autograph=False)


def gradient_of(function: Callable[[Any], tuple[Any, Any]], x: Any) -> tuple[Any, Any]:
    """Return the gradient of the first of two results, and the second."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        value, others = function(x)
    return tape.gradient(value, x), others
