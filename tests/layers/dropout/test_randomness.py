"""The randomness of Dropout's masks: a battery of tests, its control, and what it must reject.

The battery knows a generator by its masks of many steps and gives one p-value per test, each
two-sided where too even is as wrong as too uneven; they hold for rates of 0.3 to 0.7 and for two
million numbers, where sums are normal far into the tails. A generator fails if one of them is below
`LIMIT` = 1e-6. A run on one backend accepts fewer than 1000 p-values, so that perfect generators
fail with a probability below 1e-3 for the whole run (Bonferroni). Seeds are fixed: an outcome does
not change from run to run.
"""

import importlib

import keras
import numpy as np
import pytest
from scipy import stats

from keras_trainkit.layers import Dropout
from tests.contracts import array
from tests.references import hashing

LIMIT = 1e-6
STEPS, SHAPE = 512, (16, 256)
POSITIONS = np.prod(SHAPE)
DISTANCES = [*(2**k for k in range(11)), 3, 5, 7, 31, 100, 127, 129, 257, 511, 1000, 1023]
DELAYS = [1, 2, 3, 4, 5, 8, 16, 100]
COLUMNS = 64


# The battery


def battery(keep_masks, rate):
    """Return a p-value per test for boolean `(steps, positions)`, all True with `1 - rate`."""
    # Zero mean and unit variance; independence makes sums of products normal and of squares chi2.
    z = ((keep_masks - (1 - rate)) / (rate * (1 - rate)) ** 0.5).astype("float32")
    rows = z.reshape(len(z), -1, COLUMNS)
    return {
        "rate": of_normal(z.sum(dtype="float64") / z.size**0.5),
        "positions": of_squares(z.sum(0) / len(z) ** 0.5),
        "steps": of_squares(z.sum(1) / z.shape[1] ** 0.5),
        "rows": of_squares(rows.sum(2) / rows.shape[2] ** 0.5),
        "columns": of_squares(rows.sum(1) / rows.shape[1] ** 0.5),
        **{f"distance {d}": of_products(z[:, :-d], z[:, d:]) for d in DISTANCES},
        **{f"delay {d}": of_products(z[:-d], z[d:]) for d in DELAYS},
        **of_all_pairs_of_steps(z),
        **{f"shifts by delay {d}": of_shifts(z[: len(z) - d], z[d:]) for d in (0, 1, 2)},
        "bytes in space": of_bytes(np.packbits(keep_masks, axis=1), rate),
        "bytes in time": of_bytes(np.packbits(keep_masks, axis=0), rate),
    }


def of_normal(x):
    return 2 * stats.norm.sf(abs(x))


def of_squares(normals):
    return of_chi2(np.square(normals, dtype="float64").sum(), normals.size)


def of_chi2(x, freedom):
    return 2 * min(stats.chi2.cdf(x, freedom), stats.chi2.sf(x, freedom))


def of_largest(normals):
    return -np.expm1(normals.size * np.log1p(-of_normal(np.abs(normals).max())))


def of_products(one, other):
    return of_normal(np.einsum("ij,ij->i", one, other).sum(dtype="float64") / one.size**0.5)


def of_all_pairs_of_steps(z):
    # Pearson's, since two that share a step depend on each other through its keep rate.
    correlations = np.corrcoef(z)[np.triu_indices(len(z), 1)] * (z.shape[1] - 1) ** 0.5
    return {"pairs": of_squares(correlations), "worst pair": of_largest(correlations)}


def of_shifts(one, other):
    # Correlations of each step with a later one, or with itself, at every circular shift but 0.
    spectrum = np.fft.rfft(one) * np.conj(np.fft.rfft(other))
    return of_largest(np.fft.irfft(spectrum)[:, 1:] / one.shape[1] ** 0.5)


def of_bytes(packed, rate):
    ones = np.bitwise_count(np.arange(256, dtype="uint8"))
    expected = packed.size * (1 - rate) ** ones * rate ** (8.0 - ones)
    counted = np.bincount(packed.ravel(), minlength=256)
    return of_chi2(((counted - expected) ** 2 / expected).sum(), 255)


def assert_random(keep_masks, rate):
    low = {name: p for name, p in battery(keep_masks, rate).items() if not p >= LIMIT}
    assert low == {}


# Generators


def masks_of(layer, steps=STEPS, **options):
    """Return where the layer keeps in its next training steps, compiled where the backend can."""
    call = compiled(layer, **options)
    return np.stack([(array(call()) != 0).ravel() for _ in range(steps)])


def compiled(layer, **options):
    ones = keras.ops.ones(SHAPE)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda: layer(ones, training=True), **options)
    if keras.backend.backend() == "torch":
        return lambda: layer(ones, training=True)
    import jax

    step = jax.jit(lambda state: layer.stateless_call([], state, ones, training=True))

    def call():
        y, state = step([variable.value for variable in layer.non_trainable_variables])
        for variable, value in zip(layer.non_trainable_variables, state, strict=True):
            variable.assign(value)
        return y

    return call


def philox(rate):
    return np.random.Generator(np.random.Philox(1)).random((STEPS, POSITIONS)) >= rate


def sound(step, i):
    return hashing.f(hashing.f(step) + i)


def lcg(step, i):
    # The n-th state of an LCG in closed form, by repeated squaring.
    n, power, total = step * np.uint32(POSITIONS) + i, np.uint32(1), np.uint32(0)
    factor, addend = 1664525, 1013904223
    for bit in range(22):
        odd = (n >> np.uint32(bit) & np.uint32(1)).astype(bool)
        power = np.where(odd, power * np.uint32(factor), power)
        total = np.where(odd, total * np.uint32(factor) + np.uint32(addend), total)
        factor, addend = factor**2 % 2**32, (factor * addend + addend) % 2**32
    return power + total


UNSOUND = {
    "steps are shifted copies": lambda step, i: hashing.r(i + 37 * step, 16, hashing.A),
    "steps are permuted copies": lambda step, i: hashing.f(i ^ step),
    "neighbours cancel in pairs": lambda step, i: sound(step, i // 2) ^ -(i % 2),
    "repeats every 256 positions": lambda step, i: sound(step, i % 256),
    "reuses a mask in the next step": lambda step, i: sound(step // 2, i),
    "forgets the step": lambda step, i: sound(step * 0, i),
    "low bits of a congruential generator": lambda step, i: lcg(step, i) << np.uint32(20),
    "seeds 1 and 2 share a stream": lambda step, i: sound(step % 256 + step // 256, i),
}


def masks_from(bits, rate):
    step, i = np.arange(STEPS, dtype="uint32")[:, None], np.arange(POSITIONS, dtype="uint32")
    return bits(step, i) >= np.uint32(rate * 2**32)


# The battery itself


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_battery_accepts_sound_generators(rate):
    assert_random(philox(rate), rate)
    assert_random(masks_from(sound, rate), rate)


@pytest.mark.parametrize("defect", UNSOUND)
def test_battery_rejects(defect):
    assert min(battery(masks_from(UNSOUND[defect], 0.3), 0.3).values()) < LIMIT


def test_battery_rejects_a_rate_off_by_one_percent():
    for wrong in (0.3 * 0.99, 0.3 * 1.01):
        p = battery(masks_from(sound, wrong), 0.3)
        assert p["rate"] < LIMIT


# The layer's masks


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7])
def test_masks_are_random(rate):
    assert_random(masks_of(Dropout(rate, seed=1)), rate)


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_masks_are_random_without_xla(rate, monkeypatch):
    kernel = importlib.import_module("keras_trainkit.layers._dropout._tensorflow")
    monkeypatch.setattr(kernel, "xla_runs", lambda: False)
    assert_random(masks_of(Dropout(rate, seed=1)), rate)


def test_masks_of_neighbouring_seeds_are_independent():
    masks = [masks_of(Dropout(0.5, seed=seed), STEPS // 4) for seed in (1, 2, 3, 4)]
    assert_random(np.concatenate(masks), 0.5)


@pytest.mark.backend("torch")
def test_keras_repeats_one_seed_in_the_next():
    one, two = (masks_of(keras.layers.Dropout(0.5, seed=seed), 3) for seed in (1, 2))
    np.testing.assert_array_equal(one[1:], two[:-1])
    one, two = (masks_of(Dropout(0.5, seed=seed), 3) for seed in (1, 2))
    assert (one[1:] != two[:-1]).any(axis=1).all()


# Against the twin


@pytest.mark.backend("tensorflow", "jax")
@pytest.mark.parametrize("start", [(0, 0), (1, 2**31 - 1), (2**31 + 5, 7), (2**32 - 1, 2**32 - 3)])
@pytest.mark.parametrize("rate", [2.0**-24, 0.1, 0.5, 0.999, 1 - 2.0**-24])
def test_mask_is_the_hash_of_seed_step_and_position(start, rate):
    seed, step = start
    for shape in ((), (5,), (3, 4), (2, 3, 5, 7), (300, 1000)):
        layer = Dropout(rate, seed=seed)
        layer.seed_generator.state.assign([seed, step])
        for n in range(2):
            y = array(layer(np.ones(shape, "float32"), training=True))
            np.testing.assert_array_equal(y != 0, hashing.keep_mask(seed, step + n, shape, rate))


@pytest.mark.backend("tensorflow", "jax")
@pytest.mark.parametrize(
    "options", [{}, pytest.param({"jit_compile": True}, marks=pytest.mark.backend("tensorflow"))]
)
def test_compiled_masks_are_the_hash_too(options):
    for step, mask in enumerate(masks_of(Dropout(0.3, seed=5), 3, **options)):
        np.testing.assert_array_equal(mask, hashing.keep_mask(5, step, POSITIONS, 0.3))


def test_masks_of_steps_with_near_first_keys_are_independent():
    # Without the second key one mask would be the other at `position ^ distance`.
    steps = np.arange(2**17, dtype="uint32")
    first, _ = hashing.keys(1, steps)
    steps, first = steps[np.argsort(first)], np.sort(first)
    near = np.flatnonzero(first[1:] ^ first[:-1] < POSITIONS)[:STEPS]
    i, agreements = np.arange(POSITIONS), []
    for n in near:
        one, other = (
            hashing.bits(1, step, POSITIONS) >> np.uint32(31) for step in steps[n : n + 2]
        )
        agreements.append(2 * np.mean(one == other[i ^ first[n] ^ first[n + 1]]) - 1)
    normals = np.array(agreements) * POSITIONS**0.5
    assert min(of_squares(normals), of_largest(normals)) >= LIMIT


def test_bytes_of_the_hash_are_uniform():
    words = np.stack([hashing.bits(1, step, 2**16) for step in range(64)])
    assert min(of_bytes(words.view("uint8")[:, lane::4], 0.5) for lane in range(4)) >= LIMIT


@pytest.mark.parametrize(("steps", "positions"), [(64, 2**16), (4, 2**20)])
def test_wide_masks_do_not_resemble_their_own_shifts(steps, positions):
    # Two rounds instead of three fail here.
    bits = np.stack([hashing.bits(1, step, positions) for step in range(steps)])
    signs = np.where(bits >> np.uint32(31), 1, -1)
    assert of_shifts(signs, signs) >= LIMIT
