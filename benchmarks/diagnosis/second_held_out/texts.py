"""Tokens that stand for words, letters and amino acids, generated from a seed."""

import numpy as np

from benchmarks.diagnosis.datasets import Split, split


def mails(seed: int, rows: int = 900, length: int = 18) -> Split:
    """Return mails of words 1 to 149, and whether they are spam: full of words below 16."""
    random = np.random.default_rng(seed)
    y = random.integers(2, size=rows)
    x = random.integers(31, 150, (rows, length))
    own = np.where(y[:, None], 1, 16) + random.integers(15, size=(rows, length))
    return split(np.where(random.random((rows, length)) < 0.2, own, x), y, seed)


def padded_mails(seed: int, length: int = 40) -> Split:
    """Return mails of ten words with many zeros behind them."""
    data = mails(seed, rows=800, length=10)
    x, x_test = (np.pad(part, ((0, 0), (0, length - 10))) for part in (data.x, data.x_test))
    return data._replace(x=x, x_test=x_test)


def intents(seed: int, rows: int = 1000) -> Split:
    """Return eight words of 100, and which of six things somebody wants."""
    random = np.random.default_rng(seed)
    y = random.integers(6, size=rows)
    x = random.integers(49, 100, (rows, 8))
    place = np.stack([random.permutation(8)[:3] for _ in range(rows)])
    np.put_along_axis(x, place, 1 + 8 * y[:, None] + random.integers(8, size=(rows, 3)), axis=1)
    return split(x, y, seed)


def slots(seed: int, rows: int = 700, length: int = 12) -> Split:
    """Return sentences, and for each word whether it is none, a place (after 1) or a time (2)."""
    random = np.random.default_rng(seed)
    x = random.integers(1, 25, (rows, length))
    before = np.pad(x, ((0, 0), (1, 0)))[:, :-1]
    return split(x, np.where(before <= 2, before, 0) * (x > 2), seed)


def letters(seed: int, rows: int = 1400, length: int = 8) -> Split:
    """Return eight letters of an alphabet of fifteen, and the ninth, which two of them tell."""
    random = np.random.default_rng(seed)
    text = list(random.integers(15, size=2))
    for _ in range(rows + length):
        follows = (text[-1] + 3) % 15 if text[-2] % 2 else (2 * text[-1] + 1) % 15
        text.append(follows if random.random() < 0.92 else random.integers(15))
    windows = np.lib.stride_tricks.sliding_window_view(np.array(text), length + 1)[:rows]
    return split(windows[:, :length], windows[:, length], seed)


def peptides(seed: int, rows: int = 900, length: int = 15) -> Split:
    """Return chains of 20 amino acids, and how well they dissolve, about -2 to 2."""
    random = np.random.default_rng(seed)
    worth = np.random.default_rng(4).normal(size=20)
    leaning = np.exp(random.normal(size=(rows, 1)) * worth)
    limits = np.cumsum(leaning / leaning.sum(1, keepdims=True), axis=1)
    x = (random.random((rows, length, 1)) < limits[:, None]).argmax(-1)
    y = worth[x].mean(1)
    return split(x, ((y - y.mean()) / y.std())[:, None], seed)


def negations(seed: int, rows: int = 900, length: int = 12) -> Split:
    """Return short reviews, and whether they praise: a good or bad word, perhaps behind a "not"."""
    random = np.random.default_rng(seed)
    x = random.integers(12, 50, (rows, length))
    good, negated = random.integers(2, size=(2, rows))
    place = random.integers(1, length, rows)
    x[np.arange(rows), place] = 2 + 5 * good + random.integers(5, size=rows)
    x[np.arange(rows), place - 1] = np.where(negated, 1, x[np.arange(rows), place - 1])
    return split(x, good ^ negated, seed)
