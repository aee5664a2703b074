"""Tables: bundled with scikit-learn, or generated from a seed, in units that people have."""

from functools import partial

import numpy as np
from sklearn import datasets

from benchmarks.diagnosis.datasets import Split, split


def diabetes(seed: int, raw_target: bool = False) -> Split:
    """Return the progress of 442 patients; raw, it lies between 25 and 346."""
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    y = y if raw_target else (y - y.mean()) / y.std()
    return split(x, y[:, None], seed, scaled=True)


def rings(seed: int, classes: int = 3) -> Split:
    """Return shells of a ball in three columns, one for each class."""
    x, y = datasets.make_gaussian_quantiles(
        n_samples=800, n_features=3, n_classes=classes, random_state=seed
    )
    return split(x, y, seed)


def informative(seed: int) -> Split:
    """Return four classes in twenty columns, eight of which tell something."""
    x, y = datasets.make_classification(
        800, 20, n_informative=8, n_classes=4, n_clusters_per_class=1, class_sep=2.0, random_state=7
    )
    return split(x, y, seed)


def roll(seed: int, scaled_target: bool = True) -> Split:
    """Return points of a rolled sheet, and how far along the sheet they lie: 4.7 to 14.1."""
    x, y = datasets.make_swiss_roll(800, noise=0.1, random_state=seed)
    y = (y - y.mean()) / y.std() if scaled_target else y
    return split(x, y[:, None], seed, scaled=True)


def circuits(seed: int, scaled: bool = True, scaled_target: bool = True) -> Split:
    """Return circuits with columns from 1 to 1800, and their impedance: some hundreds."""
    x, y = datasets.make_friedman2(800, noise=5.0, random_state=seed)
    y = (y - y.mean()) / y.std() if scaled_target else y
    return split(x, y[:, None], seed, scaled)


def churn(seed: int, scaled: bool = True) -> Split:
    """Return customers: months, fee, sum paid, calls, megabytes, contract; who leaves."""
    random = np.random.default_rng(seed)
    months = random.integers(1, 72, 1000)
    fee = random.uniform(15, 120, 1000)
    calls = random.poisson(2.0, 1000)
    megabytes = random.lognormal(9, 0.7, 1000)
    contract = np.eye(3)[random.integers(3, size=1000)]
    urge = 0.05 * (fee - 65) - 0.08 * (months - 36) + 0.9 * (calls - 2) + contract @ (3, 0, -3)
    columns = np.stack([months, fee, months * fee, calls, megabytes], axis=1)
    left = (urge + 0.3 * random.normal(size=1000) > 0).astype("int64")
    if scaled:
        columns = (columns - columns.mean(0)) / columns.std(0)
    return split(np.concatenate([columns, contract], axis=1), left, seed)


def rentals(seed: int, target: str = "count") -> Split:
    """Return hours as an angle, temperature, weekend; bicycles lent: a count up to some hundreds.

    Args:
        seed: integer.
        target: string. `"count"`, `"log"`, or `"share"` of all bicycles.
    """
    random = np.random.default_rng(seed)
    hour, warmth = random.uniform(0, 24, 800), random.normal(size=800)
    weekend = random.integers(2, size=800)
    angle = 2 * np.pi * hour / 24
    rush = np.where(weekend, np.cos(angle - 3.7), np.cos(2 * angle - 4.3))
    count = random.poisson(np.exp(3.5 + 0.8 * rush + 0.4 * warmth))
    y = {"count": count, "log": np.log1p(count) - 3.5, "share": np.minimum(count / 200, 1)}[target]
    x = np.stack([np.sin(angle), np.cos(angle), warmth, weekend], axis=1)
    return split(x, y[:, None].astype("float32"), seed)


def fares(seed: int, scaled: bool = True) -> Split:
    """Return latitude and longitude of both ends of a ride, and its fare, standardized."""
    random = np.random.default_rng(seed)
    ends = random.normal(size=(800, 4)) * 0.03 + (40.75, -73.97, 40.75, -73.97)
    length = np.hypot(ends[:, 0] - ends[:, 2], ends[:, 1] - ends[:, 3])
    fare = 3 + 250 * length + random.normal(size=800) * 0.5
    return split(ends, ((fare - fare.mean()) / fare.std())[:, None], seed, scaled)


def arm(seed: int) -> Split:
    """Return three joints' angles, and where the hand is."""
    random = np.random.default_rng(seed)
    angles = random.uniform(-1.5, 1.5, (800, 3))
    total = np.cumsum(angles, axis=1)
    hand = np.stack([np.cos(total).sum(1), np.sin(total).sum(1)], axis=1)
    return split(angles, hand + 0.02 * random.normal(size=hand.shape), seed)


def symptoms(seed: int) -> Split:
    """Return twelve measurements, and which of five illnesses there are: any number of them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(1000, 12))
    ill = x @ np.random.default_rng(3).normal(size=(12, 5)) + 0.8 * np.abs(x[:, :5]) > 0.4
    return split(x, ill.astype("float32"), seed)


def ratings(seed: int) -> Split:
    """Return pairs of a user (of 30) and a film (of 20), and one to five stars."""
    random = np.random.default_rng(seed)
    users, films = random.normal(size=(30, 2)), random.normal(size=(20, 2))
    x = np.stack([random.integers(30, size=1600), random.integers(20, size=1600)], axis=1)
    liking = np.sum(users[x[:, 0]] * films[x[:, 1]], axis=1) + 0.1 * random.normal(size=1600)
    return split(x, np.clip(np.round(3 + liking), 1, 5)[:, None].astype("float32"), seed)


def defects(seed: int, share: float = 0.04, distance: float = 1.8) -> Split:
    """Return six sensors of a machine, and the few rows in which it is broken."""
    random = np.random.default_rng(seed)
    y = (random.random(1600) < share).astype("int64")
    x = random.normal(size=(1600, 6)) + distance * y[:, None] * (1, -1, 0, 0, 0.3, 0)
    return split(x, y, seed)


def odd_digits(seed: int) -> Split:
    """Return digits of 8 x 8 pixels between 0 and 1, and whether they are odd."""
    x, y = datasets.load_digits(return_X_y=True)
    return split(x[:1200] / 16, y[:1200] % 2, seed)


def rows_of_digits(seed: int, classes: int = 6) -> Split:
    """Return digits as sequences of eight rows of eight pixels."""
    x, y = datasets.load_digits(return_X_y=True)
    x, y = x[y < classes][:900], y[y < classes][:900]
    return split(x.reshape(-1, 8, 8) / 16, y, seed)


def pairs(seed: int) -> Split:
    """Return two noisy vectors side by side, and whether both come from one prototype."""
    random = np.random.default_rng(seed)
    prototypes = 1.5 * np.random.default_rng(5).normal(size=(4, 8))
    first = random.integers(4, size=1000)
    same = random.integers(2, size=1000)
    second = np.where(same, first, (first + random.integers(1, 4, 1000)) % 4)
    x = np.concatenate([prototypes[first], prototypes[second]], axis=1)
    return split(x + 0.4 * random.normal(size=x.shape), same, seed)


def trials(seed: int, rows: int = 60) -> Split:
    """Return few noisy rows to train on, with a hundred columns of which two matter."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows + 400, 100)).astype("float32")
    y = (x[:, 0] - x[:, 1] + 0.5 * random.normal(size=len(x)) > 0).astype("int64")
    return Split(x[:rows], y[:rows], x[rows:], y[rows:], y[rows:])


raw_churn, raw_circuits, raw_fares = (partial(f, scaled=False) for f in (churn, circuits, fares))
