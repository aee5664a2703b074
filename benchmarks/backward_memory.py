"""What dropout and batch normalization keep for the backward pass, beside their inputs.

In bytes, and as a share of the inputs' bytes. PyTorch: the tensors saved by autograd. JAX: the
arrays that `jax.vjp` carries over. TensorFlow: in the graph of a training step, what operations of
the backward pass take from those of the forward pass.
"""

import _harness
import keras
import numpy as np

from keras_trainkit import layers

KEPT_ANYWAY = {"Const", "Placeholder", "ReadVariableOp"}  # numbers, inputs and weights
CASES = {
    "Dropout": ((32, 128, 768), {"rate": 0.3, "seed": 1}),
    "BatchNormalization": ((32, 56, 56, 64), {}),
}


def compare(case: str) -> None:
    """Print what ours and Keras's layer of one name keep."""
    shape, arguments = CASES[case]
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    for name, kit in (("Keras", keras.layers), ("ours", layers)):
        layer = getattr(kit, case)(**arguments)
        layer.build(shape)
        kept = KEPT[_harness.BACKEND](layer, x)
        print(
            f"{case + ' ' + str(shape):36} {name:8} {kept:12,d}   {kept / x.nbytes:.2f}", flush=True
        )


def _kept_by_tensorflow(layer: keras.Layer, x: np.ndarray) -> int:
    import tensorflow as tf

    weights = [v.value for v in layer.trainable_variables]
    forward = []

    @tf.function
    def step(inputs: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = layer(inputs, training=True)
        forward.extend(inputs.graph.get_operations())
        return tape.gradient(y, [inputs, *weights], tf.ones_like(y))

    graph = step.get_concrete_function(tf.TensorSpec(x.shape)).graph
    backward = graph.get_operations()[len(forward) :]
    kept = {_origin(tensor).ref() for op in backward for tensor in op.inputs}
    return sum(
        tensor.shape.num_elements() * tensor.dtype.size
        for tensor in (ref.deref() for ref in kept)
        if tensor.op in forward and tensor.op.type not in KEPT_ANYWAY
    )


def _origin(tensor: object) -> object:
    """Return the tensor whose memory this one shows in another shape."""
    while tensor.op.type in {"Reshape", "Identity", "IdentityN", "StopGradient"}:
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def _kept_by_jax(layer: keras.Layer, x: np.ndarray) -> int:
    import jax

    weights, state = (
        [v.value for v in variables]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    )
    inputs = jax.numpy.asarray(x)

    def call(inputs: jax.Array, weights: list) -> tuple:
        return layer.stateless_call(weights, state, inputs, training=True)

    _, pull, _ = jax.vjp(call, inputs, weights, has_aux=True)
    known = {array.unsafe_buffer_pointer() for array in (inputs, *weights, *state)}
    arrays = {array.unsafe_buffer_pointer(): array.nbytes for array in jax.tree.leaves(pull)}
    return sum(size for pointer, size in arrays.items() if pointer not in known)


def _kept_by_torch(layer: keras.Layer, x: np.ndarray) -> int:
    import torch

    inputs = torch.tensor(x, requires_grad=True)
    known = {inputs.data_ptr(), *(v.value.data_ptr() for v in layer.variables)}
    saved = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        layer(inputs, training=True)
    return sum(size for pointer, size in saved.items() if pointer not in known)


KEPT = {"tensorflow": _kept_by_tensorflow, "jax": _kept_by_jax, "torch": _kept_by_torch}

if __name__ == "__main__":
    _harness.each_alone(compare, CASES, f"{'layer':36} {'':8} {'bytes':>12}   share")
