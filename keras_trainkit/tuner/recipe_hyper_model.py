"""A model of the user's own whose training recipe a search chooses."""

import inspect
import weakref
from collections.abc import Callable
from typing import Any

import keras
from keras_tuner import HyperParameters
from keras_tuner.errors import FatalValueError

from keras_trainkit import _validation
from keras_trainkit.callbacks._training_state.variables import build_optimizer
from keras_trainkit.tuner import _recipe, spaces
from keras_trainkit.tuner._searched_fit import SearchedFit, optimizer_space


class RecipeHyperModel(SearchedFit):
    """A model as it is, and a search for what trains it best.

    `build` makes and compiles the model as it does without a search. Each trial changes its recipe
    alone: the optimizer with its learning rate, momentum, weight decay and schedule, the rate of
    all its dropout layers, the penalty of all its kernels, the batch size. Loss, metrics and what
    else `compile` was given stay.

    The arguments from `optimizer` to `batch_size`, and `epochs`, follow the convention of
    `spaces.Space`: a value, a range `(low, high)`, a list to choose from, `None` for the default
    space; and `False`, which leaves the model as `build` has made it.

    Args:
        build: function without arguments that returns a new compiled model.
        optimizer: A `spaces.Optimizer` or its first argument.
        schedule: A `spaces.Schedule` or its first argument; where `optimizer` is a space, the
            schedule belongs inside it, and where it is `False` there is none.
        dropout: A `spaces.Dropout` or its argument, one rate for `Dropout`, `AlphaDropout`,
            `GaussianDropout` and the spatial ones, also inside of layers of one's own. What
            attention and recurrent layers drop by themselves stays. Defaults to `False`.
        regularizer: A `spaces.Regularizer` or its first argument, for every trainable kernel, in
            place of the one that it has. Defaults to `False`.
        batch_size: A `spaces.BatchSize` or its argument. `False`, the default, leaves it to the
            arguments of `search`.
        epochs: A `spaces.Epochs` or its argument. `False`, the default, leaves it to the arguments
            of `search`.
        name: str. Name of the hypermodel.
        tunable: bool. `False` fixes everything at the defaults of its space.

    Raises:
        ValueError: if an argument names a value outside its interval; if `build` needs arguments,
            or what it returns is no compiled model, or the one that it has returned before; if
            `dropout` or `regularizer` is given and the model has no dropout layer or no trainable
            kernel; if `optimizer` is, and the model has a `compile` of its own. What shows when a
            model is built ends the search.

    Example:
        >>> import keras, keras_tuner
        >>> from keras_trainkit.tuner import RecipeHyperModel
        >>> def build_model():
        ...     layers = [keras.Input((8,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
        ...     model = keras.Sequential(layers)
        ...     model.compile("adam", "mse")
        ...     return model
        >>> hypermodel = RecipeHyperModel(build_model, optimizer="nag", dropout=(0.1, 0.4))
        >>> model = hypermodel.build(keras_tuner.HyperParameters())
        >>> model.optimizer.name, model.layers[0].rate, model.loss
        ('nag', 0.25, 'mse')
    """

    def __init__(
        self,
        build: Callable[[], keras.Model],
        optimizer: Any = None,
        schedule: Any = None,
        dropout: Any = False,
        regularizer: Any = False,
        batch_size: Any = False,
        *,
        epochs: Any = False,
        name: str | None = None,
        tunable: bool = True,
    ) -> None:
        # First, because it replaces `self.build`.
        super().__init__(name=name, tunable=tunable)
        self.build_model = _checked_build(build)
        if optimizer is False and schedule:
            raise _validation.invalid("schedule", "None with optimizer=False", schedule)
        self.optimizer = None if optimizer is False else optimizer_space(optimizer, schedule)
        self.dropout = spaces.Dropout.of(dropout)
        self.regularizer = None if regularizer is False else spaces.Regularizer.of(regularizer)
        self.batch_size = spaces.BatchSize.of(batch_size)
        self.epochs = spaces.Epochs.of(epochs)
        self._last: Callable[[], Any] = _no_model

    def declare_hyperparameters(self, hp: HyperParameters) -> None:
        """Register every hyperparameter, also those that only `fit` uses."""
        if self.tunable:
            for space in (
                self.optimizer,
                self.dropout,
                self.regularizer,
                self.batch_size,
                self.epochs,
            ):
                if space is not None:
                    space.declare(hp)

    def build(self, hp: HyperParameters) -> keras.Model:
        """Return a new model of the user's with the recipe of the current values."""
        model = self._new_model()
        rate = self.dropout.declare(hp)
        if rate is not None:
            _recipe.set_dropout(model, rate)
        if self.regularizer is not None:
            _recipe.set_penalty(model, self.regularizer.build(hp))
        if self.optimizer is not None:
            _recipe.set_optimizer(model, self.optimizer.build(hp))
        # KerasTuner's checkpoints hold the optimizer's state, which loads into a built one.
        build_optimizer(model)
        return model

    def __getstate__(self) -> dict[str, Any]:
        """Return what goes to other processes: no reference to a model here."""
        return {**vars(self), "_last": _no_model}

    def _new_model(self) -> keras.Model:
        model = self.build_model()
        if not isinstance(model, keras.Model):
            raise FatalValueError(f"`build` must return a keras.Model. Received: {model!r}")
        if not model.compiled:
            raise FatalValueError(
                "`build` must return a compiled model, whose loss and metrics each trial has. "
                f"Received: {model.name!r}"
            )
        if self._last() is model:
            raise FatalValueError(
                "`build` must return a new model each time, or a trial would go on with the "
                f"weights of the last one. Received: {model.name!r} again"
            )
        self._last = weakref.ref(model)
        return model


def _no_model() -> None:
    """Return what a reference to no model does."""


def _checked_build(build: Any) -> Callable[[], keras.Model]:
    """Return `build` if it can be called without arguments, or raise."""
    if isinstance(build, keras.Layer) or not callable(build):
        raise _validation.wrong_type("build", "a function that returns a compiled model", build)
    try:
        inspect.signature(build).bind()
    except TypeError:
        requirement = "without arguments; a function of hyperparameters goes to the tuner itself"
        raise _validation.wrong_type("build", requirement, build) from None
    return build
