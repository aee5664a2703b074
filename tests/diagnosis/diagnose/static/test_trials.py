"""What a network makes of a few rows: whether they are independent; and nothing remains."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import Facts, Thresholds, TrialFacts, preflight
from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis._diagnose.static import trials
from keras_trainkit.diagnosis._preflight.trials import trial_of
from tests.contracts import array

X = np.random.default_rng(0).normal(size=(20, 6, 4)).astype("float32")


class Mixing(layers.Layer):
    """Computes something of the whole batch, as a mistaken axis does."""

    def __init__(self, mix):
        super().__init__()
        self.mix = mix

    def call(self, x):
        return self.mix(x)


def network(*stack):
    return keras.Sequential([keras.Input((6, 4)), *stack, layers.Flatten(), layers.Dense(2)])


def attention():
    inputs = keras.Input((6, 4))
    x = layers.MultiHeadAttention(2, 3)(inputs, inputs)
    return keras.Model(inputs, layers.Dense(1)(layers.LayerNormalization()(x)))


INDEPENDENT = {
    "dense": lambda: network(layers.Dense(3, "relu")),
    "batch normalization": lambda: network(layers.BatchNormalization()),
    "dropout": lambda: network(layers.Dropout(0.5)),
    "recurrent": lambda: network(layers.LSTM(5, return_sequences=True)),
    "convolution": lambda: network(layers.Conv1D(3, 2, padding="same"), layers.MaxPooling1D()),
    "attention": attention,
}
DEPENDENT = {
    "softmax over the batch": lambda x: ops.softmax(x, axis=0),
    "mean over the batch": lambda x: x - ops.mean(x, axis=0, keepdims=True),
    "reshaped past the rows": lambda x: ops.reshape(
        ops.transpose(ops.reshape(x, (-1, 24))), (-1, 6, 4)
    ),
    "reversed": lambda x: ops.flip(x, axis=0),
}


@pytest.mark.parametrize("make", INDEPENDENT.values(), ids=INDEPENDENT)
def test_rows_of_a_sound_network_are_independent(make):
    trial = trial_of(make(), X)
    assert (trial.rows, trial.kept_rows) == (8, True)
    assert trial.spread > 0.01
    assert trial.leak < 1e-5
    assert trial.low < trial.high


def sizes_of(trial):
    return {signal.layer.rpartition("/")[2]: signal.size for signal in trial.signals}


def test_the_size_of_each_layers_output_is_heard_in_order():
    double = keras.initializers.Identity(2.0)
    stack = [layers.Dense(4, kernel_initializer=double, name=f"double_{i}") for i in range(3)]
    stack += [layers.Rescaling(1e38, name=name) for name in ("far", "beyond")]
    model = keras.Sequential([keras.Input((6, 4)), *stack, layers.Flatten()], name="net")
    sizes = sizes_of(trial_of(model, X))
    assert list(sizes) == ["double_0", "double_1", "double_2", "far", "beyond", "flatten"]
    size = np.sqrt(np.mean(X[:8] ** 2))
    for i in range(3):
        np.testing.assert_allclose(sizes[f"double_{i}"], size * 2 ** (i + 1), rtol=1e-5)
    assert not np.isfinite(sizes["beyond"])


class Subtracting(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.square(y_true - y_pred)


class Averaging(Subtracting):
    def call(self, y_true, y_pred):
        return ops.mean(super().call(y_true, y_pred), axis=-1)


class Shaping(Subtracting):
    def call(self, y_true, y_pred):
        return super().call(ops.reshape(y_true, ops.shape(y_pred)), y_pred)


class Broken(Shaping):
    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) * np.nan


@pytest.mark.filterwarnings("ignore:Epoch 1, batch 1 .* are not finite")
@pytest.mark.parametrize(
    ("loss", "shape", "expected"),
    [
        (Broken(), (20,), False),
        (Subtracting(), (20,), True),
        (Averaging(), (20,), True),
        (Shaping(), (20,), False),
        (Subtracting(), (20, 1), None),
        (keras.losses.MeanSquaredError(), (20,), None),
        ("mse", (20,), None),
    ],
)
def test_a_loss_that_compares_each_row_with_all_is_seen(loss, shape, expected):
    model = keras.Sequential([keras.Input((6, 4)), layers.Flatten(), layers.Dense(1)])
    y = 1e3 + np.arange(20, dtype="float32").reshape(shape)
    assert trial_of(model, X, targets=y, loss=loss).broadcasts is expected
    model.compile("adam", loss)
    named = [f.name for f in preflight(model, X, y, epochs=100, one_batch=False)]
    assert ("label_shape_broadcast" in named) is bool(expected)
    monitor = GradientMonitor()
    model.fit(X, y, verbose=0, callbacks=[monitor])
    assert monitor.history.facts.trial.broadcasts is expected


@pytest.mark.parametrize("size", [np.inf, np.nan])
def test_outputs_that_are_not_finite_are_told_as_they_are(size):
    loud = layers.Dense(2, kernel_initializer=keras.initializers.Constant(size))
    trial = trial_of(keras.Sequential([keras.Input((6, 4)), layers.Flatten(), loud]), X)
    assert not np.isfinite(trial.high)
    assert np.isnan([trial.leak, trial.spread]).all()
    assert not np.isfinite(sizes_of(trial)[loud.name])


def test_nothing_is_heard_twice_and_no_layer_stays_patched():
    shared = layers.Dense(4, name="shared")
    model = network(shared, shared, layers.LSTM(3, return_sequences=True))
    paths = [signal.layer for signal in trial_of(model, X).signals]
    assert len(paths) == len(set(paths)) == 4
    assert not [layer for layer in model.layers if "call" in vars(layer)]


@pytest.mark.parametrize("mix", DEPENDENT.values(), ids=DEPENDENT)
def test_rows_that_are_mixed_are_seen(mix):
    assert trial_of(network(Mixing(mix)), X).leak > 0.01


def test_rows_that_become_more_are_seen():
    inputs = keras.Input((6, 4))
    outputs = layers.Dense(1)(Mixing(lambda x: ops.reshape(x, (-1, 4)))(inputs))
    assert not trial_of(keras.Model(inputs, outputs), X).kept_rows


def test_several_inputs_change_together():
    a, b = (keras.Input((6, 4), name=name) for name in "ab")
    model = keras.Model({"a": a, "b": b}, layers.Dense(1)(layers.Add()([a, b])))
    assert trial_of(model, {"a": X, "b": X[::-1]}).leak < 1e-5


@pytest.mark.parametrize("x", [X[:1], np.ones((9, 6, 4), "float32")])
def test_rows_that_are_the_same_tell_nothing(x):
    assert trial_of(network(), x) is None


def test_nothing_remains():
    regularized = layers.Dense(3, kernel_regularizer="l2")
    model = network(layers.Dropout(0.5, seed=1), layers.BatchNormalization(), regularized)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, X[:, 0, :2], epochs=1, verbose=0)
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    before = [array(variable) for variable in variables]
    losses, state = len(model.losses), np.random.get_state()[1].tolist()
    trial_of(model, X)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(array(variable), value)
    assert (len(model.losses), np.random.get_state()[1].tolist()) == (losses, state)


@pytest.mark.host
@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        ({}, []),
        ({"leak": 1e-5}, []),
        ({"leak": 0.1}, [("dependent_examples", "error")]),
        ({"kept_rows": False, "spread": 0.0}, [("dependent_examples", "error")]),
    ],
)
def test_findings(trial, expected):
    case = Case(Facts(trial=TrialFacts(8, **trial)), Thresholds())
    assert [(f.name, f.severity) for rule in trials.RULES for f in rule(case)] == expected
