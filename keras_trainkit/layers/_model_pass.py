"""What `mc_predict` and `recalibrate` share: passes through a model that leave nothing behind.

The model is in inference mode, but for some layers that are called by a function of ours instead.
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from operator import itemgetter
from typing import Any

import keras
from keras import ops

from keras_trainkit._patching import patched
from keras_trainkit._tensors import Tensor
from keras_trainkit._validation import built_model, integer, invalid


def batches(name: str, data: Any, batch_size: int, steps: int | None = None) -> Iterator[Any]:
    """Yield the inputs in up to `steps` batches of `data`, as tensors, in their order.

    Arrays, nested or not, are cut to `batch_size`; anything else is iterated over and gives `x`,
    `(x, y)` or `(x, y, sample_weight)`. `name` is what an error calls `data`.
    """
    integer("batch_size", batch_size, low=1)
    if steps is not None:
        integer("steps", steps, low=1)
    found = _slices(name, data, batch_size) if _are_arrays(data) else _inputs(data)
    empty = True
    for x in itertools.islice(found, steps):
        empty = False
        yield keras.tree.map_structure(ops.convert_to_tensor, x)
    if empty:
        raise invalid(name, "data with at least one batch", data)


def layers_inside(model: keras.Model, kinds: tuple[type, ...]) -> list[keras.Layer]:
    """Return the layers of some `kinds` in a built model, at any depth, each once."""
    layers = built_model(model)._flatten_layers()  # the only way to layers inside layers
    return [layer for layer in layers if isinstance(layer, kinds)]


def inference_pass(
    model: keras.Model,
    values: Iterable[Tensor],
    x: Any,
    replacements: dict[keras.Layer, dict[str, Any]],
) -> Any:
    """Return the model's outputs at inference, with other values for all of its `variables`.

    `replacements` holds attributes of layers, above all `call`, that stand in for the layers' own
    during the pass. What the pass assigns to a variable is forgotten.
    """
    mapping = list(zip(model.variables, values, strict=True))
    with keras.StatelessScope(mapping), ExitStack() as stack:
        for layer, attributes in replacements.items():
            stack.enter_context(patched(layer, **attributes))
        return model(x, training=False)


def _are_arrays(data: Any) -> bool:
    return all(hasattr(leaf, "shape") for leaf in keras.tree.flatten(data))


def _inputs(data: Any) -> Iterator[Any]:
    return (keras.utils.unpack_x_y_sample_weight(batch)[0] for batch in data)


def _slices(name: str, arrays: Any, batch_size: int) -> Iterator[Any]:
    sizes = {int(array.shape[0]) for array in keras.tree.flatten(arrays)}
    if len(sizes) > 1:
        raise invalid(name, "arrays of one length", sorted(sizes))
    return (
        keras.tree.map_structure(itemgetter(slice(start, start + batch_size)), arrays)
        for start in range(0, max(sizes, default=0), batch_size)
    )
