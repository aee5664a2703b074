"""Images, sequences and texts, generated from a seed."""

import numpy as np

from benchmarks.diagnosis.datasets import Split, split


def shapes(seed: int, rows: int = 600) -> Split:
    """Return images with a disc, a square or a cross, somewhere."""
    random = np.random.default_rng(seed)
    y = random.integers(3, size=rows)
    down, right = (
        np.mgrid[:14, :14][:, None] - random.integers(4, 10, (rows, 2)).T[:, :, None, None]
    )
    disc = down**2 + right**2 <= 10
    square = np.maximum(abs(down), abs(right)) == 3
    cross = (np.minimum(abs(down), abs(right)) == 0) & (np.maximum(abs(down), abs(right)) <= 3)
    images = np.choose(y[:, None, None], [disc, square, cross])
    return split((images + 0.15 * random.normal(size=images.shape))[..., None], y, seed)


def dots(seed: int) -> Split:
    """Return images with one to six dots, and how many there are."""
    random = np.random.default_rng(seed)
    y = random.integers(1, 7, 700)
    order = random.permuted(np.tile(np.arange(100), (700, 1)), axis=1)
    images = (order < y[:, None]).reshape(-1, 10, 10, 1)
    return split(images + 0.05 * random.normal(size=images.shape), y[:, None].astype("f4"), seed)


def bars(seed: int) -> Split:
    """Return images with a bar, and the cosine and sine of twice its angle."""
    random = np.random.default_rng(seed)
    angle = random.uniform(0, np.pi, (700, 1, 1))
    down, right = np.mgrid[-5:6, -5:6]
    across = np.cos(angle) * down - np.sin(angle) * right
    images = np.exp(-(across**2)) + 0.05 * random.normal(size=across.shape)
    twice = 2 * angle[:, :, 0]
    return split(images[..., None], np.concatenate([np.cos(twice), np.sin(twice)], 1), seed)


def tiles(seed: int, scale: float = 1.0) -> Split:
    """Return colour images, and which of four hues they mostly have; `scale` is white."""
    random = np.random.default_rng(seed)
    hues = np.array([[0.7, 0.4, 0.3], [0.4, 0.7, 0.3], [0.3, 0.4, 0.7], [0.6, 0.6, 0.3]])
    y = random.integers(4, size=700)
    noise = 0.25 * random.normal(size=(700, 8, 8, 3))
    light = random.uniform(0.6, 1.3, (700, 1, 1, 1))
    return split(scale * np.clip(light * hues[y][:, None, None] + noise, 0, 1), y, seed)


def masks(seed: int) -> Split:
    """Return images with a noisy rectangle, and for each pixel whether it belongs to it."""
    random = np.random.default_rng(seed)
    corner, size = random.integers(0, 6, (2, 500)), random.integers(3, 6, (2, 500))
    down, right = np.mgrid[:10, :10][:, None] - corner[:, :, None, None]
    height, width = size[:, :, None, None]
    inside = (down >= 0) & (right >= 0) & (down < height) & (right < width)
    x = inside + 0.5 * random.normal(size=inside.shape)
    data = split(x[..., None], inside[..., None].astype("float32"), seed)
    return data._replace(truth=data.y_test[..., 0])


def pulses(seed: int, classes: int = 3) -> Split:
    """Return two channels of noise with no pulse, a narrow one or a wide one."""
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=700)
    time = np.arange(40) - random.uniform(8, 32, (700, 1))
    width = np.array([1.0, 1.0, 4.0])[y][:, None]
    pulse = 2.0 * (y > 0)[:, None] * np.exp(-((time / width) ** 2))
    x = np.stack([pulse, -pulse], axis=-1)
    return split(x + 0.3 * random.normal(size=x.shape), y, seed)


def genes(seed: int) -> Split:
    """Return strands of four letters, and whether `0123` or `3210` is somewhere in them."""
    random = np.random.default_rng(seed)
    x, y = random.integers(4, size=(1200, 20)), random.integers(2, size=1200)
    for row in np.flatnonzero(y):
        place = random.integers(0, 16)
        x[row, place : place + 4] = (0, 1, 2, 3) if random.random() < 0.5 else (3, 2, 1, 0)
    return split(x, y, seed)


def names(seed: int) -> Split:
    """Return words of eight letters; the last two tell which of four languages they are of."""
    random = np.random.default_rng(seed)
    x, y = random.integers(1, 21, (900, 8)), random.integers(4, size=900)
    x[:, -2] = np.where(random.random(900) < 0.5, y + 1, y + 11)
    x[:, -1] = 5 + random.integers(0, 3, 900) + 3 * (y % 2)
    return split(x, y, seed)


def orders(seed: int) -> Split:
    """Return tokens among which are one 1 and one 2, and whether the 1 comes first."""
    random = np.random.default_rng(seed)
    x = random.integers(3, 12, (800, 10))
    places = np.stack([random.permutation(10)[:2] for _ in range(800)])
    x[np.arange(800), places[:, 0]], x[np.arange(800), places[:, 1]] = 1, 2
    return split(x, (places[:, 0] < places[:, 1]).astype("int64"), seed)


def reviews(seed: int) -> Split:
    """Return texts of 16 of 200 words; each class has ten words of its own."""
    random = np.random.default_rng(seed)
    y = random.integers(5, size=900)
    own = 100 + 10 * y[:, None] + random.integers(10, size=(900, 16))
    x = np.where(random.random((900, 16)) < 0.3, own, random.integers(100, size=(900, 16)))
    return split(x, y, seed)


def peaks(seed: int) -> Split:
    """Return ten numbers in a row, and the largest of them."""
    x = np.random.default_rng(seed).uniform(-1, 1, (900, 10, 1))
    return split(x, (4 * (x.max(axis=1) - 0.8)), seed)


def pendulum(seed: int) -> Split:
    """Return eight steps of angle and speed of damped pendulums, and what comes next."""
    random = np.random.default_rng(seed)
    state = np.stack([random.uniform(-2, 2, 800), random.uniform(-1, 1, 800)], axis=1)
    states = [state]
    for _ in range(8):
        speed = 0.95 * state[:, 1] - 0.5 * np.sin(state[:, 0])
        state = np.stack([state[:, 0] + 0.5 * speed, speed], axis=1)
        states.append(state)
    path = np.stack(states, axis=1) + 0.02 * random.normal(size=(800, 9, 2))
    return split(path[:, :8], path[:, 8], seed)


def sums(seed: int) -> Split:
    """Return eight numbers of which two are marked, and the sum of these two."""
    random = np.random.default_rng(seed)
    values, marks = random.uniform(-1, 1, (900, 8)), np.zeros((900, 8))
    places = np.stack([random.permutation(8)[:2] for _ in range(900)])
    np.put_along_axis(marks, places, 1.0, axis=1)
    return split(np.stack([values, marks], -1), (values * marks).sum(1, keepdims=True), seed)


def spectra(seed: int) -> Split:
    """Return curves with two lines, as their own targets."""
    random = np.random.default_rng(seed)
    place, height = random.uniform(4, 28, (2, 900, 1)), random.uniform(0.3, 1, (2, 900, 1))
    lines = height * np.exp(-(((np.arange(32) - place) / 3) ** 2) / 2)
    data = split(np.clip(lines.sum(0), 0, 1), np.zeros(900), seed)
    return Split(data.x, data.x, data.x_test, data.x_test, data.x_test)
