"""Time series and signals of sensors, generated from a seed."""

import numpy as np

from benchmarks.diagnosis.datasets import Split, split


def heartbeats(seed: int, rows: int = 700) -> Split:
    """Return 48 samples with four beats, and whether one of them is missing."""
    random = np.random.default_rng(seed)
    y = random.integers(2, size=rows)
    start = random.uniform(3, 8, rows)
    centres = start[:, None] + 12 * np.arange(4) + 0.5 * random.normal(size=(rows, 4))
    heights = np.ones((rows, 4))
    heights[np.arange(rows), random.integers(4, size=rows)] -= y
    beats = heights[..., None] * np.exp(-((np.arange(48) - centres[..., None]) ** 2) / 2)
    x = beats.sum(1) + 0.15 * random.normal(size=(rows, 48))
    return split(x[..., None], y, seed)


def activities(seed: int, rows: int = 800) -> Split:
    """Return 32 steps of three axes, and whether somebody rests, walks, runs or climbs."""
    random = np.random.default_rng(seed)
    y = random.integers(4, size=rows)
    pace = np.array([0.0, 0.5, 1.0, 0.5])[y][:, None]
    strength = np.array([0.0, 1.0, 1.3, 1.0])[y][:, None]
    phase = pace * np.arange(32) + random.uniform(0, 2 * np.pi, (rows, 1))
    up = strength * np.sin(phase)
    ahead = strength * np.where(y == 3, 0.2, 0.7)[:, None] * np.sin(2 * phase)
    x = np.stack([up, ahead, 0.3 * strength * np.cos(phase)], axis=-1)
    return split(x + 0.25 * random.normal(size=x.shape), y, seed)


def demand(seed: int, steps: int = 1, megawatts: bool = False, rows: int = 900) -> Split:
    """Return 24 hours of a load, and the hours that follow, standardized or in megawatts."""
    random = np.random.default_rng(seed)
    time = np.arange(rows + 24 + steps)
    wander = np.convolve(random.normal(size=len(time) + 11), np.ones(12) / 6, "valid")
    load = np.sin(2 * np.pi * time / 24) + 0.4 * np.sin(2 * np.pi * time / 12) + 0.5 * wander
    load = load + 0.08 * random.normal(size=len(time))
    windows = np.lib.stride_tricks.sliding_window_view(load, 24 + steps)[:rows]
    x, y = windows[:, :24, None], windows[:, 24:]
    return split(x, 620 + 90 * y if megawatts else y, seed)


def chirps(seed: int, rows: int = 700) -> Split:
    """Return 30 noisy samples of a tone that rises or falls."""
    random = np.random.default_rng(seed)
    y = random.integers(2, size=rows)
    time = np.arange(30) / 30
    slope = np.where(y, 1.0, -1.0)[:, None] * random.uniform(0.6, 1.0, (rows, 1))
    phase = 2 * np.pi * (3.0 * time + 1.8 * slope * (time**2 - time))
    x = np.sin(phase + random.uniform(0, 2 * np.pi, (rows, 1)))
    return split((x + 0.25 * random.normal(size=x.shape))[..., None], y, seed)


def bearings(seed: int, rows: int = 700) -> Split:
    """Return 40 samples of a vibration: smooth, with rare shocks, with frequent shocks."""
    random = np.random.default_rng(seed)
    y = random.integers(3, size=rows)
    x = 0.3 * random.normal(size=(rows, 40))
    for row, period in zip(x, np.array([0, 13, 6])[y], strict=True):
        if period:
            row[random.integers(period) :: period] += 1.8
    return split(x[..., None], y, seed)


def transfers(seed: int, rows: int = 700, length: int = 20) -> Split:
    """Return 4 to 10 amounts with zeros behind them, and the amounts' mean."""
    random = np.random.default_rng(seed)
    count = random.integers(4, 11, (rows, 1))
    amounts = random.normal(size=(rows, length)) + random.normal(size=(rows, 1))
    amounts = np.where(np.arange(length) < count, amounts, 0)
    return split(amounts[..., None], amounts.sum(1, keepdims=True) / count, seed)


def switches(seed: int, rows: int = 700, length: int = 16) -> Split:
    """Return whether a device is on, 0 or 1 for each hour, and the longest time that it was off."""
    random = np.random.default_rng(seed)
    x = (random.random((rows, length)) < random.uniform(0.3, 0.9, (rows, 1))).astype("float32")
    run, longest = np.zeros(rows), np.zeros(rows)
    for hour in x.T:
        run = (run + 1) * (1 - hour)
        longest = np.maximum(longest, run)
    return split(x[..., None], longest[:, None] / 4, seed)


def tremor(seed: int, rows: int = 700) -> Split:
    """Return 32 samples of a wave, and its frequency from -1 (slow) to 1 (fast)."""
    random = np.random.default_rng(seed)
    y = random.uniform(-1, 1, (rows, 1))
    wave = np.sin((0.6 + 0.3 * y) * np.arange(32) + random.uniform(0, 2 * np.pi, (rows, 1)))
    return split((wave + 0.1 * random.normal(size=wave.shape))[..., None], y, seed)


def returns(seed: int, rows: int = 900) -> Split:
    """Return ten days of two prices' changes, and the change to come, of either sign."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 10, 2))
    y = 0.6 * x[:, -1, 0] - 0.8 * x[:, -2, 1] + 0.5 * x[:, -3, 0] * (x[:, -1, 1] > 0)
    return split(x, (y + 0.1 * random.normal(size=rows))[:, None], seed)
