"""Whether a network learns a few rows by heart, as it is compiled and at other learning rates."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import tree

from keras_trainkit._keras_internals import compiled_with, layers_of
from keras_trainkit._untouched import untouched
from keras_trainkit.diagnosis._preflight import learners, trials
from keras_trainkit.diagnosis._preflight.array_facts import as_numpy, sliced, spread_places
from keras_trainkit.diagnosis._preflight.layer_facts import if_known
from keras_trainkit.diagnosis._preflight.learners import Clock, Learner, rounded
from keras_trainkit.diagnosis._preflight.leaves import leaves_of
from keras_trainkit.diagnosis._preflight.optimizer_facts import optimizer_facts
from keras_trainkit.diagnosis.facts import OneBatchFacts

# What none of the rates does in some updates, the best of them is given more updates for.
ROWS, UPDATES, MANY_UPDATES = 32, 60, 300
# Of larger networks, so many updates take longer than anyone waits for an answer.
SECONDS_OF_PASS = 0.1
# TensorFlow and JAX compile the step, which takes seconds for so many layers.
LAYERS = 64 if keras.backend.backend() == "torch" else 24
# From this skill on the rows count as learned, and no other rate is tried.
_ENOUGH = 0.5
# By how much other rates are lower or higher, and which is never tried.
_FACTORS, _HIGHEST_RATE = (10.0, 100.0), 10.0


def learned_by_heart(
    built: keras.Model, x: Any, y: Any, compiled: keras.Model | None = None
) -> tuple[OneBatchFacts, ...]:
    """Return how copies of a model learn a few rows: as it is compiled, and at other rates.

    Another rate is tried if that of the model does not do: lower ones if the loss rises, higher
    ones if not. The copies are trained by Keras's own training step, or the user's.

    Args:
        built: `keras.Model` that is built. It is left as it is.
        x, y: nested arrays of training data.
        compiled: the model that is compiled. Defaults to `None`: `built`.

    Returns:
        `OneBatchFacts`, empty where this takes too long, or nothing can be known of it.
    """
    model = built if compiled is None else compiled
    if x is None or y is None or not (built.built and compiled_with(model)):
        return ()
    if len(layers_of(built)) > LAYERS:
        return ()
    return if_known(lambda: tuple(_tries(built, *_batch(x, y), model)), ())


def _batch(x: Any, y: Any) -> tuple[Any, Any]:
    """Return rows at equal distances: those beside each other may be of one class."""
    rows = next(len(leaf.value) for leaf in leaves_of("x", x))
    places = spread_places(rows, ROWS)
    return tree.map_structure(lambda a: None if a is None else _taken(a, places), (x, y))


def _taken(array: Any, places: list[int]) -> np.ndarray:
    parts = [as_numpy(sliced(array, place, place + 1)) for place in places]
    return np.concatenate([part for part in parts if part is not None])


def _tries(built: keras.Model, x: Any, y: Any, model: keras.Model) -> Iterator[OneBatchFacts]:
    if _seconds_of_a_pass(built, x) > SECONDS_OF_PASS:
        return
    learner = Learner(built, x, y, model)
    first = learner.learned(UPDATES)
    clock = Clock()
    facts = optimizer_facts(model)
    if first is None or facts is None:
        return
    yield first
    if first.has_skill(_ENOUGH) or facts.scheduled or not first.rate > 0:
        return
    tried = [first]
    for rate in _other_rates(first):
        found = learner.learned(UPDATES, rate)
        if found is None or clock.seconds > learners.SECONDS:
            return
        yield found
        if found.has_skill(_ENOUGH):
            return
        tried.append(found)
    best = min(tried, key=lambda one: one.last if math.isfinite(one.last) else math.inf)
    patient = learner.learned(MANY_UPDATES, best.rate)
    if patient is not None:
        yield patient


def _other_rates(first: OneBatchFacts) -> list[float]:
    """Return lower rates if the loss has risen or is not finite, else higher ones."""
    rises = not (first.is_calm and first.last < first.first)
    rates = [rounded(first.rate / f if rises else first.rate * f) for f in _FACTORS]
    return [rate for rate in rates if rate <= max(_HIGHEST_RATE, first.rate)]


def _seconds_of_a_pass(model: keras.Model, x: Any) -> float:
    """Return how long some rows take, as many as in a trial: for these JAX has compiled all."""
    few = tree.map_structure(lambda array: array[: trials.ROWS], x)
    clock = Clock()
    with untouched(model):
        model(few, training=False)
    return clock.seconds
