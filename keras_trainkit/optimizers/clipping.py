"""Clipping whose threshold follows the weights, or the gradients of the recent past."""

import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._older_state import read_older
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor, at_least_float32, larger
from keras_trainkit._variable_paths import checked_patterns, matched
from keras_trainkit.optimizers._gradients import norm
from keras_trainkit.optimizers._hyperparameters import Hyperparameter, read


class Clipping:
    """Base: what an optimizer does with its gradients before the update, and how often it bit.

    An instance belongs to the optimizer that it is given to, which holds and saves its variables.
    """

    name = "clipping"
    _access_path = "self.model.optimizer.clipping"

    def _build(self, optimizer: keras.Optimizer, variables: Sequence[keras.Variable]) -> None:
        """Create the counters among the optimizer's variables."""
        if hasattr(self, "_counts"):
            raise ValueError(
                f"`clipping` must be an instance of its own for each optimizer. "
                f"Received: clipping={self}, which already serves another"
            )
        # [updates in which clipping changed a gradient, updates]
        self._counts = self._variable(optimizer, (2,), "int32", "clipping_counts")

    @property
    def frequency(self) -> float:
        """The share of the updates so far in which clipping changed a gradient; NaN before any."""
        if not hasattr(self, "_counts"):
            return float("nan")
        changed, updates = (int(n) for n in ops.convert_to_numpy(self._counts))
        return changed / updates if updates else float("nan")

    def _clip(self, gradients: Sequence[Tensor], variables: Sequence[Any]) -> Sequence[Tensor]:
        """Return the gradients for the update, and count."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Clipping":
        """Return an instance of these constructor's arguments."""
        return cls(**config)

    def _variable(
        self, optimizer: keras.Optimizer, shape: tuple[int, ...], dtype: str, name: str
    ) -> keras.Variable:
        return optimizer.add_variable(
            shape, dtype=dtype, aggregation="only_first_replica", name=name
        )

    def _count(self, changed: Tensor) -> None:
        one = ops.ones((), dtype="int32")
        self._counts.assign(self._counts + ops.stack([ops.cast(changed, "int32"), one]))


@register
class AdaptiveClipping(Clipping):
    """Adaptive gradient clipping (AGC): a unit's gradient is bounded by the norm of its weights.

        G_i <- factor * W* / |G_i| * G_i   if |G_i| / W* > factor,   W* = max(|W_i|, epsilon)

    A unit i is what feeds one output: the norms run over all axes but the last, and over the whole
    of a vector. It makes large learning rates and batches stable without batch normalization.

    Args:
        factor: float > 0. The largest ratio of norms; may be assigned during training. The paper
            takes 0.01 to 0.16, less for larger batches. Defaults to `0.01`.
        epsilon: float > 0. Least norm of weights, so that zeros can be left. Defaults to `1e-3`.
        exclude: sequence of paths or regular expressions for whole segments of a variable's path.
            Variables left alone; the paper leaves out the last linear layer. Defaults to `()`.

    Attributes:
        frequency: float. The share of updates in which at least one unit was clipped.

    Raises:
        ValueError: if an argument is outside its interval.

    Example:
        >>> import keras
        >>> from keras_trainkit.optimizers import Adam, AdaptiveClipping
        >>> optimizer = Adam(clipping=AdaptiveClipping(0.1))
        >>> weight = keras.Variable([[3.0], [4.0]])
        >>> optimizer.apply([keras.ops.convert_to_tensor([[30.0], [40.0]])], [weight])
        >>> optimizer.clipping.frequency
        1.0

    Reference: Brock, A., De, S., Smith, S. & Simonyan, K. (2021), High-Performance Large-Scale
    Image Recognition Without Normalization, arXiv:2102.06171, equation 3.
    """

    factor = Hyperparameter(_validation.positive)

    def __init__(
        self, factor: float = 0.01, epsilon: float = 1e-3, exclude: Sequence[str] = ()
    ) -> None:
        """Check and keep the arguments."""
        self.factor = factor
        self.epsilon = _validation.positive("epsilon", epsilon)
        self.exclude = checked_patterns("exclude", exclude)

    def _build(self, optimizer: keras.Optimizer, variables: Sequence[keras.Variable]) -> None:
        super()._build(optimizer, variables)
        found = matched("exclude", self.exclude, variables)
        self._left_alone = {
            optimizer._key_of(v) for v, hit in zip(variables, found, strict=True) if hit
        }
        self._key = optimizer._key_of

    def _clip(self, gradients: Sequence[Tensor], variables: Sequence[Any]) -> Sequence[Tensor]:
        clipped, changed = [], [ops.zeros((), "bool")]
        for gradient, variable in zip(gradients, variables, strict=True):
            if self._key(variable) not in self._left_alone:
                gradient, any_unit = self._clip_units(gradient, variable)
                changed.append(any_unit)
            clipped.append(gradient)
        self._count(ops.any(ops.stack(changed)))
        return clipped

    def _clip_units(self, gradient: Tensor, variable: Any) -> tuple[Tensor, Tensor]:
        dtype = at_least_float32(gradient.dtype)
        wide = ops.cast(gradient, dtype)
        least = ops.cast(self.epsilon, dtype)
        weights = larger(least, _unit_norms(ops.cast(variable, dtype)))
        limit = read(self, "factor", dtype) * weights
        norms = _unit_norms(wide)
        above = norms > limit
        scale = ops.where(above, limit / ops.where(above, norms, ops.ones_like(norms)), 1.0)
        return ops.cast(wide * ops.cast(scale, dtype), gradient.dtype), ops.any(above)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the present factor."""
        return {"factor": self.factor, "epsilon": self.epsilon, "exclude": list(self.exclude)}


def _unit_norms(x: Tensor) -> Tensor:
    axes = tuple(range(len(x.shape) - 1)) if len(x.shape) > 1 else None
    largest = ops.max(ops.abs(x), axis=axes, keepdims=True, initial=0.0)
    unit = ops.where(largest > 0, largest, ops.ones_like(largest))  # against overflow
    return unit * ops.sqrt(ops.sum(ops.square(x / unit), axis=axes, keepdims=True))


@register
class PercentileClipping(Clipping):
    """Clipping of the global norm at a percentile of the recent global norms (AutoClip).

        c_t = percentile of {|g_s| : s = t - window + 1, ..., t},   g_t <- g_t min(1, c_t / |g_t|)

    |g| is the L2 norm over all gradients, before clipping. The threshold finds itself: no number to
    tune when the loss changes its scale. A gradient that is not finite is passed on as it is, and
    not remembered. Norms of other variables are of another size: where not all updates are of the
    same variables, as of a generator and its critic, only those of the same are compared.

    Args:
        percentile: float in [0, 100]; may be assigned during training. Defaults to `10.0`, the
            paper's.
        window: int >= 1. Number of norms remembered, in updates of any variables; the paper
            remembers all. Defaults to `1000`.

    Attributes:
        frequency: float. The share of updates in which the gradients were clipped.

    Raises:
        ValueError: if an argument is outside its interval.

    Example:
        >>> import keras
        >>> from keras_trainkit.optimizers import NAG, PercentileClipping
        >>> optimizer = NAG(1.0, momentum=0.0, clipping=PercentileClipping(50.0))
        >>> weight = keras.Variable([0.0])
        >>> for gradient in [1.0, 3.0]:
        ...     optimizer.apply([keras.ops.convert_to_tensor([gradient])], [weight])
        >>> round(float(weight.numpy()[0]), 4)
        -3.0

    Reference: Seetharaman, P., Wichern, G., Pardo, B. & Le Roux, J. (2020), AutoClip: Adaptive
    Gradient Clipping for Source Separation Networks, arXiv:2007.14469, Algorithm 1.
    """

    percentile = Hyperparameter(partial(_validation.real, low=0.0, high=100.0))

    def __init__(self, percentile: float = 10.0, window: int = 1000) -> None:
        """Check and keep the arguments."""
        self.percentile = percentile
        self.window = _validation.integer("window", window, low=1)

    def _build(self, optimizer: keras.Optimizer, variables: Sequence[keras.Variable]) -> None:
        super()._build(optimizer, variables)
        dtype = at_least_float32(keras.config.floatx())
        self._remembered = self._variable(optimizer, (), "int32", "clipping_remembered")
        # [norms, the parts of the variables that they are of], once norms of all variables only
        self._norms = self._variable(optimizer, (2, self.window), dtype, "clipping_norms")
        read_older(self._norms, (self.window,), lambda old: np.stack([old, np.zeros_like(old)]))
        self._place_of, self._all = optimizer._place_of, range(len(variables))

    def _clip(self, gradients: Sequence[Tensor], variables: Sequence[Any]) -> Sequence[Tensor]:
        total = ops.cast(norm(gradients), self._norms.dtype)
        finite = ops.isfinite(total)
        part = self._part_of(variables)
        self._remember(total, finite, part)
        limit = self._threshold(part)
        above = ops.logical_and(finite, total > limit)
        self._count(above)
        scale = ops.where(above, limit / ops.where(above, total, ops.ones_like(total)), 1.0)
        return [gradient * ops.cast(scale, gradient.dtype) for gradient in gradients]

    def _part_of(self, variables: Sequence[Any]) -> int:
        """Return a number that tells these variables from other ones, 0 for all of them."""
        places = sorted(self._place_of(variable) for variable in variables)
        if places == list(self._all):
            return 0
        return zlib.crc32(np.array(places, "int32").tobytes()) >> 8 or 1  # float32 has 24 bits.

    def _remember(self, total: Tensor, finite: Tensor, part: int) -> None:
        remembered = ops.convert_to_tensor(self._remembered)
        here = ops.arange(self.window, dtype="int32") == remembered % self.window
        new = ops.stack([total, ops.cast(part, total.dtype)])[:, None]
        norms = ops.convert_to_tensor(self._norms)
        self._norms.assign(ops.where(ops.logical_and(here, finite), new, norms))
        self._remembered.assign(remembered + ops.cast(finite, "int32"))

    def _threshold(self, part: int) -> Tensor:
        """Return the percentile, interpolated between the two nearest of the part's norms."""
        norms, parts = ops.unstack(ops.convert_to_tensor(self._norms))
        known = ops.arange(self.window, dtype="int32") < ops.convert_to_tensor(self._remembered)
        known = ops.logical_and(known, parts == part)
        norms = ops.sort(ops.where(known, norms, ops.full_like(norms, float("inf"))))
        last = ops.maximum(ops.sum(ops.cast(known, "int32")) - 1, 0)
        place = read(self, "percentile", norms.dtype) / 100 * ops.cast(last, norms.dtype)
        below = ops.cast(ops.floor(place), "int32")
        lower, upper = (ops.take(norms, i) for i in (below, ops.minimum(below + 1, last)))
        share = place - ops.cast(below, norms.dtype)
        return ops.where(share > 0, lower + share * (upper - lower), lower)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the present percentile."""
        return {"percentile": self.percentile, "window": self.window}
