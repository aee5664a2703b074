"""Decay along a power of the time that is left, and the constant."""

from types import ModuleType
from typing import Any, ClassVar

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import Duration, completed, duration


@register
class ConstantLearningRate(Schedule):
    """A learning rate that stays, to be joined with others.

        learning_rate(t) = learning_rate

    Args:
        learning_rate: float >= 0.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if `learning_rate` is negative.

    Example:
        >>> from keras_trainkit.schedules import ConstantLearningRate, CosineDecay
        >>> schedule = ConstantLearningRate(0.1).then(CosineDecay(0.1, 100), after=50)
        >>> [round(schedule(step), 4) for step in (0, 50, 100, 150)]
        [0.1, 0.1, 0.05, 0.0]

    Reference: Robbins, H. & Monro, S. (1951), A stochastic approximation method,
    doi:10.1214/aoms/1177729586, against which every decay is measured.
    """

    def __init__(self, learning_rate: float, name: str | None = None) -> None:
        """Check and keep the number."""
        super().__init__(name)
        self.learning_rate = _validation.real("learning_rate", learning_rate, low=0.0)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the number, in the shape of `step`."""
        return xp.full(xp.shape(step), self.learning_rate, dtype)


@register
class PolynomialDecay(Schedule):
    """Decay to an end along a power of the time that is left.

        learning_rate(t) = end + (initial - end) * (1 - t)^power,   t = min(step / decay_steps, 1)

    With `power=1` it is the straight line. With `cycle=True` the line starts again, from
    `initial` at step 0 and stretched to the first multiple of `decay_steps` that is not below the
    step.

    Args:
        initial_learning_rate: float > 0. Learning rate at step 0.
        decay_steps: number > 0 of steps, or a text like `"5 epochs"` or `"10%"`. When the end is
            reached.
        end_learning_rate: float >= 0. Defaults to `0.0001`.
        power: float > 0. Defaults to `1.0`.
        cycle: bool. Stretch the decay when its end is reached. Defaults to `False`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: a Python number gives a Python float, not a tensor.

    Example:
        >>> from keras_trainkit.schedules import PolynomialDecay
        >>> schedule = PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0, power=2)
        >>> [round(schedule(step), 4) for step in (0, 50, 100, 200)]
        [0.1, 0.025, 0.0, 0.0]

    Reference: `keras.optimizers.schedules.PolynomialDecay`; Mishkin, D. et al. (2016), Systematic
    evaluation of CNN advances on the ImageNet, arXiv:1606.02228, section 3.5.
    """

    durations: ClassVar[tuple[str, ...]] = ("decay_steps",)

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: Duration,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = None,
    ) -> None:
        """Check and keep the formula's constants."""
        super().__init__(name)
        self.initial_learning_rate = _validation.positive(
            "initial_learning_rate", initial_learning_rate
        )
        self.decay_steps = duration("decay_steps", decay_steps)
        self.end_learning_rate = _validation.real("end_learning_rate", end_learning_rate, low=0.0)
        self.power = _validation.positive("power", power)
        self.cycle = _validation.boolean("cycle", cycle)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the learning rate at `step`."""
        steps: Any = self.decay_steps
        if self.cycle:
            # Rounded up, as minus the step is rounded down.
            steps = xp.array(xp.maximum(-completed(-step, steps, xp, dtype), 1), dtype) * steps
        left = 1.0 - xp.array(xp.minimum(step, steps), dtype) / steps
        span = self.initial_learning_rate - self.end_learning_rate
        return self.end_learning_rate + span * left**self.power

    def _length(self) -> Any:
        return None if self.cycle else self.decay_steps
