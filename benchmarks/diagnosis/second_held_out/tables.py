"""Tables: bundled with scikit-learn, or generated from a seed, in units that people have."""

from functools import partial

import numpy as np
from sklearn import datasets

from benchmarks.diagnosis.datasets import Split, split


def hastie(seed: int, signs: bool = False) -> Split:
    """Return ten columns, and whether they lie far from the centre; with signs, as -1 and 1."""
    x, y = datasets.make_hastie_10_2(1600, random_state=seed)
    data = split(x, (y > 0).astype("int64"), seed)
    if signs:
        data = data._replace(y=2 * data.y - 1, y_test=2 * data.y_test - 1)
    return data


def alcohol(seed: int, scaled: bool = True, scaled_target: bool = True) -> Split:
    """Return what is known of wines but their alcohol, and the alcohol: 11 to 15 percent."""
    table = datasets.load_wine().data
    y = table[:, :1]
    y = (y - y.mean()) / y.std() if scaled_target else y
    return split(table[:, 1:], y, seed, scaled)


def arctan(seed: int, scaled: bool = True) -> Split:
    """Return Friedman's third function: a phase of a circuit, from columns up to 1800."""
    x, y = datasets.make_friedman3(900, noise=0.05, random_state=seed)
    return split(x, ((y - y.mean()) / y.std())[:, None], seed, scaled)


def plant(seed: int, scaled: bool = True, scaled_target: bool = True) -> Split:
    """Return degrees, vacuum, hectopascal and humidity, and a plant's megawatts: 420 to 500."""
    random = np.random.default_rng(seed)
    degrees, humidity = random.uniform(2, 36, 900), random.uniform(25, 100, 900)
    vacuum = 30 + 1.2 * degrees + 6 * random.normal(size=900)
    pressure = 1013 + 6 * random.normal(size=900)
    power = 497 - 1.7 * degrees - 0.2 * vacuum + 8 * np.cos(degrees / 6) - 0.06 * humidity
    y = (power + 0.3 * (pressure - 1013) + 1.5 * random.normal(size=900))[:, None]
    y = (y - y.mean()) / y.std() if scaled_target else y
    return split(np.stack([degrees, vacuum, pressure, humidity], axis=1), y, seed, scaled)


def insurance(seed: int, target: str = "log") -> Split:
    """Return age, body mass, children and smoking, and a bill: thousands of dollars.

    Args:
        seed: integer.
        target: string. `"log"`, standardized, or `"dollars"`.
    """
    random = np.random.default_rng(seed)
    age, mass = random.integers(18, 65, 1000), random.normal(30, 6, 1000)
    children, smokes = random.integers(0, 5, 1000), random.random(1000) < 0.25
    cost = 7.3 + 0.032 * age + smokes * (1.0 + 0.05 * (mass - 30)) + 0.08 * children
    cost += 0.1 * random.normal(size=1000)
    y = np.exp(cost) if target == "dollars" else (cost - cost.mean()) / cost.std()
    return split(np.stack([age, mass, children, smokes], axis=1), y[:, None], seed, scaled=True)


def loans(seed: int, scaled: bool = True, dated: bool = False) -> Split:
    """Return age, income, debt, delays and years in work; who does not pay back.

    Args:
        seed: integer.
        scaled: bool. Whether the columns are standardized.
        dated: bool. Whether the second of the application is a column, as it is.
    """
    random = np.random.default_rng(seed)
    age, income = random.uniform(20, 70, 1000), random.lognormal(10.5, 0.5, 1000)
    debt = income * random.uniform(0, 1.5, 1000)
    delays, years = random.poisson(1.0, 1000), random.uniform(0, 1, 1000) * (age - 18)
    risk = 3 * (debt / income - 0.75) + 1.2 * (delays - 1) - 0.08 * (years - 13)
    y = (risk + 0.3 * random.normal(size=1000) > 0).astype("int64")
    x = np.stack([age, income, debt, delays, years], axis=1)
    if scaled:
        x = (x - x.mean(0)) / x.std(0)
    if dated:
        x = np.concatenate([x, random.uniform(1.6e9, 1.7e9, (1000, 1))], axis=1)
    return split(x, y, seed)


def survival(seed: int, target: str = "log") -> Split:
    """Return six covariates and the months until an event, or their standardized logarithm."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(900, 6))
    log = x[:, 0] - 0.7 * x[:, 1] + 0.6 * x[:, 2] * x[:, 3] + 0.2 * random.normal(size=900)
    y = np.exp(2.5 + log) if target == "months" else (log - log.mean()) / log.std()
    return split(x, y[:, None], seed)


def goals(seed: int) -> Split:
    """Return two teams' attack, defence and home, and goals: mostly 0 to 5."""
    random = np.random.default_rng(seed)
    x = np.concatenate([random.normal(size=(1500, 4)), random.integers(2, size=(1500, 1))], axis=1)
    rate = np.exp(0.2 + 0.6 * x[:, 0] - 0.6 * x[:, 1] + 0.4 * x[:, 4] * (x[:, 2] > 0))
    return split(x, random.poisson(rate)[:, None].astype("float32"), seed)


def grades(seed: int, cumulative: bool = False) -> Split:
    """Return eight answers and a grade from 0 to 4; cumulative: whether it is above 0, 1, 2, 3."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(1000, 8))
    latent = x[:, 0] + x[:, 1] + np.sin(2 * x[:, 2]) + 0.15 * random.normal(size=1000)
    y = np.digitize(latent, (-1.6, -0.5, 0.5, 1.6))
    return split(x, (y[:, None] > np.arange(4)).astype("f4") if cumulative else y, seed)


def genres(seed: int) -> Split:
    """Return frequencies of 20 words, and which of five genres a book belongs to."""
    x, y = datasets.make_multilabel_classification(
        1000, 20, n_classes=5, n_labels=2, allow_unlabeled=False, random_state=seed
    )
    return split(x, y.astype("float32"), seed, scaled=True)


def clicks(seed: int) -> Split:
    """Return what is known of an advertisement, and the share of people who click on it."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(900, 6))
    logit = 1.5 * x[:, 0] - x[:, 1] * x[:, 2] + 0.5 * x[:, 3] - 1
    return split(x, random.binomial(60, 1 / (1 + np.exp(-logit)))[:, None] / 60.0, seed)


def fraud(seed: int, share: float = 0.03, distance: float = 1.7) -> Split:
    """Return eight columns of a payment, and the few that are frauds."""
    random = np.random.default_rng(seed)
    y = (random.random(2400) < share).astype("int64")
    x = random.normal(size=(2400, 8)) + distance * y[:, None] * (0, 0, 1, 0, -1, 0.4, 0, 0)
    return split(x, y, seed)


def throws(seed: int, scaled_target: bool = True) -> Split:
    """Return angle, speed and height of throws, and how far they reach: metres."""
    random = np.random.default_rng(seed)
    angle, speed = random.uniform(0.1, 1.4, 900), random.uniform(3, 20, 900)
    height = random.uniform(0, 3, 900)
    up = speed * np.sin(angle)
    reach = speed * np.cos(angle) * (up + np.sqrt(up**2 + 2 * 9.81 * height)) / 9.81
    y = (reach - reach.mean()) / reach.std() if scaled_target else reach
    return split(np.stack([angle, speed, height], axis=1), y[:, None], seed, scaled=True)


def likes(seed: int) -> Split:
    """Return pairs of a person (of 40) and a song (of 25), and whether it is liked."""
    random = np.random.default_rng(seed)
    people, songs = random.normal(size=(40, 2)), random.normal(size=(25, 2))
    x = np.stack([random.integers(40, size=2000), random.integers(25, size=2000)], axis=1)
    return split(x, (np.sum(people[x[:, 0]] * songs[x[:, 1]], 1) > 0).astype("int64"), seed)


def assay(seed: int, rows: int = 50) -> Split:
    """Return few samples with 80 markers of which three matter, and many to judge by."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows + 400, 80)).astype("float32")
    y = x[:, 0] + x[:, 1] - x[:, 2] + 0.5 * random.normal(size=len(x)) > 0
    y = y.astype("int64")
    return Split(x[:rows], y[:rows], x[rows:], y[rows:], y[rows:])


raw_loans, dated_loans = partial(loans, scaled=False), partial(loans, dated=True)
raw_plant = partial(plant, scaled=False)
