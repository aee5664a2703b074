import contextlib

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import GradientMonitor, TrainingState, gradient_monitor
from keras_trainkit.callbacks._gradient_monitor import looks
from keras_trainkit.diagnosis import Diagnosis, Facts, History, LayerFacts, PlanFacts
from tests.callbacks.monitored import (
    Subclassed,
    assert_same_training,
    compiled,
    data,
    sequential,
    softmax,
)
from tests.callbacks.stopped import Failing


def trained(make=sequential, **arguments):
    """Return the monitor of a training."""
    monitor, model = GradientMonitor(), compiled(make, metrics=["accuracy"])
    x, y = data()
    model.fit(x, y, verbose=0, callbacks=[monitor], **arguments)
    return monitor


@pytest.mark.parametrize("make", [sequential, Subclassed, lambda: keras.Sequential(body())])
def test_facts_are_kept_from_when_fit_began(make):
    monitor = trained(make, batch_size=4, epochs=2, validation_split=0.2, shuffle=False)
    facts = monitor.history.facts
    layers = [layer for layer in facts.layers if layer.parameters]
    assert [layer.path for layer in layers] == list(monitor.history.layers)
    kinds = [layer.kind for layer in facts.layers]
    assert kinds == ["Dense", "BatchNormalization", "Dropout", "Dense"]
    assert [layer.shape for layer in facts.layers] == [(4,), (4,), (4,), (2,)]
    (output,) = facts.outputs
    assert (output.activation, output.loss) == ("softmax", "sparse_categorical_crossentropy")
    assert (output.metrics, output.target.shape) == (("accuracy",), (16,))
    assert output.validation_target.shape == (4,)
    assert facts.optimizer.learning_rate == pytest.approx(0.01)
    assert (facts.plan.updates, facts.plan.shuffle) == (8, False)


def body():
    return sequential().layers


@pytest.mark.short("torch")
def test_each_fit_has_facts_of_its_own():
    monitor, model = GradientMonitor(), compiled(softmax)
    x, y = data()
    for rows in (20, 8):
        model.fit(x[:rows], y[:rows], verbose=0, callbacks=[monitor])
        assert monitor.history.facts.plan.rows == rows


@pytest.mark.short("torch")
def test_facts_go_into_the_file(tmp_path):
    history = trained().history
    history.save(tmp_path / "run.npz")
    assert repr(History.load(tmp_path / "run.npz").facts) == repr(history.facts)
    assert history.facts.outputs[0].target.classes


@pytest.mark.short("torch")
def test_a_diagnosis_is_that_of_the_history(monkeypatch):
    monitor = trained()
    assert isinstance(monitor.diagnosis, Diagnosis)
    seen = []
    monkeypatch.setattr(gradient_monitor, "diagnose", seen.append)
    _ = monitor.diagnosis
    assert repr(seen[0].facts) == repr(monitor.history.facts)
    with pytest.raises(RuntimeError, match="has recorded nothing"):
        _ = GradientMonitor().diagnosis


@pytest.mark.short("torch")
def test_facts_are_those_of_the_beginning_in_a_resumed_training(tmp_path, monkeypatch):
    def train(epochs, *others):
        monitor, model = GradientMonitor(), compiled(softmax)
        callbacks = [monitor, TrainingState(tmp_path, verbose=0, adopt=not others), *others]
        x, y = data()
        with contextlib.suppress(ZeroDivisionError):
            model.fit(x, y, epochs=epochs, verbose=0, callbacks=callbacks)
        return monitor.history.facts

    first = train(6, Failing("on_epoch_end", ZeroDivisionError()))
    later = Facts(plan=PlanFacts(epochs=8))
    monkeypatch.setattr(looks, "facts_of", lambda *_: later)
    resumed = train(8)
    assert repr(resumed.layers) == repr(first.layers)
    assert resumed.outputs == first.outputs != ()
    assert (first.plan.epochs, resumed.plan.epochs) == (6, 8)


@pytest.mark.short("torch")
def test_states_without_facts_and_with_those_of_another_version_can_be_continued():
    monitor = trained()
    state = monitor.get_state()
    for change in ({"facts": None}, {"facts": {"layers": ()}}, {}):
        other = trained(validation_split=0.25)
        other.set_state({**state, "record": {**state["record"], **change}})
        rows = 15 if change else 20
        assert other.history.facts.outputs[0].target.shape == (rows,)
    del state["record"]["facts"]
    other.set_state(state)
    assert other.history.facts.outputs[0].target.shape == (20,)


@pytest.mark.short("torch")
def test_a_failure_disturbs_no_training(monkeypatch):
    def facts_of(*_):
        raise ValueError("a fault in the gathering")

    monkeypatch.setattr(looks, "facts_of", facts_of)
    monitor = trained()
    assert monitor.history.facts is None
    assert len(monitor.history.steps) == 1
    assert not monitor.diagnosis


@pytest.mark.short("torch")
def test_what_the_user_wrote_may_fail_in_every_way():
    class Odd(keras.layers.Layer):
        rate = activation = kernel_initializer = units = property(lambda self: 1 / 0)

        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(2, "softmax")
            self.kernel = "nothing"

        def build(self, shape):
            self.inner.build(shape)

        def call(self, x):
            return self.inner(x)

    facts = trained(lambda: keras.Sequential([keras.Input((3,)), Odd()])).history.facts
    assert isinstance(facts, Facts)
    assert all(isinstance(layer, LayerFacts) for layer in facts.layers)
    assert facts.plan.rows == 20


class Batches(keras.utils.PyDataset):
    """Draws from a generator of its own."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self.rng.normal(size=(4, 3)).astype("float32"), np.array([0, 1, 0, 1])


def rows():
    yield from (Batches()[0] for _ in range(9))


@pytest.mark.parametrize("source", [Batches, rows])
def test_data_that_draws_trains_as_without_a_monitor(source):
    def train(*callbacks):
        model = compiled()
        arguments = {"epochs": 2, "steps_per_epoch": 3, "shuffle": False, "verbose": 0}
        return model, model.fit(source(), **arguments, callbacks=callbacks).history

    monitor = GradientMonitor()
    (plain, expected), (model, logs) = train(), train(monitor)
    assert_same_training(model, logs, plain, expected)
    assert monitor.history.facts.plan.updates == 6
    assert monitor.history.facts.inputs == ()


@pytest.mark.backend("tensorflow")
def test_a_shuffled_tf_dataset_trains_as_without_a_monitor():
    import tensorflow as tf

    def train(*callbacks):
        model = compiled()
        source = tf.data.Dataset.from_tensor_slices(data()).shuffle(20).batch(4)
        arguments = {"epochs": 2, "shuffle": False, "verbose": 0}
        return model, model.fit(source, **arguments, callbacks=callbacks).history

    monitor = GradientMonitor()
    (plain, expected), (model, logs) = train(), train(monitor)
    assert_same_training(model, logs, plain, expected)
    (array,) = monitor.history.facts.inputs
    assert (array.shape, array.seen) == ((None, 3), 0)
    assert monitor.history.facts.plan.shuffle
