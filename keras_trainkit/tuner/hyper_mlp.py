"""The multilayer perceptron whose every setting a search may choose."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import keras
import keras_tuner

from keras_trainkit import _validation
from keras_trainkit.layers._standardization import (
    INPUTS,
    TARGETS,
    Standardization,
    StandardizedLoss,
)
from keras_trainkit.tuner import spaces
from keras_trainkit.tuner._hyper_mlp.checks import checked_shape, known_activation
from keras_trainkit.tuner._hyper_mlp.tasks import TASKS, checked_loss, output_count, scales_targets
from keras_trainkit.tuner._searched_fit import SearchedFit, optimizer_space
from keras_trainkit.tuner.spaces._dimension import dimension

ACTIVATIONS = ("relu", "tanh", "elu", "selu")
PER_LAYER = ("width", "dropout")


class HyperMLP(SearchedFit):
    """Multilayer perceptron to tune: L hidden blocks and an output layer.

        x_l = Dropout(activation(BatchNormalization(W_l x_{l-1}))),   l = 1 ... L
        y = output_activation(W x_L + b)

    Give it to a tuner of this package or to any of KerasTuner's. Where a block has no batch
    normalization its Dense layer has a bias. Inputs of more than one axis are flattened. The kernel
    initializer follows the activation, the output follows the task:

        task                         output activation   loss                  metric
        classification (int labels)  softmax             cross-entropy         accuracy
        one_hot (rows with one 1)    softmax             cross-entropy         accuracy
        binary (labels 0, 1)         sigmoid             binary cross-entropy  accuracy
        multilabel (rows of 0, 1)    sigmoid             binary cross-entropy  binary_accuracy
        regression                   linear              squared error         mean_absolute_error

    Raw tables will do. The model standardizes each input by mean and standard deviation, and learns
    the targets of a regression in units of theirs. It takes both from the data of its first `fit`,
    without the share that validates. Predictions and metrics are in the unit of the targets; the
    loss is in standard deviations, so that a squared error of 1 is that of predicting the mean.

    The arguments from `hidden_layers` to `batch_size`, and `epochs`, follow the convention of
    `spaces.Space`: a value, a range `(low, high)`, a list to choose from, `None` for the default
    space, `False` for off.

    Args:
        input_shape: tuple of int. Shape of one sample. `None` takes it from the data in `fit`;
            then a reloaded model does not get its optimizer's state back.
        classes: int >= 2. Number of classes, or of labels for `"multilabel"`; necessary for
            `"classification"`, `"one_hot"` and `"multilabel"`, and for these only.
        output_units: int >= 1. Number of outputs; for `"regression"` only. Defaults to 1 there.
        task: str. One of the names in the table above. Defaults to `"classification"`.
        hidden_layers: int >= 1. L; see `spaces.HiddenUnits` for this and the next two.
        width: int >= 1. Units of the first hidden layer.
        shape: str. Rule for the units of the others.
        activation: str. Name of an activation. Defaults to `("relu", "tanh", "elu", "selu")`.
        initializer: A `spaces.Initializer` or its argument. Defaults to `"matched"`.
        batch_norm: A `spaces.BatchNormalization` or its argument.
        dropout: A `spaces.Dropout` or its argument, one rate for all blocks.
        regularizer: A `spaces.Regularizer` or its first argument, for every kernel.
        optimizer: A `spaces.Optimizer` or its first argument.
        schedule: A `spaces.Schedule` or its first argument; where `optimizer` is a space, the
            schedule belongs inside it.
        batch_size: A `spaces.BatchSize` or its argument. `False` leaves it to the arguments of
            `search`, as a data set that is batched already needs.
        metrics: list, as in `keras.Model.compile`. Defaults to the metric in the table above.
        name: str. Name of the hypermodel and of its models.
        tunable: bool. `False` fixes everything at the defaults of its space.
        epochs: A `spaces.Epochs` or its argument. Defaults to `False`, which leaves it to the
            arguments of `search`.
        per_layer: names among `"width"` and `"dropout"`: what each hidden layer has by itself, as
            `layer_1/width`. Defaults to `()`.
        loss: str, `keras.losses.Loss` or function. Defaults to the loss in the table above.
        scale_inputs: bool. Whether the model standardizes its inputs. Defaults to `True`.
        scale_targets: bool. Whether it learns the targets of a regression in units of their
            standard deviation. Defaults to `True` where `loss` names one of the difference between
            target and output: squared or absolute error, Huber, log-cosh.

    Raises:
        ValueError: if an argument names a value outside its interval.

    Example:
        >>> import keras_tuner
        >>> from keras_trainkit.tuner import HyperMLP
        >>> hypermodel = HyperMLP((64,), classes=10, hidden_layers=2, width=(32, 128))
        >>> model = hypermodel.build(keras_tuner.HyperParameters())
        >>> model.output_shape
        (None, 10)
    """

    optimizer: spaces.Optimizer

    def __init__(
        self,
        input_shape: Sequence[int] | None = None,
        classes: int | None = None,
        output_units: int | None = None,
        task: str = "classification",
        hidden_layers: Any = None,
        width: Any = None,
        shape: Any = None,
        activation: Any = None,
        initializer: Any = None,
        batch_norm: Any = None,
        dropout: Any = None,
        regularizer: Any = None,
        optimizer: Any = None,
        schedule: Any = None,
        batch_size: Any = None,
        metrics: Sequence[Any] | None = None,
        name: str | None = None,
        tunable: bool = True,
        *,
        epochs: Any = False,
        per_layer: Collection[str] = (),
        loss: Any = None,
        scale_inputs: bool = True,
        scale_targets: bool | None = None,
    ) -> None:
        # First, because it replaces `self.build`.
        super().__init__(name=name, tunable=tunable)
        self.input_shape = checked_shape(input_shape)
        self.task = TASKS[_validation.one_of("task", task, TASKS)]
        self.outputs = output_count(task, classes, output_units)
        self.loss = checked_loss(task, loss)
        self.metrics = [self.task.metric] if metrics is None else list(metrics)
        self.scale_inputs = _validation.boolean("scale_inputs", scale_inputs)
        self.scale_targets = scales_targets(task, self.loss, scale_targets)
        self.per_layer = [_validation.one_of("per_layer", one, PER_LAYER) for one in per_layer]
        self.hidden_units = spaces.HiddenUnits(
            hidden_layers, width, shape, per_layer="width" in self.per_layer
        )
        self.activation = dimension("activation", activation, known_activation, default=ACTIVATIONS)
        self.initializer = spaces.Initializer.of(initializer)
        self.batch_norm = spaces.BatchNormalization.of(batch_norm)
        self.dropout = spaces.Dropout.of(dropout)
        self.regularizer = spaces.Regularizer.of(regularizer)
        self.optimizer = optimizer_space(optimizer, schedule)
        self.batch_size = spaces.BatchSize.of(batch_size)
        self.epochs = spaces.Epochs.of(epochs)

    def declare_hyperparameters(self, hp: keras_tuner.HyperParameters) -> None:
        """Register every hyperparameter, also those that only `fit` uses."""
        if self.tunable:
            self.hidden_units.declare(hp)
            self.activation.declare(hp)
            self.initializer.declare(hp)
            self.batch_norm.declare(hp)
            self._dropouts(hp)
            self.regularizer.declare(hp)
            self.optimizer.declare(hp)
            self.batch_size.declare(hp)
            self.epochs.declare(hp)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Sequential:
        """Return a new compiled model of the current values."""
        model = keras.Sequential(list(self._layers(hp)), name=self.name)
        loss = self.loss
        if self.scale_targets:
            loss = StandardizedLoss(loss, model.layers[-1])
        model.compile(self.optimizer.build(hp), loss=loss, metrics=self.metrics)
        if model.built:
            # KerasTuner's checkpoints hold the optimizer's state, which loads into a built one.
            model.optimizer.build(model.trainable_variables)
        return model

    def _layers(self, hp: keras_tuner.HyperParameters) -> Iterator[Any]:
        # Not in half precision under a mixed policy: inputs may be large, and the loss takes the
        # logarithm.
        precise = keras.config.floatx()
        if self.input_shape is not None:
            yield keras.Input(self.input_shape)
        if self.input_shape is None or len(self.input_shape) != 1:
            yield keras.layers.Flatten(dtype=precise)
        if self.scale_inputs:
            yield Standardization(INPUTS, dtype=precise)
        activation = self.activation.declare(hp)
        dropouts = self._dropouts(hp)
        for units, dropout in zip(self.hidden_units.build(hp), dropouts, strict=True):
            normalization = self.batch_norm.build(hp)
            yield self._dense(hp, units, activation, use_bias=normalization is None)
            if normalization is not None:
                yield normalization
            yield keras.layers.Activation(activation)
            if dropout is not None:
                yield dropout
        activation = self.task.activation
        yield self._dense(hp, self.outputs, activation, activation=activation, dtype=precise)
        if self.scale_targets:
            yield Standardization(TARGETS, dtype=precise)

    def _dropouts(self, hp: keras_tuner.HyperParameters) -> list[Any]:
        """Return a new dropout layer, or `None`, for each hidden layer."""
        if "dropout" in self.per_layer:
            return self.hidden_units.each(hp, self.dropout)
        return [self.dropout.build(hp) for _ in self.hidden_units.build(hp)]

    def _dense(
        self, hp: keras_tuner.HyperParameters, units: int, matched_to: str, **arguments: Any
    ) -> keras.layers.Dense:
        """Return the linear layer in front of the activation `matched_to`."""
        return keras.layers.Dense(
            units,
            kernel_initializer=self.initializer.build(hp, matched_to),
            kernel_regularizer=self.regularizer.build(hp),
            **arguments,
        )
