"""How many files a reader opens to follow a gradient from the optimizer to the printed table."""

import keras
import pytest

from keras_trainkit.callbacks import GradientMonitor
from tests.callbacks.monitored import compiled, data, softmax
from tests.trips import files_run

TRIP = {
    # The step, in which the update is measured.
    "callbacks/_gradient_monitor/session.py",
    "callbacks/_gradient_monitor/_torch.py",
    "_patching.py",
    "callbacks/_gradient_monitor/recorder.py",
    "callbacks/_gradient_monitor/reductions.py",
    # The fetch, the record, and the watch for numbers that are not finite.
    "callbacks/gradient_monitor.py",
    "callbacks/_gradient_monitor/record.py",
    "callbacks/_gradient_monitor/nonfinite.py",
    # The table.
    "diagnosis/history.py",
    "diagnosis/_tables.py",
    "diagnosis/summary.py",
    "diagnosis/_course.py",
    "diagnosis/_summary/notes.py",
}
# The verdict below the table is a diagnosis: a way of its own, through all rules.
VERDICT = (
    "diagnosis/_diagnos",
    "diagnosis/diagnos",
    "diagnosis/_summary/verdict.py",
    "diagnosis/facts.py",
    "diagnosis/_facts/",
    "diagnosis/finding.py",
    "diagnosis/thresholds.py",
    "_validation.py",  # Of a finding's names.
)
# Names are given once, to the variables of the first step.
FIRST = {"_variable_paths.py"}


class Follow(keras.callbacks.Callback):
    """Traces the last of so many steps, and what brings it to the table."""

    def __init__(self, monitor, steps):
        super().__init__()
        self.monitor, self.last, self.files = monitor, steps - 1, set()

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.last:
            self.observed, self.model.train_function = self.model.train_function, self.step

    def step(self, data):
        self.model.train_function = self.observed
        with files_run() as files:
            logs = self.observed(data)
        self.files |= files
        return logs

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.last:
            with files_run() as files:
                print(self.monitor.summary())
            self.files |= files
        else:
            _ = self.monitor.history  # It fetches.


def files_of_a_trip(steps):
    monitor = GradientMonitor(probe=None)  # What is looked at beside gradients has its own way.
    follow, (x, y) = Follow(monitor, steps), data(8 * steps)
    compiled(softmax).fit(x, y, batch_size=8, verbose=0, callbacks=[monitor, follow])
    return {name for name in follow.files if not name.startswith(VERDICT)}


@pytest.mark.backend("torch")
def test_a_gradient_passes_through_thirteen_files(capsys):
    assert files_of_a_trip(steps=2) == TRIP
    assert len(TRIP) == 13
    assert "out/kernel" in capsys.readouterr().out


@pytest.mark.backend("torch")
def test_the_first_gradient_meets_the_names_of_its_variables():
    assert files_of_a_trip(steps=1) == TRIP | FIRST
