"""The published rules of variance scaling, and PyTorch's default, a class each."""

from collections.abc import Sequence
from typing import Any, ClassVar

from keras_trainkit._register import register
from keras_trainkit._validation import integer
from keras_trainkit.initializers.variance_scaling import Seed, VarianceScaling


class FixedRule(VarianceScaling):
    """Variance scaling by a published rule: a scale, a mode and a distribution.

    Arguments and errors are those of `VarianceScaling`. The normal ones are widened by as much as
    the cut at two standard deviations narrows them.

    Example:
        >>> import keras
        >>> from keras_trainkit.initializers import HeNormal
        >>> layer = keras.layers.Dense(4, kernel_initializer=HeNormal(seed=1))
        >>> layer.build((None, 6))
        >>> bool(keras.ops.max(abs(layer.kernel)) <= 2.274 * (2 / 6) ** 0.5)
        True
    """

    rule: ClassVar[tuple[float, str, str]]

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        kernel: str = "conv",
        groups: int = 1,
    ) -> None:
        super().__init__(*self.rule, seed, input_axes, output_axes, kernel, groups)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        given_by_rule = ("scale", "mode", "distribution")
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in given_by_rule}


@register
class GlorotUniform(FixedRule):
    """Glorot's rule, uniform: the variance of signals and of gradients in balance.

        w ~ U(-b, b),  b = sqrt(6 / (fan_in + fan_out))     (Glorot & Bengio 2010, eq. 16)

    For tanh, sigmoid, softmax and linear layers.

    Args:
        seed, input_axes, output_axes, kernel, groups: as in `VarianceScaling`.

    Differs from Keras: as `VarianceScaling` does.

    Reference: Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward
        neural networks, AISTATS.
    """

    rule = (1.0, "fan_avg", "uniform")


@register
class GlorotNormal(FixedRule):
    """Glorot's rule, truncated normal: the variance of signals and of gradients in balance.

        Var(w) = 2 / (fan_in + fan_out)                     (Glorot & Bengio 2010, eq. 12)

    For tanh, sigmoid, softmax and linear layers.

    Cut at two standard deviations; the variance is exact all the same.

    Args:
        seed, input_axes, output_axes, kernel, groups: as in `VarianceScaling`.

    Differs from Keras: as `VarianceScaling` does.

    Reference: Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward
        neural networks, AISTATS.
    """

    rule = (1.0, "fan_avg", "truncated_normal")


@register
class HeUniform(FixedRule):
    """He's rule, uniform: makes up for the half of the signal that a ReLU drops.

        w ~ U(-b, b),  b = sqrt(6 / fan_in)                       (He et al. 2015, eq. 10)

    For ReLU and its relatives.

    Args:
        seed, input_axes, output_axes, kernel, groups: as in `VarianceScaling`.

    Differs from Keras: as `VarianceScaling` does.

    Reference: He et al. (2015), Delving Deep into Rectifiers, arXiv:1502.01852.
    """

    rule = (2.0, "fan_in", "uniform")


@register
class HeNormal(FixedRule):
    """He's rule, truncated normal: makes up for the half of the signal that a ReLU drops.

        Var(w) = 2 / fan_in                                       (He et al. 2015, eq. 10)

    For ReLU and its relatives.

    Cut at two standard deviations; the variance is exact all the same.

    Args:
        seed, input_axes, output_axes, kernel, groups: as in `VarianceScaling`.

    Differs from Keras: as `VarianceScaling` does.

    Reference: He et al. (2015), Delving Deep into Rectifiers, arXiv:1502.01852.
    """

    rule = (2.0, "fan_in", "truncated_normal")


@register
class LecunUniform(FixedRule):
    """LeCun's rule, uniform: a unit's output varies as its inputs do.

        w ~ U(-b, b),  b = sqrt(3 / fan_in)                    (LeCun et al. 1998, eq. 16)

    The "Xavier" rule of some courses, there for tanh.

    Args:
        seed, input_axes, output_axes, kernel, groups: as in `VarianceScaling`.

    Differs from Keras: as `VarianceScaling` does.

    Reference: LeCun, Bottou, Orr & Müller (1998), Efficient BackProp, section 4.6.
    """

    rule = (1.0, "fan_in", "uniform")


@register
class LecunNormal(FixedRule):
    """LeCun's rule, truncated normal: a unit's output varies as its inputs do.

        Var(w) = 1 / fan_in                                    (LeCun et al. 1998, eq. 16)

    For SELU; also the "Xavier" rule of some courses, there for tanh.

    Cut at two standard deviations; the variance is exact all the same.

    Args:
        seed, input_axes, output_axes, kernel, groups: as in `VarianceScaling`.

    Differs from Keras: as `VarianceScaling` does.

    Reference: LeCun, Bottou, Orr & Müller (1998), Efficient BackProp, section 4.6.
    """

    rule = (1.0, "fan_in", "truncated_normal")


@register
class TorchUniform(FixedRule):
    """PyTorch's default for Linear and Conv layers, kernel and bias.

        w, b ~ U(-1 / sqrt(fan_in), 1 / sqrt(fan_in))

    To start where PyTorch starts. A bias takes the fan-in of its layer's kernel, which the bias's
    own shape does not tell: give it as `fan_in`, or let `initialize` ask the layers of a model:

        initialize(model, TorchUniform(), bias_initializer=TorchUniform())

    Args:
        seed, input_axes, output_axes, kernel, groups: as in `VarianceScaling`.
        fan_in: int >= 1, or `None`. Inputs of one output unit; `None` counts them from the shape.
            Defaults to `None`.

    Raises:
        ValueError: as `VarianceScaling` does; if `fan_in` is no integer >= 1; when called for a
            shape of one axis without `fan_in`.

    Differs from PyTorch: `ConvTranspose` layers count their inputs here, their outputs there.

    Example:
        >>> import keras
        >>> from keras_trainkit.initializers import TorchUniform
        >>> layer = keras.layers.Dense(
        ...     4,
        ...     kernel_initializer=TorchUniform(seed=1),
        ...     bias_initializer=TorchUniform(seed=2, fan_in=25),
        ... )
        >>> layer.build((None, 25))
        >>> bool(keras.ops.max(abs(layer.kernel)) <= 1 / 5)
        True

    Reference: LeCun, Bottou, Orr & Müller (1998), Efficient BackProp, section 4.6, with a third of
        its variance; `torch.nn.Linear`.
    """

    rule = (1 / 3, "fan_in", "uniform")

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        kernel: str = "conv",
        groups: int = 1,
        fan_in: int | None = None,
    ) -> None:
        super().__init__(seed, input_axes, output_axes, kernel, groups)
        self.fan_in = None if fan_in is None else integer("fan_in", fan_in, low=1)

    def fans(self, shape: Sequence[int]) -> tuple[int, int]:
        """Return `(fan_in, fan_out)` of a kernel of this shape, or of the bias beside it."""
        if self.fan_in is None and len(shape) < 2:
            raise ValueError(
                "`fan_in` must be given for a bias, whose shape does not tell the inputs of its "
                "layer; or let `keras_trainkit.initializers.initialize(model, TorchUniform(), "
                "bias_initializer=TorchUniform())` ask the layers of a built model. "
                f"Received: shape={tuple(shape)}, fan_in=None"
            )
        fan_in, fan_out = super().fans(shape)
        return self.fan_in or fan_in, fan_out

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "fan_in": self.fan_in}
