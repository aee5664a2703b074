"""A model that is trained for a look, and given back as it was."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from keras_trainkit._backend import backend_module
from keras_trainkit._interruption import uninterrupted
from keras_trainkit._keras_internals import (
    LEFT_BY_FIT,
    begin_at,
    has_met_data,
    layers_of,
)
from keras_trainkit.callbacks._train_function import TrainFunction
from keras_trainkit.callbacks._training_state.variables import (
    assign,
    build_optimizer,
    generator_states,
    set_generator_states,
    state_variables,
)


class BuildFirst(TrainFunction):
    """Stands in for the train function once, to build the model before it trains.

    TensorFlow builds a model in its first step, after which nobody knows what it began from. Not
    every model can be built by its `call`: a step of the user's own may need more, or be all.

    Args:
        model: model that `fit` is about to train.
        then: function without arguments, called when the model is built.
    """

    def __init__(self, model: keras.Model, then: Callable[[], None]) -> None:
        super().__init__(model)
        self._then = then
        self.attach()

    def __call__(self, iterator: Any) -> dict[str, Any]:
        """Build as the step would, give the place back, and train."""
        self.detach()
        backend_module(__package__).make_variables(self.model, iterator)
        self._then()
        return super().__call__(iterator)


@contextmanager
def restored(model: keras.Model) -> Iterator["ModelSnapshot"]:
    """Give the model back as it was, however the block ends."""
    snapshot = ModelSnapshot(model)
    try:
        begin_at(model, None)
        yield snapshot
    finally:
        with uninterrupted():
            snapshot.put_back()


class ModelSnapshot:
    """Variables, generators and attributes as they were, one copy in the host's memory.

    What `fit` builds stays built: it is put back to its initial values, and the generators to where
    the first step of that `fit` found them. The next one finds nothing to build and begins there,
    so that it trains as if it were the first.

    Args:
        model: compiled model that is about to be trained.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._was_built = is_built(model) and has_met_data(model)
        self._attributes = {name: vars(model)[name] for name in LEFT_BY_FIT if name in vars(model)}
        self._generators = generator_states()
        self._values: dict[int, tuple[Any, np.ndarray]] = {}
        build_optimizer(model)
        self._keep()

    def add_built(self) -> None:
        """Keep also what `fit` has built before its first step."""
        build_optimizer(self._model)
        self._keep()
        if not self._was_built:
            self._generators = generator_states()
            self._was_built = True

    def begin_again(self) -> None:
        """Bring everything back, to train once more from there."""
        self.put_back()
        begin_at(self._model, None)

    def put_back(self) -> None:
        """Bring everything back."""
        model = self._model
        model.reset_metrics()  # TensorFlow creates some in the first step.
        assign(*zip(*self._values.values(), strict=True))
        for name in LEFT_BY_FIT:
            vars(model).pop(name, None)
        vars(model).update(self._attributes)
        set_generator_states(self._generators)

    def _keep(self) -> None:
        for variable in (*state_variables(self._model), *self._model.metrics_variables):
            if id(variable) not in self._values:
                value = np.array(keras.ops.convert_to_numpy(variable))
                self._values[id(variable)] = variable, value


def is_built(model: keras.Model) -> bool:
    """Say whether all of its weights exist; a model that is never called has none of its own."""
    callable_ones = (one for one in layers_of(model) if type(one).call is not keras.Model.call)
    return all(layer.built for layer in callable_ones)
