"""The activation probe: a `fit` that it watches stays the same; its numbers are NumPy's."""

import inspect
import re

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._gradient_monitor.session import in_one_line
from keras_trainkit.diagnosis._preflight.activation_probe import ActivationProbe
from tests.callbacks.monitored import assert_same_training, compiled, data, fit
from tests.contracts import TOLERANCE, array
from tests.selection import full_on_torch

BATCH = data(16)[0]


class Watched(layers.Layer):
    """Passes its inputs on; counts, draws and adds a loss in every pass."""

    def __init__(self):
        super().__init__(name="watched")
        self.passes = self.add_weight(shape=(), initializer="zeros", trainable=False, name="passes")
        self.random = keras.random.SeedGenerator(1)

    def call(self, x):
        self.passes.assign(self.passes + 1)
        self.add_loss(1e-3 * ops.mean(ops.square(ops.cast(x, "float32"))))
        noise = 1e-3 * keras.random.normal(ops.shape(x), seed=self.random)
        return x + ops.cast(noise, x.dtype)


def sequential():
    hidden = [layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.4), Watched()]
    return keras.Sequential([keras.Input((3,)), *hidden, layers.Dense(2, "softmax")])


def shared():
    inputs = keras.Input((3,), name="inputs")
    twice, relu = layers.Dense(3, "tanh", name="twice"), layers.ReLU(name="relu")
    x = relu(twice(relu(twice(inputs))))
    return keras.Model(inputs, layers.Dense(2, "softmax", name="out")(x))


class Nested(keras.Model):
    def __init__(self):
        super().__init__(name="nested")
        parts = [
            layers.Dense(8, "sigmoid", activity_regularizer="l2", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.4, name="drop"),
            layers.GaussianNoise(0.1, name="noise"),
        ]
        self.block = keras.Sequential(parts, name="block")
        self.out = layers.Dense(2, "softmax", name="out")

    def call(self, x, training=False):
        return self.out(self.block(x, training=training))


def recurrent():
    inputs = keras.Input((3,))
    x = layers.Reshape((3, 1), name="reshape")(inputs)
    x = layers.LSTM(4, return_sequences=True, dropout=0.3, name="lstm")(x)
    x = layers.MultiHeadAttention(2, 2, dropout=0.3, name="attention")(x, x)
    x = layers.Bidirectional(layers.GRU(3), name="both")(x)
    return keras.Model(inputs, layers.Dense(2, "softmax", name="out")(x))


def mixed_float16():
    keras.config.set_dtype_policy("mixed_float16")
    model = sequential()
    keras.config.set_dtype_policy("float32")
    return model


def contents(layer):
    """Return what the attributes of a layer are, one level into containers."""
    kinds = (list, tuple, set, dict)
    return {
        name: (id(value), list(map(id, value)) if isinstance(value, kinds) else None)
        for name, value in vars(layer).items()
    }


class Probing(keras.callbacks.Callback):
    """Probes at every epoch's end, and looks for traces of it."""

    def __init__(self):
        super().__init__()
        self.measured = []

    def on_epoch_end(self, epoch, logs=None):
        before = self.state()
        self.measured.append(ActivationProbe(self.model, BATCH).measure())
        assert self.state() == before

    def state(self):
        inside = self.model._flatten_layers()
        values = [array(v).tobytes() for v in self.model.variables]
        return [contents(layer) for layer in inside], values, list(map(id, self.model.losses))


@pytest.mark.parametrize(
    "make",
    full_on_torch([sequential, shared, Nested, recurrent, mixed_float16], keep=(shared, Nested)),
)
def test_training_and_every_attribute_are_the_same(make):
    plain, model, probing = compiled(make), compiled(make), Probing()
    expected = fit(plain, rows=16)
    assert_same_training(model, fit(model, [probing], rows=16), plain, expected)
    first, second = probing.measured
    assert [row[:2] for row in first] == [row[:2] for row in second]
    assert all(np.isfinite(row[2][:3]).all() for row in first + second)
    assert first[0][2] != second[0][2] or make is recurrent  # whose first layer only reshapes
    assert first[-1][2] != second[-1][2]


class FailingCell(layers.LSTMCell):
    fails = False

    def call(self, x, states, training=False):
        if self.fails:
            raise ArithmeticError("as planned")
        return super().call(x, states, training=training)


def test_exception_of_the_pass_comes_through_and_leaves_nothing():
    cell, probing = FailingCell(3, dropout=0.5), Probing()
    parts = [keras.Input((4, 3)), Watched(), layers.Dense(2, "relu"), layers.RNN(cell)]
    probing.set_model(keras.Sequential(parts))
    probing.model(np.ones((2, 4, 3)))
    cell.fails = True
    before = probing.state()
    with pytest.raises(ArithmeticError, match="as planned"):
        ActivationProbe(probing.model, np.ones((2, 4, 3))).measure()
    assert probing.state() == before
    assert not [layer for layer in probing.model.layers if "call" in vars(layer)]


def measured(model, batch):
    """Return the statistics of every layer by its path."""
    return {path: (kind, row) for path, kind, row in ActivationProbe(model, batch).measure()}


def only(model, batch):
    """Return the kind and the statistics of a model's one layer."""
    (row,) = measured(model, batch).values()
    return row


def check(actual, y, kind, dead=np.nan, saturated=np.nan):
    """Compare a row with one taken from `y`, the layer's output."""
    expected = y.mean(), y.std(), (y == 0).sum() / y.size, dead, saturated
    assert actual[0] == kind
    np.testing.assert_allclose(actual[1], expected, **TOLERANCE["float32"])


def dense(activation, kernel, bias=0.0, **arguments):
    """Return a model of one layer with given weights."""
    kernel = np.array(kernel, "float32")
    layer = layers.Dense(kernel.shape[1], activation, name="layer", **arguments)
    model = keras.Sequential([keras.Input((kernel.shape[0],)), layer], name="model")
    layer.set_weights([kernel, np.full(kernel.shape[1], bias, "float32")])
    return model


def test_relu():
    x = np.array([[1, -1], [2, 1], [-3, -2]], "float32")
    kernel = [[1, -1, 0, 1], [0, 0, 1, 1]]
    y = np.maximum(x @ np.array(kernel), 0)
    check(only(dense("relu", kernel), x), y, "relu", dead=0.0)
    # Units 0 and 3 are below zero for the third example alone.
    y = np.maximum(x[2:] @ np.array(kernel), 0)
    check(only(dense("relu", kernel), x[2:]), y, "relu", dead=0.75)


def test_relu_with_images_counts_channels_dead_at_all_positions():
    layer = layers.Conv2D(3, 1, activation="relu", name="layer", data_format="channels_last")
    model = keras.Sequential([keras.Input((2, 2, 1)), layer])
    layer.set_weights([np.array([[[[1, 0, -1]]]], "float32"), np.zeros(3, "float32")])
    x = np.array([0, 0, 1, 2, 0, 0, 0, 3], "float32").reshape(2, 2, 2, 1)
    y = np.maximum(x * [1, 0, -1], 0)
    check(only(model, x), y, "relu", dead=2 / 3)


def test_layer_killed_by_hand_is_dead():
    model = dense("relu", np.ones((3, 4)), bias=-1e3)
    check(only(model, BATCH), np.zeros((16, 4)), "relu", dead=1.0)


def test_sigmoid_and_tanh():
    x = np.array([[-4.7], [-4.5], [0], [4.5], [4.7]], "float32")
    y = 1 / (1 + np.exp(-x.astype("float64")))
    check(only(dense("sigmoid", [[1]]), x), y, "sigmoid", saturated=0.4)
    y = np.tanh(x.astype("float64") / 2)  # 0.9780 at 4.5, 0.9820 at 4.7
    check(only(dense("tanh", [[0.5]]), x), y, "tanh", saturated=0.4)


@pytest.mark.parametrize("axis", [-1, 1, (2,)])
def test_softmax_counts_distributions_that_are_certain(axis):
    model = keras.Sequential([keras.Input((2, 2)), layers.Softmax(axis, name="layer")])
    # Along the last axis one of four is certain, along axis 1 two.
    x = np.array([[[0, 5], [0, 4]], [[0, 0], [-5, -5]]], "float32")
    e = np.exp(x.astype("float64"))
    y = e / e.sum(axis=axis, keepdims=True)
    check(only(model, x), y, "softmax", saturated=0.5 if axis == 1 else 0.25)


@pytest.mark.parametrize(
    ("activation", "kind"),
    [
        (layers.ReLU(name="layer"), "relu"),
        (layers.Activation("relu6", name="layer"), "relu"),
        (layers.Activation(ops.tanh, name="layer"), "tanh"),
        (layers.Activation("gelu", name="layer"), ""),
        (layers.LeakyReLU(name="layer"), ""),
        (layers.Rescaling(2, name="layer"), ""),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_kind_of_layers_without_weights(activation, kind):
    model = keras.Sequential([keras.Input((3,)), activation])
    assert only(model, BATCH)[0] == kind


def test_activation_that_is_a_layer_belongs_to_the_layer_that_has_it():
    model = dense(layers.ReLU(), [[1, -1]])
    (row,) = ActivationProbe(model, np.ones((4, 1))).measure()
    assert row[:2] == ("model/layer", "relu")
    assert row[2][3] == 0.5


def test_layers_come_in_the_order_of_their_first_call_and_the_last_call_counts():
    model = compiled(shared)
    by_path = measured(model, BATCH)
    assert list(by_path) == ["twice", "relu", "out"]
    kernel, bias = model.get_layer("twice").get_weights()
    last = np.tanh(np.maximum(np.tanh(BATCH @ kernel + bias), 0) @ kernel + bias)
    check(by_path["twice"], last, "tanh", saturated=0.0)
    relu = np.maximum(last, 0)
    check(by_path["relu"], relu, "relu", dead=np.all(relu == 0, axis=0).mean())


def test_paths_are_those_of_the_owners_of_the_weights():
    model = compiled(Nested)
    model(BATCH)
    # Keras gives a layer without weights no path but its name.
    assert list(measured(model, BATCH)) == [
        "nested/block/first",
        "nested/block/norm",
        "drop",
        "noise",
        "nested/out",
    ]


def test_parts_of_attention_and_wrappers_are_layers_and_recurrent_layers_are_whole():
    by_path = measured(compiled(recurrent), BATCH)
    assert by_path["lstm/lstm_cell"][0] == "tanh"
    assert {"attention/query", "attention/attention_output"} < set(by_path)
    both = [path for path in by_path if path.startswith("both/")]
    assert [path.rpartition("/")[0] for path in both] == ["both/forward_gru", "both/backward_gru"]


class Cell(layers.Layer):
    """A recurrent cell with a layer inside."""

    state_size = output_size = 2

    def build(self, shape):
        self.dense = layers.Dense(2, "tanh", name="dense")
        self.dense.build((shape[0], shape[1] + 2))

    def call(self, x, states):
        y = self.dense(ops.concatenate([x, states[0]], axis=-1))
        return y, [y]


def test_layer_inside_a_cell_is_left_out():
    model = keras.Sequential([keras.Input((3, 1)), layers.RNN(Cell(), name="rnn")])
    x = BATCH[:, :, None]
    check(only(model, x), array(model(x)), "")


class Two(layers.Layer):
    def call(self, x):
        return x, {"integer": ops.cast(x, "int32")}


def test_layers_of_several_or_of_integer_outputs_are_left_out():
    inputs = keras.Input((3,))
    x, _ = Two()(inputs)
    x = layers.Discretization(bin_boundaries=[0.0])(layers.Dense(2, name="dense")(x))
    assert list(measured(keras.Model(inputs, x), BATCH)) == ["dense"]


class Twins(keras.Model):
    def __init__(self):
        super().__init__(name="twins")
        self.parts = [layers.Dense(3, "relu", name="dense") for _ in range(2)]
        self.parts += [layers.ReLU(name="relu") for _ in range(2)]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def test_second_layer_of_a_path_is_numbered():
    model = Twins()
    model(BATCH)
    assert list(measured(model, BATCH)) == ["twins/dense", "twins/dense#2", "relu", "relu#2"]


def test_float16_is_measured_without_its_overflow():
    model = dense("linear", [[400.0]], dtype="float16")
    y = np.full((300, 1), 400.0)
    check(only(model, np.ones((300, 1))), y, "")


def test_values_that_are_not_finite_are_no_reason_to_warn():
    _, row = only(dense("linear", [[np.inf]]), np.array([[1.0], [2.0]]))
    assert row[0] == np.inf
    assert np.isnan(row[1])


def test_layers_are_in_inference_mode():
    model = keras.Sequential([keras.Input((3,)), layers.Dropout(0.9)])
    check(only(model, BATCH), BATCH, "")


class Gradients(layers.Layer):
    def __init__(self):
        super().__init__()
        self.required = set()

    def call(self, x):
        self.required.add(getattr(x, "requires_grad", None))
        return x


@pytest.mark.backend("torch")
def test_torch_records_nothing_for_gradients():
    last = Gradients()
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2), last])
    last.required.clear()
    ActivationProbe(model, BATCH).measure()
    assert last.required == {False}


def test_private_keras_names_are_what_they_were():
    model = compiled(Nested)
    model(BATCH)
    assert model.block.layers[0] in model._flatten_layers()
    assert model.block not in model.block._flatten_layers(include_self=False)
    assert not inspect.signature(model._clear_losses).parameters


def test_probe_that_fails_is_one_plain_line():
    monitor = GradientMonitor(probe=np.ones((2, 9)))
    with pytest.warns(
        UserWarning, match="cannot probe the activations: .*9.* Training goes"
    ) as all_:
        fit(compiled(), [monitor])
    (message,) = [str(w.message) for w in all_ if "cannot probe" in str(w.message)]
    assert "\n" not in message
    assert "\x1b" not in message


@pytest.mark.host
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (keras.Model(name="m").call, "does not have a `call()` method implemented"),
        (lambda x: ops.matmul(np.ones((2, 3)), x), "mat1 and mat2 shapes cannot be multiplied"),
        (lambda x: [][0], "list index out of range"),
    ],
)
def test_reason_is_what_was_said_not_where(error, line):
    kinds = (NotImplementedError, RuntimeError, IndexError)
    with pytest.raises(kinds, match=re.escape(line)) as caught:
        error(np.ones((2, 3)))
    assert line in in_one_line(caught.value)
    colored = f"Exception encountered when calling M.call().\n\n\x1b[1m{line}.\x1b[0m\n\nArguments"
    assert in_one_line(ValueError(colored)) == line
    assert in_one_line(KeyError()) == "KeyError"
