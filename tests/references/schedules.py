"""The papers' schedules in float64, by walking through the steps where the package has a formula.

The decays without an end tell the number at one step; the others list it for a range of steps.
"""

import cmath
import math
from fractions import Fraction

import numpy as np


def natural_exponential(lr0: float, unit: float, k: float, step: float) -> float:
    return lr0 * math.e ** (-k * step / unit)


def exponential(lr0: float, unit: float, d: float, step: float) -> float:
    """Whole factors by the recursion lr_t = d lr_{t-1}, the rest of a factor by its root."""
    learning_rate = lr0
    whole, rest = divmod(step, unit)
    for _ in range(int(whole)):
        learning_rate = d * learning_rate
    return learning_rate * d ** (rest / unit)


def inverse_time(lr0: float, unit: float, k: float, step: float) -> float:
    return lr0 / (1 + k * step / unit)


def inverse_sqrt(lr0: float, unit: float, d: float, step: float) -> float:
    n = 1 + step / unit
    return d / math.sqrt(n) * lr0


def constant(steps: range, lr: float) -> list[float]:
    return [lr for _ in steps]


def polynomial(steps: range, lr0: float, n: float, end: float, power: float) -> list[float]:
    return [end + (lr0 - end) * (max(n - step, 0) / n) ** power for step in steps]


def polynomial_in_cycles(
    steps: range, lr0: float, n: float, end: float, power: float
) -> list[float]:
    rates, reach = [], n
    for step in steps:
        while step > reach:
            reach += n
        rates.append(end + (lr0 - end) * ((reach - step) / reach) ** power)
    return rates


def cosine(steps: range, lr0: float, n: float, alpha: float) -> list[float]:
    """A point that runs around half a circle; its height is the cosine."""
    heights = [(cmath.exp(1j * math.pi / n) ** min(step, n)).real for step in steps]
    return [lr0 * (alpha + (1 - alpha) * (1 + height) / 2) for height in heights]


def restarts(
    steps: range, lr0: float, n: float, t_mul: float, m_mul: float, alpha: float
) -> list[float]:
    """Periods one after the other, in the decimal fractions that their lengths were written in."""
    rates, begin, length, peak = [], Fraction(0), Fraction(str(n)), 1.0
    for step in steps:
        while step >= begin + length:
            begin, length, peak = begin + length, length * Fraction(str(t_mul)), peak * m_mul
        fallen = math.sin(math.pi / 2 * float((step - begin) / length)) ** 2
        rates.append(lr0 * (alpha + (1 - alpha) * peak * (1 - fallen)))
    return rates


def one_cycle(
    steps: range, start: float, peak: float, end: float, n: float, share: float, cos: bool
) -> np.ndarray:
    """A broken line through three points; half a cosine is the square of a sine along it."""
    way = np.interp(steps, [0, share * n, n], [0, 1, 2])
    if cos:
        way = np.floor(way) + np.sin(np.pi / 2 * (way % 1)) ** 2
    return np.interp(way, [0, 1, 2], [start, peak, end])


def cyclical(
    steps: range, low: float, high: float, half: int, per_cycle: float, per_step: float
) -> list[float]:
    """One stride up or down at a time; the amplitude shrinks after each cycle and each step."""
    rates, way, scale, direction = [], 0, 1.0, 1
    for _ in steps:
        rates.append(low + (high - low) * scale * way / half)
        way, scale = way + direction, scale * per_step
        if way in (0, half):
            direction = -direction
        if way == 0:
            scale *= per_cycle
    return rates


def warmup_stable_decay(
    steps: range, lr: float, n: int, w: int, d: int, kind: str, alpha: float
) -> np.ndarray:
    s = np.arange(d) / d
    fall = {"linear": s, "cosine": np.sin(np.pi / 2 * s) ** 2, "sqrt": s**0.5}[kind]
    parts = [np.arange(w) / w, np.ones(n - w - d), 1 - (1 - alpha) * fall]
    return lr * np.concatenate([*parts, np.full(len(steps) - n, alpha)])


def noam(steps: range, d_model: int, warmup: int, factor: float) -> list[float]:
    """From the height of the peak, which both sides of the formula meet at n = warmup."""
    peak = factor / math.sqrt(d_model * warmup)
    return [peak * (n / warmup if n < warmup else math.sqrt(warmup / n)) for n in steps[1:]] + [
        peak * math.sqrt(warmup / len(steps))
    ]


def rise(n: int, kind: str, start: float) -> np.ndarray:
    """The shares of a warm-up's first n steps."""
    if kind == "exponential":
        return np.geomspace(start, 1, n, endpoint=False)
    line = np.arange(n) / n
    return start + (1 - start) * (np.sin(np.pi / 2 * line) ** 2 if kind == "cosine" else line)
