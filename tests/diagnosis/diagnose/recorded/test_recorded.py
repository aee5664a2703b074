"""All rules together: what they cost, what they say of trainings, and the two nets of the issue."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import History, diagnose, summarize
from tests.diagnosis.made_facts import BITS, training
from tests.diagnosis.trainings import case, classifier


class Counted(History):
    """Counts how often a statistic of all steps and variables is read."""

    def __getitem__(self, statistic):
        self.read.append(statistic)
        return super().__getitem__(statistic)


@pytest.mark.host
def test_each_statistic_is_read_at_most_twice():
    record = case().history
    counted = Counted(**{f.name: getattr(record, f.name) for f in dataclasses.fields(record)})
    object.__setattr__(counted, "read", [])
    diagnose(counted)
    assert counted.read
    assert max(counted.read.count(name) for name in counted.read) <= 2


@pytest.mark.host
def test_a_training_that_works_has_nothing_above_info():
    moves = np.full((60, 6), 1.0)
    logs = {"loss": [0.5, 0.4, 0.6, 0.3, 0.5, 0.4], "accuracy": np.full(6, 0.97)}
    assert all(
        finding.severity == "info"
        for finding in diagnose(case(columns={"update_norm": moves}, **logs).history)
    )


@pytest.mark.host
def test_the_root_is_shown_and_what_follows_beneath():
    logs = {"loss": np.full(6, 0.693), "accuracy": np.full(6, 0.5)}
    (root,) = diagnose(case(columns={"update_norm": 2e-7}, **logs).history)
    assert root.condition == "learning_rate_too_low"
    assert [finding.condition for finding in root.consequences] == ["no_learning"]


@pytest.mark.host
def test_an_explosion_that_leaves_the_net_dead_is_named_where_it_begins():
    norms = np.ones((60, 6))
    norms[0], norms[1] = 1.2e5, 2e16
    norms[2:, :5], norms[2:, 5] = 0.0, 1e9
    updates = np.full((60, 6), 0.002)
    updates[0, 2] = 500.0
    record = case(columns={"norm": norms, "update_norm": updates}, loss=[1e20, 1e18, 1e16]).history
    text = str(summarize(record))
    (line,) = [line for line in text.splitlines() if line.startswith("dense_1/kernel")]
    assert "exploded at step 1" in line
    assert "dead since step 2" in line
    verdict, *_, remedy = text[text.index("Verdict: ") :].splitlines()
    assert verdict.startswith("Verdict: learning rate too high")
    assert remedy == (
        "    model.optimizer.learning_rate = found.suggestion if found.suggestion > 0 else 0.001"
    )


def thrown_off():
    """Return a network that one outlier throws so far that no unit is ever on again."""
    keras.utils.set_random_seed(0)
    positive = keras.initializers.RandomUniform(0.1, 0.3)
    hidden = layers.Dense(16, "relu", kernel_initializer=positive, name="hidden")
    head = layers.Dense(1, kernel_initializer=positive, name="head")
    model = keras.Sequential([keras.Input((4,)), hidden, head])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


@pytest.mark.parametrize("probe", [None, "first_batch"])
def test_exploded_in_one_step_and_dead_from_the_next_on(probe):
    x, outlier = np.random.default_rng(0).uniform(0.5, 1.5, (80, 4)), 2
    y = x.sum(axis=1)
    y[8 * outlier] = -1e8
    model, monitor = thrown_off(), GradientMonitor(probe=probe)
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[monitor])
    text = str(monitor.summary())
    (note,) = [line for line in text.splitlines() if line.startswith("hidden/kernel")]
    assert f"exploded at step {outlier}" in note
    assert f"dead since step {outlier + 1}" in note
    assert "\nVerdict: " in text
    assert "\nNext: " in text


def images():
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 128)
    x = random.normal(size=(128, 8, 8, 1)) + 2 * y[:, None, None, None]
    return x.astype("float32"), y


def convolutions(bias):
    parts = [layers.Conv2D(8, 3, activation="relu", name=f"conv_{i}") for i in range(3)]
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), *parts, layers.Flatten(), layers.Dense(2, "softmax", name="out")],
        name="net",
    )
    weights = parts[1].get_weights()
    parts[1].set_weights([weights[0], np.array(bias, "float32")])
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize("probe", ["first_batch", None])
@pytest.mark.parametrize(("bias", "share"), [([-30.0] * 8, 100), ([-30.0] * 6 + [0.5] * 2, 75)])
def test_a_convolution_with_dead_units_is_named(bias, share, probe):
    model, monitor = convolutions(bias), GradientMonitor(probe=probe)
    model.fit(*images(), batch_size=16, epochs=3, verbose=0, callbacks=[monitor])
    facts = classifier(rows=128, batch_size=16, epochs=3)
    text = str(summarize(dataclasses.replace(monitor.history, facts=facts)))
    named = {line.split("/")[0] for line in text.splitlines() if f"units dead: {share} %" in line}
    assert named == {"conv_1"}
    assert "dead units (net/conv_1)" in text[text.index("Verdict: ") :]


def test_the_outputs_on_the_probe_are_recorded():
    x, y = images()
    model, monitor = convolutions([0.5] * 8), GradientMonitor(probe="first_batch")
    model.fit(x, y, batch_size=64, epochs=2, shuffle=False, verbose=0, callbacks=[monitor])
    outcomes = monitor.history.outcomes
    assert outcomes.epochs.tolist() == [0, 1]
    seen = model.predict(x[:64], verbose=0)
    share = max(y[:64].mean(), 1 - y[:64].mean())
    right = (seen.argmax(axis=1) == y[:64]).mean()
    assert outcomes["low"][-1] == pytest.approx(seen.min(), rel=1e-3)
    assert outcomes["spread"][-1] == pytest.approx(seen.std(axis=0).max(), rel=1e-3)
    assert outcomes["target_spread"][-1] == pytest.approx(y[:64].std())
    assert outcomes["skill"][-1] == pytest.approx((right - share) / (1 - share))


@pytest.mark.host
def test_a_loss_of_zero_makes_an_accuracy_of_one_that_hides_nothing():
    facts = training("softmax", "categorical_crossentropy", BITS, metrics=("categorical_accuracy",))
    logs = {"loss": np.zeros(6), "categorical_accuracy": np.ones(6)}
    first = diagnose(case(facts, **logs).history)[0]
    assert (first.name, first.severity) == ("softmax_one_unit", "error")
