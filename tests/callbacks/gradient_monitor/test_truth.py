"""Closed form: every recorded number of a fixed network is known from backpropagation by hand."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._gradient_monitor.record import derive
from keras_trainkit.callbacks._gradient_monitor.reductions import Settings, Update, log2_counts
from keras_trainkit.callbacks.gradient_monitor import session_class
from keras_trainkit.diagnosis import STATISTICS
from tests.contracts import array, assert_close
from tests.references import backpropagation, gradient_statistics

RATE = 0.5
REDUCTIONS = session_class().reductions(keras.Sequential())


def fixed_network():
    """Return a tanh/softmax network with known weights, and those weights."""
    rng = np.random.default_rng(5)
    shapes = (3, 4), (4,), (4, 2), (2,)
    weights = [rng.normal(size=shape).astype("float32") for shape in shapes]
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(2, "softmax")]
    )
    model.set_weights(weights)
    return model, weights


def record(optimizer, rows=24, loss_weights=None, statistics="full", **fit):
    """Train the fixed network in batches of 8; return the history and what is expected of it."""
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(rows, 3)).astype("float32"), rng.integers(0, 2, rows)
    model, weights = fixed_network()
    model.compile(optimizer, "sparse_categorical_crossentropy", loss_weights)
    monitor = GradientMonitor(every=1, statistics=statistics, fetch_every=2)
    fit = {"batch_size": 8, "shuffle": False, "verbose": 0, **fit}
    model.fit(x, y, callbacks=[monitor], **fit)
    batches = [(x[i : i + 8], y[i : i + 8]) for i in range(0, rows, 8)] * fit.get("epochs", 1)
    return monitor.history, backpropagation.train(weights, batches, RATE)


def test_record_equals_backpropagation_by_hand():
    sgd = keras.optimizers.SGD(RATE)
    history, (expected, moments) = record(sgd, rows=20, epochs=2, statistics=("full", "cosine"))
    for column, name in enumerate(STATISTICS):
        assert_close(history[name], expected[:, :, column])
    assert_close(history["update_ratio"], expected[:, :, 7] / expected[:, :, 6])
    assert_close(history.signal, moments[:, 0])
    assert_close(history.noise, moments[:, 1])
    assert_close(history.global_norm, np.sqrt((expected[:, :, 0] ** 2).sum(axis=1)))
    assert history.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert history.epochs.tolist() == [0, 0, 0, 1, 1, 1]
    assert history.sizes.tolist() == [12, 4, 8, 2]
    assert [path.split("/")[-1] for path in history.variables] == ["kernel", "bias"] * 2


@pytest.mark.parametrize(
    ("arguments", "largest"),
    [({"loss_scale_factor": 1024.0}, np.inf), ({"global_clipnorm": 0.1}, 0.1)],
)
def test_gradients_are_unscaled_and_not_yet_clipped(arguments, largest):
    history, (expected, _) = record(keras.optimizers.SGD(RATE, **arguments))
    assert_close(history["norm"][0], expected[0, :, 0])
    step = np.sqrt((history["update_norm"][0] ** 2).sum())
    assert_close(step, RATE * min(history.global_norm[0], largest))


def test_dynamic_loss_scale_is_divided_out_before_it_changes():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(RATE), 256.0, 2)
    history, (expected, _) = record(scaled, epochs=2)
    assert_close(history["norm"], expected[:, :, 0])
    assert_close(history["update_norm"], expected[:, :, 7])


def test_step_skipped_by_the_loss_scale_shows_as_non_finite():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(RATE), 2.0**127)
    history, _ = record(scaled, loss_weights=[100.0])
    assert history["nonfinite"][0].sum() > 0
    assert history["update_norm"][0].tolist() == [0, 0, 0, 0]
    assert np.isinf(history.global_norm[0])
    assert np.isnan(history["mean"][0]).any()


def test_accumulated_updates_happen_once_every_n_steps():
    history, (expected, _) = record(keras.optimizers.SGD(RATE, gradient_accumulation_steps=2))
    assert_close(history["norm"][:2], [expected[0, :, 0], history["norm"][1]])
    assert history["update_norm"][0].tolist() == [0, 0, 0, 0]
    assert (history["update_norm"][1] > 0).all()


@pytest.mark.filterwarnings("ignore:Epoch 1, batch 1")
def test_nan_in_the_data_shows_inside_the_compiled_step():
    model, _ = fixed_network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    monitor = GradientMonitor(every=1)
    x = np.full((8, 3), np.nan, "float32")
    logged = model.fit(x, np.zeros(8), verbose=0, callbacks=[monitor]).history["grad_norm"]
    assert monitor.history["nonfinite"].tolist() == [[12, 4, 8, 2]]
    assert np.isnan(logged).all()


def measured(gradient, scale=1.0, before=None, after=None):
    """Return the statistics of one update of one variable."""
    variable = keras.Variable(np.zeros(gradient.shape, "float32"))
    update = Update([variable], REDUCTIONS, frozenset({"full"}))
    weights = np.zeros_like(gradient) if before is None else before
    update.begin([ops.convert_to_tensor(weights)])
    update.see([ops.convert_to_tensor(gradient)], Settings(scale, {}, False), ops.zeros_like)
    ((_, block),) = update.finish([ops.convert_to_tensor(weights if after is None else after)])
    row = derive(array(block), np.array([gradient.size]))[0]
    return dict(zip(STATISTICS, row, strict=True))


@pytest.mark.parametrize("shape", [(300, 400), (30, 40), (5,), (1,)])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_statistics_neither_overflow_nor_vanish(size, shape):
    gradient = np.random.default_rng(7).normal(size=shape) * size
    gradient[..., : shape[-1] // 4] = 0.0
    gradient = gradient.astype("float32")
    row = measured(gradient, scale=8.0)
    truth = gradient_statistics.statistics(gradient.astype("float64") / 8, np.ones(1), np.ones(1))
    for name, expected in zip(STATISTICS[:4], truth[:4], strict=True):
        np.testing.assert_allclose(row[name] / truth[0], expected / truth[0], atol=1e-6)
    assert_close(row["zero_fraction"], truth[4])
    assert row["nonfinite"] == 0


def test_statistics_of_a_gradient_with_nan_and_infinity():
    broken = np.array([[1.0, np.nan, -np.inf, np.inf, 0.0]], "float32")
    row = measured(broken, before=broken, after=broken)
    assert row["norm"] == row["max_abs"] == row["weight_norm"] == row["update_norm"] == np.inf
    assert np.isnan([row["mean"], row["std"], row["zero_fraction"]]).all()
    assert row["nonfinite"] == 3


def test_a_power_of_two_begins_its_bin():
    rows = ops.convert_to_tensor([[0.5, 1.0, 1.5, -2.0, 0.0]])
    counts = array(log2_counts(rows, 1.0))[0]
    assert {i - 48: counts[i] for i in np.flatnonzero(counts)} == {-1: 1, 0: 2, 1: 1}
