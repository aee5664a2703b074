"""Random streams that belong to a trace of the training step, not to the model."""

import random
import warnings
from typing import Any

import numpy as np


def host_draws() -> tuple[Any, ...]:
    """Return what changes when Python or NumPy draws: in a trace, numbers that it then repeats."""
    numpy: Any = np.random.get_state(legacy=False)["state"]
    return random.getstate(), numpy["key"].tobytes(), numpy["pos"]


def warn_of_second_stream() -> None:
    """Say that random numbers begin anew."""
    warnings.warn(
        "This model's training step draws random numbers from a stream of its compiled "
        "function, as `tf.random.normal` does, and has been trained without this "
        "GradientMonitor: with it, the stream begins anew. Compile the model again, or draw "
        "by `keras.random` with a `SeedGenerator`, for a training that does not depend on it.",
        stacklevel=2,
    )
