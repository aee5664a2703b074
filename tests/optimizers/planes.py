"""Models whose loss is linear in their weights, so that the rows of the data are the gradients."""

import contextlib

import keras
import numpy as np
from keras import ops

from tests import contracts

SHAPES = (2, 2), (2,)
ROW = sum(int(np.prod(shape)) for shape in SHAPES)
STEPS = 8
GRADIENTS = np.random.default_rng(0).normal(size=(STEPS, ROW)).astype("float32")


@keras.saving.register_keras_serializable("tests.optimizers.planes")
class Plane(keras.layers.Layer):
    """Sums w * x over a kernel and a bias; counts the calls of its Python code."""

    calls = 0

    def build(self, input_shape):
        self.kernel, self.bias = (
            self.add_weight(shape=shape, name=name, initializer="ones")
            for shape, name in zip(SHAPES, ("kernel", "bias"), strict=True)
        )

    def call(self, x):
        self.calls += 1
        kernel = ops.reshape(self.kernel, (4, 1))
        return ops.matmul(x[:, :4], kernel) + ops.matmul(x[:, 4:], ops.reshape(self.bias, (2, 1)))


@keras.saving.register_keras_serializable("tests.optimizers.planes")
def height(y_true, y_pred):
    return ops.mean(y_pred)


def compiled(optimizer, **compile_arguments):
    model = keras.Sequential([keras.Input((ROW,)), Plane(name="plane")])
    model.compile(optimizer, height, **compile_arguments)
    return model


def fit(model, rows=GRADIENTS, callbacks=(), epochs=1):
    """Train with one row of gradients per step."""
    arguments = {"batch_size": 1, "epochs": epochs, "shuffle": False, "verbose": 0}
    return model.fit(rows, rows[:, :1], callbacks=list(callbacks), **arguments)


def gradients(row):
    """Return the tensors that a row holds."""
    split = np.split(row, [4])
    return [
        ops.convert_to_tensor(np.reshape(part, shape), dtype="float32")
        for part, shape in zip(split, SHAPES, strict=True)
    ]


def state(optimizer):
    """Return what an optimizer stores, as arrays."""
    return [contracts.array(variable) for variable in optimizer._variables]


class Assign(keras.callbacks.Callback):
    """Assigns the numbers of `plan[step]` before that step; keeps weights and traces after it."""

    def __init__(self, plan, hook="on_train_batch_begin"):
        super().__init__()
        self.plan, self.hook, self.weights, self.traces = plan, hook, [], []

    def on_train_batch_begin(self, step, logs=None):
        if self.hook == "on_train_batch_begin":
            assign(self.model.optimizer, self.plan.get(step, {}))

    def on_train_batch_end(self, step, logs=None):
        self.weights.append(self.model.get_weights())
        self.traces.append(self.model.layers[0].calls)
        if self.hook == "on_train_batch_end":
            assign(self.model.optimizer, self.plan.get(step + 1, {}))


def assign(optimizer, numbers):
    """Set numbers, of which those of `clipping` are named "clipping.factor" and so on."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    for name, value in numbers.items():
        *owner, name = name.split(".")
        setattr(optimizer.clipping if owner else optimizer, name, value)


def number(optimizer, name):
    """Return a number by the same names."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    *owner, name = name.split(".")
    value = getattr(optimizer.clipping if owner else optimizer, name)
    return float(contracts.array(value))


def named(paths, shape=(2, 2)):
    """Return variables of ones with these paths, such as "net/dense/kernel"."""
    variables = []
    for path in paths:
        *scopes, name = path.split("/")
        with contextlib.ExitStack() as stack:
            for scope in scopes:
                stack.enter_context(keras.name_scope(scope))
            variables.append(keras.Variable(np.ones(shape), name=name))
        assert variables[-1].path == path
    return variables


def push(optimizer, variables, value=0.0):
    """Apply gradients that are `value` everywhere."""
    optimizer.apply([ops.full(v.shape, value, dtype="float32") for v in variables], variables)
