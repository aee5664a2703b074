"""Kills trainings.

    python -m tests.callbacks.training_state.killing FOLDER SIGNAL TRAININGS SAVE_FREQ ...

SIGNAL is SIGKILL, or SIGTERM, at which `TrainingState(on_signal="exit")` ends the process itself.
Pairs of trainings have one `save_freq` after the other; none of them changes the result. Each is a
fork of this process, which has imported everything and computed nothing. It gets the signal once or
twice, at a random instant; every second training while a snapshot is being written. A line says how
each training has ended, the last one how all have. The exit status is 1 if anything was not as it
is promised.
"""

import os
import pathlib
import random
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from keras_trainkit._archive import UNFINISHED
from tests.callbacks.training_state import resumable

PER_EPOCH = resumable.ROWS // resumable.BATCH
AS_PROMISED = "bit-identical"


@dataclass
class Ending:
    """How one training has ended, after all its kills."""

    kills: int = 0
    lost: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        found = "; ".join(self.wrong) or AS_PROMISED
        return f"killed {self.kills} times, steps trained again: {self.lost}, {found}"


def forked(action: Callable[[], None]) -> int:
    """Run `action` in a process of its own and return its number."""
    process = os.fork()
    if process == 0:
        warnings.simplefilter("ignore")
        try:
            action()
        except SystemExit as end:
            os._exit(end.code)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    return process


def signalled(process: int, number: int, ready: Callable[[], bool]) -> tuple[bool, int]:
    """Send the process a signal as soon as it is `ready`; return whether, and how it ended."""
    while not ready():
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return False, status
        time.sleep(1e-4)  # Leave the training a core.
    os.kill(process, number)
    return True, os.waitpid(process, 0)[1]


def after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def while_writing(folder: pathlib.Path, sightings: int) -> Callable[[], bool]:
    """Return a function that is true once a number of snapshots were seen being written."""
    state = folder / "state" / "fit-000"
    seen: set[str] = set()

    def ready() -> bool:
        names = os.listdir(state) if state.is_dir() else []
        seen.update(name for name in names if name.endswith(UNFINISHED))
        return len(seen) >= sightings

    return ready


class Series:
    """Trainings that are killed, beside one that is not.

    Args:
        root: folder for all of them.
        number: of the signal.
    """

    def __init__(self, root: pathlib.Path, number: int) -> None:
        self.root, self.number = root, number
        self.draw = random.Random(0)
        self.reference = root / "reference"
        self.reference.mkdir()
        began = time.monotonic()
        os.waitpid(forked(lambda: resumable.train(str(self.reference))), 0)
        self.duration = time.monotonic() - began

    def training(self, name: str, save_freq: int | str, in_writing: bool) -> Ending:
        """Kill a training until it is through, and say how it has ended."""
        folder, ending = self.root / name, Ending()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        of_state = {"on_signal": "exit"} if self.number == signal.SIGTERM else {}
        while not (folder / resumable.RESULT).exists():
            trained = len(steps_of(folder))
            process = forked(partial(resumable.train, str(folder), save_freq, **of_state))
            if ending.kills > self.draw.randint(0, 1):
                status = os.waitpid(process, 0)[1]
            else:
                instant = self.draw.uniform(0.2, 1.0) * self.duration
                writes = self.draw.randint(1, 8)
                ready = while_writing(folder, writes) if in_writing else after(instant)
                killed, status = signalled(process, self.number, ready)
                ending.kills += killed
                self.duration *= 1.0 if killed else 0.8
            self.look_at_steps(folder, trained, save_freq, ending)
            self.look_at_end(folder, status, ending)
            if ending.wrong:
                return ending
        ending.wrong += differences(self.reference / resumable.RESULT, folder / resumable.RESULT)
        return ending

    def look_at_steps(
        self, folder: pathlib.Path, trained: int, save_freq: int | str, ending: Ending
    ) -> None:
        """Count the steps that a process has trained again, of `trained` by those before it."""
        steps = steps_of(folder)
        if not 0 < trained < len(steps):
            return
        again = steps[trained - 1] + 1 - steps[trained]
        allowed = PER_EPOCH if save_freq == "epoch" else save_freq
        ending.lost.append(again)
        if not 0 <= again <= (0 if self.number == signal.SIGTERM else allowed):
            ending.wrong.append(f"{again} steps were trained again")

    def look_at_end(self, folder: pathlib.Path, status: int, ending: Ending) -> None:
        """Check how a process has ended, and what its model held if that was by `SystemExit`."""
        code = os.waitstatus_to_exitcode(status)
        if code == 128 + self.number:
            held = folder / resumable.HELD
            ending.wrong += mixtures(self.reference / resumable.PASSED, held)
            held.unlink()
        elif code not in (0, -self.number):  # A signal may come before `fit` begins, or behind.
            ending.wrong.append(f"exit status {code}")


def steps_of(folder: pathlib.Path) -> list[int]:
    path = folder / resumable.STEPS
    return [int(step) for step in path.read_text().split()] if path.exists() else []


def mixtures(passed: pathlib.Path, held: pathlib.Path) -> list[str]:
    """Compare a model that a signal has left with the best epoch of those that were checked."""
    epochs, weights = np.load(passed), dict(np.load(held))
    checks = int(weights.pop("checks"))
    if not checks:
        return []
    best = epochs["best"][checks - 1]
    parts = [name.removeprefix("weight") for name in weights]
    pairs = [(weights[f"weight{part}"], epochs[f"epoch{best}{part}"]) for part in parts]
    same = all(a.tobytes() == b.tobytes() for a, b in pairs)
    return [] if same else [f"the model does not hold the best of {checks} epochs, {best + 1}"]


def differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    a, b = np.load(one), np.load(other)
    names = {*a.files, *b.files}
    return sorted(n for n in names if n not in a or n not in b or a[n].tobytes() != b[n].tobytes())


def main(root: pathlib.Path, name: str, trainings: int, frequencies: list[int | str]) -> bool:
    """Return whether everything was as it is promised."""
    series = Series(root, getattr(signal, name))
    endings = []
    for i in range(trainings):
        save_freq = frequencies[i // 2 % len(frequencies)]
        endings.append(Ending())
        while not (endings[-1].kills or endings[-1].wrong):  # It may be through before.
            endings[-1] = series.training(str(i), save_freq, in_writing=i % 2 == 1)
        print(f"{i}: save_freq {save_freq}, {endings[-1]}", flush=True)
    kills, wrong = sum(e.kills for e in endings), sum(bool(e.wrong) for e in endings)
    again = sum(sum(e.lost) for e in endings)
    print(
        f"{name}: {trainings} trainings, {kills} kills, {again} steps trained again, "
        f"{wrong} trainings not as promised"
    )
    return not wrong


if __name__ == "__main__":
    given = [int(freq) if freq.isdigit() else freq for freq in sys.argv[4:]]
    sys.exit(not main(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), given))
