"""Data in whichever form `fit` takes it: what can be known of it without changing it.

Arrays are looked at as they are. Anything else is Python of the user's, or has state of its own,
which a look must not change: a sample comes from a copy, and only if it is asked for.
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from keras_trainkit._fit import rows_that_train
from keras_trainkit.diagnosis._preflight.array_facts import (
    as_numpy,
    dtype_of,
    sliced,
    spread_places,
)
from keras_trainkit.diagnosis._preflight.leaves import leaves_of

# How many rows a sample has, and of how many batches it is at most.
ROWS, BATCHES = 512, 16
_OF_NO_KIND = "what is in it cannot be known without taking it away from the training"


@dataclass(frozen=True)
class Unseen:
    """An array of which only the kind is known."""

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Data:
    """Inputs and targets, nested as they were given: arrays, a sample of arrays, or `Unseen`.

    Args:
        x, y: nested.
        rows: integer. How many rows there are; `None` if not known, as the others.
        batch_size: integer. How many rows a batch has.
        steps: integer. How many batches there are.
        shuffle: bool. Whether the source itself shuffles, true where nobody can tell; `None` if it
            leaves that to `fit`.
        is_sample: bool. Whether `x` and `y` hold a sample only.
        obstacle: string. Why nothing was looked at, `""` if it was.
    """

    x: Any = None
    y: Any = None
    rows: int | None = None
    batch_size: int | None = None
    steps: int | None = None
    shuffle: bool | None = None
    is_sample: bool = False
    obstacle: str = ""


def data_of(x: Any, y: Any = None, draws: bool = False) -> Data:
    """Return what is known of inputs and targets.

    Args:
        x, y: as `fit` takes them.
        draws: bool. Whether to take a sample of what is no array, from a copy. The user's code may
            then run; it finds Python's, NumPy's and the backend's generators, which the caller
            restores. Defaults to `False`.
    """
    if x is None:
        return Data()
    look = _look_for(x)
    if look is None:
        return _arrays(x, y) if _are_arrays(x) else Data(shuffle=True, obstacle=_OF_NO_KIND)
    try:
        return look(x, draws)
    except Exception as error:  # Whatever the user's own code raises.
        return Data(obstacle=f"a look at it failed: {error!s:.200}")


def split_arrays(x: Any, y: Any, share: float) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return training and validation arrays as `fit(validation_split=share)` cuts them."""
    rows = _rows_of(x)
    at = rows_that_train(rows, share)
    cut = [
        keras.tree.map_structure(lambda a, i=i, j=j: None if a is None else sliced(a, i, j), (x, y))
        for i, j in ((0, at), (at, rows))
    ]
    return cut[0], cut[1]


def _look_for(x: Any) -> Any:
    """Return the function that looks at data of a kind, None for arrays and what is not known."""
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(x).__mro__}
    if "tensorflow.DatasetV2" in kinds:
        return _tf_dataset
    if "torch.DataLoader" in kinds:
        return _data_loader
    return _py_dataset if isinstance(x, keras.utils.PyDataset) else None


def _are_arrays(x: Any) -> bool:
    return all(hasattr(leaf.value, "shape") for leaf in leaves_of("x", x))


def _rows_of(x: Any) -> int:
    return next((int(leaf.value.shape[0]) for leaf in leaves_of("x", x)), 0)


def _arrays(x: Any, y: Any) -> Data:
    return Data(x, y, rows=_rows_of(x))


def _tf_dataset(dataset: Any, draws: bool) -> Data:
    x, y, _ = keras.utils.unpack_x_y_sample_weight(dataset.element_spec)
    unseen = [keras.tree.map_structure(_unseen, part) for part in (x, y)]
    first = next((leaf.value.shape for leaf in leaves_of("x", unseen[0])), ())
    count = int(dataset.cardinality())
    known = Data(
        x=unseen[0],
        y=unseen[1],
        batch_size=first[0] if first else None,
        steps=count if count >= 0 else None,
        shuffle=True,
        obstacle=_OF_NO_KIND,
    )
    if not draws:
        return known
    from keras_trainkit.diagnosis._preflight import _tensorflow

    try:
        batches = _tensorflow.first_batches(dataset, ROWS, BATCHES)
    except Exception as error:  # TensorFlow's are of many kinds.
        return replace(known, obstacle=f"a look at the dataset could change it: {error!s:.200}")
    return _sampled(known, batches)


def _unseen(spec: Any) -> Unseen | None:
    if spec is None:
        return None
    rank = spec.shape.rank
    return Unseen(() if rank is None else tuple(spec.shape.as_list()), spec.dtype.name)


def _py_dataset(dataset: Any, draws: bool) -> Data:
    steps = dataset.num_batches
    known = Data(steps=steps, obstacle=_OF_NO_KIND)
    if not draws:
        return known
    copied = _copied(dataset)
    first = copied[0]
    size = _rows_of(keras.utils.unpack_x_y_sample_weight(first)[0])
    enough = min(BATCHES, math.ceil(ROWS / max(1, size)))
    more = spread_places(steps or BATCHES, enough)
    return _sampled(replace(known, batch_size=size), [copied[i] if i else first for i in more])


def _data_loader(loader: Any, draws: bool) -> Data:
    dataset = loader.dataset
    is_counted = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    orders = {"RandomSampler": True, "SequentialSampler": False}
    known = Data(
        rows=len(dataset) if is_counted else None,
        batch_size=loader.batch_size,
        steps=len(loader) if is_counted else None,
        shuffle=orders.get(type(loader.sampler).__name__, True),
        obstacle=_OF_NO_KIND,
    )
    if not (draws and is_counted):
        return known
    copied = _copied(dataset)
    items = [copied[i] for i in spread_places(len(dataset), ROWS)]
    batch = items if loader.collate_fn is None else loader.collate_fn(items)
    return _sampled(known, [batch])


def _sampled(known: Data, batches: list[Any]) -> Data:
    """Return the data with the rows of some batches in it."""
    parts = [keras.utils.unpack_x_y_sample_weight(batch)[:2] for batch in batches]
    parts = [keras.tree.map_structure(_on_host, part) for part in parts]
    try:
        x, y = keras.tree.map_structure(lambda *rows: _joined(rows), *parts)
    except ValueError:  # Batches may be as long as their longest sequence.
        x, y = parts[0]
    size = known.batch_size or _rows_of(parts[0][0])
    return replace(known, x=x, y=y, batch_size=size, is_sample=True, obstacle="")


def _on_host(array: Any) -> Any:
    if array is None:
        return None
    values = as_numpy(array)
    return Unseen(tuple(array.shape), dtype_of(array)) if values is None else values


def _joined(rows: tuple[Any, ...]) -> Any:
    return np.concatenate(rows) if isinstance(rows[0], np.ndarray) else rows[0]


def _copied(owner: Any) -> Any:
    """Return a copy of a dataset with the same arrays and its own generators and counters."""
    return copy.deepcopy(owner, {id(array): array for array in _arrays_in(owner, depth=3)})


def _arrays_in(owner: Any, depth: int) -> Iterator[Any]:
    if hasattr(owner, "shape"):
        yield owner
    elif depth:
        inside = list(owner.values()) if isinstance(owner, dict) else owner
        if not isinstance(inside, list | tuple):
            inside = list(getattr(owner, "__dict__", {}).values())
        for part in inside:
            yield from _arrays_in(part, depth - 1)
