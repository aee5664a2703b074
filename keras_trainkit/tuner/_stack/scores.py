"""Loss and metrics of all lanes, as sums over rows."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from keras_trainkit._keras_internals import (
    arguments_of_function,
    compiled_with,
    function_of,
    metrics_in,
    symbolic_build,
)
from keras_trainkit._tensors import Tensor
from keras_trainkit.layers._standardization import StandardizedLoss
from keras_trainkit.tuner._stack.chain import Chain, NotStackable

# From targets and outputs to a number for each row.
PerRow = Callable[[Tensor, Tensor], Tensor]
MEANS = "sum_over_batch_size", "mean"
# Functions of Keras's that return a number for each row, whatever the other rows are.
LOSSES = (
    *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error"),
    *("mean_squared_logarithmic_error", "huber", "log_cosh", "poisson", "kl_divergence"),
    *("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"),
    *("binary_focal_crossentropy", "categorical_focal_crossentropy", "cosine_similarity"),
    *("hinge", "squared_hinge", "categorical_hinge"),
)
# Keras's metrics of hinges do not bring targets and outputs of one column to one shape.
METRICS = (
    *(name for name in LOSSES if "hinge" not in name),
    *("accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"),
    *("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"),
)


class Scores:
    """Loss and metrics of outputs.

    Args:
        loss: of targets and outputs, in the unit of the loss.
        metrics: names and functions, in the unit of the targets.
        scale: mean and scale that turn outputs to the unit of the targets, `None` for none.
        key: text. What tells equal scores of two models from others.
    """

    def __init__(
        self, loss: PerRow, metrics: Mapping[str, PerRow], scale: tuple[Any, Any] | None, key: str
    ) -> None:
        self.loss, self.metrics, self.scale, self.key = loss, metrics, scale, key

    @property
    def names(self) -> list[str]:
        """Names of the sums that `sums` returns."""
        return ["loss", *self.metrics]

    def sums(self, head: Callable, outputs: Tensor, y: Tensor, counts: Tensor) -> Tensor:
        """Return the sums over rows, `(lanes, 1 + metrics)`, the loss first.

        Args:
            head: activation of the outputs.
            outputs: `(lanes, rows, outputs)`, before it.
            y: targets, `(lanes, rows, ...)`.
            counts: `(rows,)`, how often each counts.
        """
        shape = ops.shape(outputs)
        # Rows of all lanes below each other: some activations are recognized by the losses.
        flat = head(ops.reshape(outputs, (shape[0] * shape[1], outputs.shape[2])))
        y = ops.reshape(y, (shape[0] * shape[1], *y.shape[2:]))
        seen, of_loss = flat, y
        if self.scale is not None:
            mean, scale = (ops.cast(each, flat.dtype) for each in self.scale)
            seen, of_loss = mean + scale * flat, (ops.cast(y, flat.dtype) - mean) / scale
        values = [self.loss(of_loss, flat), *(each(y, seen) for each in self.metrics.values())]
        return ops.stack(
            [_sum_over_rows(each, shape, flat.dtype, counts) for each in values], axis=1
        )

    def with_penalty(self, sums: Tensor, penalties: Tensor, counts: Tensor) -> Tensor:
        """Return sums whose loss holds the penalties too."""
        first = sums[:, :1] + (penalties * ops.sum(counts))[:, None]
        return ops.concatenate([first, sums[:, 1:]], axis=1)


def _sum_over_rows(values: Tensor, shape: Any, dtype: Any, counts: Tensor) -> Tensor:
    """Return each lane's sum; of a row that has several values their mean counts."""
    values = ops.reshape(ops.cast(values, dtype), (shape[0] * shape[1], -1))
    # Not `ops.mean`, which on PyTorch turns float64 into float32.
    of_rows = ops.sum(values, axis=1) / ops.cast(ops.shape(values)[1], dtype)
    return ops.sum(ops.reshape(of_rows, shape[:2]) * counts, axis=1)


def scores_of(chain: Chain, x: Any, y: Any) -> Scores:
    """Return loss and metrics of a model.

    Args:
        chain: its chain.
        x: some rows.
        y: their targets.

    Raises:
        NotStackable: if one of them is no mean over rows of a function of Keras's.
    """
    model = chain.model
    given = compiled_with(model)
    for name in ("loss_weights", "weighted_metrics", "run_eagerly"):
        if given.get(name):
            raise NotStackable(f"`{name}` of `compile`")
    loss, scale = given.get("loss"), None
    if isinstance(loss, StandardizedLoss):
        if chain.last is None or loss.layer is not chain.last:
            raise NotStackable("the loss")
        loss = loss.loss
        scale = tuple(map(ops.convert_to_numpy, (chain.last.mean, chain.last.scale)))
    elif chain.last is not None:
        raise NotStackable("the loss")
    symbolic_build(model, (x[:1], y[:1]))
    loss_per_row = _loss_per_row(loss)
    metrics = {metric.name: _per_row(metric) for metric in metrics_in(model)}
    if len(metrics) < len(metrics_in(model)):
        raise NotStackable("two metrics of one name")
    functions = [(name, m.func, sorted(m.keywords.items())) for name, m in metrics.items()]
    key = repr((keras.losses.serialize(keras.losses.get(loss)), functions, scale))
    return Scores(loss_per_row, metrics, scale, key)


def _loss_per_row(loss: Any) -> PerRow:
    known: Any = keras.losses.get(loss) if loss is not None else None
    is_instance = isinstance(known, keras.losses.Loss)
    is_mean = not is_instance or known.reduction in MEANS
    function, arguments = getattr(known, "fn", known), arguments_of_function(known)
    if not is_mean or not _is_of_rows(function, LOSSES, arguments):
        raise NotStackable(f"the loss {_name_of(known)}")
    return known.call if is_instance else known


def _per_row(metric: Any) -> partial:
    wrapper = keras.metrics.MeanMetricWrapper
    is_plain = isinstance(metric, wrapper) and type(metric).update_state is wrapper.update_state
    if is_plain:
        function, arguments = function_of(metric), arguments_of_function(metric)
        if _is_of_rows(function, METRICS, arguments):
            return partial(function, **arguments)
    raise NotStackable(f"the metric {metric.name!r}")


def _is_of_rows(function: Any, names: Sequence[str], arguments: Mapping[str, Any]) -> bool:
    """Say whether Keras brought a function, by one of these names, that knows one row at a time."""
    place = getattr(function, "__module__", "").partition(".")[0]
    is_known = place == "keras" and getattr(function, "__name__", "") in names
    # Rows that a mask leaves out change what the others count.
    return is_known and arguments.get("axis", -1) == -1 and arguments.get("ignore_class") is None


def _name_of(thing: Any) -> str:
    return getattr(thing, "__name__", type(thing).__name__)
