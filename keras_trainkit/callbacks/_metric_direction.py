"""Which way a metric improves. Keras keeps this in a private attribute of its metrics."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras


def metric_direction(model: keras.Model, monitor: str) -> str | None:
    """Return "min" or "max" for the metric that the logs call `monitor`, `None` if unknown."""
    name = monitor.removeprefix("val_")
    if name == "loss":
        return "min"
    for metric in _flat(getattr(model, "metrics", ())):
        if metric.name == name and hasattr(metric, "_direction"):
            return "max" if metric._direction == "up" else "min"
    return None


def _flat(metrics: Iterable[Any]) -> Iterator[Any]:
    """Yield metrics, and those that a container such as the compiled metrics holds."""
    for metric in metrics:
        yield metric
        yield from _flat(getattr(metric, "metrics", ()))
