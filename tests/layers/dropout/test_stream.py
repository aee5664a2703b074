"""Dropout's random stream: seeds, files that continue it, schedules that count by it."""

import copy
import random
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.optimizers.schedules import PolynomialDecay

from keras_trainkit import layers
from keras_trainkit.layers import Dropout
from keras_trainkit.optimizers import Adam
from keras_trainkit.schedules import ExponentialDecay
from tests.contracts import array, assert_round_trips, assert_same_weights, run_in_fresh_process
from tests.layers.derivatives import differentiated
from tests.layers.dropout.test_runtime_rate import BATCH, STEPS, Counter, X, dropped, zero_loss

ROOT = Path(__file__).parents[3]
Y = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")


def masks_of(layer, steps=3, shape=(20, 30)):
    ones = np.ones(shape, "float32")
    return np.stack([array(layer(ones, training=True)) != 0 for _ in range(steps)])


def position(layer):
    return array(layer.seed_generator.state).tolist()


# Resuming from a file

EPOCHS, SAVED_AFTER = 5, 2


def deep_model(kit=layers, rates=(0.3, 0.2)):
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(16, activation="relu"),
            kit.BatchNormalization(),
            kit.Dropout(rates[0], seed=1),
            keras.layers.Dense(16, activation="relu"),
            kit.Dropout(rates[1], noise_shape=(None, 16), seed=2),
            keras.layers.Dense(6),
        ]
    )


def compiled_deep_model():
    model = deep_model(rates=(PolynomialDecay(0.0, 30, 0.6), ExponentialDecay(0.5, 10, 0.5)))
    model.add(Dropout(0.1, seed=3))
    model.compile(Adam(0.01), "mse")
    return model


def fit(model, **options):
    options = {"epochs": EPOCHS, **options}
    return model.fit(Y, Y, batch_size=16, shuffle=False, verbose=0, **options).history["loss"]


def state_of(model):
    """Return all that training moves: weights, statistics, slots and random streams, and rates."""
    variables = [*model.variables, *model.optimizer.variables]
    return {f"{n} {v.path}": array(v) for n, v in enumerate(variables)}


def resume(source, target):
    """Go on training from a file; called in a new process."""
    model = keras.models.load_model(source)
    losses = fit(model, initial_epoch=SAVED_AFTER)
    np.savez(target, losses=losses, **state_of(model))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the end of a training, and what a new process made of a file from its midst."""
    folder = tmp_path_factory.mktemp("runs")
    keras.utils.set_random_seed(3)
    model = compiled_deep_model()
    losses = fit(model, callbacks=[keras.callbacks.ModelCheckpoint(folder / "{epoch}.keras")])
    straight = {"losses": losses[SAVED_AFTER:], **state_of(model)}
    code = f"import sys; from {__name__} import resume; resume(*sys.argv[1:])"
    run_in_fresh_process(code, folder / f"{SAVED_AFTER}.keras", folder / "resumed.npz")
    return straight, dict(np.load(folder / "resumed.npz"))


@pytest.mark.oldest
def test_training_resumes_bit_for_bit_in_a_new_process(runs):
    straight, resumed = runs
    assert len(straight) > 20
    for mine, theirs in zip(straight.values(), resumed.values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.oldest
def test_training_resumes_from_a_file_saved_after_fit(runs, tmp_path):
    keras.utils.set_random_seed(3)
    model = compiled_deep_model()
    fit(model, epochs=SAVED_AFTER)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert fit(loaded, initial_epoch=SAVED_AFTER) == runs[0]["losses"]


@pytest.mark.oldest
def test_a_loaded_model_continues_the_stream_and_loaded_weights_do_not(tmp_path):
    model, other = deep_model(), deep_model()
    for _ in range(3):
        model(Y, training=True)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    for file in ("model.weights.h5", "model.keras"):
        other.load_weights(tmp_path / file)
        assert [position(other.layers[n]) for n in (2, 4)] == [[1, 0], [2, 0]]
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [position(loaded.layers[n]) for n in (2, 4)] == [[1, 3], [2, 3]]
    for n in (2, 4):
        np.testing.assert_array_equal(
            masks_of(loaded.layers[n], shape=(20, 16)), masks_of(model.layers[n], shape=(20, 16))
        )


@pytest.mark.oldest
@pytest.mark.parametrize(("source", "target"), [("keras", "ours"), ("ours", "keras")])
def test_files_interchange_with_keras_without_the_stream(source, target, tmp_path):
    kits = {"keras": keras.layers, "ours": layers}
    saved, loaded = deep_model(kits[source]), deep_model(kits[target])
    saved(Y, training=True)
    saved.save(tmp_path / "model.keras")
    loaded.load_weights(tmp_path / "model.keras")
    assert_same_weights(loaded, saved)
    assert position(loaded.layers[2]) == [1, 0]


# Seeds


def test_one_seed_gives_one_stream_after_clearing_the_session():
    first = masks_of(Dropout(0.4, seed=9))
    keras.utils.clear_session()
    keras.utils.set_random_seed(77)
    np.testing.assert_array_equal(masks_of(Dropout(0.4, seed=9)), first)


def test_a_layer_without_seed_follows_the_global_one():
    streams = []
    for seed in (5, 5, 6):
        keras.utils.set_random_seed(seed)
        streams.append(masks_of(Dropout(0.4)))
    np.testing.assert_array_equal(streams[0], streams[1])
    assert (streams[0] != streams[2]).any()
    unseeded = Dropout(0.4), Dropout(0.4)
    assert (masks_of(unseeded[0]) != masks_of(unseeded[1])).any()
    assert unseeded[0].get_config()["seed"] is None


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}], ids=["default", "jit"])
@pytest.mark.backend("tensorflow", "jax")
def test_compiled_and_eager_training_draw_the_same_masks(options):
    weights = []
    for choice in (options, {"run_eagerly": True}):
        keras.utils.set_random_seed(4)
        model = keras.Sequential([keras.Input((6,)), Dropout(0.5, seed=3), keras.layers.Dense(1)])
        model.compile("sgd", "mse", **choice)
        model.fit(Y, Y[:, :1], batch_size=16, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(*weights, rtol=1e-5, atol=1e-6)


def draws():
    """Return the next number of every global generator."""
    drawn = [random.random(), np.random.random(), float(array(keras.random.uniform(())))]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        drawn.append(float(tf.random.uniform([])))
    if keras.backend.backend() == "torch":
        import torch

        drawn.append(float(torch.rand(())))
    return drawn


@pytest.mark.parametrize("rate", [0.3, 0.7])
@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}], ids=["default", "eager"])
def test_a_training_step_leaves_the_global_generators_alone(rate, options):
    dropouts = [Dropout(rate), Dropout(0.1, noise_shape=(None, 1)), Dropout(LINEAR)]
    model = keras.Sequential([keras.Input((6,)), *dropouts, keras.layers.Dense(6)])
    model.compile("sgd", "mse", **options)
    model.train_on_batch(Y, Y)
    after = []
    for train in (True, False):
        keras.utils.clear_session(free_memory=False)  # resets Keras's own global generator
        keras.utils.set_random_seed(8)
        if train:
            model.train_on_batch(Y, Y)
            model.layers[0](Y, training=True)
        after.append(draws())
    assert after[0] == after[1]


# Schedules

LINEAR = PolynomialDecay(0.0, 50, 0.4)
RUN_STEPS = 10 * STEPS


def rate_model(schedule, **options):
    model = keras.Sequential(
        [keras.Input((X.shape[1],)), Counter(), Dropout(schedule, name="dropout")]
    )
    model.compile("sgd", zero_loss, metrics=[dropped], **options)
    return model


def scheduled_fractions(schedule, steps=RUN_STEPS):
    return [float(array(schedule(step))) for step in range(steps)]


class Keep(keras.callbacks.Callback):
    """Keeps the rate that the layer reports before each step, and the fraction that it dropped."""

    def __init__(self):
        super().__init__()
        self.rates, self.fractions = [], []

    def on_train_batch_begin(self, step, logs=None):
        self.rates.append(self.model.get_layer("dropout").rate)

    def on_train_batch_end(self, step, logs=None):
        total = logs["dropped"] * (step + 1)
        self.fractions.append(total - (self.total if step else 0))
        self.total = total


@pytest.mark.parametrize(
    ("schedule", "dtype", "options"),
    [
        (LINEAR, "float32", {}),
        (ExponentialDecay(0.8, 20, 0.5), "float32", {"run_eagerly": True}),
        (LINEAR, "mixed_bfloat16", {}),
        (ExponentialDecay(0.8, 20, 0.5), "mixed_float16", {}),
    ],
)
def test_rate_follows_the_schedule_step_by_step(schedule, dtype, options):
    keras.config.set_dtype_policy(dtype)
    model, keep = rate_model(schedule, **options), Keep()
    for _ in range(2):  # the schedule counts on through evaluation and a second fit
        model.fit(X, X, batch_size=BATCH, epochs=5, shuffle=False, verbose=0, callbacks=[keep])
        assert model.evaluate(X, X, verbose=0, return_dict=True)["dropped"] == 0
    expected = scheduled_fractions(schedule)
    np.testing.assert_allclose(keep.rates, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(keep.fractions, expected, atol=0.025)
    np.testing.assert_allclose(model.layers[1].rate, array(schedule(RUN_STEPS)), rtol=1e-5)


@pytest.mark.backend("tensorflow", "jax")
@pytest.mark.parametrize("jit_compile", ["auto", True])
def test_schedule_needs_no_new_trace(jit_compile):
    model = rate_model(LINEAR, jit_compile=jit_compile)
    model.fit(X, X, batch_size=BATCH, verbose=0)
    traced = model.layers[0].calls
    model.fit(X, X, batch_size=BATCH, epochs=9, verbose=0)
    assert model.layers[0].calls == traced
    assert abs(model.layers[1].rate - 0.4) < 1e-6


@pytest.mark.backend("tensorflow", "jax")
def test_schedule_counts_steps_within_an_execution():
    model = rate_model(LINEAR, steps_per_execution=3)
    history = model.fit(X, X, batch_size=BATCH, epochs=10, verbose=0).history["dropped"]
    expected = np.reshape(scheduled_fractions(LINEAR), (10, STEPS)).mean(1)
    np.testing.assert_allclose(history, expected, atol=0.01)
    assert position(model.layers[1])[1] == RUN_STEPS


def test_schedule_scales_outputs_and_gradients_by_its_value():
    x = np.ones((50, 60), "float32")
    step = differentiated(Dropout(LINEAR, seed=1))
    for rate in scheduled_fractions(LINEAR, 5):
        y, dx = step(x, 2 * x)
        np.testing.assert_allclose(y, (y != 0) / (1 - rate), rtol=1e-5)
        np.testing.assert_allclose(dx, 2 * y, rtol=1e-5)


@pytest.mark.parametrize(("end", "limit"), [(1.5, 1.0), (1.0, 1.0), (-0.5, 0.0)])
def test_clips_the_schedule(end, limit):
    layer = Dropout(PolynomialDecay(0.5, 2, end))
    masks_of(layer, 4)
    assert layer.rate == limit
    y = array(layer(X, training=True))
    assert np.isfinite(y).all()
    assert (y == (0 if limit else X)).all()


@pytest.mark.parametrize("first", [1.5, -0.1])
def test_refuses_a_schedule_that_begins_outside(first):
    schedule = PolynomialDecay(first, 50, 0.4)
    with pytest.raises(ValueError, match="must be") as error:
        Dropout(schedule)
    given = float(array(schedule(0)))
    assert str(error.value) == f"`rate` must be in [0, 1]. Received: rate={given}"


def test_refuses_to_assign_what_a_schedule_gives():
    layer = Dropout(LINEAR)
    with pytest.raises(TypeError) as error:
        layer.rate = 0.5
    assert str(error.value) == (
        "`rate` must be a number to be assigned; here a schedule gives it: "
        f"{LINEAR}. Received: rate=0.5"
    )
    assert layer.rate == 0.0


@pytest.mark.backend("jax")
def test_reading_a_scheduled_rate_is_refused_where_the_jax_trainer_holds_the_state():
    model = rate_model(LINEAR)
    layer, messages = model.layers[1], []

    def read(step, logs):
        with pytest.raises(RuntimeError) as error:
            layer.rate  # noqa: B018
        messages.append(str(error.value))

    model.fit(X, X, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=read)])
    assert set(messages) == {
        "`rate` must be read through the callback's `self.model` while an epoch runs on JAX and a "
        "schedule gives it: `self.model.get_layer(...).rate`"
    }
    assert layer.rate > 0


@pytest.mark.oldest
@pytest.mark.parametrize("schedule", [LINEAR, ExponentialDecay(0.5, 10, 0.9, staircase=True)])
def test_config_holds_the_schedule(schedule):
    layer = Dropout(schedule, seed=3)
    masks_of(layer, 12)
    copies = (
        assert_round_trips(layer),
        copy.deepcopy(layer),
        Dropout.from_config(layer.get_config()),
    )
    for other in copies:
        while position(other)[1] < 12:
            masks_of(other, 1)
        assert other.rate == layer.rate
        np.testing.assert_array_equal(masks_of(other), masks_of(Dropout(schedule, seed=3), 15)[12:])


def test_schedule_adds_nothing_to_the_random_streams_state():
    assert Dropout(LINEAR).weights == []
    assert len(Dropout(LINEAR).variables) == 1
