"""What TensorBoard shows of a training that was killed and went on: every step once."""

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_trainkit.callbacks import GradientMonitor, LearningRate
from keras_trainkit.schedules import CosineDecay
from tests.callbacks.training_state.crashes import Crash, CrashError, Training, network


def shown(folder):
    """Return steps and values of every name in every folder of event files."""
    found = {}
    for place in {path.parent for path in folder.rglob("events.out.*")}:
        events = EventAccumulator(str(place), {"scalars": 0, "histograms": 0}).Reload()
        for tag in events.Tags()["scalars"]:
            found[place.name, tag] = [(e.step, e.value) for e in events.Scalars(tag)]
        for tag in events.Tags()["histograms"]:
            found[place.name, tag] = [
                (e.step, e.histogram_value.bucket) for e in events.Histograms(tag)
            ]
    return found


def writers(folder, monitors, rates):
    statistics = ("full", "histograms")
    monitor = GradientMonitor(1, statistics, log_dir=folder / monitors, fetch_every=1)
    monitor.probe = np.ones((2, 3))
    rate = LearningRate(CosineDecay(0.1, "100%"), log_dir=folder / rates)
    return [monitor, rate]


def named_alike(optimizer="adam"):
    keras.utils.clear_session(free_memory=False)
    return network(optimizer)


TRAININGS = {
    "together": Training(
        make=named_alike, callbacks=lambda folder: writers(folder, "runs", "runs")
    ),
    # There the schedule's steps are fewer than the monitor's.
    "accumulating": Training(
        make=lambda: named_alike(keras.optimizers.Adam(gradient_accumulation_steps=4)),
        callbacks=lambda folder: writers(folder, "monitor", "rate"),
    ),
    "of epochs": Training(
        make=lambda: named_alike(keras.optimizers.Adam(CosineDecay(0.1, 20))),
        callbacks=lambda folder: [LearningRate(log_dir=folder / "rate")],
    ),
}
# Before the first snapshot, in an epoch, between two steps of the optimizer.
KILLS = [(0, 1), (0, 4), (1, 1), (2, 3), (3, 4)]


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    ("name", "kills"),
    [
        ("together", KILLS),
        ("accumulating", KILLS),
        ("of epochs", [*KILLS[:3], (1, None), *KILLS[3:]]),
    ],
)
def test_every_step_is_shown_once_after_several_kills(name, kills, tmp_path):
    training = TRAININGS[name]
    training.run(tmp_path / "through")
    folder = tmp_path / "killed"
    for kill in kills:
        with pytest.raises(CrashError):
            training.run(folder, Crash(*kill), training.state(folder, adopt=True))
    training.run(folder, training.state(folder, adopt=True))
    np.testing.assert_equal(shown(folder), shown(tmp_path / "through"))
