"""One honest file of every kind that the package reads, and what reads it."""

import dataclasses
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_trainkit import _archive as archive
from keras_trainkit.callbacks import EarlyStopping, GradientMonitor, TrainingState
from keras_trainkit.diagnosis import History
from tests.diagnosis.samples import full_history
from tests.old_files import training

OLD = Path(training.__file__).parent
UNREADABLE = "`path` must be an undamaged file written by History.save. Received: path="


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file.

    Args:
        name: str.
        content: bytes of an honest file.
        read: takes a path. Returns what the file holds.
        pinned: bool. Whether the file lists its members' checksums.
        optional: str. The beginning of the names of members that need not be there.
    """

    name: str
    content: bytes
    read: Callable[[str], Any]
    pinned: bool = True
    optional: tuple[str, ...] = ()

    def is_clear(self, error: Exception, path: str) -> bool:
        """Say whether this is the one error that the reader has for a damaged file."""
        if self.read is load:
            return type(error) is ValueError and str(error).startswith(f"{UNREADABLE}{path!r} (")
        refused = (archive.DamagedError, archive.WrongVersionError)
        return type(error) in refused and str(error).startswith(f"{path} ")


def load(path: str) -> dict[str, Any]:
    """Return the fields of a history."""
    fields = vars(History.load(path))
    probes = {name: fields[name] for name in ("activations", "outcomes")}
    return {
        **fields,
        **{name: probe and vars(probe) for name, probe in probes.items()},
        "events": [dataclasses.asdict(event) for event in fields["events"]],
    }


def kinds(folder: Path) -> list[Kind]:
    """Write a file of every kind below the folder, most of them by a small training."""
    monitor = trained(folder)
    before, last = sorted((folder / "state" / "fit-000").iterdir())
    monitor.history.save(folder / "monitor.npz")
    full_history(layers=2, steps=3).save(folder / "history.npz")
    old = OLD / training.BACKEND / "snapshot.npz"
    return [
        Kind("snapshot", last.read_bytes(), archive.read),
        Kind("snapshot before", before.read_bytes(), archive.read),
        Kind("old snapshot", old.read_bytes(), archive.read, pinned=False),
        Kind("best weights", (folder / "best" / "best.npz").read_bytes(), archive.read),
        Kind("history", (folder / "history.npz").read_bytes(), load),
        Kind("monitor's history", (folder / "monitor.npz").read_bytes(), load),
        Kind(
            "old history",
            (OLD / "history.npz").read_bytes(),
            load,
            pinned=False,
            optional=("logs/", "histograms"),
        ),
    ]


class CrashError(Exception):
    """Ends the training."""


class Crash(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise CrashError


def trained(folder: Path) -> GradientMonitor:
    """Train until a crash; leave two snapshots and the best weights."""
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(4, "tanh"), keras.layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.linspace(-1, 1, 36, dtype="float32").reshape(12, 3)
    monitor = GradientMonitor()
    callbacks = [
        EarlyStopping("loss", patience=9, directory=folder / "best"),
        EarlyStopping("loss", mode="max", patience=9),
        keras.callbacks.ReduceLROnPlateau("loss"),
        monitor,
        TrainingState(folder / "state"),
        Crash(),
    ]
    try:
        model.fit(x, x[:, :1], batch_size=4, epochs=4, verbose=0, callbacks=callbacks)
    except CrashError:
        return monitor
    raise AssertionError("the training did not crash")


def exactly(content: Any) -> Any:
    """Return nested content in a form that is equal for the same numbers, bit for bit, only."""
    if isinstance(content, dict):
        return {(type(key), key): exactly(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [type(content), *map(exactly, content)]
    if isinstance(content, np.ndarray):
        return content.dtype, content.shape, content.tobytes()
    if isinstance(content, float):
        return struct.pack("d", content)
    return type(content), content
