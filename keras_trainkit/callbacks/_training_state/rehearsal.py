"""The first step without its effect: what comes into being in it is there afterwards."""

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_trainkit._backend import backend_module
from keras_trainkit.callbacks._train_function import TrainFunction
from keras_trainkit.callbacks._training_state.variables import (
    assign,
    random_streams_kept,
    state_variables,
)

# What a step is called with, and whether it draws from streams of the backend's own.
Rehearsed = tuple[tuple[Any, ...], bool]


class RehearsedStep(TrainFunction):
    """Stands in for the train function once, and rehearses the first step before it is trained.

    Args:
        model: model that is about to train.
        then: function of whether the step draws from streams of the backend's own, called between
            the rehearsal and the step.

    Attributes:
        is_over: whether the step was called.
    """

    def __init__(self, model: keras.Model, then: Callable[[bool], None]) -> None:
        super().__init__(model)
        self.is_over = False
        self._then = then
        self.attach()

    def __call__(self, *arguments: Any) -> Any:
        """Rehearse, give the place back, and train."""
        self.detach()
        arguments, draws = rehearse(self, arguments)
        self._then(draws)
        self.is_over = True
        return super().__call__(*arguments)


def rehearse(stand_in: TrainFunction, arguments: tuple[Any, ...]) -> Rehearsed:
    """Have everything made that the first step makes, and leave what there was as it was.

    TensorFlow traces the step. Where nothing is traced it is run and undone: it may hold any code.

    Args:
        stand_in: what stands in for the train function of the model.
        arguments: what it was called with.

    Returns:
        Arguments that still hold the data, and whether the step draws from streams of the backend's
        own that nobody can read.
    """
    with random_streams_kept():
        if keras.backend.backend() == "tensorflow" and not stand_in.model.run_eagerly:
            backend = backend_module(__package__)
            graph = backend.traced(stand_in.plain, arguments[-1].element_spec)
            return arguments, backend.draws(graph)
        return _run_and_undone(stand_in, *arguments), False


def _run_and_undone(stand_in: TrainFunction, data: Any) -> tuple[Any, ...]:
    model = stand_in.model
    batches = list(itertools.islice(data, model.steps_per_execution))
    of_torch = isinstance(data, list)
    if batches:
        variables = [*state_variables(model), *model.metrics_variables]
        values = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
        stand_in.plain(batches if of_torch else iter(batches))
        model.reset_metrics()  # Some may be new.
        assign(variables, values)
        if of_torch:
            model.zero_grad()
    return (batches if of_torch else iter(batches),)
