"""A copy of a model that learns a few rows by heart, again and again from its first weights."""

import math
import time
import warnings
from typing import Any

import keras
import numpy as np
from keras import tree

from keras_trainkit._keras_internals import compiled_with, layers_of
from keras_trainkit._tensors import float64_if_readable
from keras_trainkit._untouched import untouched
from keras_trainkit.diagnosis._preflight.changes import compile_anew, twin, with_numbers
from keras_trainkit.diagnosis.facts import OneBatchFacts
from keras_trainkit.diagnosis.history import layer_of
from keras_trainkit.diagnosis.outcomes import skill

# So many updates take longer than anyone waits for an answer.
SECONDS = 2.0
# The loss at the end is the mean of so many; so many steps tell how long all will take.
_LAST, _TIMED = 5, 3


class Learner:
    """Trains a copy of a model by Keras's own training step, or the user's, which compiles once.

    Args:
        built: `keras.Model` that is built. It is left as it is.
        x, y: nested arrays, the rows.
        model: the model that is compiled.
    """

    def __init__(self, built: keras.Model, x: Any, y: Any, model: keras.Model) -> None:
        self.x, self.y = x, y
        given = compiled_with(model)
        self.model = twin(built, x)
        compile_anew(self.model, {**given, **_plain(with_numbers(given["optimizer"], {}))})
        self.model.optimizer.build(self.model.trainable_variables)
        self._layers = _with_zero_bias(built, self.model)
        variables = (*self.model.variables, *self.model.optimizer.variables)
        self._first = [(v, np.array(_read(v))) for v in variables]

    def learned(self, updates: int, rate: float | None = None) -> OneBatchFacts | None:
        """Return how the rows are learned from the first weights; `None` if it takes too long.

        Args:
            updates: integer. How many.
            rate: float, the learning rate. Defaults to `None`: that of the model.
        """
        for variable, value in self._first:
            variable.assign(value)
        if rate is not None:
            self.model.optimizer.learning_rate = rate
        with warnings.catch_warnings(action="ignore"):  # The training will say them.
            losses = self._losses(updates)
        return None if losses is None else self._facts(losses)

    def _losses(self, updates: int) -> list[float] | None:
        losses = [self._loss_of_step()]
        clock = Clock()  # The first step compiles.
        losses += [self._loss_of_step() for _ in range(_TIMED)]
        if clock.seconds / _TIMED * updates > SECONDS:
            return None
        return losses + [self._loss_of_step() for _ in range(updates - len(losses))]

    def _loss_of_step(self) -> float:
        self.model.reset_metrics()
        return float(self.model.train_on_batch(self.x, self.y, return_dict=True)["loss"])

    def _facts(self, losses: list[float]) -> OneBatchFacts:
        return OneBatchFacts(
            rows=len(tree.flatten(self.x)[0]),
            updates=len(losses),
            rate=rounded(float(_read(self.model.optimizer.learning_rate))),
            first=losses[0],
            last=float(np.mean(losses[-_LAST:])),
            highest=float(np.max(losses)),
            skill=_skill(self.model, self.x, self.y),
            halved=next((i for i, loss in enumerate(losses) if loss <= losses[0] / 2), None),
            unreached=self._unreached() if math.isfinite(losses[-1]) else (),
        )

    def _unreached(self) -> tuple[str, ...]:
        """Return the layers that are as they were, unless all are: any gradient moves a 0."""
        first = {id(variable): value for variable, value in self._first}
        still = [
            path
            for path, variables in self._layers.items()
            if all(np.array_equal(_read(v), first[id(v)]) for v in variables)
        ]
        return tuple(still) if len(still) < len(self._layers) else ()


class Clock:
    """Counts seconds, of other processes' work and of several threads once."""

    def __init__(self) -> None:
        self._begin = self._now()

    @property
    def seconds(self) -> float:
        """How many have passed."""
        return min(now - begin for now, begin in zip(self._now(), self._begin, strict=True))

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()


def rounded(rate: float) -> float:
    """Return a rate as it was written, before it was a variable in single precision."""
    return float(f"{rate:.6g}")


def _with_zero_bias(built: keras.Model, copy: keras.Model) -> dict[str, list[keras.Variable]]:
    """Return the copy's weights by the path of their layer in the model, where a bias is 0."""
    layers: dict[str, list[keras.Variable]] = {}
    for own, weight in zip(built.trainable_variables, copy.trainable_variables, strict=True):
        layers.setdefault(layer_of(own.path), []).append(weight)
    return {
        path: weights
        for path, weights in layers.items()
        if any(weight.name == "bias" and not _read(weight).any() for weight in weights)
    }


def _read(variable: keras.Variable) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable)


def _plain(optimizer: keras.Optimizer) -> dict[str, Any]:
    """Return arguments of `compile` for some single steps: to compile by XLA takes longer."""
    is_jax = keras.backend.backend() == "jax"
    jit = {} if is_jax else {"jit_compile": False}
    return {
        **{"optimizer": optimizer, "metrics": None, "weighted_metrics": None},
        **{"steps_per_execution": 1, **jit},
    }


def _skill(model: keras.Model, x: Any, y: Any) -> float:
    """Return the skill in inference or in training mode: moving statistics may be behind."""
    is_behind = any(hasattr(layer, "moving_mean") for layer in layers_of(model))
    found = [_skill_in(model, x, y, training) for training in (False, True)[: 1 + is_behind]]
    return float(np.nanmax(found)) if np.isfinite(found).any() else math.nan


def _skill_in(model: keras.Model, x: Any, y: Any, training: bool) -> float:
    with untouched(model):
        outputs = model(x, training=training)
    by_name = isinstance(y, dict) and not isinstance(outputs, dict)
    targets = [y[name] for name in model.output_names] if by_name else tree.flatten(y)
    read = [float64_if_readable(output) for output in tree.flatten(outputs)]
    found = [output for output in read if output is not None]
    if len(found) != len(targets):
        return math.nan
    with np.errstate(all="ignore"):  # Outputs may be infinite.
        return float(np.min([skill(o, t) for o, t in zip(found, targets, strict=True)]))
