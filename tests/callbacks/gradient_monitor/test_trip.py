"""How many files a reader opens to follow a gradient from the optimizer to the printed table."""

import sys
from pathlib import Path

import keras
import pytest

import keras_trainkit
from keras_trainkit.callbacks import GradientMonitor
from tests.callbacks.monitored import compiled, data, softmax

PACKAGE = Path(keras_trainkit.__file__).parent
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
    "diagnosis/summary.py",
}
# Names are given once, to the variables of the first step.
FIRST = {"_variable_paths.py"}


class Trace:
    """Notes which files of the package run while it is on."""

    def __init__(self):
        self.files = set()

    def __enter__(self):
        self.before = sys.getprofile()
        sys.setprofile(self.note)

    def __exit__(self, *exception):
        sys.setprofile(self.before)

    def note(self, frame, event, argument):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            self.files.add(path.relative_to(PACKAGE).as_posix())


class Follow(keras.callbacks.Callback):
    """Traces the last of so many steps, and what brings it to the table."""

    def __init__(self, monitor, steps):
        super().__init__()
        self.monitor, self.last, self.trace = monitor, steps - 1, Trace()

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.last:
            self.observed, self.model.train_function = self.model.train_function, self.step

    def step(self, data):
        self.model.train_function = self.observed
        with self.trace:
            return self.observed(data)

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.last:
            with self.trace:
                print(self.monitor.summary())
        else:
            _ = self.monitor.history  # It fetches.


def files_of_a_trip(steps):
    monitor = GradientMonitor()
    follow, (x, y) = Follow(monitor, steps), data(8 * steps)
    compiled(softmax).fit(x, y, batch_size=8, verbose=0, callbacks=[monitor, follow])
    return follow.trace.files


@pytest.mark.backend("torch")
def test_a_gradient_passes_through_ten_files(capsys):
    assert files_of_a_trip(steps=2) == TRIP
    assert len(TRIP) == 10
    assert "out/kernel" in capsys.readouterr().out


@pytest.mark.backend("torch")
def test_the_first_gradient_meets_the_names_of_its_variables():
    assert files_of_a_trip(steps=1) == TRIP | FIRST
