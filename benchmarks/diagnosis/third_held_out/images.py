"""Small images: drawn from a seed, or made of scikit-learn's digits."""

import numpy as np
from sklearn import datasets

from benchmarks.diagnosis.datasets import Split, split


def clocks(seed: int, rows: int = 800) -> Split:
    """Return images of 12 x 12 with a hand that points in one of eight directions."""
    random = np.random.default_rng(seed)
    y = random.integers(8, size=rows)
    angle = (np.pi * y / 4 + random.uniform(-0.25, 0.25, rows))[:, None, None]
    down, right = np.mgrid[-6:6, -6:6] + 0.5
    along = np.cos(angle) * right + np.sin(angle) * down
    across = np.cos(angle) * down - np.sin(angle) * right
    x = (along > 0) * np.exp(-(across**2)) + 0.2 * random.normal(size=across.shape)
    return split(x[..., None], y, seed)


def cells(seed: int, rows: int = 320) -> Split:
    """Return images of 16 x 16 with a disc and a ring, and for each pixel which of three it is."""
    random = np.random.default_rng(seed)
    disc, ring = random.uniform(3, 12, (2, rows, 2, 1, 1))
    down, right = np.mgrid[:16, :16]
    from_disc = np.hypot(down - disc[:, 0], right - disc[:, 1])
    from_ring = np.hypot(down - ring[:, 0], right - ring[:, 1])
    y = np.where(np.abs(from_ring - 3) < 0.8, 2, (from_disc < 2.6).astype(int))
    x = (y > 0) + 0.25 * random.normal(size=y.shape)
    return split(x[..., None], y, seed)


def fields(seed: int, scale: float = 1.0, rows: int = 700) -> Split:
    """Return colour images of 10 x 10 of three crops that differ in hue and in rows."""
    random = np.random.default_rng(seed)
    y = random.integers(3, size=rows)
    phase = random.uniform(0, 6, (rows, 1, 1))
    furrows = np.sin(1.5 * np.arange(10)[:, None] + phase) * (y != 1)[:, None, None]
    light = 0.45 + 0.2 * furrows + 0.1 * random.normal(size=(rows, 10, 10))
    hue = np.array([[0.0, 0.2, 0.0], [0.0, 0.2, 0.0], [0.15, 0.0, 0.0]])[y][:, None, None]
    x = light[..., None] + hue + 0.1 * random.normal(size=(rows, 10, 10, 3))
    return split(scale * np.clip(x, 0, 1), y, seed)


def scratches(seed: int, share: float = 0.08, rows: int = 1100) -> Split:
    """Return images of 10 x 10 of metal, of which few have a scratch."""
    random = np.random.default_rng(seed)
    y = (random.random(rows) < share).astype("int64")
    place, lean = random.uniform(3, 7, (2, rows, 1, 1)) - np.array([0, 5])[:, None, None, None]
    down, right = np.mgrid[:10, :10]
    far = np.abs(down - place - lean / 2 * (right - 4.5)) < 0.7
    x = 0.6 * far * y[:, None, None] + 0.4 * random.normal(size=(rows, 10, 10))
    return split(x[..., None], y, seed)


def two_digits(seed: int, rows: int = 1600) -> Split:
    """Return two digits (of 0 to 4) in a row of 128 numbers, and whether they are the same."""
    random = np.random.default_rng(seed)
    x, y = datasets.load_digits(n_class=5, return_X_y=True)
    same = random.integers(2, size=rows)
    first = random.integers(len(x), size=rows)
    second = np.array(
        [random.choice(np.flatnonzero((y == y[i]) == s)) for i, s in zip(first, same, strict=True)]
    )
    return split(np.concatenate([x[first], x[second]], axis=1) / 16, same, seed)


def enlarged(seed: int) -> Split:
    """Return digits of 4 x 4 pixels, and of 8 x 8, all between 0 and 1."""
    fine = datasets.load_digits().images[:900, ..., None] / 16
    coarse = fine.reshape(-1, 4, 2, 4, 2, 1).mean((2, 4))
    return split(coarse, fine, seed)


def bubbles(seed: int, rows: int = 700) -> Split:
    """Return images of 14 x 14 with a bubble, and its radius, standardized."""
    random = np.random.default_rng(seed)
    radius, place = random.uniform(1, 5, (rows, 1, 1)), random.uniform(5, 9, (2, rows, 1, 1))
    down, right = np.mgrid[:14, :14]
    far = np.hypot(down - place[0], right - place[1])
    x = np.exp(-((far - radius) ** 2)) + 0.15 * random.normal(size=far.shape)
    return split(x[..., None], (radius[:, 0] - 3) / 1.15, seed)


def spectrograms(seed: int, rows: int = 600) -> Split:
    """Return twelve moments of sixteen bands, and whether a tone rises, falls or stays."""
    random = np.random.default_rng(seed)
    y = random.integers(3, size=rows)
    slope = np.array([0.6, -0.6, 0.0])[y][:, None, None]
    centre = random.uniform(5, 10, (rows, 1, 1)) + slope * (np.arange(12)[:, None] - 5.5)
    x = np.exp(-((np.arange(16) - centre) ** 2) / 2) + 0.3 * random.normal(size=(rows, 12, 16))
    return split(x[..., None], y, seed)
