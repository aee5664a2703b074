"""What losses and metrics are called, in whichever form `compile` was given them."""

import functools
import inspect
from dataclasses import dataclass
from typing import Any

import keras

from keras_trainkit.diagnosis._preflight.activations import function_name, in_snake_case

# Short names that `compile` takes; Keras's other functions and classes are called as they are.
_SHORT = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "logcosh": "log_cosh",
    "acc": "accuracy",
    "ce": "crossentropy",
}
# The class that compares outputs with labels for equality, which the text "accuracy" never means.
EXACT = "Accuracy"


@dataclass(frozen=True)
class Named:
    """A loss or a metric: its name in Keras's spelling, and what a rule must know of it."""

    name: str = ""
    from_logits: bool = False
    is_own: bool = False


def named(given: Any) -> Named:
    """Return the name of a loss or a metric: a text, a function, an object, a class, a config."""
    if given is None:
        return Named()
    if isinstance(given, str):
        return Named(_in_full(given), is_own=not _is_of_keras(given))
    if isinstance(given, dict):
        config = given.get("config")
        config = config if isinstance(config, dict) else {}
        text = given.get("class_name") if config else given.get("config", "")
        return Named(_in_full(str(text)), bool(config.get("from_logits")))
    if isinstance(given, functools.partial):
        inner = named(given.func)
        return Named(inner.name, bool(given.keywords.get("from_logits")), inner.is_own)
    return _named_object(given)


def _named_object(given: Any) -> Named:
    kind = given if inspect.isclass(given) or inspect.isfunction(given) else type(given)
    is_own = getattr(kind, "__module__", "").partition(".")[0] != "keras"
    name = function_name(given if inspect.isfunction(given) else kind)
    if kind in (keras.losses.Loss, keras.metrics.MeanMetricWrapper):
        name = getattr(given, "name", name)
    name = name if is_own or name == EXACT else _in_full(name)
    return Named(name, bool(getattr(given, "from_logits", False)), is_own)


def _in_full(text: str) -> str:
    spelled = in_snake_case(text) if not text.isupper() else text.lower()
    return _SHORT.get(spelled, spelled)


def _is_of_keras(text: str) -> bool:
    spelled = _in_full(text)
    if spelled in ("accuracy", "crossentropy"):
        return True
    names = (*vars(keras.losses), *vars(keras.metrics))
    return any(spelled in (name, in_snake_case(name)) for name in names)


def chosen_crossentropy(units: int | None, rank: int | None, columns: int | None) -> str:
    """Return which loss Keras takes for "crossentropy", by the target's rank less the output's.

    Args:
        units: integer. The length of the output's last axis.
        rank: integer. How many axes the target has more than the output, `None` if not known.
        columns: integer. The length of the target's last axis.
    """
    if units == 1:
        return "binary_crossentropy"
    if rank is None or units is None:
        return "crossentropy"
    is_sparse = rank < 0 or columns == 1
    return "sparse_categorical_crossentropy" if is_sparse else "categorical_crossentropy"
