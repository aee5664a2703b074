"""Seeds of any size, for generators that hold 31 bits."""

import numpy as np

# Keras keeps a generator's seed as int32 on PyTorch, uint32 on JAX and int64 on TensorFlow.
LIMIT = 2**31


def folded(seed: int) -> int:
    """Return the seed itself below 2^31, else a hash of it below 2^31: the same on every backend.

    Args:
        seed: int >= 0.
    """
    if seed < LIMIT:
        return seed
    return int(np.random.SeedSequence(seed).generate_state(1)[0]) >> 1
