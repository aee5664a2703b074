"""Standardization inside of a model, learned from the data when it first trains.

Inputs go in as the user has them, and predictions come out in the unit of the targets; between
them all numbers are of the order of one. The loss is measured there too.
"""

import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._fit import rows_that_train
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor

INPUTS, TARGETS = "inputs", "targets"
# A spread below this share of the mean is what float32 rounds.
CONSTANT = 1e-6


@register
class Standardization(keras.layers.Layer):
    """Inputs with mean 0 and standard deviation 1, or outputs in the unit of the targets.

        inputs    y = (x - mean) / scale
        targets   y = mean + scale * x

    Mean and scale, the standard deviation, are those of each feature in the rows that train: when
    the model first trains, `fit` reads them from its data, without the share of `validation_split`.
    A feature that does not vary has the scale 1. They are weights that do not train, so that files
    hold them, and a model that has them keeps them.

    Args:
        of: str. `"inputs"`, for a layer that is given the rows of `x`, flattened; or `"targets"`,
            for one that returns predictions of `y`.
        **options: Arguments of `keras.layers.Layer`.

    Call arguments:
        x: tensor of shape `(batch, features)`.

    Raises:
        ValueError: if `of` is another name.
    """

    def __init__(self, of: str, **options: Any) -> None:
        super().__init__(**options)
        self.of = _validation.one_of("of", of, (INPUTS, TARGETS))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, which change nothing yet."""
        features = (input_shape[-1],)
        self.mean = self.add_weight(features, "zeros", trainable=False, name="mean")
        self.scale = self.add_weight(features, "ones", trainable=False, name="scale")
        self.count = self.add_weight((), "zeros", trainable=False, name="count")

    def call(self, x: Tensor) -> Tensor:
        """Return the standardized inputs, or the outputs in the unit of the targets."""
        x = ops.cast(x, self.compute_dtype)
        return (x - self.mean) / self.scale if self.of == INPUTS else self.mean + self.scale * x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "of": self.of}

    def _adapt_for_training(self, fit: dict[str, Any]) -> None:
        """Learn mean and scale from the arguments of the `fit` that begins, if they are not known.

        `keras_trainkit._fit` calls this.
        """
        if self.built and float(ops.convert_to_numpy(self.count)):
            return
        count, mean, scale = moments(training_rows(fit, self.of))
        if not count:
            return
        if not self.built:
            self.build((None, mean.size))
        self.mean.assign(mean)
        self.scale.assign(scale)
        self.count.assign(count)


@register
class StandardizedLoss(keras.losses.Loss):
    """A loss of targets and predictions that are standardized as a layer has learned to.

        loss((y_true - mean) / scale, (y_pred - mean) / scale)

    With the squared error a value of 1 is what predicting the mean of the targets comes to.

    Args:
        loss: str, `keras.losses.Loss` or function of targets and predictions.
        layer: `Standardization` whose statistics to use. Defaults to `None`, for `mean` and
            `scale`.
        mean: list of float. Defaults to 0.
        scale: list of float. Defaults to 1.
        name: str. Defaults to `"standardized_loss"`.
    """

    def __init__(
        self,
        loss: Any,
        layer: Standardization | None = None,
        mean: Any = 0.0,
        scale: Any = 1.0,
        name: str = "standardized_loss",
    ) -> None:
        self.loss = keras.losses.get(loss)
        own = isinstance(self.loss, keras.losses.Loss)
        super().__init__(name, self.loss.reduction if own else "sum_over_batch_size")
        self.layer, self.mean, self.scale = layer, mean, scale

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each row."""
        mean, scale = self._statistics()
        per_row = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        y_true = ops.cast(y_true, y_pred.dtype)
        return per_row((y_true - mean) / scale, (y_pred - mean) / scale)

    def get_config(self) -> dict[str, Any]:
        """Return the loss and the statistics as they are now."""
        mean, scale = (ops.convert_to_numpy(each).tolist() for each in self._statistics())
        loss = keras.losses.serialize(self.loss)
        return {"loss": loss, "mean": mean, "scale": scale, "name": self.name}

    def _statistics(self) -> tuple[Tensor, Tensor]:
        if self.layer is None or not self.layer.built:
            return ops.convert_to_tensor(self.mean), ops.convert_to_tensor(self.scale)
        return ops.convert_to_tensor(self.layer.mean), ops.convert_to_tensor(self.layer.scale)


def moments(batches: Iterable[Any]) -> tuple[int, np.ndarray, np.ndarray]:
    """Return count, mean and standard deviation of rows, 1 where there is none.

    Chan, T. et al. (1983), doi:10.2307/2683386: batches are joined without cancellation.
    """
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for batch in batches:
        rows = np.asarray(ops.convert_to_numpy(batch), "float64")
        rows = rows.reshape(len(rows), -1)
        own, weight = rows.mean(axis=0), len(rows) / (count + len(rows))
        squares = squares + ((rows - own) ** 2).sum(axis=0) + (own - mean) ** 2 * count * weight
        mean = mean + (own - mean) * weight
        count += len(rows)
    scale = np.sqrt(squares / max(count, 1))
    return count, mean, np.where(scale > CONSTANT * np.abs(mean), scale, 1.0)


def training_rows(fit: dict[str, Any], of: str) -> Iterator[Any]:
    """Yield batches of what a `fit` trains with, its inputs or its targets.

    Args:
        fit: dict. The arguments of `fit` by name.
        of: str. `"inputs"` or `"targets"`.
    """
    x, y = fit.get("x"), fit.get("y")
    if y is not None:
        rows = np.asarray(ops.convert_to_numpy(x if of == INPUTS else y))
        yield rows[: rows_that_train(len(rows), fit.get("validation_split") or 0.0)]
    elif not hasattr(x, "shape"):  # Rows without targets are for `fit` to refuse.
        for batch in itertools.islice(batches_again(x), fit.get("steps_per_epoch")):
            inputs, targets, _ = keras.utils.unpack_x_y_sample_weight(batch)
            yield inputs if of == INPUTS else targets


def batches_again(data: Any) -> Iterator[Any]:
    """Return the batches of a data set, which can be read again; of any other none."""
    if isinstance(data, keras.utils.PyDataset):
        endless = data.num_batches is None
        return (data[i] for i in (itertools.count() if endless else range(data.num_batches)))
    batches = iter(data)
    if batches is not data:
        return batches
    warnings.warn(
        "A generator can be read only once, so that the model does not learn how its data is "
        "scaled: give `fit` arrays or a data set, or scale the data and turn this off.",
        stacklevel=2,
    )
    return iter(())
