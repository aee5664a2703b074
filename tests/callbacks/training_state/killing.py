"""Kills trainings.

    python -m tests.callbacks.training_state.killing FOLDER TRAININGS SAVE_FREQ [SAVE_FREQ...]

Pairs of trainings have one `save_freq` after the other; none of them changes the result. Each is a
fork of this process, which has imported everything and computed nothing. Every second waits for a
snapshot that is being written. A line says how each training has ended.
"""

import os
import pathlib
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np

from keras_trainkit._archive import UNFINISHED
from tests.callbacks.training_state import resumable

EQUAL = "bit-identical"


def forked(action: Callable[[], None]) -> int:
    """Run `action` in a process of its own and return its number."""
    process = os.fork()
    if process == 0:
        warnings.simplefilter("ignore")
        try:
            action()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    return process


def is_over(process: int) -> bool:
    return os.waitpid(process, os.WNOHANG)[0] == process


def kill_at(process: int, ready: Callable[[], bool]) -> bool:
    """Kill the process as soon as it is `ready`; return False if it ended before."""
    while not ready():
        if is_over(process):
            return False
        time.sleep(1e-4)  # Leave the training a core.
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return True


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


def differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    a, b = np.load(one / resumable.RESULT), np.load(other / resumable.RESULT)
    names = {*a.files, *b.files}
    return sorted(n for n in names if n not in a or n not in b or a[n].tobytes() != b[n].tobytes())


def main(root: pathlib.Path, trainings: int, frequencies: list[int | str]) -> None:
    draw = random.Random(0)
    reference = root / "reference"
    reference.mkdir()
    began = time.monotonic()
    os.waitpid(forked(lambda: resumable.train(str(reference))), 0)
    duration = time.monotonic() - began
    for i in range(trainings):
        save_freq = frequencies[i // 2 % len(frequencies)]
        folder = root / str(i)
        folder.mkdir()
        killed = 0
        while not (folder / resumable.RESULT).exists():
            process = forked(partial(resumable.train, str(folder), save_freq))
            if killed > draw.randint(0, 1):
                os.waitpid(process, 0)
                break
            writes = draw.randint(1, 8)
            instant = draw.uniform(0.2, 1.0) * duration
            ready = while_writing(folder, writes) if i % 2 else after(instant)
            killed += kill_at(process, ready)
        found = differences(reference, folder)
        print(f"{i}: killed {killed} times, {', '.join(found) or EQUAL}", flush=True)


if __name__ == "__main__":
    given = [int(freq) if freq.isdigit() else freq for freq in sys.argv[3:]]
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), given)
