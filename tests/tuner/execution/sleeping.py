"""Searches whose trials can run in other processes: all that they need stands at a module's top."""

import os
import pathlib
import signal
import time

from keras_tuner import HyperParameters

from keras_trainkit.tuner import RandomSearch


class Sleeping(RandomSearch):
    """Its trials sleep, write down that they have run, and some kill their process.

    Args:
        runs: path of a folder, in which each run leaves a file.
        seconds: how long a trial takes.
        deadly: numbers of the trials, each with how often it kills its process.
    """

    def __init__(self, runs, seconds=0.0, deadly=None, **options):
        self.runs, self.seconds, self.deadly = pathlib.Path(runs), seconds, deadly or {}
        space = HyperParameters()
        space.Float("x", 0, 1)
        super().__init__(hyperparameters=space, project_name="search", seed=1, **options)

    def run_trial(self, trial, offset=0.0, **arguments):
        number = int(trial.trial_id)
        before = len(list(self.runs.glob(f"{number}-*")))
        (self.runs / f"{number}-{before}-{os.getpid()}").touch()
        time.sleep(self.seconds)
        if before < self.deadly.get(number, 0):
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.hyperparameters["x"] > 0.95:
            raise ArithmeticError("too large")
        return trial.hyperparameters["x"] + offset


def ran(runs) -> list[int]:
    """Return the numbers of the trials that have run, as often as they have."""
    return sorted(int(path.name.split("-")[0]) for path in pathlib.Path(runs).iterdir())


def process_ids(runs) -> set[int]:
    return {int(path.name.split("-")[2]) for path in pathlib.Path(runs).iterdir()}
