"""Whether a network learns a few rows by heart, as it is compiled and at other learning rates."""

import math
import time
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import tree

from keras_trainkit._keras_internals import compiled_with, layers_of
from keras_trainkit._tensors import float64_if_readable
from keras_trainkit._untouched import untouched
from keras_trainkit.diagnosis._preflight import trials
from keras_trainkit.diagnosis._preflight.array_facts import as_numpy, sliced, spread_places
from keras_trainkit.diagnosis._preflight.changes import compile_anew, twin, with_numbers
from keras_trainkit.diagnosis._preflight.layer_facts import if_known
from keras_trainkit.diagnosis._preflight.leaves import leaves_of
from keras_trainkit.diagnosis._preflight.optimizer_facts import optimizer_facts
from keras_trainkit.diagnosis.facts import OneBatchFacts
from keras_trainkit.diagnosis.outcomes import skill

# What none of the rates does in some updates, the best of them is given more updates for.
ROWS, UPDATES, MANY_UPDATES = 32, 60, 300
# Of larger networks, so many updates take longer than anyone waits for an answer.
SECONDS_OF_PASS, SECONDS = 0.1, 2.0
# TensorFlow and JAX compile the step, which takes seconds for so many layers.
LAYERS = 64 if keras.backend.backend() == "torch" else 24
# From this skill on the rows count as learned, and no other rate is tried.
_ENOUGH = 0.5
# By how much other rates are lower or higher, and which is never tried.
_FACTORS, _HIGHEST_RATE = (10.0, 100.0), 10.0
# The loss at the end is the mean of so many; so many steps tell how long all will take.
_LAST, _TIMED = 5, 3


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
    first = _learned(built, x, y, model, {})
    clock = _Clock()
    facts = optimizer_facts(model)
    if first is None or facts is None:
        return
    yield first
    if first.has_skill(_ENOUGH) or facts.scheduled or not first.rate > 0:
        return
    tried = [first]
    for rate in _other_rates(first):
        found = _learned(built, x, y, model, {"learning_rate": rate})
        if found is None or clock.seconds > SECONDS:
            return
        yield found
        if found.has_skill(_ENOUGH):
            return
        tried.append(found)
    best = min(tried, key=lambda one: one.last if math.isfinite(one.last) else math.inf)
    patient = _learned(built, x, y, model, {"learning_rate": best.rate}, MANY_UPDATES)
    if patient is not None:
        yield patient


def _other_rates(first: OneBatchFacts) -> list[float]:
    """Return lower rates if the loss has risen or is not finite, else higher ones."""
    rises = not (first.is_calm and first.last < first.first)
    rates = [_rounded(first.rate / f if rises else first.rate * f) for f in _FACTORS]
    return [rate for rate in rates if rate <= max(_HIGHEST_RATE, first.rate)]


def _rounded(rate: float) -> float:
    """Return a rate as it was written, before it was a variable in single precision."""
    return float(f"{rate:.6g}")


class _Clock:
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


def _seconds_of_a_pass(model: keras.Model, x: Any) -> float:
    """Return how long some rows take, as many as in a trial: for these JAX has compiled all."""
    few = tree.map_structure(lambda array: array[: trials.ROWS], x)
    clock = _Clock()
    with untouched(model):
        model(few, training=False)
    return clock.seconds


def _learned(
    built: keras.Model,
    x: Any,
    y: Any,
    model: keras.Model,
    numbers: dict[str, float],
    updates: int = UPDATES,
) -> OneBatchFacts | None:
    """Train a copy whose optimizer has other numbers; `None` if it takes too long."""
    given = compiled_with(model)
    with warnings.catch_warnings(action="ignore"):  # The training will say them.
        copy = twin(built, x)
        compile_anew(copy, {**given, **_plain(with_numbers(given["optimizer"], numbers))})
        losses = [_loss_of_step(copy, x, y)]
        clock = _Clock()  # The first step compiles.
        losses += [_loss_of_step(copy, x, y) for _ in range(_TIMED)]
        if clock.seconds / _TIMED * updates > SECONDS:
            return None
        losses += [_loss_of_step(copy, x, y) for _ in range(updates - len(losses))]
    return OneBatchFacts(
        rows=len(tree.flatten(x)[0]),
        updates=updates,
        rate=_rounded(float(keras.ops.convert_to_numpy(copy.optimizer.learning_rate))),
        first=losses[0],
        last=float(np.mean(losses[-_LAST:])),
        highest=float(np.max(losses)),
        skill=_skill(copy, x, y),
        halved=next((i for i, loss in enumerate(losses) if loss <= losses[0] / 2), None),
    )


def _plain(optimizer: keras.Optimizer) -> dict[str, Any]:
    """Return arguments of `compile` for some single steps: to compile by XLA takes longer."""
    is_jax = keras.backend.backend() == "jax"
    jit = {} if is_jax else {"jit_compile": False}
    return {
        **{"optimizer": optimizer, "metrics": None, "weighted_metrics": None},
        **{"steps_per_execution": 1, **jit},
    }


def _loss_of_step(model: keras.Model, x: Any, y: Any) -> float:
    model.reset_metrics()
    return float(model.train_on_batch(x, y, return_dict=True)["loss"])


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
