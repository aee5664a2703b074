"""The initializer that a layer's activation asks for."""

from collections.abc import Callable
from typing import Any

from keras_trainkit._validation import invalid, one_of
from keras_trainkit.initializers.rules import (
    FixedRule,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
)
from keras_trainkit.initializers.variance_scaling import Seed

HE = {"normal": HeNormal, "uniform": HeUniform}
GLOROT = {"normal": GlorotNormal, "uniform": GlorotUniform}
LECUN = {"normal": LecunNormal, "uniform": LecunUniform}

RULES = {
    **dict.fromkeys(("relu", "relu6", "leaky_relu", "prelu", "elu", "celu", "gelu"), HE),
    **dict.fromkeys(("silu", "swish", "hard_silu", "hard_swish", "mish"), HE),
    **dict.fromkeys(("softplus", "squareplus", "sparse_plus"), HE),
    **dict.fromkeys(("linear", "tanh", "hard_tanh", "softsign"), GLOROT),
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "sparse_sigmoid", "log_sigmoid"), GLOROT),
    **dict.fromkeys(("softmax", "log_softmax", "sparsemax"), GLOROT),
    "selu": LECUN,
}


def for_activation(
    activation: str | Callable | None,
    distribution: str = "normal",
    seed: Seed = None,
    **options: Any,
) -> FixedRule:
    """Return the initializer whose variance suits an activation.

        ReLU and its relatives                      He         2 / fan_in
        tanh, sigmoid, softmax, linear and theirs   Glorot     2 / (fan_in + fan_out)
        SELU                                        Lecun      1 / fan_in

    Args:
        activation: string, Keras activation function, activation layer, or `None` for linear. What
            follows the layer's kernel.
        distribution: `"normal"` or `"uniform"`. Defaults to `"normal"`.
        seed: as in `VarianceScaling`. Defaults to `None`.
        **options: further arguments of the initializer, such as `kernel="depthwise"`.

    Returns:
        A new `HeNormal`, `GlorotNormal`, `LecunNormal` or their uniform sibling.

    Raises:
        ValueError: if the activation is none of the known ones, which the message lists; if
            `distribution` is neither of the two.

    Example:
        >>> from keras_trainkit.initializers import for_activation
        >>> type(for_activation("relu")).__name__
        'HeNormal'
        >>> type(for_activation("tanh", "uniform", seed=1)).__name__
        'GlorotUniform'

    Reference: He et al. (2015), arXiv:1502.01852; Glorot & Bengio (2010), AISTATS; Klambauer et al.
        (2017), Self-Normalizing Neural Networks, arXiv:1706.02515.
    """
    one_of("distribution", distribution, ("normal", "uniform"))
    name = _name(activation)
    for known, rule in RULES.items():
        if known.replace("_", "") == name:
            return rule[distribution](seed, **options)
    raise invalid("activation", f"one of {', '.join(RULES)}", activation)


def _name(activation: str | Callable | None) -> str:
    """Return one spelling for `"leaky_relu"`, the function `leaky_relu` and a `LeakyReLU()`."""
    if activation is None:
        return "linear"
    if not isinstance(activation, str):
        activation = getattr(activation, "__name__", type(activation).__name__)
    return activation.lower().replace("_", "")
