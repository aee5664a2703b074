"""What a live monitor prints: each finding once, again only when it is worse."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.callbacks import GradientMonitor, gradient_monitor
from keras_trainkit.callbacks._gradient_monitor import news
from keras_trainkit.callbacks._gradient_monitor.news import News
from keras_trainkit.diagnosis import Finding, Remedy
from tests.callbacks.monitored import assert_same_training, compiled, fit, softmax

REMEDY = Remedy("look at it")


def finding(condition, severity="warning", where="", consequences=()):
    return Finding(
        condition, severity, "It is so.", where=where, remedies=(REMEDY,), consequences=consequences
    )


def names(found):
    return [(each.name, each.severity) for each in found]


@pytest.mark.host
def test_what_was_told_is_not_told_again():
    told = News()
    dead = finding("dead_units", where="a")
    assert names(told.of([dead])) == [("dead_units", "warning")]
    assert not told.of([dead])
    assert not told.of([])
    assert not told.of([dead])  # Gone for a while is not new.
    assert names(told.of([dead, finding("dead_units", where="b")])) == [("dead_units", "warning")]


@pytest.mark.host
def test_what_becomes_worse_is_told_again():
    told = News()
    for severity, is_told in (
        ("info", True),
        ("error", True),
        ("warning", False),
        ("error", False),
    ):
        assert bool(told.of([finding("overfitting", severity)])) == is_told


@pytest.mark.host
def test_a_consequence_is_told_with_its_root_or_by_itself():
    told = News()
    lost = finding("no_learning")
    root = finding("dead_units", consequences=(lost,))
    (only,) = told.of([root])
    assert only is root
    assert not told.of([lost])
    later = finding("dead_units", consequences=(lost, finding("constant_predictions")))
    (only,) = told.of([later])
    assert (only.name, only.remedies) == ("constant_predictions", ())
    assert only.text.endswith("The cause that was found: dead units.")


@pytest.mark.host
def test_what_was_told_goes_on_in_a_resumed_training():
    told = News()
    told.of([finding("dead_units", "warning", "a")])
    resumed = News(told.get_state())
    assert not resumed.of([finding("dead_units", "info", "a")])
    assert resumed.of([finding("dead_units", "error", "a")])


@pytest.mark.parametrize("value", [1, "yes", None])
@pytest.mark.host
def test_live_must_be_a_bool(value):
    with pytest.raises(ValueError, match="`live` must be a bool"):
        GradientMonitor(live=value)


def dead():
    minus = keras.initializers.Constant(-50)
    hidden = layers.Dense(4, "relu", bias_initializer=minus, name="hidden")
    return keras.Sequential([keras.Input((3,)), hidden, layers.Dense(2, "softmax", name="out")])


def test_a_live_monitor_tells_each_finding_when_it_comes(capsys):
    plain, model, monitor = compiled(dead), compiled(dead), GradientMonitor(live=True)
    expected = fit(plain, epochs=4)
    assert not capsys.readouterr().out
    assert_same_training(model, fit(model, [monitor], epochs=4), plain, expected)
    printed = capsys.readouterr().out
    assert printed.count("dead units, ") == printed.count("1. error: dead units, ") == 1
    assert "\nGradientMonitor, before training:\n" in printed
    quiet = GradientMonitor()
    fit(compiled(dead), [quiet], epochs=4)
    assert not capsys.readouterr().out
    assert [each.name for each in quiet.diagnosis] == [each.name for each in monitor.diagnosis]


@pytest.mark.short("torch")
def test_without_passes_it_is_told_when_the_gradients_show_it(capsys):
    fit(compiled(dead), [GradientMonitor(live=True, probe=None)], epochs=4)
    before, _, after = capsys.readouterr().out.partition("\nGradientMonitor, epoch ")
    assert "dead units" not in before
    assert after.count("1. error: dead units, ") == 1


@pytest.mark.short("torch")
def test_what_the_arguments_tell_is_said_before_the_first_step(capsys):
    class Stops(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(capsys.readouterr().out)
            self.model.stop_training = True

    def make():
        out = layers.Dense(1, "relu", name="out")
        return keras.Sequential([keras.Input((3,)), out], name="sequential")

    seen = []
    model = make()
    model.compile("adam", "binary_crossentropy")
    x = np.random.default_rng(0).normal(size=(64, 3))
    monitor = GradientMonitor(live=True)
    model.fit(x, x[:, 0] > 0, verbose=0, callbacks=[Stops(), monitor])
    assert "GradientMonitor, before training:\n1. error: relu output, sequential/out" in seen[0]


@pytest.mark.short("torch")
def test_a_rule_that_fails_ends_no_training_and_is_said_once(capsys, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("a fault in a rule")

    for name in ("diagnose", "diagnose_so_far", "examined"):
        monkeypatch.setattr(news, name, fails)
    plain, model = compiled(softmax), compiled(softmax)
    expected = fit(plain)
    history = fit(model, [GradientMonitor(live=True)])
    assert_same_training(model, history, plain, expected)
    printed = capsys.readouterr().out
    assert printed == (
        "\nGradientMonitor, before training: no diagnosis, because a fault in a rule.\n"
    )


@pytest.mark.short("torch")
def test_a_monitor_that_is_not_live_asks_no_rule(monkeypatch):
    monkeypatch.setattr(news, "_diagnosis_of", lambda *_: pytest.fail("asked"))
    monkeypatch.setattr(gradient_monitor, "diagnose", lambda *_: pytest.fail("asked"))
    fit(compiled(softmax), [GradientMonitor()])


class Stop(keras.callbacks.Callback):
    """Ends a training early."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 == self.epoch


def two_classes(rows, truth=True):
    """Return noise whose sign decides, or by chance another label."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 8)).astype("float32")
    return x, (x.sum(axis=1) > 0 if truth else rng.random(rows) > 0.5).astype("int32")


def trained(data, optimizer, hidden, *callbacks, **fit):
    """Train a network of two layers."""
    keras.utils.set_random_seed(0)
    layer = layers.Dense(hidden, "relu", name="hidden")
    model = keras.Sequential([keras.Input((8,)), layer, layers.Dense(1, "sigmoid", name="out")])
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    model.fit(*data, callbacks=[*callbacks], verbose=0, **fit)


def learned_by_heart(*callbacks):
    """Train on labels that are chance, for up to 100 epochs."""
    known, others = two_classes(64, truth=False), two_classes(512)
    optimizer = keras.optimizers.Adam(0.02)
    trained(known, optimizer, 128, *callbacks, epochs=100, validation_data=others)


@pytest.mark.short("torch")
def test_of_a_healthy_training_that_rises_slowly_nothing_above_info_is_said(capsys):
    monitor = GradientMonitor(live=True)
    trained(two_classes(640), keras.optimizers.SGD(0.003), 16, monitor, epochs=60)
    accuracy = monitor.history.logs["accuracy"]
    assert accuracy[5] < 0.7
    assert accuracy[-1] > 0.8
    printed = capsys.readouterr().out
    assert not [word for word in ("warning", "error") if word in printed]


@pytest.mark.short("torch")
def test_what_only_the_end_shows_is_said_at_the_end_also_of_one_that_is_stopped(capsys):
    learned_by_heart(Stop(40), GradientMonitor(live=True))
    running, _, after = capsys.readouterr().out.partition("\nGradientMonitor, after training:\n")
    assert "overfitting" not in running
    assert "overfitting" in after


@pytest.mark.short("torch")
def test_a_diagnosis_speaks_of_the_end_when_fit_has_ended_or_failed():
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 39:
                read.extend(each.name for each in monitor.diagnosis)
                raise RuntimeError("enough")

    read, monitor = [], GradientMonitor()
    with pytest.raises(RuntimeError, match="enough"):
        learned_by_heart(monitor, Fails())
    assert "overfitting" not in read
    assert "overfitting" in [each.name for each in monitor.diagnosis]
