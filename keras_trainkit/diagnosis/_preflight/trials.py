"""What a network makes of a few rows before its first update."""

import math
import warnings
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import tree

from keras_trainkit._tensors import float64_if_readable
from keras_trainkit._untouched import Values, untouched
from keras_trainkit.diagnosis._preflight.activation_probe import ActivationProbe, Row
from keras_trainkit.diagnosis._preflight.array_facts import as_numpy, sliced
from keras_trainkit.diagnosis._preflight.broadcasts import broadcasts
from keras_trainkit.diagnosis._preflight.layer_facts import if_known
from keras_trainkit.diagnosis._preflight.masks import padding_of
from keras_trainkit.diagnosis._preflight.penalties import penalties_of
from keras_trainkit.diagnosis.facts import SignalFacts, TrialFacts

ROWS = 8


def tried(
    model: keras.Model, inputs: Any, values: Values = (), targets: Any = None, loss: Any = None
) -> TrialFacts | None:
    """Return the trial of a model, `None` where none can be made, whatever its code raises."""
    if inputs is None or not model.built:
        return None
    with warnings.catch_warnings(action="ignore"):  # The training says them.
        return if_known(lambda: trial_of(model, inputs, values, targets, loss), None)


def trial_of(
    model: keras.Model, inputs: Any, values: Values = (), targets: Any = None, loss: Any = None
) -> TrialFacts | None:
    """Return what a built model makes of the first rows of its inputs, in inference mode.

    Whether rows are independent is seen by giving one of them the input of another: the outputs
    of the rest must stay. Batch normalization does not mix rows at inference.

    Args:
        model: built `keras.Model`. It is left as it is.
        inputs: arrays or tensors, nested as the model takes them, of at least 2 rows.
        values: pairs of a variable and its value, as of `untouched`. Defaults to `()`.
        targets: those of the inputs. Defaults to `None`: not known.
        loss: what the model is compiled with. Defaults to `None`.

    Returns:
        `TrialFacts`, `None` for outputs that cannot be read, or if all rows are the same.
    """
    rows = tree.map_structure(lambda array: as_numpy(sliced(array, 0, ROWS)), inputs)
    other = _differs_from_first(tree.flatten(rows))
    if other is None:
        return None
    count, values = len(tree.flatten(rows)[0]), list(values)
    probe = ActivationProbe(model, rows)
    measured = probe.measure(values)
    outputs = _readable(probe.outputs)
    replaced = tree.map_structure(lambda array: _first_replaced(array, other), rows)
    with untouched(model, values):
        changed = _readable(model(replaced, training=False))
    if not outputs or len(outputs) != len(changed):
        return None
    with np.errstate(all="ignore"):  # Outputs may be infinite.
        return TrialFacts(
            rows=count,
            kept_rows=all(len(output) == count for output in outputs),
            leak=_largest(map(_leak, outputs, changed)),
            low=-_largest(-output.min() for output in outputs),
            high=_largest(output.max() for output in outputs),
            spread=_largest(map(_spread, outputs)),
            signals=tuple(SignalFacts(path, *_signal(row)) for path, _, row in measured),
            broadcasts=if_known(lambda: broadcasts(loss, probe.outputs, targets), None),
            padding=if_known(lambda: padding_of(model, inputs, values), None),
            penalties=if_known(lambda: penalties_of(model, rows, values), {}),
        )


def _largest(values: Iterable[float]) -> float:
    """Return the largest value, NaN if one is."""
    return float(np.max(list(values)))


def _signal(row: Row) -> tuple[float, float, float]:
    mean, std, _, dead, saturated = row
    return math.hypot(mean, std), dead, saturated


def _readable(outputs: Any) -> list[np.ndarray]:
    found = [float64_if_readable(y) for y in tree.flatten(outputs)]
    return [y for y in found if y is not None and y.size and y.ndim]


def _differs_from_first(arrays: list[np.ndarray]) -> int | None:
    """Return a row that is not as the first one, None if there is no such row."""
    count = min(len(array) for array in arrays)
    differing = [any((a[row] != a[0]).any() for a in arrays) for row in range(count)]
    return differing.index(True) if True in differing else None


def _first_replaced(rows: np.ndarray, other: int) -> np.ndarray:
    changed = rows.copy()
    changed[0] = rows[other]
    return changed


def _spread(output: np.ndarray) -> float:
    largest = np.abs(output).max()
    return 0.0 if largest == 0 else float(np.ptp(output, axis=0).max() / largest)


def _leak(before: np.ndarray, after: np.ndarray) -> float:
    """Return how far the other rows' outputs move, in parts of how far outputs differ at all."""
    if before.shape != after.shape:
        return 1.0
    moved = np.abs(after[1:] - before[1:]).max(initial=0.0)
    scale = max(np.abs(after - before).max(), np.ptp(before, axis=0).max())
    return 0.0 if scale == 0 else float(moved / scale)
