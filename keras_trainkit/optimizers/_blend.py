"""The moving average that Adam's family keeps."""

from typing import Any

from keras import ops


def blend(optimizer: Any, moment: Any, value: Any, beta: Any) -> Any:
    """Set a moment to beta * moment + (1 - beta) * value, and return it."""
    old = ops.cast(moment, value.dtype)
    # One product, not two: compilers then round it in one way (see `NAG`).
    moved = old + (1 - beta) * (value - old)
    optimizer.assign(moment, moved)
    return moved
