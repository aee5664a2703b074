"""Small data sets: bundled with scikit-learn, or generated from a seed."""

from typing import NamedTuple

import numpy as np
from sklearn import datasets


class Split(NamedTuple):
    """Data to train on and data to judge by; `truth` are the targets of `x_test` as they are."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    truth: np.ndarray


def split(x: np.ndarray, y: np.ndarray, seed: int, scaled: bool = False) -> Split:
    """Return three quarters of the shuffled rows to train on; `scaled` standardizes the columns."""
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = np.asarray(x)[order], np.asarray(y)[order]
    if scaled:
        x = (x - x.mean(0)) / (x.std(0) + 1e-7)
    cut = 3 * len(x) // 4
    if x.dtype.kind == "f":
        x = x.astype("float32")
    if y.dtype.kind == "f":
        y = y.astype("float32")
    return Split(x[:cut], y[:cut], x[cut:], y[cut:], y[cut:])


def moons(seed: int, rows: int = 800, noise: float = 0.12) -> Split:
    """Return two half circles that reach into each other."""
    x, y = datasets.make_moons(rows, noise=noise, random_state=seed)
    return split(x, y, seed)


def circles(seed: int, rows: int = 800, noise: float = 0.08) -> Split:
    """Return a circle inside of another."""
    x, y = datasets.make_circles(rows, noise=noise, factor=0.5, random_state=seed)
    return split(x, y, seed)


def spirals(seed: int, rows: int = 900, classes: int = 3, noise: float = 0.06) -> Split:
    """Return arms of a spiral."""
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=rows)
    radius = random.uniform(0.1, 1.0, rows)
    angle = 4.0 * radius + 2 * np.pi * y / classes + noise * random.normal(size=rows) / radius**0.5
    return split(2 * np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), y, seed)


def blobs(
    seed: int, classes: int = 5, features: int = 10, spread: float = 3.0, rows: int = 1000
) -> Split:
    """Return one cloud for each class, in standardized columns."""
    x, y = datasets.make_blobs(
        rows, features, centers=classes, cluster_std=spread, random_state=100
    )
    return split(x, y, seed, scaled=True)


def overlapping(seed: int, features: int = 30, rows: int = 200, flipped: float = 0.3) -> Split:
    """Return few rows of two classes, of which a share of the training labels is wrong."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(8 * rows, features))
    y = (x[:, 0] + x[:, 1] + 0.5 * x[:, 2] > 0).astype("int64")
    data = split(x, y, seed)
    labels = np.where(random.random(rows) < flipped, 1 - data.y[:rows], data.y[:rows])
    return data._replace(x=data.x[:rows], y=labels)


def rare(seed: int, rows: int = 2000, share: float = 0.04, distance: float = 1.9) -> Split:
    """Return two overlapping clouds of which one is rare."""
    random = np.random.default_rng(seed)
    y = (random.random(rows) < share).astype("int64")
    x = random.normal(size=(rows, 6))
    x[:, :3] += distance / 3**0.5 * y[:, None]
    return split(x, y, seed)


def digits(seed: int, flat: bool = True, scale: float = 1 / 16, classes: int = 10) -> Split:
    """Return scikit-learn's digits, of 0..16 times `scale`, as rows or as images."""
    x, y = datasets.load_digits(return_X_y=True)
    x, y = x[y < classes] * scale, y[y < classes]
    return split(x if flat else x.reshape(-1, 8, 8, 1), y, seed)


def stripes(seed: int, classes: int = 3, rows: int = 700, noise: float = 0.6) -> Split:
    """Return images of stripes: across, upright, slanting to either side."""
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=rows)
    angle = np.pi * y / classes
    row, column = np.mgrid[:12, :12]
    phase = random.uniform(0, 2 * np.pi, rows)[:, None, None]
    along = np.cos(angle)[:, None, None] * row + np.sin(angle)[:, None, None] * column
    images = np.sin(1.6 * along + phase) + noise * random.normal(size=(rows, 12, 12))
    return split(images[..., None], y, seed)


def wine(seed: int, scaled: bool = True) -> Split:
    """Return scikit-learn's wines; one column is near 700."""
    return split(*datasets.load_wine(return_X_y=True), seed, scaled)


def cancer(seed: int, scaled: bool = True) -> Split:
    """Return scikit-learn's breast cancers; columns range from .003 to 900."""
    return split(*datasets.load_breast_cancer(return_X_y=True), seed, scaled)


def iris(seed: int, scaled: bool = True) -> Split:
    """Return scikit-learn's irises."""
    return split(*datasets.load_iris(return_X_y=True), seed, scaled)


def tags(seed: int, labels: int = 6, features: int = 12, rows: int = 900) -> Split:
    """Return rows that bear several labels at once, each by a direction of its own."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, features))
    y = (x @ np.random.default_rng(1).normal(size=(features, labels)) > 0).astype("int64")
    return split(x, y, seed)


def words(seed: int, rows: int = 900, length: int = 20) -> Split:
    """Return sequences of tokens; some ten words speak for class 1, ten others for class 0."""
    random = np.random.default_rng(seed)
    y = random.integers(2, size=rows)
    x = random.integers(20, 60, (rows, length))
    marked = random.random((rows, length)) < 0.25
    x = np.where(marked, random.integers(10, size=(rows, length)) + 10 * y[:, None], x)
    return split(x, y, seed)


def topics(seed: int, classes: int = 4, rows: int = 1000, length: int = 16) -> Split:
    """Return sequences of tokens in which the words of one of several topics are frequent."""
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=rows)
    x = random.integers(80, size=(rows, length))
    own = 10 * y[:, None] + random.integers(10, size=(rows, length))
    return split(np.where(random.random((rows, length)) < 0.35, own, x), y, seed)


def padded(seed: int, front: bool, length: int = 60, rows: int = 800) -> Split:
    """Return short sentences that zeros fill up, in `front` or behind."""
    sentences = words(seed, rows, length=8)
    zeros = length - 8
    ends = ((0, 0), (zeros, 0) if front else (0, zeros))
    x, x_test = (np.pad(part + 1, ends) for part in (sentences.x, sentences.x_test))
    return sentences._replace(x=x, x_test=x_test)


def last_bit(seed: int, rows: int = 900, length: int = 16) -> Split:
    """Return sequences of bits of which the last one decides."""
    x = np.random.default_rng(seed).integers(2, size=(rows, length))
    return split(x, x[:, -1], seed)


def more_bits(seed: int, rows: int = 1600, length: int = 16) -> Split:
    """Return sequences of bits, and whether the first half holds more ones than the second."""
    x = np.random.default_rng(seed).integers(2, size=(rows, length))
    first, second = np.split(x, 2, axis=1)
    return split(x, (first.sum(axis=1) > second.sum(axis=1)).astype("int64"), seed)


def waves(seed: int, classes: int = 3, rows: int = 700, length: int = 24) -> Split:
    """Return noisy waves of one of several frequencies."""
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=rows)
    time, phase = np.arange(length), random.uniform(0, 2 * np.pi, (rows, 1))
    x = np.sin(0.4 * (1 + y[:, None]) * time + phase) + 0.3 * random.normal(size=(rows, length))
    return split(x[..., None], y, seed)


def first_sign(seed: int, rows: int = 900, length: int = 12) -> Split:
    """Return noise whose first number decides."""
    random = np.random.default_rng(seed)
    x = 0.3 * random.normal(size=(rows, length, 1))
    y = random.integers(2, size=rows)
    x[:, 0, 0] = 2.0 * y - 1
    return split(x, y, seed)


def forecast(seed: int, length: int = 16, rows: int = 900, offset: float = 0.0) -> Split:
    """Return windows of a wave with a changing height, and the next value."""
    random = np.random.default_rng(seed)
    time = np.arange(rows + length)
    series = (
        np.sin(0.35 * time) + 0.6 * np.sin(0.11 * time + 1) + 0.05 * random.normal(size=len(time))
    )
    x = np.lib.stride_tricks.sliding_window_view(series, length)[:rows]
    return split(x[..., None] + offset, series[length : length + rows, None] + offset, seed)


def friedman(seed: int, rows: int = 900, noise: float = 0.5) -> Split:
    """Return Friedman's function of five of eight columns, standardized."""
    x, y = datasets.make_friedman1(rows, 8, noise=noise, random_state=seed)
    return split(x - 0.5, ((y - 14.4) / 5)[:, None], seed)


def curve(seed: int, rows: int = 600, height: float = 1.0, offset: float = 0.0) -> Split:
    """Return a curve of one variable with a little noise."""
    random = np.random.default_rng(seed)
    x = random.uniform(-2, 2, (rows, 1))
    y = np.sin(2 * x) + 0.3 * x + 0.05 * random.normal(size=x.shape)
    return split(x, height * y + offset, seed)


def houses(seed: int, scaled: bool = True, scaled_target: bool = True, rows: int = 900) -> Split:
    """Return houses in raw units: square metres, rooms, year, income of the street, distance."""
    random = np.random.default_rng(seed)
    area = random.uniform(40, 220, rows)
    rooms = np.round(area / 30 + random.normal(size=rows))
    year = random.integers(1900, 2021, rows)
    income = random.lognormal(10.7, 0.4, rows)
    distance = random.uniform(0, 40, rows)
    worth = 2000 + 0.04 * income - 25 * distance + 8 * (year - 1960)
    price = area * worth + 6000 * rooms + 15000 * random.normal(size=rows)
    y = price[:, None]
    if scaled_target:
        y = (y - y.mean()) / y.std()
    return split(np.stack([area, rooms, year, income, distance], 1), y, seed, scaled)


def planes(seed: int, targets: int = 3, rows: int = 900) -> Split:
    """Return several targets, each a smooth function of six columns."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 6))
    kernel = np.random.default_rng(2).normal(size=(6, targets)) / 6**0.5
    return split(x, np.tanh(x @ kernel) + x[:, :targets] * x[:, 1 : 1 + targets] / 2, seed)


def few_points(seed: int, rows: int = 48, noise: float = 1.0, features: int = 8) -> Split:
    """Return few noisy rows of a linear function, and many to judge by."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows + 400, features))
    y = x @ np.linspace(1, -1, features)[:, None] / 2
    truth = (y + noise * random.normal(size=y.shape)).astype("float32")
    x = x.astype("float32")
    return Split(x[:rows], truth[:rows], x[rows:], truth[rows:], truth[rows:])


def pictures(seed: int) -> Split:
    """Return the digits as their own targets, for an autoencoder."""
    data = digits(seed)
    return Split(data.x, data.x, data.x_test, data.x_test, data.x_test)


def tagged(seed: int, rows: int = 700, length: int = 10) -> Split:
    """Return sequences of tokens with a class for each: that of the token before."""
    random = np.random.default_rng(seed)
    x = random.integers(12, size=(rows, length))
    before = np.concatenate([np.zeros((rows, 1), int), x[:, :-1]], 1)
    return split(x, before % 3, seed)
