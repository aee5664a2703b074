"""Optimizers as numbers: one update that serves many rules.

    m <- A m + B g,   v <- C v + D g^2
    w <- K w - (E m + F g) / (sqrt(G v + H) + I)

g is the clipped gradient. K is 1 for what does not decay. All numbers of all steps are known
before an epoch begins, the schedule in them, so that lanes of different rules share a program.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import optimizers as of_keras

from keras_trainkit import optimizers
from keras_trainkit._keras_internals import excludes_from_decay, given_learning_rate
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.tuner._stack.chain import NotStackable

COLUMNS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "K")
# Columns of a step; where one is missing it is as in a step that does nothing.
Columns = dict[str, Any]
IDLE = dict.fromkeys(COLUMNS, 0.0) | {"H": 1.0, "K": 1.0}
# What a stack does not know, with the values at which it does nothing.
_UNKNOWN: dict[str, Any] = {
    "use_ema": False,
    "clipnorm": None,
    "clipvalue": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "clipping": None,
    "skip_nonfinite": False,
    "weight_decay_exclude": (),
    "learning_rate_multipliers": {},
    "amsgrad": False,
    "centered": False,
    "torch_velocity": False,
}


class Rule(NamedTuple):
    """What a lane's optimizer does.

    Args:
        columns: from the learning rates of some steps and their numbers, from 1, to the columns.
        rate: from steps, counted from 0, to their learning rates.
        decay: share of the weights lost per step and unit of the learning rate.
        decays_all: whether biases decay too.
        clip: largest norm of the gradient, infinite for none.
        first: what v begins with.
    """

    columns: Callable[[np.ndarray, np.ndarray], Columns]
    rate: Callable[[np.ndarray], np.ndarray]
    decay: float
    decays_all: bool
    clip: float
    first: float

    def table(self, begin: int, end: int) -> np.ndarray:
        """Return the numbers of the steps from `begin` to before `end`, `(steps, columns)`."""
        steps = np.arange(begin, end)
        rate = self.rate(steps)
        found = {**IDLE, **self.columns(rate, steps + 1.0), "K": 1 - rate * self.decay}
        return np.stack([np.broadcast_to(found[name], len(steps)) for name in COLUMNS], axis=1)


def rule_of(optimizer: Any) -> Rule:
    """Return the rule of an optimizer.

    Raises:
        NotStackable: if there is none for it.
    """
    kind = _kind_of(optimizer)
    for name, idle in _UNKNOWN.items():
        value = getattr(optimizer, name, idle)
        if (value or idle) != idle:
            raise NotStackable(f"`{name}` of the optimizer")
    if _number(optimizer.iterations):
        raise NotStackable("an optimizer that has taken steps")
    if excludes_from_decay(optimizer):
        raise NotStackable("`exclude_from_weight_decay` of the optimizer")
    least_rank = getattr(optimizer, "weight_decay_min_rank", 0)
    if least_rank not in (0, None):
        raise NotStackable("`weight_decay_min_rank` of the optimizer")
    clip = optimizer.global_clipnorm
    return Rule(
        columns=_RULES[kind](optimizer),
        rate=_rates(given_learning_rate(optimizer)),
        decay=_number(optimizer.weight_decay or 0.0),
        decays_all=least_rank == 0,
        clip=np.inf if clip is None else _number(clip),
        first=getattr(optimizer, "initial_accumulator_value", 0.0),
    )


def _kind_of(optimizer: Any) -> type:
    """Return the public class of an optimizer; on PyTorch Keras puts one of its own before it."""
    for kind in type(optimizer).__mro__:
        if kind in _RULES:
            return kind
        if not kind.__module__.startswith("keras."):
            break
    raise NotStackable(f"the optimizer {type(optimizer).__name__}")


def _rates(given: Any) -> Callable[[np.ndarray], np.ndarray]:
    if isinstance(given, Schedule):
        return given
    if isinstance(given, of_keras.schedules.LearningRateSchedule):
        return lambda steps: np.array([_number(given(step)) for step in steps])
    rate = _number(given)
    return lambda steps: np.full(len(steps), rate)


def _number(value: Any) -> float:
    return float(keras.ops.convert_to_numpy(value))


def _sgd(optimizer: Any) -> Callable[[np.ndarray, np.ndarray], Columns]:
    momentum = _number(optimizer.momentum)
    if not momentum:
        return lambda rate, step: {"F": rate}
    if not optimizer.nesterov:
        return lambda rate, step: {"A": momentum, "B": rate, "E": 1.0}
    return lambda rate, step: {"A": momentum, "B": rate, "E": momentum, "F": rate}


def _adam(optimizer: Any) -> Callable[[np.ndarray, np.ndarray], Columns]:
    beta_1, beta_2, epsilon = map(_number, (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon))
    as_in_keras = getattr(optimizer, "epsilon_hat", True)  # Keras's Adam has no other way.

    def columns(rate: np.ndarray, step: np.ndarray) -> Columns:
        root = np.sqrt(1 - beta_2**step)
        return {
            **_moments(beta_1, beta_2),
            "E": rate * root / (1 - beta_1**step),
            "I": epsilon if as_in_keras else epsilon * root,
        }

    return columns


def _nadam(optimizer: Any) -> Callable[[np.ndarray, np.ndarray], Columns]:
    beta_1, beta_2, epsilon, speed = map(
        _number,
        (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon, optimizer.momentum_decay),
    )

    def momentum(step: np.ndarray) -> np.ndarray:
        return beta_1 * (1 - 0.5 * 0.96 ** (step * speed))

    def columns(rate: np.ndarray, step: np.ndarray) -> Columns:
        root, now, later = np.sqrt(1 - beta_2**step), momentum(step), momentum(step + 1)
        all_steps = np.arange(1, step[-1] + 1)
        product = np.cumprod(momentum(all_steps))[-len(step) :]
        size = rate * root * (1 - now) / (1 - product)
        ratio = later / (1 - now) * (1 - product) / (1 - product * later)
        return {**_moments(beta_1, beta_2), "E": size * ratio, "F": size, "I": epsilon * root}

    return columns


def _moments(beta_1: float, beta_2: float) -> Columns:
    numbers = {"A": beta_1, "B": 1 - beta_1, "C": beta_2, "D": 1 - beta_2}
    return {**numbers, "G": 1.0, "H": 0.0}


def _rmsprop(optimizer: Any) -> Callable[[np.ndarray, np.ndarray], Columns]:
    if _number(optimizer.momentum):
        raise NotStackable("`momentum` of RMSprop")
    rho, epsilon = _number(optimizer.rho), _number(optimizer.epsilon)
    return lambda rate, step: {"C": rho, "D": 1 - rho, "F": rate, "G": 1.0, "H": epsilon}


def _adagrad(optimizer: Any) -> Callable[[np.ndarray, np.ndarray], Columns]:
    epsilon = _number(optimizer.epsilon)
    return lambda rate, step: {"C": 1.0, "D": 1.0, "F": rate, "G": 1.0, "H": epsilon}


_RULES: dict[type, Callable[[Any], Callable[[np.ndarray, np.ndarray], Columns]]] = {
    of_keras.SGD: _sgd,
    of_keras.Adam: _adam,
    of_keras.AdamW: _adam,
    of_keras.RMSprop: _rmsprop,
    of_keras.Adagrad: _adagrad,
    optimizers.NAG: _sgd,
    optimizers.Adam: _adam,
    optimizers.AdamW: _adam,
    optimizers.Nadam: _nadam,
}
