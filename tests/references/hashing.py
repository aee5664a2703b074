"""Dropout's counter hash in NumPy uint32, from the formulas of its docstring."""

import numpy as np

A, B, C, D = (np.uint32(n) for n in (0xED5AD4BB, 0xAC4C1B51, 0x31848BAB, 0x9E3779B9))


def r(x, s, c):
    return (x ^ x >> np.uint32(s)) * c


def f(x):
    y = r(r(r(x, 17, A), 11, B), 15, C)
    return y ^ y >> np.uint32(14)


def keys(seed, step):
    seed, step = (np.atleast_1d(n).astype("uint32") for n in (seed, step))  # scalars would warn
    first = f(seed ^ f(step + D))
    return first, f(first + D)


def bits(seed, step, size):
    """Return the 32 random bits of each of `size` positions."""
    first, second = keys(seed, step)
    h = r(np.arange(size, dtype="uint32") ^ first, 17, A)
    return r((h ^ h >> np.uint32(11) ^ second) * B, 15, C)


def keep_mask(seed, step, shape, rate):
    """Return where 24 of the bits, as a fraction, are at least the float32 `rate`."""
    u = (bits(seed, step, np.prod(shape, dtype=int)) >> np.uint32(8)) / 2.0**24
    return (u >= np.floor(np.float32(rate) * 2.0**24) / 2.0**24).reshape(shape)
