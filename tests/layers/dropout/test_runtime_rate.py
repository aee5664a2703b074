"""A rate assigned during training holds from the next step on, without a new trace."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_trainkit.layers import Dropout

STEPS, BATCH, UNITS = 6, 10, 1000
X = np.ones((STEPS * BATCH, UNITS), "float32")


@keras.saving.register_keras_serializable("test_runtime_rate")
class Counter(keras.layers.Layer):
    """Multiplies by one weight; counts the calls of its Python code."""

    calls = 0

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        self.calls += 1
        return x * self.weight


def dropped(y_true, y_pred):
    return ops.mean(ops.cast(y_pred == 0, "float32"))


def zero_loss(y_true, y_pred):
    return ops.mean(y_pred) * 0


def compiled_model(**options):
    model = keras.Sequential([keras.Input((UNITS,)), Counter(), Dropout(0.0, name="dropout")])
    model.compile("sgd", zero_loss, metrics=[dropped], **options)
    return model


class Assign(keras.callbacks.Callback):
    """Assigns `plan[step]` in one hook; keeps the fraction that each step dropped."""

    def __init__(self, hook, plan, layer=None):
        super().__init__()
        self.plan, self.layer, self.means = plan, layer, [0.0]
        setattr(self, hook, self.assign)

    def assign(self, step, logs=None):
        self.keep(logs)
        if step in self.plan:
            layer = self.layer or self.model.get_layer("dropout")
            layer.rate = self.plan[step]

    def on_train_batch_end(self, step, logs=None):
        self.keep(logs)

    def keep(self, logs):
        if logs:
            self.means.append(float(logs["dropped"]))

    @property
    def fractions(self):
        # Keras logs the mean over the epoch so far.
        totals = np.arange(len(self.means)) * self.means
        return np.diff(totals)


def fit(model, callback, **options):
    return model.fit(X, X, batch_size=BATCH, verbose=0, callbacks=[callback], **options)


OPTIONS = [{}, {"run_eagerly": True}, {"jit_compile": False}]
IN_ONE_TRACE = pytest.mark.backend("tensorflow", "jax")


@pytest.mark.parametrize("options", OPTIONS, ids=["default", "eager", "no_xla"])
@pytest.mark.parametrize(
    ("hook", "plan", "expected"),
    [
        ("on_train_batch_begin", {1: 0.3, 3: 0.7}, [0, 0.3, 0.3, 0.7, 0.7, 0.7]),
        ("on_train_batch_end", {1: 0.3, 3: 0.7}, [0, 0, 0.3, 0.3, 0.7, 0.7]),
    ],
)
def test_holds_from_the_next_step_on(hook, plan, expected, options):
    model = compiled_model(**options)
    callback = Assign(hook, plan)
    fit(model, callback)
    np.testing.assert_allclose(callback.fractions, expected, atol=0.03)
    assert model.get_layer("dropout").rate == 0.7


def test_holds_from_the_next_epoch_on():
    model = compiled_model()
    history = fit(model, Assign("on_epoch_begin", {1: 0.3, 2: 0.7}), epochs=4)
    np.testing.assert_allclose(history.history["dropped"], [0, 0.3, 0.7, 0.7], atol=0.03)


@IN_ONE_TRACE
@pytest.mark.parametrize("jit_compile", [True, False])
def test_needs_no_new_trace(jit_compile):
    if keras.backend.backend() == "jax" and not jit_compile:
        jit_compile = "auto"
    model = compiled_model(jit_compile=jit_compile)
    fit(model, Assign("on_epoch_begin", {}))
    traced = model.layers[0].calls
    fit(model, Assign("on_train_batch_end", {0: 0.3, 2: 0.5, 4: 0.7}), epochs=2)
    model.get_layer("dropout").rate = 0.1
    fit(model, Assign("on_epoch_begin", {}))
    assert model.layers[0].calls == traced


@IN_ONE_TRACE
def test_holds_from_the_next_execution_on():
    model = compiled_model(steps_per_execution=2)
    callback = Assign("on_train_batch_end", {1: 0.3, 3: 0.7})
    fit(model, callback)
    np.testing.assert_allclose(np.diff(np.arange(4) * callback.means), [0, 0.3, 0.7], atol=0.03)


def test_holds_between_calls_on_single_batches():
    model = compiled_model()
    for rate in (0.2, 0.0, 0.6):
        model.get_layer("dropout").rate = rate
        model.reset_metrics()
        logs = model.train_on_batch(X, X, return_dict=True)
        assert abs(logs["dropped"] - rate) < 0.03
    assert model.evaluate(X, X, verbose=0, return_dict=True)["dropped"] == 0


@pytest.mark.backend("tensorflow", "torch")
def test_may_bypass_the_callbacks_model():
    model = compiled_model()
    callback = Assign("on_train_batch_end", {1: 0.3}, layer=model.get_layer("dropout"))
    fit(model, callback)
    np.testing.assert_allclose(callback.fractions, [0, 0, 0.3, 0.3, 0.3, 0.3], atol=0.03)


@pytest.mark.backend("jax")
@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
def test_is_refused_where_the_jax_trainer_would_overwrite_it(hook):
    model = compiled_model()
    with pytest.raises(RuntimeError, match=r"`rate` must be assigned through .*`self.model`"):
        fit(model, Assign(hook, {1: 0.3}, layer=model.get_layer("dropout")))
    assert model.get_layer("dropout").rate == 0.0
    callback = Assign("on_epoch_begin", {0: 0.3}, layer=model.get_layer("dropout"))
    assert abs(fit(model, callback).history["dropped"][0] - 0.3) < 0.03


def test_leaves_weights_and_files_as_they_are(tmp_path):
    model = compiled_model()
    fit(model, Assign("on_train_batch_end", {0: 0.3}))
    assert [weight.path for weight in model.weights] == [model.layers[0].weight.path]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(
        tmp_path / "model.keras", custom_objects={"dropped": dropped, "zero_loss": zero_loss}
    )
    assert loaded.get_layer("dropout").rate == 0.3
    assert abs(loaded.train_on_batch(X, X, return_dict=True)["dropped"] - 0.3) < 0.03
