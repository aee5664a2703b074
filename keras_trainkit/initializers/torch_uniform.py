"""The weights that PyTorch's layers start from."""

from collections.abc import Sequence
from typing import Any

from keras_trainkit._register import register
from keras_trainkit._validation import integer
from keras_trainkit.initializers.rules import FixedRule
from keras_trainkit.initializers.variance_scaling import Seed


@register
class TorchUniform(FixedRule):
    """PyTorch's default for Linear and Conv layers, kernel and bias.

        w, b ~ U(-1 / sqrt(fan_in), 1 / sqrt(fan_in))

    To start where PyTorch starts. A bias takes the fan-in of its layer's kernel, which the bias's
    own shape does not tell: give it as `fan_in`, or let `initialize` ask the layer.

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
                f"layer. Received: shape={tuple(shape)}, fan_in=None"
            )
        fan_in, fan_out = super().fans(shape)
        return self.fan_in or fan_in, fan_out

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "fan_in": self.fan_in}
