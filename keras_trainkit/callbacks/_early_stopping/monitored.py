"""The metrics that are monitored: their names, their values, and which way they improve."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._fit import running_fit
from keras_trainkit._keras_internals import direction_of, function_of

VALIDATION = "val_"
_COUNTS_OF_ERRORS = (keras.metrics.FalsePositives, keras.metrics.FalseNegatives)
_COUNTS_OF_HITS = (keras.metrics.TruePositives, keras.metrics.TrueNegatives)
_LOSSES = vars(keras.losses).values()


def names_of(monitor: Any) -> tuple[str, ...]:
    """Return the names that the argument `monitor` stands for."""
    several = isinstance(monitor, Iterable) and not isinstance(monitor, str)
    names = tuple(monitor) if several else (monitor,)
    if not names or not all(isinstance(name, str) for name in names):
        raise _validation.invalid("monitor", "the name of a metric, or several", monitor)
    return names


def modes_of(mode: Any, count: int) -> tuple[str, ...]:
    """Return one of "auto", "min" and "max" for each of `count` metrics."""
    several = isinstance(mode, Iterable) and not isinstance(mode, str)
    modes = tuple(mode) if several else (mode,) * count
    if len(modes) != count:
        raise _validation.invalid("mode", f"one for each of {count} metrics", mode)
    return tuple(_validation.one_of("mode", one, ("auto", "min", "max")) for one in modes)


def value_of(logs: Mapping[str, Any], name: str) -> float | None:
    """Return a value of the logs, or None where they have none."""
    if name not in logs:
        return None
    value = np.asarray(logs[name])
    if value.size != 1:
        raise _validation.invalid("monitor", "the name of a scalar", name)
    return float(value.item())


def directions_of(
    model: keras.Model, names: Sequence[str], mode: Any, logs: Mapping[str, Any]
) -> list[str] | None:
    """Return "min" or "max" for each metric, or None as long as the logs may come to show it."""
    missing = [name for name in names if name not in logs]
    if missing and (not logs or _awaits_validation(model, names, logs)):
        return None
    if missing:
        raise _validation.invalid(
            "monitor", f"among what an epoch logs: {', '.join(sorted(logs))}", missing[0]
        )
    found = []
    for name, one in zip(names, modes_of(mode, len(names)), strict=True):
        direction = one if one != "auto" else metric_direction(model, name)
        if direction is None:
            raise _validation.invalid(
                "mode",
                f'"min" or "max" for monitor={name!r}, whose direction Keras does not know '
                f"(the epoch's metrics are {', '.join(sorted(logs))})",
                mode,
            )
        found.append(direction)
    return found


def metric_direction(model: keras.Model, monitor: str) -> str | None:
    """Return "min" or "max" for the metric that the logs call `monitor`, `None` if unknown."""
    name = monitor.removeprefix(VALIDATION)
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


def any_of_validation(names: Iterable[str]) -> bool:
    """Say whether a validation is needed for some of the metrics."""
    return any(name.startswith(VALIDATION) for name in names)


def _awaits_validation(model: keras.Model, names: Sequence[str], logs: Mapping[str, Any]) -> bool:
    """Say whether an epoch to come is validated, and this one was not."""
    fit = running_fit(model)
    arguments = fit.arguments if fit else {}
    validates = arguments.get("validation_data") is not None or arguments.get("validation_split")
    return bool(
        validates
        and arguments.get("validation_freq", 1) != 1
        and any_of_validation(names)
        and not any_of_validation(logs)
    )


def _direction(metric: Any) -> str | None:
    told = direction_of(metric)
    if told is not None:
        return told
    if isinstance(metric, _COUNTS_OF_ERRORS) or function_of(metric) in _LOSSES:
        return "min"
    return "max" if isinstance(metric, _COUNTS_OF_HITS) else None


def _flat(metrics: Iterable[Any]) -> Iterator[Any]:
    """Yield metrics, and those that a container such as the compiled metrics holds."""
    for metric in metrics:
        yield metric
        yield from _flat(getattr(metric, "metrics", ()))
