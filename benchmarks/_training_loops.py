"""Training of `Digits` by each library's optimizer: weights in, weights out.

The learning rate halves after each quarter of the steps. It is a power of two, which no type
rounds.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from _digits import Arrays, Digits

QUARTERS = 4


def rates(first: float, steps: int) -> list[float]:
    """Return the learning rate of every step."""
    return [first * 0.5 ** (QUARTERS * step // steps) for step in range(steps)]


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """The same as a schedule of Keras, in few operations."""

    def __init__(self, first: float, steps: int) -> None:
        """Keep the rate of each quarter."""
        self.rates = [first * 0.5**quarter for quarter in range(QUARTERS)]
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        rates = keras.ops.convert_to_tensor(self.rates, keras.config.floatx())
        return rates[QUARTERS * step // self.steps]


def with_keras(
    digits: Digits, make: Callable[..., Any], first: float, steps: int, finish: bool = False
) -> Arrays:
    """Train with an optimizer of Keras, or ours; `finish` as `fit` does when it ends."""
    optimizer = make(Halving(first, steps))
    variables = [keras.Variable(weight) for weight in digits.start]
    optimizer.build(variables)
    loop = LOOPS[keras.backend.backend()](optimizer, variables)
    next(loop)
    weights = digits.start
    for step in range(steps):
        weights = [np.asarray(w) for w in loop.send(digits.gradients(weights, step))]
    loop.close()
    if finish:
        optimizer.finalize_variable_values(variables)
        weights = [keras.ops.convert_to_numpy(variable) for variable in variables]
    return weights


def with_torch(digits: Digits, make: Callable[..., Any], first: float, steps: int) -> Arrays:
    """Train with an optimizer of torch.optim."""
    import torch

    parameters = [torch.nn.Parameter(torch.tensor(weight)) for weight in digits.start]
    optimizer = make(parameters, lr=first)
    weights = [parameter.detach().numpy() for parameter in parameters]
    for step, rate in enumerate(rates(first, steps)):
        optimizer.param_groups[0]["lr"] = rate
        gradients = digits.gradients(weights, step)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = torch.tensor(gradient)
        optimizer.step()
    return weights


def with_optax(digits: Digits, make: Callable[..., Any], first: float, steps: int) -> Arrays:
    """Train with a transformation of optax."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", digits.start[0].dtype == "float64")
    table = jax.numpy.asarray(rates(first, steps), digits.start[0].dtype)
    transformation = make(lambda step: table[step])

    @jax.jit
    def update(weights: Any, state: Any, gradients: Any) -> tuple[Any, Any]:
        moves, state = transformation.update(gradients, state, weights)
        return optax.apply_updates(weights, moves), state

    weights, state = digits.start, transformation.init(digits.start)
    for step in range(steps):
        gradients = digits.gradients([np.asarray(w) for w in weights], step)
        weights, state = update(weights, state, gradients)
    return [np.asarray(weight) for weight in weights]


Loop = Iterator[list[Any]]


def _tensorflow(optimizer: Any, variables: list[Any]) -> Any:
    import tensorflow as tf

    @tf.function(autograph=False)
    def apply(gradients: list[Any]) -> list[Any]:
        optimizer.apply(gradients, variables)
        return [tf.identity(variable.value) for variable in variables]

    gradients = yield
    while True:
        gradients = yield apply([tf.constant(gradient) for gradient in gradients])


def _jax(optimizer: Any, variables: list[Any]) -> Any:
    import jax

    apply = jax.jit(optimizer.stateless_apply)
    weights, state = ([v.value for v in held] for held in (variables, optimizer.variables))
    gradients = yield
    try:
        while True:
            weights, state = apply(state, gradients, weights)
            gradients = yield weights
    finally:
        for variable, value in zip(
            [*variables, *optimizer.variables], [*weights, *state], strict=True
        ):
            variable.assign(value)


def _torch(optimizer: Any, variables: list[Any]) -> Any:
    import torch

    gradients = yield
    while True:
        optimizer.apply([torch.tensor(gradient) for gradient in gradients], variables)
        gradients = yield [variable.value.detach().numpy() for variable in variables]


LOOPS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
