"""The optimizers that train a model."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras


def optimizers_of(model: keras.Model) -> Iterator[keras.optimizers.Optimizer]:
    """Yield a compiled model's optimizer and those that it wraps."""
    pending = [getattr(model, "optimizer", None)]
    while pending:
        optimizer = pending.pop()
        if optimizer is not None:
            yield optimizer
            pending.append(getattr(optimizer, "inner_optimizer", None))
            pending.extend(getattr(optimizer, "optimizers", ()))


def innermost_optimizer(model: keras.Model) -> keras.optimizers.Optimizer:
    """Return the optimizer whose learning rate the steps take."""
    found = list(optimizers_of(model))
    if not found:
        raise ValueError(
            f"`model` must be compiled with an optimizer. Received: model={model.name!r}"
        )
    return found[-1]


def optimizers_in(values: Iterable[Any]) -> Iterator[keras.optimizers.Optimizer]:
    """Yield optimizers among attributes, also those in lists and dicts, each once."""
    seen = set()
    for value in values:
        inner = value.values() if isinstance(value, dict) else value
        for one in inner if isinstance(value, list | tuple | dict) else (value,):
            if isinstance(one, keras.optimizers.Optimizer) and id(one) not in seen:
                seen.add(id(one))
                yield one


def trained_variables(optimizer: keras.optimizers.Optimizer) -> list:
    """Return the variables the optimizer was built for; Keras has no public name for them."""
    return list(optimizer._trainable_variables)
