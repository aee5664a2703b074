"""Search space of an optimizer, its learning rate and its schedule."""

from functools import partial
from typing import Any, NamedTuple

import keras
from keras_tuner import HyperParameters

from keras_trainkit import _validation, optimizers
from keras_trainkit.tuner.spaces._dimension import dimension
from keras_trainkit.tuner.spaces._space import Space
from keras_trainkit.tuner.spaces.schedule import Schedule


class Rule(NamedTuple):
    """An optimizer class and the learning rates that are worth a trial with it."""

    optimizer: type[keras.optimizers.Optimizer]
    learning_rate: tuple[float, float]


RULES = {
    "nag": Rule(optimizers.NAG, (1e-3, 1e-1)),
    "adam": Rule(optimizers.Adam, (1e-4, 1e-2)),
    "sgd": Rule(keras.optimizers.SGD, (1e-2, 1.0)),
    "rmsprop": Rule(keras.optimizers.RMSprop, (1e-4, 1e-2)),
    "adagrad": Rule(keras.optimizers.Adagrad, (1e-3, 1e-1)),
    "adadelta": Rule(keras.optimizers.Adadelta, (5e-2, 2.0)),
}


class Optimizer(Space):
    """Optimizer, with a learning rate from its own range and a schedule.

    `"nag"` and `"adam"` are those of `keras_trainkit.optimizers`, the others those of Keras; apart
    from the learning rate they have their default arguments.

    Args:
        choices: str, one of `"nag"`, `"adam"`, `"sgd"`, `"rmsprop"`, `"adagrad"`, `"adadelta"`.
            Defaults to the first four.
        learning_rate: float > 0, for every optimizer; a range is sampled on a logarithmic scale,
            for each optimizer by itself (`nag/learning_rate`, ...). Defaults to a range per
            optimizer: nag and adagrad `(1e-3, 1e-1)`, adam and rmsprop `(1e-4, 1e-2)`, sgd
            `(1e-2, 1.0)`, adadelta `(0.05, 2.0)`.
        schedule: A `Schedule`, or its first argument. Defaults to `Schedule()`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> space = spaces.Optimizer("adam", learning_rate=0.5, schedule="constant")
        >>> space.build(HyperParameters()).get_config()["learning_rate"]
        0.5
    """

    def __init__(
        self, choices: Any = None, learning_rate: Any = None, schedule: Any = None
    ) -> None:
        known = partial(_validation.one_of, choices=RULES)
        self.name = dimension(
            "optimizer", choices, known, default=("nag", "adam", "sgd", "rmsprop")
        )
        self.learning_rates = {
            name: dimension(
                f"{name}/learning_rate",
                learning_rate,
                _validation.positive,
                default=RULES[name].learning_rate,
                log=True,
            )
            for name in self.name.values
        }
        self.schedule = Schedule.of(schedule)

    def declare(self, hp: HyperParameters) -> tuple[str, float]:
        """Register names, learning rates and schedule; return the name and its learning rate."""
        name = self.name.declare(hp)
        rates = {
            each: rate.declare_when(hp, self.name, [each])
            for each, rate in self.learning_rates.items()
        }
        self.schedule.declare(hp)
        return name, rates[name]

    def build(self, hp: HyperParameters) -> keras.optimizers.Optimizer:
        """Return a new optimizer."""
        name, learning_rate = self.declare(hp)
        return RULES[name].optimizer(learning_rate=self.schedule.build(hp, learning_rate))
