"""One training under the eyes of the diagnosis."""

import contextlib
import time
from collections.abc import Iterator

import keras

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.first_weights import begin_alike
from benchmarks.diagnosis.recipe import Program
from benchmarks.diagnosis.scoring import Found, Run, is_first_right
from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import Diagnosis, preflight


class Watch(keras.callbacks.Callback):
    """Diagnoses at the end of each epoch until the first finding is right."""

    def __init__(self, case: Case, monitor: GradientMonitor, seconds: dict[str, float]) -> None:
        super().__init__()
        self.case, self.monitor, self.seconds = case, monitor, seconds
        self.detected: int | None = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Diagnose what is recorded so far."""
        if self.detected is None and self.case.faults:
            with timed(self.seconds, "diagnosis"):
                findings = plain(self.monitor.diagnosis)
            if is_first_right(self.case, findings):
                self.detected = int(self.model.optimizer.iterations)


def run(case: Case, seed: int, trains: bool = True, weights: str = "") -> Run:
    """Return what is found before the training and, if it `trains`, after it.

    Args:
        case: `Case`.
        seed: integer.
        trains: bool. Defaults to `True`.
        weights: string. A folder as of `begin_alike`. Defaults to `""`: the backend's own weights.
    """
    seconds: dict[str, float] = {}
    program = case.make(seed)
    if weights:
        begin_alike(program.model, weights, case.name, seed)
    with timed(seconds, "preflight"):
        before = plain(preflight(program.model, program.x, program.y, **program.fit))
    if not trains:
        return Run(case, seed, before, seconds=seconds)
    monitor = GradientMonitor(probe="first_batch")
    watch = Watch(case, monitor, seconds)
    watch.detected = 0 if is_first_right(case, before) else None
    try:
        with timed(seconds, "training"):
            logs = program.train([monitor, watch]).history
    except (ValueError, RuntimeError):  # PyTorch refuses some targets: preflight has the word.
        return Run(case, seed, before, before, 0, updates(program), seconds, -1.0)
    with timed(seconds, "diagnosis"):
        after = plain(monitor.diagnosis)
    score = program.score(logs)
    return Run(case, seed, before, after, watch.detected, updates(program), seconds, score)


def updates(program: Program) -> int:
    """Return how many updates are planned."""
    rows = len(program.x) * (1 - program.fit.get("validation_split", 0))
    batches = -(-int(rows) // program.fit["batch_size"])
    return batches * program.fit["epochs"]


def plain(diagnosis: Diagnosis) -> list[Found]:
    """Return findings as dicts."""
    return [finding.to_dict() for finding in diagnosis]


@contextlib.contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note the seconds of what is done in the context, the most where it is done repeatedly."""
    start = time.perf_counter()
    yield
    seconds[name] = max(time.perf_counter() - start, seconds.get(name, 0.0))
