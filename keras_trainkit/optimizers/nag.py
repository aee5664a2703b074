"""Nesterov's accelerated gradient, with the iterate given back."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple, Unpack

from keras import ops

from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.optimizers._arguments import Arguments, shows_arguments_of
from keras_trainkit.optimizers._base import LearningRate, Optimizer
from keras_trainkit.optimizers._hyperparameters import Scalar, read
from keras_trainkit.optimizers._look_ahead import AT_ITERATE
from keras_trainkit.optimizers._update_groups import Group
from keras_trainkit.optimizers._velocity_units import VelocityUnits


class NAGScalars(NamedTuple):
    """The scalars of a step on a slot s with v = unit * s.

    s <- kept * s + gain * g,   w <- w - learning_rate * g - carried * s
    """

    learning_rate: Scalar
    momentum: Scalar
    kept: Scalar
    """momentum * (old unit) / unit, or `momentum` with `torch_velocity`."""
    gain: Scalar
    """learning_rate / unit, or 1 with `torch_velocity`."""
    carried: Scalar
    """momentum * unit, or unit without `nesterov`, where w loses no learning_rate * g."""
    unit: Scalar
    nesterov: bool
    torch_velocity: bool
    one_momentum: bool
    """Whether PyTorch's fused step, which has one momentum for both lines, can take the step."""


@register
class NAG(VelocityUnits):
    """Nesterov's accelerated gradient (NAG): the gradient is taken at the look-ahead point.

        v_t     = momentum * v_{t-1} + learning_rate * grad L(w_t - momentum * v_{t-1})
        w_{t+1} = w_t - v_t

    While a model trains, its variables hold the look-ahead point w - momentum * v, because that
    is where the gradient is due. When `fit` ends they hold the iterate w, and the next `fit`
    first moves them back: two `fit` calls follow the recursion as one does, to rounding error,
    also with the model saved and loaded in between. `keras_trainkit.callbacks.SwapIterate` has
    validation and checkpoints see w during `fit`; `at_iterate()` gives it at any other time. The
    learning rate is part of the velocity, so the recursion is exact under a schedule.

    With `nesterov=False` this is the heavy ball: the gradient is taken at w, which the model always
    holds. With `torch_velocity=True` the velocity is free of the learning rate, as PyTorch has it:

        u_t = momentum * u_{t-1} + gradient,   and v_t = learning_rate * u_t in the second line

    They differ only when the learning rate changes: with `torch_velocity=True` a lower rate shrinks
    the whole velocity at once; otherwise it affects only later gradients.

    In a training loop of your own, `finalize_variable_values(variables)` moves to the iterate
    and `resume()` back to the look-ahead point, outside of a compiled step. Where a variable is,
    and in which unit its velocity is held, is kept for each: a step moves only what has a gradient.

    Args:
        learning_rate: float >= 0, or a `keras.optimizers.schedules.LearningRateSchedule` over
            steps, or a callable without arguments. Defaults to `0.01`.
        momentum: float in [0, 1). Share of the velocity kept per step. With `0.0` this is gradient
            descent, which keeps no velocity: what is given as 0, and still is when the optimizer is
            built, stays 0. Defaults to `0.9`.
        nesterov: bool. Take the gradient at the look-ahead point. Defaults to `True`.
        torch_velocity: bool. Keep the learning rate out of the velocity. Defaults to `False`.
        end_at_iterate: bool. Move the model to the iterate when `fit` ends; `False` leaves it at
            the look-ahead point, as PyTorch and Keras do. Defaults to `True`.
        **base_arguments: as in `Adam`, such as `weight_decay` (decoupled), `clipping` and
            `skip_nonfinite`; `use_ema` averages the look-ahead points.

    Attributes:
        velocities: list of tensors v, in the order of the trained variables; `[]` without
            momentum.
        holds_iterate: bool. Whether the model holds the iterate.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: `keras.optimizers.SGD(nesterov=True)` takes the same steps and acts as
    `end_at_iterate=False`. The variables of the optimizer hold v in the
    unit that the backend's fused step wants: -v, as Keras has it, and v / learning_rate on PyTorch.

    Example:
        >>> import keras
        >>> from keras_trainkit.optimizers import NAG
        >>> weight = keras.Variable([1.0])
        >>> optimizer = NAG(learning_rate=0.1, momentum=0.5)
        >>> optimizer.apply([keras.ops.convert_to_tensor([2.0])], [weight])
        >>> round(float(weight.numpy()[0]), 4)
        0.7
        >>> with optimizer.at_iterate():
        ...     round(float(weight.numpy()[0]), 4)
        0.8

    Reference: Sutskever, I., Martens, J., Dahl, G. & Hinton, G. (2013), On the importance of
    initialization and momentum in deep learning, ICML, equations 3 and 4, with the velocity's
    sign turned; Bengio, Y., Boulanger-Lewandowski, N. & Pascanu, R. (2013), arXiv:1212.0901,
    section 3.5, for holding the look-ahead point.
    """

    @shows_arguments_of(Optimizer)
    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.9,
        nesterov: bool = True,
        *,
        torch_velocity: bool = False,
        end_at_iterate: bool = True,
        **base_arguments: Unpack[Arguments],
    ) -> None:
        super().__init__(
            learning_rate,
            momentum,
            nesterov,
            end_at_iterate,
            torch_velocity=torch_velocity,
            **base_arguments,
        )

    def _step_scalars(self, learning_rate: Scalar, group: Group) -> NAGScalars:
        momentum = read(self, "momentum", group.traits.dtype)
        old, unit = self._units_for(group, learning_rate)
        one_unit = self.torch_velocity or not self.nesterov or old * learning_rate > 0
        return NAGScalars(
            learning_rate=learning_rate,
            momentum=momentum,
            kept=momentum if self.torch_velocity else momentum * old / unit,
            gain=1.0 if self.torch_velocity else learning_rate / unit,
            carried=momentum * unit if self.nesterov else unit,
            unit=unit,
            nesterov=self.nesterov,
            torch_velocity=self.torch_velocity,
            one_momentum=isinstance(learning_rate, float) and one_unit and momentum > 0,
        )

    def _update(
        self, gradient: Tensor, variable: Any, slots: Sequence[Any], scalars: NAGScalars
    ) -> None:
        if not slots:
            self.assign_sub(variable, ops.cast(scalars.learning_rate * gradient, variable.dtype))
            return
        (velocity,) = slots
        new = _moved(ops.cast(velocity, gradient.dtype), gradient, scalars.kept, scalars.gain)
        self.assign(velocity, new)
        weights, carried = ops.cast(variable, gradient.dtype), scalars.carried
        if self.nesterov:
            # From the iterate the step first goes to the look-ahead point, one momentum * v back.
            # That is missing * (new - gain * g): the old velocity need not be read again.
            missing = self._missing(self._place_of(variable), gradient.dtype)
            weights = weights - (scalars.learning_rate - missing * scalars.gain) * gradient
            carried = carried + missing
        self.assign(variable, ops.cast(weights - carried * new, variable.dtype))

    def _missing(self, index: int, dtype: str) -> Scalar:
        """Return the unit before the step of a variable that is at its iterate, 0 for another."""
        if self._leads_known:
            return 0.0  # It has gone to the look-ahead point already.
        unit = ops.where(self._lead[index] == AT_ITERATE, self._unit[index], 0)
        return ops.cast(unit, dtype)

    def _fused_update(self, fused: ModuleType) -> Callable | None:
        return fused.nag if self._has_velocity else fused.descend


def _moved(slot: Tensor, gradient: Tensor, kept: Scalar, gain: Scalar) -> Tensor:
    """Return kept * slot + gain * gradient."""
    # A sum of two products can be fused and rounded in two ways. This one has one product, so the
    # update is the same bit for bit whatever else a compiled step does with the gradient.
    if isinstance(kept, float):
        return kept * (slot + gain / kept * gradient) if kept else gain * gradient
    return ops.where(kept != 0, kept * (slot + gain / kept * gradient), gain * gradient)
