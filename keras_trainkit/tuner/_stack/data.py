"""The rows that a search trains and validates with, as the stack has them."""

import inspect
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit._fit import rows_that_train
from keras_trainkit.tuner._stack.chain import Chain, NotStackable

BATCH = 32
# Arguments of `fit` that a stack does not know, with the values at which they do nothing.
_UNKNOWN = {
    "class_weight": None,
    "sample_weight": None,
    "initial_epoch": 0,
    "steps_per_epoch": None,
    "validation_steps": None,
    "validation_freq": 1,
}


@dataclass(frozen=True)
class Plan:
    """What a call of `fit` asks for.

    Args:
        x: array of all rows that train.
        y: their targets.
        validation: rows and targets that validate, or `None`.
        batch_size: int.
        epochs: int.
        shuffle: bool.
        callbacks: list.
        arguments: of `fit`, by name.
    """

    x: np.ndarray
    y: np.ndarray
    validation: tuple[np.ndarray, np.ndarray] | None
    batch_size: int
    epochs: int
    shuffle: bool
    callbacks: list[Any]
    arguments: dict[str, Any]

    @property
    def steps(self) -> int:
        """Updates in an epoch."""
        return -(-len(self.x) // self.batch_size)


def plan_of(args: tuple, kwargs: dict[str, Any]) -> Plan:
    """Return the plan of a call of `fit`.

    Raises:
        NotStackable: if it asks for what a stack does not know.
    """
    bound = inspect.signature(keras.Model.fit).bind(None, *args, **kwargs)
    bound.apply_defaults()
    given = {name: value for name, value in bound.arguments.items() if name != "self"}
    for name, idle in _UNKNOWN.items():
        if given[name] is not idle and not (isinstance(idle, int) and given[name] == idle):
            raise NotStackable(f"`{name}` of `fit`")
    x, y = (_array(name, given[name]) for name in ("x", "y"))
    validation, share = given["validation_data"], given["validation_split"]
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise NotStackable("validation data that is no pair of arrays")
        validation = tuple(_array("validation_data", each) for each in validation)
    elif share:
        rows = rows_that_train(len(x), share)
        x, validation, y = x[:rows], (x[rows:], y[rows:]), y[:rows]
    pairs = [(x, y)] if validation is None else [(x, y), validation]
    if any(len(rows) != len(targets) or not len(rows) for rows, targets in pairs):
        raise NotStackable("data that `fit` refuses")
    size = BATCH if given["batch_size"] is None else given["batch_size"]
    for name, number in (("batch_size", size), ("epochs", given["epochs"])):
        if not isinstance(number, int | np.integer) or number < 1:
            raise NotStackable(f"`{name}` that is no count")
    return Plan(
        x,
        y,
        validation,
        size,
        given["epochs"],
        bool(given["shuffle"]),
        list(given["callbacks"] or ()),
        given,
    )


def check_rows(chain: Chain, plan: Plan) -> None:
    """Raise if rows are not as the model takes them; `fit` would try to make them so."""
    expected = tuple(chain.model.input_shape[1:])
    for x in (plan.x, *([] if plan.validation is None else plan.validation[:1])):
        if (x.shape[1:] or (1,)) != expected:
            raise NotStackable(f"rows of shape {x.shape[1:]} for inputs of shape {expected}")


def _array(name: str, given: Any) -> np.ndarray:
    if not isinstance(given, np.ndarray) or given.dtype.kind not in "fiub":
        raise NotStackable(f"`{name}` that is no array of NumPy")
    return given


def prepared(chain: Chain, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Return rows after the first layers of a model, and targets as its loss takes them."""
    floats = ops.convert_to_tensor(x if x.ndim > 1 else x[:, None], dtype=keras.config.floatx())
    for layer in chain.first:
        floats = layer(floats, training=False)
    if y.ndim == 1 and chain.blocks[-1].width == 1:
        y = y[:, None]
    y = y.astype(keras.config.floatx()) if y.dtype.kind == "f" else y
    return {"x": ops.stop_gradient(floats), "y": ops.convert_to_tensor(y)}
