"""Copies that learn a few rows by heart: what they tell, and that nothing of them remains."""

import sys

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_trainkit.diagnosis import preflight
from keras_trainkit.diagnosis._preflight import learners, one_batch
from keras_trainkit.diagnosis._preflight.one_batch import learned_by_heart
from tests.contracts import array
from tests.diagnosis.preflight.models import Sized, Told

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 8)).astype("float32")
Y = (X[:, 0] > 0).astype("int64") + (X[:, 1] > 0)


@pytest.fixture(autouse=True)
def _time_enough(monkeypatch):
    """Try networks also on a machine that is busy."""
    monkeypatch.setattr(one_batch, "SECONDS_OF_PASS", 60)
    monkeypatch.setattr(learners, "SECONDS", 60)


def network(*hidden, rate=0.02, units=3, activation="softmax"):
    keras.utils.set_random_seed(0)
    hidden = hidden or (layers.Dense(16, "relu"),)
    model = keras.Sequential([keras.Input((8,)), *hidden, layers.Dense(units, activation)])
    loss = "sparse_categorical_crossentropy" if units == 3 else "mse"
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def test_a_network_that_learns_is_seen_to_and_left_as_it_was():
    model = network(layers.Dense(16, "relu"), layers.BatchNormalization(), layers.Dropout(0.1))
    model.fit(X, Y, verbose=0)
    before = [np.array(array(v)) for v in (*model.variables, *model.optimizer.variables)]
    (found,) = learned_by_heart(model, X, Y)
    assert (found.rows, found.updates, found.rate) == (32, 60, 0.02)
    assert found.skill > 0.9
    assert found.last < 0.5 * found.first
    assert found.highest >= found.first
    after = [np.array(array(v)) for v in (*model.variables, *model.optimizer.variables)]
    np.testing.assert_equal(after, before)


def test_lower_rates_are_tried_where_the_loss_rises_and_higher_ones_where_it_does_not():
    leaping = learned_by_heart(network(rate=100.0, units=1, activation=None), X, X[:, :1])
    assert [one.rate for one in leaping][:3] == [100.0, 10.0, 1.0]
    assert not leaping[0].is_calm
    slow = learned_by_heart(network(rate=1e-4), X, Y)
    assert [one.rate for one in slow][:3] == [1e-4, 1e-3, 1e-2]
    assert slow[2].skill > slow[0].skill


class Cut(layers.Layer):
    def call(self, inputs):
        return ops.stop_gradient(inputs)


@pytest.mark.parametrize("rate", [0.02, 1e-9])
def test_layers_behind_a_stopped_gradient_stay_as_they_were(rate):
    cut = network(layers.Dense(16, "tanh"), Cut(), layers.Dense(8, "relu"), rate=rate)
    assert learned_by_heart(cut, X, Y)[0].unreached == (cut.layers[0].path,)
    found = preflight(cut, X, Y)
    assert "frozen_layer" in [finding.condition for finding in found]


def test_all_layers_of_a_usual_network_are_reached():
    deep = network(*(layers.Dense(16, "sigmoid") for _ in range(6)), layers.BatchNormalization())
    assert learned_by_heart(deep, X, Y)[0].unreached == ()


def test_what_no_rate_mends_is_learned_by_none():
    found = learned_by_heart(network(layers.Lambda(lambda x: 0 * x)), X, Y)
    assert [one.updates for one in found] == [60, 60, 60, 300]
    assert max(one.skill for one in found) < 0.05


@pytest.mark.short("torch")
def test_the_rows_are_of_all_classes_of_sorted_data():
    order = np.argsort(Y)
    (found,) = learned_by_heart(network(), X[order], Y[order])
    assert found.skill > 0.9


@pytest.mark.short("torch")
def test_a_rate_of_a_schedule_is_not_changed():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-6, 100, 0.5)
    (found,) = learned_by_heart(network(rate=schedule), X, Y)
    assert found.skill < 0.5


class Own(keras.Model):
    """Does more in a step than Keras does."""

    def train_step(self, *arguments):
        return {"mine": ops.zeros(())}


def with_own_step():
    inputs = keras.Input((8,))
    model = Own(inputs, layers.Dense(3, "softmax")(inputs))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def trained(make):
    model = make()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    return model


@pytest.mark.short("torch")
@pytest.mark.filterwarnings("ignore:`build")
def test_a_model_is_tried_if_its_config_says_what_it_was_made_with():
    assert learned_by_heart(trained(lambda: Told(3)), X, Y)
    assert learned_by_heart(trained(lambda: Sized(3)), X, Y) == ()


@pytest.mark.short("torch")
def test_nothing_is_said_of_what_cannot_be_known():
    model = network()
    assert learned_by_heart(with_own_step(), X, Y) == ()
    assert learned_by_heart(model, None, Y) == ()
    assert learned_by_heart(model, X, None) == ()
    assert learned_by_heart(model, X, np.array(["text"] * 90)) == ()
    assert learned_by_heart(keras.Sequential([keras.Input((8,)), layers.Dense(1)]), X, Y) == ()


@pytest.mark.short("torch")
def test_networks_that_take_too_long_are_not_tried(monkeypatch):
    many = network(*(layers.Dense(2) for _ in range(one_batch.LAYERS)))
    assert learned_by_heart(many, X, Y) == ()
    monkeypatch.setattr(learners, "SECONDS", 1e-9)
    assert learned_by_heart(network(), X, Y) == ()
    monkeypatch.setattr(one_batch, "SECONDS_OF_PASS", 0)
    monkeypatch.setattr(one_batch, "Learner", None)  # Nothing may call it.
    assert learned_by_heart(network(), X, Y) == ()


@pytest.mark.short("torch")
def test_targets_of_several_outputs_are_found_by_their_names():
    inputs = keras.Input((8,))
    hidden = layers.Dense(16, "relu")(inputs)
    heads = [layers.Dense(1, name=name)(hidden) for name in ("second", "first")]
    model = keras.Model(inputs, heads)
    model.compile(keras.optimizers.Adam(0.02), {"first": "mse", "second": "mse"})
    (found,) = learned_by_heart(model, X, {"first": X[:, :1], "second": 5 * X[:, 1:2]})
    assert found.skill > 0.5


@pytest.mark.short("torch")
def test_preflight_can_be_told_to_leave_it_out(monkeypatch):
    module = sys.modules["keras_trainkit.diagnosis.preflight"]
    monkeypatch.setattr(module, "learned_by_heart", None)
    blind = network(layers.Lambda(lambda x: 0 * x))
    assert "by heart" not in str(preflight(blind, X, Y, one_batch=False))
    monkeypatch.undo()
    (first, *_) = preflight(blind, X, Y)
    assert "no_learning" in {each.name for each in (first, *first.consequences)}
