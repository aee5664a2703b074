"""Search space of an optimizer, its numbers and its schedule."""

from functools import partial
from typing import Any, NamedTuple

import keras
from keras_tuner import HyperParameters

from keras_trainkit import _validation, optimizers
from keras_trainkit.schedules._schedule import Schedule as Curve
from keras_trainkit.tuner.spaces._dimension import RUNTIME, Check, Dimension, dimension
from keras_trainkit.tuner.spaces._schedule import Schedule
from keras_trainkit.tuner.spaces._space import Space, register_space

Dimensions = dict[str, Dimension]
SHARE = partial(_validation.real, low=0.0, high=1.0, high_open=True)


class Rule(NamedTuple):
    """An optimizer class, and the numbers that are worth a trial with it."""

    optimizer: type[keras.optimizers.Optimizer]
    learning_rate: tuple[float, float]
    momentum: Any = False
    """Default of the space; `False` leaves the optimizer its own."""
    momentum_name: str | None = "momentum"
    """What the optimizer calls it, if it has one."""
    weight_decay: Any = False
    no_weight_decay: float | None = None
    """What says to the optimizer that it shall have none."""


MOMENTUM = (0.8, 0.95)
BETA_1 = "beta_1"
RULES = {
    "nag": Rule(optimizers.NAG, (1e-3, 3e-2), MOMENTUM),
    "adam": Rule(optimizers.Adam, (1e-4, 1e-2), momentum_name=BETA_1),
    "adamw": Rule(
        optimizers.AdamW,
        (1e-4, 1e-2),
        momentum_name=BETA_1,
        weight_decay=(1e-3, 1e-1),
        no_weight_decay=0.0,
    ),
    "nadam": Rule(optimizers.Nadam, (1e-4, 1e-2), momentum_name=BETA_1),
    "sgd": Rule(keras.optimizers.SGD, (1e-3, 3e-2), MOMENTUM),
    "rmsprop": Rule(keras.optimizers.RMSprop, (1e-4, 1e-2)),
    "adagrad": Rule(keras.optimizers.Adagrad, (1e-3, 1e-1), momentum_name=None),
    "adadelta": Rule(keras.optimizers.Adadelta, (5e-2, 2.0), momentum_name=None),
}


@register_space
class Optimizer(Space):
    """Optimizer, with a learning rate, a momentum and a weight decay from its own ranges.

        name       learning_rate   momentum       weight_decay
        nag        (1e-3, 0.03)    (0.8, 0.95)    none
        adam       (1e-4, 1e-2)    0.9            none
        adamw      (1e-4, 1e-2)    0.9            (1e-3, 1e-1)
        nadam      (1e-4, 1e-2)    0.9            none
        sgd        (1e-3, 0.03)    (0.8, 0.95)    none
        rmsprop    (1e-4, 1e-2)    none           none
        adagrad    (1e-3, 1e-1)    has none       none
        adadelta   (0.05, 2.0)     has none       none

    The first four are those of `keras_trainkit.optimizers`, the others those of Keras. The momentum
    of Adam's family is `beta_1`. Each optimizer has hyperparameters of its own
    (`nag/learning_rate`, ...), which are searched only where it is chosen. With gradients clipped,
    as they are by default, no rate of these ranges diverges on standardized data.

    Args:
        choices: str, one of the names above. Defaults to `("nag", "adam", "sgd", "rmsprop")`.
        learning_rate: float > 0, for every optimizer; a range is sampled on a logarithmic scale.
            Defaults to the ranges above.
        momentum: float in [0, 1), for every optimizer that has one; `False` leaves each its own
            default. Defaults to the table above.
        weight_decay: float > 0, for every optimizer; a range is sampled on a logarithmic scale;
            `False` for none. It is decoupled from the gradient. Defaults to the table above.
        schedule: A `Schedule`, or its first argument. Defaults to `Schedule()`.
        clipnorm: float > 0. Largest L2 norm of all gradients together, for every optimizer; a range
            is sampled on a logarithmic scale; `False` for no limit. Defaults to `1.0`.
        prefix: See `Space`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> space = spaces.Optimizer("adam", learning_rate=0.5, schedule="constant")
        >>> space.build(HyperParameters()).get_config()["learning_rate"]
        0.5
        >>> spaces.Optimizer(["nag", "adamw"], schedule=False).parameters()["nag/momentum"]
        'runtime'
    """

    def __init__(
        self,
        choices: Any = None,
        learning_rate: Any = None,
        schedule: Any = None,
        momentum: Any = None,
        weight_decay: Any = None,
        clipnorm: Any = None,
        *,
        prefix: str = "",
    ) -> None:
        super().__init__(prefix)
        known = partial(_validation.one_of, choices=RULES)
        default = ("nag", "adam", "sgd", "rmsprop")
        self.name = dimension("optimizer", choices, known, default=default)
        positive = _validation.positive
        self.learning_rates = self._each("learning_rate", learning_rate, positive, log=True)
        self.momenta = self._each("momentum", momentum, SHARE, off=None)
        if momentum and not self.momenta:
            raise _validation.invalid("momentum", "None where no optimizer has one", momentum)
        self.weight_decays = self._each("weight_decay", weight_decay, positive, off=None, log=True)
        self.clipnorm = dimension(
            "clipnorm", clipnorm, positive, default=1.0, kind=RUNTIME, off=None, log=True
        )
        self.schedule = Schedule.of(schedule)

    def declare(self, hp: HyperParameters) -> dict[str, Any]:
        """Register names, numbers and schedule; return the name and its numbers."""
        with self._scope(hp):
            name = self.name.declare(hp)
            numbers = {
                number: self._values(hp, dimensions).get(name)
                for number, dimensions in (
                    ("learning_rate", self.learning_rates),
                    ("momentum", self.momenta),
                    ("weight_decay", self.weight_decays),
                )
            }
            self.schedule.declare(hp)
            return {"optimizer": name, "clipnorm": self.clipnorm.declare(hp), **numbers}

    def rate(self, hp: HyperParameters) -> float | Curve:
        """Return the learning rate, or a new schedule of it, its durations as they were given."""
        learning_rate = self.declare(hp)["learning_rate"]
        with self._scope(hp):
            return self.schedule.build(hp, learning_rate)

    def build(
        self,
        hp: HyperParameters,
        steps_per_epoch: float | None = None,
        epochs: float | None = None,
    ) -> keras.optimizers.Optimizer:
        """Return a new optimizer.

        Args:
            hp: `keras_tuner.HyperParameters`.
            steps_per_epoch: number > 0. Optimizer steps in an epoch, for a schedule whose durations
                are texts. Defaults to `None`: such an optimizer cannot train before its schedule
                is bound.
            epochs: number > 0. Epochs of the training, for durations in percent.
        """
        values, rate = self.declare(hp), self.rate(hp)
        if steps_per_epoch is not None and isinstance(rate, Curve):
            rate = rate.bind(steps_per_epoch, epochs)
        rule = RULES[values["optimizer"]]
        decay = rule.no_weight_decay if values["weight_decay"] is None else values["weight_decay"]
        numbers = {
            rule.momentum_name or "": values["momentum"],
            "weight_decay": decay,
            "global_clipnorm": values["clipnorm"],
        }
        given = {name: number for name, number in numbers.items() if number is not None}
        return rule.optimizer(learning_rate=rate, **given)

    def _each(self, number: str, argument: Any, check: Check, **options: Any) -> Dimensions:
        """Return the dimension of a number for each optimizer that has it."""
        return {
            name: dimension(
                f"{name}/{number}",
                argument,
                check,
                default=getattr(RULES[name], number),
                kind=RUNTIME,
                **options,
            )
            for name in self.name.values
            if number != "momentum" or RULES[name].momentum_name
        }

    def _values(self, hp: HyperParameters, dimensions: Dimensions) -> dict[str, Any]:
        """Declare each, and return the values by optimizer: of the chosen one alone not `None`."""
        return {name: each.declare_when(hp, self.name, [name]) for name, each in dimensions.items()}


def optimizer(
    hp: HyperParameters,
    *arguments: Any,
    steps_per_epoch: float | None = None,
    epochs: float | None = None,
    **options: Any,
) -> keras.optimizers.Optimizer:
    """Return what `Optimizer(*arguments, **options)` builds for a training of some length."""
    return Optimizer(*arguments, **options).build(hp, steps_per_epoch, epochs)
