"""What a network makes of padding: which layers are told of it, and what it leaves of the rows."""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_trainkit._keras_internals import layers_of, mask_of
from keras_trainkit._patching import patched
from keras_trainkit._tensors import float64_if_readable
from keras_trainkit._untouched import Values, untouched
from keras_trainkit.diagnosis._preflight.activation_probe import whole
from keras_trainkit.diagnosis._preflight.array_facts import as_numpy, sliced
from keras_trainkit.diagnosis._preflight.layer_tree import path_of_layer
from keras_trainkit.diagnosis._preflight.padding import Padding, padding_in
from keras_trainkit.diagnosis.facts import PaddingFacts

ROWS = 32
_EMBEDDING = keras.layers.Embedding
# What takes a mask and does with every step the same without one.
_INDIFFERENT = (
    keras.Model,
    keras.layers.BatchNormalization,
    keras.layers.Softmax,
    keras.layers.TimeDistributed,
)


@dataclass
class Call:
    """One call of a layer: the first tensor that it is given, that one's mask, its output's."""

    layer: keras.Layer
    given: Any
    mask: Any
    passed_on: Any = None


def padding_of(model: keras.Model, inputs: Any, values: Values = ()) -> PaddingFacts | None:
    """Return what a network makes of padding, `None` where it reads no padded sequences.

    Rows pass as they are, with the padding at their ends moved to their beginnings, and as padding
    alone. What padding leaves of them is how far their outputs are from those of padding alone,
    beside how far they are when the padding comes first.

    Args:
        model: built `keras.Model`. It is left as it is.
        inputs: one array or tensor, of at least 2 rows.
        values: pairs of a variable and its value, as of `untouched`. Defaults to `()`.
    """
    rows = None if isinstance(inputs, dict | list | tuple) else as_numpy(sliced(inputs, 0, ROWS))
    padding = None if rows is None else padding_in(rows)
    if rows is None or padding is None:
        return None
    outputs, calls = _passed(model, _variants(rows, padding), values)
    reader = _reader(calls)
    if reader is None:
        return None
    is_exact = reader.layer.compute_dtype in ("float32", "float64")
    made, hides, hides_others = _of_mask(calls, padding)
    return PaddingFacts(
        before=float(padding.before.mean() / rows.shape[1]),
        after=float(padding.after.mean() / rows.shape[1]),
        value=float(padding.content.flat[0]) if np.ptp(padding.content) == 0 else math.nan,
        row=int(padding.after.argmax()),
        kept=_kept(outputs, padding) if is_exact else math.nan,
        mask=made,
        hides=hides,
        hides_others=hides_others,
        reader=path_of_layer(reader.layer),
        is_masked=reader.mask is not None,
        barrier=_barrier(calls, reader),
    )


def _variants(rows: np.ndarray, padding: Padding) -> list[np.ndarray]:
    """Return rows as they are, with the padding in front, and nothing but padding.

    Batches of one size are rounded alike, so that what is the same row by row gives the same.
    """
    moved = [np.roll(row, count, axis=0) for row, count in zip(rows, padding.after, strict=True)]
    empty = np.broadcast_to(padding.content, rows.shape)
    return [rows, np.stack(moved), empty.astype(rows.dtype)]


def _passed(
    model: keras.Model, batches: Sequence[np.ndarray], values: Values
) -> tuple[list[list[np.ndarray]], list[Call]]:
    """Return the outputs of each batch, each row flat, and the calls of layers with the first."""
    noted: list[tuple[Call, list[Any]]] = []
    with untouched(model, values), ExitStack() as stack:
        for layer in whole(layers_of(model)):
            stack.enter_context(patched(layer, call=_noting(layer, noted)))
        outputs = [_rows_of(model(batches[0], training=False), len(batches[0]))]
        _see_masks(noted)
        calls = [call for call, _ in noted]
        outputs += [_rows_of(model(batch, training=False), len(batch)) for batch in batches[1:]]
    return outputs, calls


def _rows_of(outputs: Any, count: int) -> list[np.ndarray]:
    readable = [float64_if_readable(output) for output in keras.tree.flatten(outputs)]
    return [y.reshape(count, -1) for y in readable if y is not None and y.shape[:1] == (count,)]


def _noting(layer: keras.Layer, noted: list[tuple[Call, list[Any]]]) -> Callable:
    forward = layer.call

    def call(*args: Any, **kwargs: Any) -> Any:
        _see_masks(noted)
        given = keras.tree.flatten((args, kwargs))[:1]
        own = _first(value for name, value in kwargs.items() if name.endswith("mask"))
        mask = _mask_among(given) if own is None else own
        returned: list[Any] = []
        noted.append((Call(layer, next(iter(given), None), mask), returned))
        outputs = forward(*args, **kwargs)
        returned += keras.tree.flatten(outputs)
        return outputs

    return call


def _see_masks(noted: Sequence[tuple[Call, list[Any]]]) -> None:
    """Note the masks of what layers have returned, which Keras gives them behind the call.

    A layer of attention takes them away again.
    """
    for call, returned in noted:
        if call.passed_on is None:
            call.passed_on = _mask_among(returned)


def _mask_among(tensors: Sequence[Any]) -> Any:
    return _first(mask_of(tensor) for tensor in tensors)


def _first(masks: Iterable[Any]) -> Any:
    """Return the first tensor among masks, also nested ones; None if there is none."""
    return next((m for m in keras.tree.flatten(list(masks)) if m is not None), None)


def _reader(calls: Sequence[Call]) -> Call | None:
    """Return the first call that could leave out steps and is not told to, or else the first."""
    able = [call for call in calls if _can_leave_out(call)]
    return next((call for call in able if call.mask is None), next(iter(able), None))


def _can_leave_out(call: Call) -> bool:
    if isinstance(call.layer, _INDIFFERENT) or len(getattr(call.given, "shape", ())) != 3:
        return False
    names = inspect.signature(type(call.layer).call).parameters
    return call.given.shape[1] > 1 and any(name.endswith("mask") for name in names)


def _of_mask(calls: Sequence[Call], padding: Padding) -> tuple[str, float, float]:
    """Return which layer makes a mask, and which shares of padding and of other steps it hides."""
    made = [call for call in calls if call.mask is None and call.passed_on is not None]
    made = [call for call in made if not layers_of(call.layer, include_self=False)] or made
    if not made:
        return "", 0.0, 0.0
    path, shown = path_of_layer(made[0].layer), as_numpy(made[0].passed_on)
    if shown is None or shown.shape[1:] != padding.held.shape[1:]:
        return path, 0.0, 0.0
    hidden = ~shown[: len(padding.held)].astype(bool)
    return path, _share(hidden, padding.steps), _share(hidden, ~padding.steps)


def _share(hidden: np.ndarray, steps: np.ndarray) -> float:
    return float(hidden[steps].mean()) if steps.any() else 0.0


def _barrier(calls: Sequence[Call], reader: Call) -> str:
    """Return the first layer on the way to a reader that passes no mask on, "" if all would."""
    ahead = calls[: calls.index(reader)]
    embeddings = [i for i, call in enumerate(ahead) if isinstance(call.layer, _EMBEDDING)]
    between = [call.layer for call in ahead[embeddings[0] + 1 if embeddings else 0 :]]
    barriers = [layer for layer in between if not layer.supports_masking]
    # What holds the reader was called before it, and has not returned yet.
    closed = (layer for layer in barriers if reader.layer not in layers_of(layer))
    return next(map(path_of_layer, closed), "")


def _kept(outputs: Sequence[Sequence[np.ndarray]], padding: Padding) -> float:
    """Return what padding leaves of the rows, by the output that tells most; NaN if none does."""
    known = [_share_kept(each, ~padding.is_empty) for each in zip(*outputs, strict=True)]
    return max(known, default=math.nan)


def _share_kept(output: Sequence[np.ndarray], counted: np.ndarray) -> float:
    as_they_are, moved, empty = (batch[counted] for batch in output)
    far, beside = (np.abs(each - empty).max(axis=1) for each in (as_they_are, moved))
    with np.errstate(all="ignore"):
        return float(np.minimum(far, beside).sum() / beside.sum())
