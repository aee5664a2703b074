"""Zero-mean draws whose variance is fixed by the number of connections."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import keras

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._seeds import LIMIT, folded
from keras_trainkit._tensors import Tensor
from keras_trainkit._validation import integer, invalid, one_of, positive, wrong_type
from keras_trainkit.initializers._fans import KERNELS, compute_fans

Seed: TypeAlias = int | keras.random.SeedGenerator | dict[str, Any] | None

# Standard deviation of N(0, 1) cut off at two: sqrt(1 - 4 pdf(2) / P(|z| < 2)).
TRUNCATED_STD = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))
# Odd: all 2**31 sub-seeds differ. The golden ratio's: streams of nearby seeds stay apart.
STEP = 0x9E3779B9


@register
class VarianceScaling(keras.initializers.VarianceScaling):
    """Random weights of variance `scale` over a fan.

        Var(w) = scale / n,    n = fan_in, fan_out or (fan_in + fan_out) / 2

        "uniform"               U(-b, b),  b = sqrt(3 scale / n)
        "untruncated_normal"    N(0, scale / n)
        "truncated_normal"      N(0, s^2) redrawn beyond 2 s,  s = sqrt(scale / n) / 0.8796

    The last one's variance, too, is scale / n after the truncation. Every call draws from a
    sub-seed of its own: an instance shared by several layers gives each other weights, and one seed
    gives the same sequence of draws in every run. A copy made from the config starts the sequence
    again. Keras passes only the shape: for depthwise, transposed or grouped kernels pass `kernel=`
    or `groups=`, or use `initialize(model, ...)`, which reads the fans from the layers.

    Args:
        scale: float > 0. Variance times fan. Defaults to `1.0`.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`. Defaults to `"fan_in"`.
        distribution: `"truncated_normal"`, `"untruncated_normal"` or `"uniform"`. Defaults to
            `"truncated_normal"`.
        seed: int >= 0, `keras.random.SeedGenerator` or `None`. From 2^31 on a hash of it is taken,
            as no more fits into the generators of some backends. With `None` the seed comes from
            the generator that `keras.utils.set_random_seed` sets, and the config keeps `None`.
            MultiHeadAttention gives every projection a copy made from the config: leave `None`
            there, or use `initialize`: an integer gives its projections equal weights. Defaults to
            `None`.
        input_axes: sequence of ints. Axes of the kernel whose product is fan-in; EinsumDense
            (Keras 3.15) fills both in by itself. Defaults to `None`.
        output_axes: sequence of ints. Axes whose product is fan-out. Defaults to `None`.
        kernel: what the shape belongs to if no axes are given: `"conv"` (Dense and Conv),
            `"depthwise"` (also the first kernel of SeparableConv) or `"transposed"`. Defaults to
            `"conv"`.
        groups: int >= 1. The `groups` of the Conv layer. Defaults to `1`.

    Raises:
        ValueError: if an argument is none of those listed, or one of the two axes is missing.

    Differs from Keras, as do the rules built on it: a second call with an integer seed draws other
        values (the first draws Keras's, bit for bit); `kernel` and `groups` are new; the axes also
        exist on Keras 3.12.

    Example:
        >>> import keras
        >>> from keras_trainkit.initializers import VarianceScaling
        >>> initializer = VarianceScaling(2.0, "fan_out", seed=1)
        >>> first, second = initializer((3, 4)), initializer((3, 4))
        >>> bool(keras.ops.any(first == second))
        False
        >>> again = VarianceScaling.from_config(initializer.get_config())
        >>> bool(keras.ops.all(first == again((3, 4))))
        True

    Reference: He et al. (2015), Delving Deep into Rectifiers, arXiv:1502.01852, section 2.2.
    """

    seed: Any

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        kernel: str = "conv",
        groups: int = 1,
    ) -> None:
        super().__init__(positive("scale", scale), mode, distribution, _checked(seed))
        if (input_axes is None) != (output_axes is None):
            given = (input_axes, output_axes)
            raise invalid("(input_axes, output_axes)", "both sequences or both None", given)
        self.input_axes = _axes("input_axes", input_axes)
        self.output_axes = _axes("output_axes", output_axes)
        self.kernel = one_of("kernel", kernel, KERNELS)
        self.groups = integer("groups", groups, low=1)
        if groups > 1 and kernel != "conv":
            raise invalid("groups", f"1 if `kernel` is {kernel!r}", groups)
        if isinstance(self.seed, int) and not isinstance(self.seed, SeedStream):
            self.seed = SeedStream(self.seed)

    def fans(self, shape: Sequence[int]) -> tuple[int, int]:
        """Return `(fan_in, fan_out)` of a kernel of this shape."""
        return compute_fans(shape, self.input_axes, self.output_axes, self.kernel, self.groups)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Return a tensor of this shape, drawn for the fans that the shape implies."""
        return self.draw(shape, self.fans(shape), dtype)

    def draw(self, shape: Sequence[int], fans: tuple[int, int], dtype: Any = None) -> Tensor:
        """Return a tensor of this shape, drawn for the given `(fan_in, fan_out)`."""
        n = {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": sum(fans) / 2}[self.mode]
        variance = self.scale / max(1.0, n)  # as in Keras: a fan may be 0
        seed = self.seed.next() if isinstance(self.seed, SeedStream) else self.seed
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return keras.random.uniform(shape, -limit, limit, dtype=dtype, seed=seed)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return keras.random.normal(shape, 0.0, stddev, dtype=dtype, seed=seed)
        return keras.random.truncated_normal(
            shape, 0.0, stddev / TRUNCATED_STD, dtype=dtype, seed=seed
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        if isinstance(config["seed"], SeedStream):
            config["seed"] = int(config["seed"])
        return {
            **config,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
            "kernel": self.kernel,
            "groups": self.groups,
        }


def _checked(seed: Any) -> Seed:
    """Return a seed that Keras's initializers take, or raise."""
    # Given a stream, as by EinsumDense, the initializer continues it; a dict is a generator's.
    if isinstance(seed, (SeedStream, keras.random.SeedGenerator, dict)):
        return seed
    return _validation.seed("seed", seed)


def _axes(name: str, axes: Any) -> list[int] | None:
    """Return axes that a config can hold, or raise."""
    if axes is None:
        return None
    if not isinstance(axes, Iterable):
        raise wrong_type(name, "a sequence of integers", axes)
    return [integer(name, axis) for axis in axes]


class SeedStream(int):
    """An integer seed that yields another sub-seed for every draw.

        s_n = (seed + n * 0x9E3779B9) mod 2^31                   (Weyl sequence, n = 0, 1, ..)

    It is an `int`, so that whoever reads `initializer.seed` finds the seed; whoever is given the
    object itself, as EinsumDense gives it to the initializer that it makes, continues the stream.
    """

    draws: int = 0

    def next(self) -> int:
        """Return the sub-seed of this draw."""
        sub_seed = (folded(int(self)) + self.draws * STEP) % LIMIT
        if not _is_rehearsal():
            self.draws += 1
        return sub_seed


def _is_rehearsal() -> bool:
    """Whether a layer is only traced to learn shapes: Keras then draws values it throws away.

    Counting those would make a model that `fit` builds differ from one built by hand.
    """
    with keras.StatelessScope(initialize_variables=False) as scope:
        return scope.original_scope is not None
