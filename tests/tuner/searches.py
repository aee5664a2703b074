"""Searches without a model: a score is a function of the values, so that no trial takes time."""

import json
import pathlib

from keras_tuner import HyperParameters

from keras_trainkit.tuner import BayesianOptimization, GridSearch, Hyperband, RandomSearch
from tests.tuner.oracle.spaces import conditional

TUNERS = {
    "RandomSearch": RandomSearch,
    "BayesianOptimization": BayesianOptimization,
    "GridSearch": GridSearch,
    "Hyperband": Hyperband,
}


def score(values: dict) -> float:
    best = {"sgd": 0.3, "adam": 1e-3}[values["optimizer"]]
    return abs(values["rate"] - best) + values.get("strength", 0.7)


class OfValues:
    """Mixed into a tuner: a trial is a call of `action` with its number and values."""

    action = staticmethod(lambda number, values: score(values))

    def run_trial(self, trial, **arguments):
        return type(self).action(int(trial.trial_id), trial.hyperparameters.values)


def tuner(folder, kind="RandomSearch", action=None, space=None, max_trials=12, **options):
    """Return a tuner of a kind, whose folder is `folder / "search"`."""
    members = {} if action is None else {"action": staticmethod(action)}
    made = type(kind, (OfValues, TUNERS[kind]), members)
    options = {"seed": 1, "hyperparameters": space or conditional(), **options}
    if kind != "Hyperband":
        options["max_trials"] = max_trials
    made = made(directory=folder, project_name="search", **options)
    made.oracle.max_trials = max_trials  # Hyperband has a number of its own.
    return made


def searched(folder, *arguments, **options):
    """Search, and return the tuner."""
    made = tuner(folder, *arguments, **options)
    made.search(verbose=0)
    return made


def rows(made) -> list[tuple]:
    """Return what each trial was and how it ended."""
    return [
        (int(name), trial.hyperparameters.values, trial.status, trial.score)
        for name, trial in made.oracle.trials.items()
    ]


def statuses(made) -> list[str]:
    return [trial.status for trial in made.oracle.trials.values()]


def on_disk(folder) -> dict[str, dict]:
    """Return every JSON file of a search, by its path in the folder."""
    root = pathlib.Path(folder) / "search"
    return {
        str(path.relative_to(root)): json.loads(path.read_text()) for path in root.rglob("*.json")
    }


def one_choice(*values) -> HyperParameters:
    hp = HyperParameters()
    hp.Choice("x", list(values))
    return hp
