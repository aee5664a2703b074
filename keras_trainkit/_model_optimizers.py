"""The optimizers that train a model."""

from collections.abc import Iterator

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
