"""Random bits by position: a counter hash in keyed rounds, for TensorFlow and JAX.

A mask that is a pure function of (seed, step, position) needs no memory between the forward and
the backward pass: both compute it. The second key is what keeps the masks of two steps from being
permuted copies of each other; with two rounds instead of three, wide masks resemble their own
shifts. Not for cryptography.

    r(x, s, c) = (x ^ x >> s) * c       (one multiply-xorshift round, mod 2^32)
    f(x) = y ^ y >> 14,   y = r(r(r(x, 17, A), 11, B), 15, C)
    k_0 = f(seed ^ f(step + D)),   k_1 = f(k_0 + D)
    bits(i) = r((h ^ h >> 11 ^ k_1) * B, 15, C),   h = r(i ^ k_0, 17, A)

For one seed, `k_0` differs between any two of the 2^32 steps. Shifts and factors are those of
Wellons (2018), Prospecting for hash functions, "triple32".
"""

import numpy as np
from keras import ops

from keras_trainkit._tensors import Tensor

A, B, C = np.uint32(0xED5AD4BB), np.uint32(0xAC4C1B51), np.uint32(0x31848BAB)
D = np.uint32(0x9E3779B9)


def random_bits(position: Tensor, state: Tensor) -> Tensor:
    """Return 32 random bits as uint32 for each uint32 `position`.

    `state` holds the seed and the step of a `keras.random.SeedGenerator`.
    """
    seed, step = ops.cast(state[0], "uint32"), ops.cast(state[1], "uint32")
    key_0 = _finalized(_xor(seed, _finalized(ops.add(step, D))))
    key_1 = _finalized(ops.add(key_0, D))
    h = _round(_xor(position, key_0), 17, A)
    return _round(ops.multiply(_xor(_folded(h, 11), key_1), B), 15, C)


def drops(bits: Tensor, rate: Tensor) -> Tensor:
    """Say of each position's bits whether they fall below `rate`, to a resolution of 2^-24."""
    # Signed comparisons are the ones that every CPU has in vector form.
    return ops.cast(ops.right_shift(bits, np.uint32(8)), "int32") < ops.cast(
        rate * 2.0**24, "int32"
    )


def _finalized(x: Tensor) -> Tensor:
    return _folded(_round(_round(_round(x, 17, A), 11, B), 15, C), 14)


def _round(x: Tensor, shift: int, factor: np.uint32) -> Tensor:
    return ops.multiply(_folded(x, shift), factor)


def _folded(x: Tensor, shift: int) -> Tensor:
    return _xor(x, ops.right_shift(x, np.uint32(shift)))


def _xor(x: Tensor, y: Tensor) -> Tensor:
    return ops.bitwise_xor(x, y)
