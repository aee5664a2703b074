"""The textbooks' decays in float64, one step at a time where the book gives a recursion."""

import math


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
