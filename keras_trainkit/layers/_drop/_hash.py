"""Random bits by position: a counter hash in two keyed rounds, for TensorFlow and JAX.

A mask that is a pure function of (seed, step, position) needs no memory between the forward and
the backward pass: both compute it. The second key is what keeps the masks of two steps from being
permuted copies of each other. Not for cryptography.

    r(x, s, c) = (x ^ x >> s) * c       (one multiply-xorshift round, mod 2^32)
    f(x) = y ^ y >> 16,   y = r(r(x, 16, A), 15, B)
    k_0 = f(seed ^ f(step + C)),   k_1 = f(k_0 + D)
    bits(i) = (h ^ h >> 15 ^ k_1) * B,   h = r(i ^ k_0, 16, A)

For one seed, `k_0` differs between any two of the 2^32 steps. The constants A, B are those of
Wellons (2018), Prospecting for hash functions, "lowbias32".
"""

from typing import Any

import numpy as np
from keras import ops

A, B = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
C, D = np.uint32(0x9E3779B9), np.uint32(0x85EBCA6B)


def random_bits(position: Any, state: Any) -> Any:
    """Return 32 random bits as uint32 for each uint32 `position`.

    `state` holds the seed and the step of a `keras.random.SeedGenerator`.
    """
    seed, step = ops.cast(state[0], "uint32"), ops.cast(state[1], "uint32")
    key_0 = _finalized(_xor(seed, _finalized(ops.add(step, C))))
    key_1 = _finalized(ops.add(key_0, D))
    h = _round(_xor(position, key_0), 16, A)
    return ops.multiply(_xor(_folded(h, 15), key_1), B)


def drops(bits: Any, rate: Any) -> Any:
    """Say of each position's bits whether they fall below `rate`, to a resolution of 2^-24."""
    # Signed comparisons are the ones that every CPU has in vector form.
    return ops.cast(ops.right_shift(bits, np.uint32(8)), "int32") < ops.cast(
        rate * 2.0**24, "int32"
    )


def _finalized(x: Any) -> Any:
    return _folded(_round(_round(x, 16, A), 15, B), 16)


def _round(x: Any, shift: int, factor: np.uint32) -> Any:
    return ops.multiply(_folded(x, shift), factor)


def _folded(x: Any, shift: int) -> Any:
    return _xor(x, ops.right_shift(x, np.uint32(shift)))


def _xor(x: Any, y: Any) -> Any:
    return ops.bitwise_xor(x, y)
