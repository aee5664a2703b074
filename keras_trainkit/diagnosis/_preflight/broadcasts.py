"""Whether a loss of the user's compares each row of a batch with all of its rows."""

import math
from typing import Any

import keras
import numpy as np

from keras_trainkit.diagnosis._preflight.array_facts import as_numpy, sliced

# How far two ways to compute the same loss may be apart, in parts of it.
_ROUNDING = 1e-5


def broadcasts(loss: Any, output: Any, targets: Any) -> bool | None:
    """Return whether a loss class of the user's repeats targets of another shape than the output.

    It does if it gives something else for the same targets in the shape of the output. `None` where
    that is not known: for Keras's losses, which look at the shapes, and for several outputs.
    """
    is_own = isinstance(loss, keras.losses.Loss) and not type(loss).__module__.startswith("keras.")
    if not is_own or targets is None or not keras.ops.is_tensor(output):
        return None
    rows = as_numpy(sliced(targets, 0, len(output)))
    if rows is None or rows.size != math.prod(output.shape) or rows.shape == tuple(output.shape):
        return None
    given, shaped = (
        as_numpy(loss.call(keras.ops.convert_to_tensor(y), output))
        for y in (rows, rows.reshape(output.shape))
    )
    if given is None or shaped is None:
        return None
    if given.size != shaped.size:
        return True
    return not np.allclose(given.ravel(), shaped.ravel(), _ROUNDING, equal_nan=True)
