"""Where the record goes: TensorBoard, files, the logs, the progress bar, a notebook, copies."""

import copy
import csv
import os
import pickle

import keras
import numpy as np
import pytest
from keras import layers
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._tensorboard import RecordFile
from keras_trainkit.diagnosis import ACTIVATION_STATISTICS, STATISTICS, History
from keras_trainkit.diagnosis.history import LOWEST_EXPONENT


def compiled():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, "relu", name="first"),
            layers.Dense(2, "softmax", name="out"),
        ],
        name="net",
    )
    model.compile(
        keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def fit(callbacks, model=None, **arguments):
    """Train for two epochs of four steps."""
    rng = np.random.default_rng(0)
    arguments = {"batch_size": 4, "epochs": 2, "verbose": 0, **arguments}
    x, y = rng.normal(size=(16, 3)), rng.integers(0, 2, 16)
    return (model or compiled()).fit(x, y, callbacks=callbacks, **arguments).history


def read(folder):
    """Return the scalars of each tag as steps and values, and the histograms."""
    events = EventAccumulator(os.fspath(folder), {"scalars": 0, "histograms": 0}).Reload()
    scalars = {
        tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.scalars.Keys()
    }
    histograms = {tag: events.Histograms(tag) for tag in events.histograms.Keys()}
    return scalars, histograms


# TensorBoard.


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Return a monitor that has written for TensorBoard, and what can be read."""
    keras.utils.set_random_seed(1)
    folder = tmp_path_factory.mktemp("logs") / "run"
    monitor = GradientMonitor(
        2, ("full", "histograms"), probe=np.ones((4, 3)), log_dir=folder, fetch_every=3
    )
    fit([monitor])
    return monitor, folder, *read(folder)


def test_every_statistic_of_every_sampled_step_is_written_once(training):
    monitor, folder, scalars, _ = training
    history = monitor.history
    assert history.steps.tolist() == [0, 2, 4, 6]
    assert len(os.listdir(folder)) == 1
    for statistic in (*STATISTICS, "update_ratio"):
        tag = statistic if statistic.startswith(("weight", "update")) else f"gradient_{statistic}"
        for i, variable in enumerate(history.variables):
            written = scalars.pop(f"{tag}/{variable}", [])
            values = history[statistic][:, i].astype("float32")
            expected = zip(history.steps, values, strict=True)
            assert written == [(s, v) for s, v in expected if not np.isnan(v)], tag
    norms = history.global_norm.astype("float32")
    assert scalars.pop("global_norm") == list(zip(history.steps, norms, strict=True))
    assert all(tag.startswith("activation_") for tag in scalars)


def test_histograms_of_every_sampled_step_are_written(training):
    monitor, _, _, histograms = training
    history = monitor.history
    assert set(histograms) == {f"gradient_log2/{name}" for name in history.variables}
    for i, variable in enumerate(history.variables):
        events = histograms[f"gradient_log2/{variable}"]
        assert [e.step for e in events] == history.steps.tolist()
        for event, counts in zip(events, history.histograms[:, i], strict=True):
            bins = np.array(event.histogram_value.bucket_limit) - 1 - LOWEST_EXPONENT
            assert counts[bins.astype(int)].tolist() == event.histogram_value.bucket
            assert counts.sum() == event.histogram_value.num


def test_activations_are_written_at_the_last_step_of_each_epoch(training):
    monitor, _, scalars, _ = training
    activations = monitor.history.activations
    assert activations.layers == ("net/first", "net/out")
    assert activations.kinds == ("relu", "softmax")
    for statistic in ACTIVATION_STATISTICS:
        for i, layer in enumerate(activations.layers):
            written = scalars.get(f"activation_{statistic}/{layer}", [])
            values = activations[statistic][:, i].astype("float32")
            expected = zip((3, 7), values, strict=True)
            assert written == [(s, v) for s, v in expected if not np.isnan(v)]
    assert "activation_dead/net/first" in scalars
    assert "activation_dead/net/out" not in scalars
    assert "activation_saturated/net/out" in scalars


def test_second_training_writes_a_file_of_its_own_and_goes_on_counting(tmp_path):
    model, monitor = compiled(), GradientMonitor(1, "norms", log_dir=tmp_path)
    fit([monitor], model)
    fit([monitor], model, epochs=1)
    assert len(os.listdir(tmp_path)) == 2
    assert [step for step, _ in read(tmp_path)[0]["global_norm"]] == list(range(12))


def test_steps_that_are_not_sampled_write_nothing(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(RecordFile, "add", lambda file, step, values: written.append(step))
    for probe, steps in ((None, [0, 5]), ("first_batch", [0, 3, 5, 7])):
        fit([GradientMonitor(5, "norms", probe=probe, log_dir=tmp_path / "none", fetch_every=1)])
        assert written == steps  # Activations stand at the last of each epoch.
        written.clear()


# Files.


def test_saved_history_is_the_same_after_loading(training, tmp_path):
    history = training[0].history
    history.save(tmp_path / "run.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    loaded = History.load(tmp_path / "run.npz")
    assert loaded.variables == history.variables
    for name in ("steps", "epochs", "sizes", "table", "signal", "noise", "histograms"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(history, name))
    assert loaded.logs.keys() == history.logs.keys()
    for name, values in history.logs.items():
        np.testing.assert_array_equal(loaded.logs[name], values)
    np.testing.assert_array_equal(loaded.activations.table, history.activations.table)
    assert loaded.events == history.events


def test_csv_has_a_row_for_each_step_and_variable(training, tmp_path):
    history = training[0].history
    history.to_csv(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 4
    assert [row["variable"] for row in rows[:4]] == list(history.variables)
    assert [int(row["step"]) for row in rows[::4]] == [0, 2, 4, 6]
    assert [int(row["epoch"]) for row in rows[::4]] == [0, 0, 1, 1]
    for name in ("norm", "update_ratio"):
        values = np.array([float(row[name]) for row in rows]).reshape(4, 4)
        np.testing.assert_allclose(values, history[name], rtol=1e-6)


# The logs and the progress bar.


def test_progress_bar_shows_the_global_norm_and_the_update_ratio_live(capsys):
    logs = fit([GradientMonitor(1, "norms", fetch_every=1)], verbose=1)
    written = capsys.readouterr().out
    assert len(logs["grad_norm"]) == len(logs["update_ratio"]) == 2
    for epoch in written.split("Epoch ")[1:]:
        bars = [bar for bar in epoch.split("\r") if "loss" in bar]
        assert len(bars) > 1
        assert all("grad_norm: " in bar and "update_ratio: " in bar for bar in bars[1:])
    last = [bar for bar in written.split("\r") if "loss" in bar][-1]
    assert f"grad_norm: {logs['grad_norm'][-1]:.4f}" in last


def test_logs_hold_the_noise_scale_where_gradients_are_compared():
    monitor = GradientMonitor(1, ("norms", "cosine"))
    logs = fit([monitor])
    expected = [monitor.history.noise_scale(epoch) for epoch in range(2)]
    np.testing.assert_allclose(logs["noise_scale"], expected)


def test_epoch_without_a_sampled_step_repeats_the_last_means():
    logs = fit([GradientMonitor(8, "norms")], epochs=3)
    first, second, third = logs["grad_norm"]
    assert first == second != third
    assert len(logs["update_ratio"]) == len(logs["loss"]) == 3


def test_what_is_logged_is_in_the_history(training):
    logs = training[0].history.logs
    assert list(logs["epoch"]) == [0, 1]
    assert {"loss", "accuracy", "grad_norm", "update_ratio"} <= set(logs)


def test_callback_that_comes_later_can_save_by_the_norm(tmp_path):
    path = os.fspath(tmp_path / "{epoch}-{grad_norm:.3f}.weights.h5")
    save = keras.callbacks.ModelCheckpoint(
        path, "grad_norm", mode="min", save_weights_only=True, save_best_only=True
    )
    logs = fit([GradientMonitor(1, "norms"), save])
    assert f"1-{logs['grad_norm'][0]:.3f}.weights.h5" in os.listdir(tmp_path)


# A notebook.


def test_a_notebook_shows_the_findings_and_the_table(training):
    monitor = training[0]
    shown, summary = monitor._repr_html_(), monitor.summary()
    assert shown.count("<article") == len(monitor.diagnosis)
    assert shown.count("<tr>") == 1 + len(summary.rows)
    assert "first/kernel" in shown
    assert "Verdict" not in shown


# Copies.


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_keep_the_record_and_write_to_files_of_their_own(training, tmp_path, duplicate):
    monitor = GradientMonitor(1, "norms", probe=np.ones((4, 3)), log_dir=tmp_path)
    fit([monitor], epochs=1)
    made = duplicate(monitor)
    np.testing.assert_array_equal(made.history.table, monitor.history.table)
    np.testing.assert_array_equal(made.probe, monitor.probe)
    fit([made], epochs=1)
    assert len(os.listdir(tmp_path)) == 2
    assert len(read(tmp_path)[0]["global_norm"]) == 4  # Of every step what was written last.
    assert made.history.activations.layers == monitor.history.activations.layers
