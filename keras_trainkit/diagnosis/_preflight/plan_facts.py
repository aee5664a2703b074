"""What `fit` was asked for: rows, batches, epochs, and in which order."""

import math
from collections.abc import Mapping
from typing import Any

from keras_trainkit.diagnosis._preflight.sources import Data
from keras_trainkit.diagnosis.facts import PlanFacts

# What `fit` takes where it is not told.
_BATCH_SIZE = 32
_WEIGHTS = ("class_weight", "sample_weight")


def plan_facts(arguments: Mapping[str, Any], data: Data, is_sampled: bool) -> PlanFacts:
    """Return the plan.

    Args:
        arguments: dict. Those that `fit` was called with, by their names.
        data: the training data.
        is_sampled: bool. Whether some of the data was not looked at.
    """
    given = arguments.get("steps_per_epoch")
    batch_size = data.batch_size or _batch_size(arguments, data, given)
    counted = None if data.rows is None or not batch_size else math.ceil(data.rows / batch_size)
    steps = given or data.steps or counted
    shuffle = arguments.get("shuffle", True) if data.shuffle is None else data.shuffle
    return PlanFacts(
        rows=data.rows,
        batch_size=batch_size,
        epochs=_epochs(arguments),
        steps=int(steps) if steps else None,
        shuffle=bool(shuffle),
        split=float(arguments.get("validation_split") or 0.0),
        sampled=is_sampled,
        weighted=any(arguments.get(name) is not None for name in _WEIGHTS),
        class_weight={float(k): float(w) for k, w in (arguments.get("class_weight") or {}).items()},
    )


def _epochs(arguments: Mapping[str, Any]) -> int:
    return int(arguments.get("epochs", 1)) - int(arguments.get("initial_epoch", 0))


def _batch_size(arguments: Mapping[str, Any], data: Data, steps: int | None) -> int | None:
    """Return the batch size in which `fit` cuts arrays."""
    if data.rows is None or data.steps is not None:
        return None
    chosen = arguments.get("batch_size")
    if chosen:
        return int(chosen)
    return math.ceil(data.rows / steps) if steps else _BATCH_SIZE
