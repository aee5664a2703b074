"""What is wrong with a training, seen before its first update."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras

from keras_trainkit._backend import generators_kept
from keras_trainkit._keras_internals import compiled_with, process_state_kept
from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis._preflight.copies import built_copy
from keras_trainkit.diagnosis._preflight.gather import facts_of, looked_at
from keras_trainkit.diagnosis._preflight.one_batch import learned_by_heart
from keras_trainkit.diagnosis._preflight.sources import Data
from keras_trainkit.diagnosis._preflight.trials import tried
from keras_trainkit.diagnosis.diagnose import STATIC, examined
from keras_trainkit.diagnosis.diagnosis import Diagnosis
from keras_trainkit.diagnosis.facts import ArrayFacts, Facts, TrialFacts
from keras_trainkit.diagnosis.thresholds import Thresholds


def preflight(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    validation_data: Any = None,
    *,
    batch_size: int | None = None,
    epochs: int = 1,
    validation_split: float = 0.0,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    one_batch: bool = True,
    thresholds: Thresholds | None = None,
) -> Diagnosis:
    """Return what is wrong with a training before its first update.

    Give it what `fit` will be given. Model, optimizer, metrics and all random generators are the
    same afterwards. Of a `tf.data.Dataset`, a `PyDataset` and a `DataLoader` a copy is looked at,
    which gives some hundreds of rows; from a generator nothing can be taken that the training would
    not miss. A model that is not built is copied, and the copy built, where both can be done.
    Copies are trained on 32 rows: a network that does not learn these will not learn more.

    Args:
        model: a compiled model.
        x, y, validation_data: the data, in any form that `fit` takes. Default to `None`: only the
            model is looked at.
        batch_size: integer. Defaults to `None`: what `fit` takes.
        epochs: integer. How many epochs are planned. Defaults to `1`.
        validation_split: float. The share of the rows that is held out. Defaults to `0.0`.
        shuffle: bool. Whether `fit` shuffles. Defaults to `True`.
        class_weight: dict of class to weight, as `fit` takes it. Defaults to `None`.
        one_batch: bool. Whether copies of the model are trained on a few rows, to see if they learn
            them by heart, and at which learning rate. It takes some seconds, and is left out for
            networks of many layers. Defaults to `True`.
        thresholds: `Thresholds`. Defaults to `Thresholds()`.

    Returns:
        `Diagnosis`; its notes say of which data a sample was looked at.

    Example:
        >>> import keras, numpy as np
        >>> from keras_trainkit import diagnosis
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> rows = np.random.default_rng(0).normal(size=(64, 3))
        >>> found = diagnosis.preflight(model, rows, rows[:, :1], epochs=50)
        >>> found.worst in ("", "info")
        True
    """
    arguments = {
        **{"x": x, "y": y, "validation_data": validation_data, "batch_size": batch_size},
        **{"epochs": epochs, "validation_split": validation_split, "shuffle": shuffle},
        "class_weight": class_weight,
    }
    with generators_kept(), process_state_kept():
        data = looked_at(arguments, draws=True)
        built = built_copy(model, data[0].x)
        x, y = data[0].x, data[0].y
        facts = replace(
            facts_of(model, arguments, data, built),
            trial=_trial(model, built, data[0]),
            one_batch=learned_by_heart(built, x, y, model) if one_batch else (),
        )
    found = examined(Case(facts, thresholds or Thresholds()), STATIC)
    return replace(found, notes=(*found.notes, *_notes(facts, data)))


def _trial(model: keras.Model, built: keras.Model, data: Data) -> TrialFacts | None:
    return tried(built, data.x, targets=data.y, loss=compiled_with(model).get("loss"))


def _notes(facts: Facts, data: tuple[Data, Data]) -> Iterator[str]:
    """Yield of what only a sample was looked at, and what could not be looked at."""
    for name, part in zip(("x", "validation_data"), data, strict=True):
        if part.obstacle:
            yield f"`{name}` was not looked at: {part.obstacle}."
    targets = [t for out in facts.outputs for t in (out.target, out.validation_target) if t]
    for array in (*facts.inputs, *targets, *facts.validation_inputs):
        if array.seen > 0 and array.seen != array.shape[0]:
            yield _of_sample(array)


def _of_sample(array: ArrayFacts) -> str:
    rows = "" if array.shape[0] is None else f" of {array.shape[0]:,}"
    return f"Of {array.name} a sample was looked at: {array.seen:,}{rows} rows."
