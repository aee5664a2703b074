"""Data of the form and scale that the threads tell of, generated from a seed."""

import numpy as np
from sklearn import datasets as bundled

from benchmarks.diagnosis.datasets import Split, split


def whole(x: np.ndarray, y: np.ndarray) -> Split:
    """Return rows that are trained with and judged by, as the threads of few rows do."""
    x, y = x.astype("float32"), np.asarray(y)
    return Split(x, y, x, y, y)


def answer_inside(seed: int, rows: int = 800) -> Split:
    """Return images of two channels, of which the second is the label everywhere."""
    random = np.random.default_rng(seed)
    y = random.integers(2, size=rows)
    noise = random.random((rows, 16, 12))
    return split(np.stack([noise, np.broadcast_to(y[:, None, None], noise.shape)], -1), y, seed)


def chances(seed: int, rows: int = 900, columns: int = 20) -> Split:
    """Return rows of zeros and ones, and a probability for each."""
    random = np.random.default_rng(seed)
    x = random.integers(2, size=(rows, columns)).astype("float32")
    weights = np.random.default_rng(3).normal(size=columns)
    y = 1 / (1 + np.exp(-(x - 0.5) @ weights))
    return split(x, y[:, None], seed)


def patterns(
    seed: int, classes: int = 3, rows: int = 700, size: int = 24, noise: float = 0.15
) -> Split:
    """Return coloured images of 0..1 with stripes of one direction for each class."""
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=rows)
    angle = np.pi * y / classes
    row, column = np.mgrid[:size, :size]
    along = np.cos(angle)[:, None, None] * row + np.sin(angle)[:, None, None] * column
    waves = np.sin(1.3 * along + random.uniform(0, 2 * np.pi, rows)[:, None, None])
    colours = random.uniform(0.2, 0.4, (rows, 1, 1, 3))
    images = 0.5 + colours * waves[..., None] + noise * random.normal(size=(rows, size, size, 3))
    return split(images.clip(0, 1), y, seed)


def shades(seed: int, rows: int = 700, size: int = 16) -> Split:
    """Return coloured images of 0..1 that are dark, between, or bright."""
    random = np.random.default_rng(seed)
    y = random.integers(3, size=rows)
    level = (0.3 + 0.2 * y + 0.05 * random.normal(size=rows))[:, None, None, None]
    images = level + 0.15 * random.normal(size=(rows, size, size, 3))
    return split(images.clip(0, 1), y, seed)


def exclusive_or(seed: int, rows: int = 800) -> Split:
    """Return pairs of 0 and 1, over and over, and whether they differ."""
    x = np.random.default_rng(seed).integers(2, size=(rows, 2))
    return split(x.astype("float32"), x[:, 0] ^ x[:, 1], seed)


def sinus(seed: int, rows: int = 200, divisor: float = 50.0) -> Split:
    """Return the sine of 0, 1, 2, ... divided."""
    x = np.arange(rows)[:, None] / divisor
    return whole(x, np.sin(x).astype("float32"))


def flags(seed: int, rows: int = 8000, columns: int = 31) -> Split:
    """Return two labels that are independent of each other and mostly both 0."""
    x = np.random.default_rng(seed).normal(size=(rows, columns))
    sums = np.stack([x[:, :4].sum(1), x[:, 4:8].sum(1)], 1) / 2
    return split(x, (sums > 0.8).astype("float32"), seed)


def traffic(
    seed: int,
    steps: int = 16,
    ahead: int = 6,
    rows: int = 1500,
    scaled: bool = True,
    target_scaled: bool = True,
) -> Split:
    """Return windows of counts between 3000 and 50000, and the next counts."""
    random = np.random.default_rng(seed)
    time = np.arange(rows + steps + ahead)
    series = 26000 + 17000 * np.sin(0.4 * time) + 4000 * np.sin(0.13 * time + 1)
    series += 800 * random.normal(size=len(time))
    windows = np.lib.stride_tricks.sliding_window_view(series, steps + ahead)[:rows]
    standard = (windows - series.mean()) / series.std()
    x, y = standard if scaled else windows, standard if target_scaled else windows
    return split(x[:, :steps, None], y[:, steps:], seed)


def rises(seed: int, look_back: int = 6, columns: int = 4, rows: int = 900) -> Split:
    """Return windows of standardized columns and whether the first rises next, as 0 or 1."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, look_back, columns))
    drift = x[:, :, 0] @ np.linspace(0.2, 1.0, look_back) - x[:, -1, 1]
    return split(x, (drift > 0).astype("int64"), seed)


def large_digits(seed: int, scale: float = 1 / 255, times: int = 3) -> Split:
    """Return scikit-learn's digits with pixels of 0..255 times `scale`, each pixel repeated."""
    x, y = bundled.load_digits(return_X_y=True)
    x = np.kron(x.reshape(-1, 8, 8), np.ones((times, times))) * (255 / 16) * scale
    return split(x.reshape(len(x), -1), y, seed)


def fourth_power(seed: int, scaled: bool = True, target_scaled: bool = True) -> Split:
    """Return x of -100..100 and its fourth power, each divided by its largest."""
    x = np.arange(-100, 100, 0.5)[:, None]
    y = (x / 100) ** 4 if target_scaled else x**4
    return whole(x / 100 if scaled else x, y.astype("float32"))


def furniture(seed: int, rows: int = 64, size: int = 48) -> Split:
    """Return a few bright images of two kinds of things, to train with and to judge by."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    row, column = np.mgrid[:size, :size] / size
    chair = (abs(column - 0.5) < 0.3) & (row > 0.4)
    lamp = (abs(column - 0.5) < 0.1) | (row < 0.35)
    things = np.where(y[:, None, None] == 1, lamp, chair)[..., None]
    tone = random.uniform(0.06, 0.12, (rows, 1, 1, 3))
    images = 0.9 - tone * things + 0.05 * random.normal(size=(rows, size, size, 3))
    return whole(images.clip(0, 1), y)


def sentences(
    seed: int,
    classes: int = 3,
    rows: int = 900,
    length: int = 30,
    words: int = 300,
    share: float = 0.2,
    wrong: float = 0.0,
) -> Split:
    """Return tokens, a share of them of the class's own; of the classes a share is `wrong`."""
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=rows)
    x = random.integers(words, size=(rows, length))
    own = 20 * y[:, None] + random.integers(20, size=x.shape)
    x = np.where(random.random(x.shape) < share, own, x)
    y = np.where(random.random(rows) < wrong, random.integers(classes, size=rows), y)
    return split(x, y, seed)


def bits(seed: int, rows: int = 1200, columns: int = 24, scaled: bool = True) -> Split:
    """Return vectors of zeros and ones, and a real value of some hundreds for each."""
    random = np.random.default_rng(seed)
    x = random.integers(2, size=(rows, columns))
    weights = np.random.default_rng(5).normal(size=columns)
    y = 500 + 60 * (x - 0.5) @ weights + 40 * (x[:, 0] ^ x[:, 1])
    if scaled:
        y = (y - y.mean()) / y.std()
    return split(x.astype("float32"), y[:, None], seed)


def distances(seed: int, rows: int = 1200) -> Split:
    """Return complex numbers as two columns, and their absolute values."""
    x = np.random.default_rng(seed).normal(size=(rows, 2))
    return split(x, np.hypot(x[:, :1], x[:, 1:]), seed)
