"""Small images: cut from bundled photographs and digits, or drawn from a seed."""

import numpy as np
from sklearn import datasets

from benchmarks.diagnosis.datasets import Split, split


def scans(seed: int, rows: int = 600) -> Split:
    """Return grey images of 16 x 16 with smooth noise, half of them with a bright spot."""
    random = np.random.default_rng(seed)
    y = random.integers(2, size=rows)
    down, right = np.mgrid[:16, :16][:, None] - random.integers(3, 13, (2, rows))[..., None, None]
    spot = 1.2 * np.exp(-(down**2 + right**2) / 5) * y[:, None, None]
    images = 0.5 + spot + 0.25 * random.normal(size=spot.shape)
    return split(images[..., None], y, seed)


def arrows(seed: int, rows: int = 700) -> Split:
    """Return images of 12 x 12 with a wedge that points up, left, down or right."""
    random = np.random.default_rng(seed)
    y = random.integers(4, size=rows)
    place = random.integers(4, 8, (2, rows))[..., None, None]
    down, right = np.mgrid[:12, :12][:, None] - place
    wedge = (abs(right) <= down + 2) & (down <= 2) & (down >= -2)
    turned = np.stack([np.rot90(each, turns) for each, turns in zip(wedge, y, strict=True)])
    images = np.clip(0.8 * turned + 0.2 * random.random(turned.shape), 0, 1)
    return split(images[..., None], y, seed)


def patches(seed: int, scale: float = 1 / 255, rows: int = 700) -> Split:
    """Return grey patches of 10 x 10 of a temple or of a flower, of 0..255 times `scale`."""
    random = np.random.default_rng(seed)
    photographs = [image.mean(-1) for image in datasets.load_sample_images().images]
    y = random.integers(2, size=rows)
    tops, lefts = random.integers(0, 410, rows), random.integers(0, 620, rows)
    found = zip(y, tops, lefts, strict=True)
    x = np.stack([photographs[k][i : i + 10, j : j + 10] for k, i, j in found])
    return split(scale * x[..., None], y, seed)


def faces(seed: int, rows: int = 700) -> Split:
    """Return faces of 12 x 12 that smile, look sad or show nothing."""
    random = np.random.default_rng(seed)
    y = random.integers(3, size=rows)
    images = 0.2 * random.normal(size=(rows, 12, 12))
    shift = random.integers(0, 3, rows)
    for image, mood, right in zip(images, y, shift, strict=True):
        image[3, [2 + right, 7 + right]] += 1
        corners = (7, 9, 8)[mood]
        image[8, 3 + right : 7 + right] += 1
        image[corners, [2 + right, 7 + right]] += 1
    return split(images[..., None], y, seed)


def spots(seed: int, pixels: bool = False, rows: int = 700) -> Split:
    """Return images of 12 x 12 with a spot, and where it is: in pixels, or from -1 to 1."""
    random = np.random.default_rng(seed)
    place = random.uniform(1, 10, (rows, 2))
    down, right = np.mgrid[:12, :12][:, None] - place.T[:, :, None, None]
    images = np.exp(-(down**2 + right**2) / 3) + 0.05 * random.normal(size=down.shape)
    return split(images[..., None], place if pixels else (place - 5.5) / 4.5, seed)


def halves(seed: int, standardized: bool = False) -> Split:
    """Return upper halves of the digits, and the lower halves, between 0 and 1."""
    x = datasets.load_digits().data / 16
    x = (x - x.mean()) / x.std() if standardized else x
    return split(x[:1200, :32], x[:1200, 32:], seed)


def noisy_digits(seed: int) -> Split:
    """Return digits of 8 x 8 with noise, and without."""
    clean = datasets.load_digits().images[:900, ..., None] / 16
    random = np.random.default_rng(seed)
    noisy = np.clip(clean + 0.3 * random.normal(size=clean.shape), 0, 1)
    return split(noisy, clean, seed)


def roads(seed: int, rows: int = 400) -> Split:
    """Return images of 12 x 12 with a noisy band across, and for each pixel whether it is road."""
    random = np.random.default_rng(seed)
    angle, offset = random.uniform(0, np.pi, rows), random.uniform(-2, 2, rows)
    down, right = np.mgrid[:12, :12][:, None] - 5.5
    across = np.cos(angle)[:, None, None] * down + np.sin(angle)[:, None, None] * right
    inside = abs(across - offset[:, None, None]) < 2
    x = inside + 0.6 * random.normal(size=inside.shape)
    data = split(x[..., None], inside[..., None].astype("float32"), seed)
    return data._replace(truth=data.y_test[..., 0])


def glyphs(seed: int, rows: int = 700) -> Split:
    """Return flat images of 9 x 9 with a T, L, X or H, a little moved and noisy."""
    random = np.random.default_rng(seed)
    letters = np.zeros((4, 7, 7))
    letters[0, 0], letters[0, :, 3] = 1, 1
    letters[1, 6], letters[1, :, 0] = 1, 1
    letters[2] = np.eye(7) + np.eye(7)[::-1] > 0
    letters[3, :, [0, 6]], letters[3, 3] = 1, 1
    y = random.integers(4, size=rows)
    images = 0.4 * random.normal(size=(rows, 9, 9))
    for image, letter, (i, j) in zip(images, y, random.integers(0, 3, (rows, 2)), strict=True):
        image[i : i + 7, j : j + 7] += letters[letter]
    return split(images.reshape(rows, -1), y, seed)
