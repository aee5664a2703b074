"""Time series, signals and tokens, generated from a seed."""

import numpy as np

from benchmarks.diagnosis.datasets import Split, split


def gestures(seed: int, rows: int = 700, length: int = 12) -> Split:
    """Return paths of a hand: a circle, a circle the other way, a line to the side or up."""
    random = np.random.default_rng(seed)
    y = random.integers(4, size=rows)
    time = np.linspace(0, 1, length)
    turn = 2 * np.pi * time * np.array([1, -1, 0, 0])[y][:, None]
    turn += random.uniform(0, 2 * np.pi, (rows, 1))
    aside, up = ((y == each)[:, None] * (2 * time - 1) for each in (2, 3))
    circle = (y < 2)[:, None]
    x = np.stack([circle * np.cos(turn) + aside, circle * np.sin(turn) + up], axis=-1)
    return split(x + 0.2 * random.normal(size=x.shape), y, seed)


def temperatures(seed: int, kelvin: bool = False, steps: int = 3, rows: int = 900) -> Split:
    """Return twelve hours of temperatures, and the next ones, standardized or near 285 K."""
    random = np.random.default_rng(seed)
    time = np.arange(rows + 12 + steps)
    slow = np.convolve(random.normal(size=len(time) + 23), np.ones(24) / 8, "valid")
    course = np.sin(2 * np.pi * time / 24) + 0.6 * slow + 0.05 * random.normal(size=len(time))
    windows = np.lib.stride_tricks.sliding_window_view(course, 12 + steps)[:rows]
    windows = 285 + 6 * windows if kelvin else windows
    return split(windows[:, :12, None], windows[:, 12:], seed)


def valves(seed: int, rows: int = 700, length: int = 12) -> Split:
    """Return pressures, and for each step whether a valve is open: it opens at .7, shuts at -.7."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, length))
    state, states = np.zeros(rows, dtype=bool), []
    for pressure in x.T:
        state = np.where(state, pressure > -0.7, pressure > 0.7)
        states.append(state)
    y = np.stack(states, axis=1).astype("int64")
    data = split(x[..., None], y[..., None], seed)
    return data._replace(truth=data.y_test[..., 0])


def engines(seed: int, rows: int = 700) -> Split:
    """Return 32 samples of two sensors, and one of four loads: their delay and their height."""
    random = np.random.default_rng(seed)
    y = random.integers(4, size=rows)
    phase = 0.7 * np.arange(32) + random.uniform(0, 2 * np.pi, (rows, 1))
    delay, height = (np.pi / 2 * (y % 2))[:, None], (0.7 + 0.9 * (y // 2))[:, None]
    x = np.stack([np.sin(phase), height * np.sin(phase - delay)], axis=-1)
    return split(x + 0.25 * random.normal(size=x.shape), y, seed)


def glucose(seed: int, rows: int = 900) -> Split:
    """Return sixteen values of a series that swings, and the change that comes, partly chance."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=rows + 40)
    series = np.zeros(rows + 40)
    for i in range(2, len(series)):
        series[i] = 1.6 * series[i - 1] - 0.75 * series[i - 2] + noise[i]
    series /= series.std()
    windows = np.lib.stride_tricks.sliding_window_view(series[20:], 17)[:rows]
    change = 2 * (windows[:, 16:] - windows[:, 15:16])
    return split(windows[:, :16, None], change, seed)


def alarms(seed: int, first: int = 1, rows: int = 800, length: int = 10) -> Split:
    """Return events of 8 kinds from `first` on, and whether `first` is followed by the next."""
    random = np.random.default_rng(seed)
    x, y = random.integers(2, 9, (rows, length)), random.integers(2, size=rows)
    place = random.integers(0, length - 2, rows)
    x[np.arange(rows), place] = 1
    x[np.arange(rows), place + 1] = np.where(y, 2, random.integers(3, 9, rows))
    return split(x - 1 + first, y, seed)


def comments(seed: int, rows: int = 640, length: int = 30) -> Split:
    """Return comments of 4 to 9 words with zeros behind, and whether more words are kind."""
    random = np.random.default_rng(seed)
    y, count = random.integers(2, size=rows), random.integers(4, 10, (rows, 1))
    own = 1 + 10 * y[:, None] + random.integers(10, size=(rows, length))
    words = np.where(random.random((rows, length)) < 0.45, own, random.integers(21, 90, own.shape))
    return split(np.where(np.arange(length) < count, words, 0), y, seed)


def sentences(seed: int, rows: int = 600, length: int = 10) -> Split:
    """Return words, and for each its part of speech: of four, some told by the word before."""
    random = np.random.default_rng(seed)
    x = random.integers(40, size=(rows, length))
    before = np.concatenate([np.zeros((rows, 1), int), x[:, :-1]], axis=1)
    return split(x, np.where(x < 20, x // 5, before // 10), seed)


def questions(seed: int, rows: int = 1200) -> Split:
    """Return a question and an answer of five words each, and whether they are on one subject."""
    random = np.random.default_rng(seed)
    first, y = random.integers(4, size=(rows, 1)), random.integers(2, size=(rows, 1))
    second = np.where(y, first, (first + random.integers(1, 4, (rows, 1))) % 4)
    subject = np.concatenate([np.repeat(first, 5, 1), np.repeat(second, 5, 1)], axis=1)
    own = 8 * subject + random.integers(8, size=subject.shape)
    x = np.where(random.random(own.shape) < 0.6, own, random.integers(32, 70, own.shape))
    return split(x, y[:, 0], seed)


def headlines(seed: int, rows: int = 1000) -> Split:
    """Return how often each of 150 words stands in a headline, and its section: one of five."""
    random = np.random.default_rng(seed)
    y = random.integers(5, size=rows)
    rates = np.full((5, 150), 0.06)
    for section in range(5):
        rates[section, 12 * section : 12 * (section + 1)] = 0.4
    return split(random.poisson(rates[y]).astype("float64"), y, seed)


def strands(seed: int, rows: int = 900, length: int = 14) -> Split:
    """Return four letters, and how strongly a protein binds: by two pairs of neighbours."""
    random = np.random.default_rng(seed)
    x = random.integers(4, size=(rows, length))
    pairs = 4 * x[:, :-1] + x[:, 1:]
    y = np.isin(pairs, (1, 11)).sum(1) - np.isin(pairs, (6, 12)).sum(1)
    y = y + 0.15 * random.normal(size=rows)
    return split(x, (y / y.std())[:, None], seed)
