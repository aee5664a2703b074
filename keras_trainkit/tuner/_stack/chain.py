"""A Keras model as the chain of blocks that a stack trains."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.layers._standardization import INPUTS, Standardization

# These know no neighbours, so that padded units do not disturb the others.
ELEMENTWISE = (
    *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "tanh"),
    *("sigmoid", "hard_sigmoid", "softplus", "softsign", "linear"),
)
# What may come out, too: these know the other outputs of a row, and no other row.
_OF_ROWS = (*ELEMENTWISE, "softmax", "log_softmax", "exponential")
# What may stand in front: nothing in it learns from a gradient.
_FIRST = (layers.Flatten, layers.Reshape, layers.Rescaling, layers.Normalization)
_NORMALIZATIONS = (layers.BatchNormalization, BatchNormalization)
_DROPOUTS = (layers.Dropout, Dropout)
_PENALTIES = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
# Settings of a layer that a stack does not know, with the values at which they do nothing.
_OF_DENSE = {
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
    "lora_rank": None,
    "quantization_config": None,
}
_OF_NORMALIZATION = {
    **dict.fromkeys(("beta_regularizer", "gamma_regularizer"), None),
    **dict.fromkeys(("beta_constraint", "gamma_constraint"), None),
    **dict.fromkeys(("renorm", "synchronized", "momentum_warmup", "unbiased"), False),
    "ghost_batch_size": None,
}


class NotStackable(Exception):  # noqa: N818
    """A trial has to be trained by itself; the text says why."""


@dataclass
class Block:
    """A linear layer and what follows it: normalization, activation, dropout."""

    dense: keras.layers.Dense
    norm: Any = None
    activation: Callable = keras.activations.linear
    rate: float = 0.0

    @property
    def width(self) -> int:
        """How many units it has."""
        return self.dense.units

    @property
    def strengths(self) -> tuple[float, float]:
        """The factors of the L1 and the L2 penalty of its kernel."""
        penalty = self.dense.kernel_regularizer
        return float(getattr(penalty, "l1", 0.0)), float(getattr(penalty, "l2", 0.0))


@dataclass
class Chain:
    """What a model does: `first` once with all rows, the blocks, and the output layer.

    The activation of the last block is that of the outputs. `last` gives outputs the unit of the
    targets.
    """

    model: keras.Sequential
    first: list[Any]
    blocks: list[Block]
    last: Standardization | None = None

    @property
    def hidden(self) -> list[Block]:
        """All blocks but the output layer."""
        return self.blocks[:-1]


def chain_of(model: Any) -> Chain:
    """Return the chain that a built model is.

    Raises:
        NotStackable: if it is another kind of model, or has a layer of another kind.
    """
    if type(model) is not keras.Sequential or not model.built:
        raise NotStackable("a model that is no `keras.Sequential` with a known input shape")
    chain = Chain(model, [], [])
    for layer in model.layers:
        _check_precision(layer)
        if not _joined(chain, layer):
            raise NotStackable(f"a layer {type(layer).__name__}, or one of its arguments")
    if not chain.blocks or chain.blocks[-1].norm is not None or chain.blocks[-1].rate:
        raise NotStackable("a model whose last layer is not Dense")
    for block in chain.blocks:
        names = _OF_ROWS if block is chain.blocks[-1] else ELEMENTWISE
        if block.activation not in _functions(names):
            raise NotStackable(f"the activation {getattr(block.activation, '__name__', '')}")
        if len(block.dense.input.shape) != 2:
            raise NotStackable("rows that are more than a list of numbers")
        if not _all_train(block):
            raise NotStackable("a weight that does not train")
    if model.inputs[0].dtype != keras.config.floatx():
        raise NotStackable(f"an input of type {model.inputs[0].dtype}")
    return chain


def _joined(chain: Chain, layer: Any) -> bool:
    """Say whether a layer could be added to a chain, and do it."""
    kind, blocks = type(layer), chain.blocks
    if chain.last is not None:
        return False
    if kind is layers.Dense and _has(layer, _OF_DENSE):
        blocks.append(Block(layer, activation=layer.activation))
    elif kind is Standardization and layer.of != INPUTS and blocks:
        chain.last = layer
    elif not blocks:
        if kind not in (*_FIRST, Standardization):
            return False
        chain.first.append(layer)
    elif kind in _NORMALIZATIONS and _has(layer, _OF_NORMALIZATION):
        block = blocks[-1]
        is_in_order = block.norm is None and _is_linear(block) and not block.rate
        if not is_in_order or layer.axis not in (1, -1) or layer.momentum is None:
            return False
        block.norm = layer
    elif kind in (layers.Activation, layers.ReLU):
        function = _function_of(layer)
        if function is None or not _is_linear(blocks[-1]) or blocks[-1].rate:
            return False
        blocks[-1].activation = function
    elif kind in _DROPOUTS:
        rate = layer.get_config()["rate"]
        if blocks[-1].rate or layer.noise_shape is not None or not isinstance(rate, float | int):
            return False
        blocks[-1].rate = float(rate)
    else:
        return False
    return True


def _check_precision(layer: Any) -> None:
    floatx = keras.config.floatx()
    if layer.compute_dtype != floatx or layer.variable_dtype != floatx:
        raise NotStackable(f"a precision that is not {floatx}")


def _has(layer: Any, known: dict[str, Any]) -> bool:
    """Say whether nothing is set that a stack does not know."""
    is_known = all(getattr(layer, name, idle) == idle for name, idle in known.items())
    penalty = getattr(layer, "kernel_regularizer", None)
    return is_known and (penalty is None or type(penalty) in _PENALTIES)


def _is_linear(block: Block) -> bool:
    return block.activation is keras.activations.linear


def _function_of(layer: Any) -> Callable | None:
    """Return the function of a layer of an activation, None for one with numbers of its own."""
    if type(layer) is layers.Activation:
        return layer.activation
    numbers = layer.max_value, layer.negative_slope, layer.threshold
    return keras.activations.relu if numbers == (None, 0.0, 0.0) else None


def _functions(names: Iterable[str]) -> list[Callable]:
    """Return those that this version of Keras has."""
    known = (name for name in names if hasattr(keras.activations, name))
    return [getattr(keras.activations, name) for name in known]


def _all_train(block: Block) -> bool:
    """Say whether all of a block's weights train, and its statistics move."""
    dense, norm = block.dense, block.norm
    count, expected = len(dense.trainable_variables), 1 + dense.use_bias
    if norm is not None:
        count += len(norm.trainable_variables)
        expected += norm.scale + norm.center
    return count == expected and (norm is None or norm.trainable)
