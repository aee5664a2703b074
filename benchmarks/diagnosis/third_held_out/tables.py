"""Tables: bundled with scikit-learn, or generated from a seed, as notebooks have them."""

from functools import partial

import numpy as np
from sklearn import datasets

from benchmarks.diagnosis.datasets import Split, split


def passengers(seed: int) -> Split:
    """Return class, sex, age, fare and family of passengers, and who survived: mostly chance."""
    random = np.random.default_rng(seed)
    cabin, female = random.integers(1, 4, 1200), random.integers(2, size=1200)
    age, family = random.uniform(1, 70, 1200), random.poisson(1.0, 1200)
    fare = np.exp(4.5 - 0.8 * cabin + 0.4 * random.normal(size=1200))
    logit = 2.4 * female - 1.1 * (cabin - 2) - 0.03 * (age - 30) - 0.3 * family - 0.9
    y = (random.random(1200) < 1 / (1 + np.exp(-logit))).astype("int64")
    return split(np.stack([cabin, female, age, fare, family], axis=1), y, seed, scaled=True)


def concrete(seed: int, scaled: bool = True, scaled_target: bool = True) -> Split:
    """Return kilograms of cement, water, slag and sand, days, and a strength: 2 to 80 MPa."""
    random = np.random.default_rng(seed)
    cement, water = random.uniform(120, 540, 900), random.uniform(120, 240, 900)
    slag, sand = random.uniform(0, 300, 900), random.uniform(600, 950, 900)
    days = random.choice([3, 7, 14, 28, 56, 90], 900)
    y = 11 * (cement + 0.5 * slag) / water * np.log1p(days) / np.log(29) + 2
    y = (y + 1.5 * random.normal(size=900))[:, None]
    y = (y - y.mean()) / y.std() if scaled_target else y
    return split(np.stack([cement, water, slag, sand, days], axis=1), y, seed, scaled)


def flats(seed: int, target: str = "log") -> Split:
    """Return seven standardized columns of flats, and prices, a few of them very high.

    Args:
        seed: integer.
        target: string. `"log"`, standardized, or `"euros"`.
    """
    random = np.random.default_rng(seed)
    x = random.normal(size=(900, 7))
    log = 0.5 * x[:, 0] + 0.3 * x[:, 1] * x[:, 2] - 0.2 * np.abs(x[:, 3]) + 0.2 * x[:, 4]
    log += 0.1 * random.normal(size=900)
    y = 240000 * np.exp(log) if target == "euros" else (log - log.mean()) / log.std()
    return split(x, y[:, None], seed)


def calls(seed: int) -> Split:
    """Return hour, weekday and weather, and how many people call: 0 to 30, with chance."""
    random = np.random.default_rng(seed)
    hour, weekend = random.uniform(0, 24, 1500), random.random(1500) < 0.3
    rain = random.normal(size=1500)
    rate = np.exp(1.0 + 1.3 * np.sin(np.pi * (hour - 6) / 12) - 0.8 * weekend + 0.3 * rain)
    turn = np.pi * hour / 12
    x = np.stack([np.sin(turn), np.cos(turn), weekend, rain], axis=1)
    return split(x, random.poisson(rate)[:, None].astype("float32"), seed)


def quality(seed: int, first: int = 0) -> Split:
    """Return six measurements of a wine, and its quality: six steps, numbered from `first` on."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(1600, 6))
    latent = x[:, 0] - 0.8 * x[:, 1] + 0.7 * np.abs(x[:, 2]) + 0.1 * random.normal(size=1600)
    y = np.digitize(latent, (-1.0, -0.1, 0.6, 1.2, 2.1))
    return split(x, y + first, seed)


def emotions(seed: int) -> Split:
    """Return fifteen features of a song, and which of four emotions it wakes, some rare."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(1200, 15))
    kernel = np.random.default_rng(6).normal(size=(15, 4)) / 15**0.5
    y = x @ kernel + 0.4 * x[:, :4] * x[:, 4:8] > np.array([0.0, 0.3, 0.8, -0.4])
    return split(x, y.astype("float32"), seed)


def cells(seed: int, scaled: bool = True) -> Split:
    """Return ten mean measurements of cells, of which the area is near 650, and who is ill."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return split(x[:, :10], y, seed, scaled)


def machines(seed: int, share: float = 0.05, distance: float = 2.2) -> Split:
    """Return twelve sensors of machines, and the few that fail."""
    random = np.random.default_rng(seed)
    y = (random.random(2200) < share).astype("int64")
    x = random.normal(size=(2200, 12))
    x[:, 3:7] += distance / 2 * y[:, None]
    return split(x, y, seed)


def shops(seed: int) -> Split:
    """Return shop (of 30), weekday and promotion as whole numbers, and scaled log sales."""
    random = np.random.default_rng(seed)
    worth, pulls = random.normal(size=30), random.uniform(0, 1.5, 30)
    shop, day = random.integers(30, size=2000), random.integers(7, size=2000)
    offer = random.integers(2, size=2000)
    y = worth[shop] + 0.5 * np.sin(day) + pulls[shop] * offer + 0.2 * random.normal(size=2000)
    return split(np.stack([shop, day, offer], axis=1), ((y - 0.5) / 1.2)[:, None], seed)


def reaction(seed: int) -> Split:
    """Return three conditions, and two yields that depend on each other, -2 to 2."""
    random = np.random.default_rng(seed)
    x = random.uniform(-2, 2, (900, 3))
    first = np.sin(1.5 * x[:, 0]) + 0.5 * x[:, 1]
    second = first * np.cos(x[:, 2]) + 0.3 * x[:, 0]
    y = np.stack([first, second], axis=1) + 0.05 * random.normal(size=(900, 2))
    return split(x, y, seed)


def trial(seed: int, rows: int = 60) -> Split:
    """Return few patients with forty values, and an answer that three of them tell; many rest."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows + 500, 40)).astype("float32")
    y = 0.8 * x[:, 0] - 0.7 * x[:, 1] + 0.6 * x[:, 2] + 0.5 * random.normal(size=len(x))
    y = y[:, None].astype("float32")
    return Split(x[:rows], y[:rows], x[rows:], y[rows:], y[rows:])


def upper_digits(seed: int) -> Split:
    """Return flat images of the digits 5 to 9, numbered from 0."""
    x, y = datasets.load_digits(return_X_y=True)
    return split(x[y > 4] / 16, y[y > 4] - 5, seed)


def chessboard(seed: int) -> Split:
    """Return places on a board of 3 by 3 fields, and their colour."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1.5, 1.5, (1200, 2))
    return split(x, np.floor(x + 1.5).sum(1).astype("int64") % 2, seed)


raw_concrete, raw_cells = partial(concrete, scaled=False), partial(cells, scaled=False)
