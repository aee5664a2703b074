"""Random generators that a layer holds itself, beside the seeds of Keras."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np


def restorer_of(value: Any) -> Callable[[], Any] | None:
    """Return what sets a generator back to where it is now, `None` for anything else.

    Args:
        value: anything. Generators are those of Python, NumPy, PyTorch and TensorFlow.
    """
    if isinstance(value, random.Random):
        python = value.getstate()
        return lambda: value.setstate(python)
    if isinstance(value, np.random.Generator):
        numpy = value.bit_generator.state
        return lambda: setattr(value.bit_generator, "state", numpy)
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if kind in ("numpy.RandomState", "torch.Generator"):
        state = value.get_state()
        return lambda: value.set_state(state)
    if kind == "tensorflow.Generator":
        stream = value.state.numpy()
        return lambda: value.state.assign(stream)
    return None
