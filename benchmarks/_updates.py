"""An optimizer's update without a model, compiled as each backend does, ready to be timed.

The functions here return one that updates `STEPS` times and waits. `gradients` is an array whose
first axis numbers the variables; the variables and their slots start at zero.
"""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

Run = Callable[[], object]
STEPS = 10 if keras.backend.backend() == "tensorflow" else 1


def update(optimizer: keras.optimizers.Optimizer, gradients: np.ndarray) -> Run:
    """Return a function that updates with a Keras optimizer."""
    variables = [keras.Variable(np.zeros_like(gradient)) for gradient in gradients]
    optimizer.build(variables)
    return BACKENDS[keras.backend.backend()](optimizer, variables, gradients)


def torch_update(optimizer_class: Callable[..., Any], gradients: np.ndarray, **kind: bool) -> Run:
    """Return a function that updates with an optimizer of torch.optim."""
    import torch

    parameters = [torch.nn.Parameter(torch.zeros(gradient.shape)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return optimizer_class(parameters, **kind).step


def optax_update(transformation: Any, gradients: np.ndarray) -> Run:
    """Return a function that updates with a transformation of optax."""
    import jax
    import optax

    def step(weights: Any, state: Any, gradients: Any) -> tuple[Any, Any]:
        updates, state = transformation.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state

    weights = [jax.numpy.zeros_like(gradient) for gradient in gradients]
    return _donating(step, weights, transformation.init(weights), gradients)


def _tensorflow(optimizer: Any, variables: list[Any], gradients: np.ndarray) -> Run:
    """Loop inside one graph: a call with hundreds of arguments costs more than the update."""
    import tensorflow as tf

    stacked = tf.Variable(gradients)

    @tf.function(autograph=False)
    def steps() -> None:
        def step(count: Any) -> list[Any]:
            optimizer.apply(tf.unstack(stacked), variables)
            return [count + 1]

        tf.while_loop(lambda count: count < STEPS, step, [0], parallel_iterations=1)

    return steps


def _jax(optimizer: Any, variables: list[Any], gradients: np.ndarray) -> Run:
    def step(weights: Any, state: Any, gradients: Any) -> tuple[Any, Any]:
        return optimizer.stateless_apply(state, gradients, weights)

    weights, state = ([v.value for v in group] for group in (variables, optimizer.variables))
    return _donating(step, weights, state, gradients)


def _torch(optimizer: Any, variables: list[Any], gradients: np.ndarray) -> Run:
    import torch

    tensors = [torch.tensor(gradient) for gradient in gradients]
    return torch.no_grad()(lambda: optimizer.apply(tensors, variables))


def _donating(step: Callable[..., Any], weights: Any, state: Any, gradients: Iterable[Any]) -> Run:
    """Compile a step that overwrites what it is given, and feed it what it returned."""
    import jax

    # Donated buffers meet results of their shape in order, so both go in as they come out.
    compiled = jax.jit(step, donate_argnums=(0, 1))
    gradients = [jax.numpy.asarray(gradient) for gradient in gradients]

    def update() -> None:
        nonlocal weights, state
        weights, state = jax.block_until_ready(compiled(weights, state, gradients))

    return update


BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
