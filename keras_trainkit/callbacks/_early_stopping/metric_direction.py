"""Which way a metric improves. Keras keeps this in a private attribute of most of its metrics."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras

COUNTS_OF_ERRORS = (keras.metrics.FalsePositives, keras.metrics.FalseNegatives)
COUNTS_OF_HITS = (keras.metrics.TruePositives, keras.metrics.TrueNegatives)
LOSSES = vars(keras.losses).values()


def metric_direction(model: keras.Model, monitor: str) -> str | None:
    """Return "min" or "max" for the metric that the logs call `monitor`, `None` if unknown."""
    name = monitor.removeprefix("val_")
    if name == "loss":
        return "min"
    found = _flat(getattr(model, "metrics", ()))
    metrics = sorted(found, key=lambda metric: len(metric.name), reverse=True)
    # A model with several outputs puts the output's name in front of the metric's.
    for fits in (name.__eq__, lambda own: name.endswith(f"_{own}")):
        for metric in metrics:
            direction = _direction(metric) if fits(metric.name) else None
            if direction:
                return direction
    return "min" if name.endswith("_loss") else None


def _direction(metric: Any) -> str | None:
    if hasattr(metric, "_direction"):
        return "max" if metric._direction == "up" else "min"
    if isinstance(metric, COUNTS_OF_ERRORS) or getattr(metric, "_fn", None) in LOSSES:
        return "min"
    return "max" if isinstance(metric, COUNTS_OF_HITS) else None


def _flat(metrics: Iterable[Any]) -> Iterator[Any]:
    """Yield metrics, and those that a container such as the compiled metrics holds."""
    for metric in metrics:
        yield metric
        yield from _flat(getattr(metric, "metrics", ()))
