"""What the outputs of a network mean, and how they are judged."""

from typing import Any, NamedTuple

import keras

from keras_trainkit import _validation

REGRESSION = "regression"


class Task(NamedTuple):
    """An output layer, and what belongs to it."""

    activation: str
    loss: str
    metric: str
    has_classes: bool = False
    """Whether `classes` tells the number of outputs."""


TASKS = {
    "classification": Task("softmax", "sparse_categorical_crossentropy", "accuracy", True),
    "one_hot": Task("softmax", "categorical_crossentropy", "accuracy", True),
    "binary": Task("sigmoid", "binary_crossentropy", "accuracy"),
    "multilabel": Task("sigmoid", "binary_crossentropy", "binary_accuracy", True),
    REGRESSION: Task("linear", "mean_squared_error", "mean_absolute_error"),
}
# Losses of the difference between target and output, which mean the same in any unit.
OF_DIFFERENCES = (
    "mean_squared_error",
    "mse",
    "mean_absolute_error",
    "mae",
    "huber",
    "log_cosh",
    "logcosh",
)


def output_count(task: str, classes: int | None, output_units: int | None) -> int:
    """Return the number of outputs; what `task` has no use for must be `None`."""
    if not TASKS[task].has_classes and classes is not None:
        raise _validation.invalid("classes", f"None for task={task!r}", classes)
    if task != REGRESSION and output_units is not None:
        raise _validation.invalid("output_units", f"None for task={task!r}", output_units)
    if TASKS[task].has_classes:
        return _validation.integer("classes", classes, low=2)
    return 1 if output_units is None else _validation.integer("output_units", output_units, low=1)


def checked_loss(task: str, loss: Any) -> Any:
    """Return `loss`, or that of the task for `None`, or raise if Keras does not know it."""
    if loss is None:
        return TASKS[task].loss
    try:
        keras.losses.get(loss)
    except ValueError:
        raise _validation.invalid("loss", "a loss of Keras, or a function", loss) from None
    return loss


def scales_targets(task: str, loss: Any, scale_targets: bool | None) -> bool:
    """Return whether a model learns its targets in units of their standard deviation."""
    if scale_targets is None:
        return task == REGRESSION and isinstance(loss, str) and loss in OF_DIFFERENCES
    if _validation.boolean("scale_targets", scale_targets) and task != REGRESSION:
        raise _validation.invalid("scale_targets", f"None for task={task!r}", scale_targets)
    return scale_targets
