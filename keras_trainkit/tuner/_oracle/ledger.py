"""What a search has on the disk, and how it is taken up from there.

What is on the disk decides: a folder `trial_*` for each trial, written by nobody else, and
`oracle.json` with the space and the seed. Everything else follows from them when a search is taken
up again.
"""

import glob
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import keras_tuner
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_trainkit._validation import seed as checked_seed
from keras_trainkit.tuner._oracle import files
from keras_trainkit.tuner._oracle.distributions import changes

CURVES = "curves.json"
# The first that a trial has decides between equal ones.
LOSSES = ("val_loss", "loss")


class Ledger(keras_tuner.Oracle):
    """An oracle of KerasTuner's whose files are whole, and which reads them again.

    Args:
        seed: int >= 0. Defaults to `None`, which draws one.
        settings: dict. What else must be as before when a search is taken up. Defaults to `None`.
        **options: Arguments of `keras_tuner.Oracle`.

    Raises:
        ValueError: if `seed` is not an int >= 0.
    """

    hyperparameters: HyperParameters
    ongoing_trials: dict[str, Trial]
    seed: int
    _retry_queue: list[str]

    def __init__(
        self,
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        given = checked_seed("seed", seed)
        super().__init__(seed=given, **options)
        # KerasTuner takes zero for no seed.
        self.seed = self.seed if given is None else given
        self._seed_given = given is not None
        self._settings = {"objective": str(self.objective), **(settings or {})}
        # Values that a person has asked for.
        self._queue: list[dict[str, Any]] = []
        # Of each trial, how often it has begun since it last came to an end.
        self._unended: Counter[str] = Counter()
        self._records: dict[str, dict[str, Any]] = {}
        self._saved = ""

    def record(self, trial: Trial, content: dict[str, Any]) -> None:
        """Write down the curves of a trial, and what a pruner has made of them."""
        self._records[trial.trial_id] = content
        files.write_json(self._record_path(trial.trial_id), content)

    def records(self) -> Iterator[tuple[Trial, dict[str, Any]]]:
        """Yield the trials that have ended, each with what is recorded of it."""
        for name in sorted(self.end_order, key=int):
            if name not in self._records:
                path = self._record_path(name)
                self._records[name] = files.read_json(path) if os.path.exists(path) else {}
            yield self.trials[name], self._records[name]

    def ranking(self, ending: Trial | None = None) -> list[Trial]:
        """Return the finished trials and one that is about to finish, the best first.

        Few rows give many trials the same accuracy, and their losses still differ: of equal ones
        the lower loss comes first, then the lower number.
        """
        sign = 1 if self.objective.direction == "min" else -1
        finished = [
            trial
            for trial in self.trials.values()
            if trial.status == TrialStatus.COMPLETED or trial is ending
        ]
        name = self.objective.name
        return sorted(finished, key=lambda t: (sign * t.metrics.get_best_value(name), *_tie(t)))

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Return the best trials, and behind them those that have not finished."""
        ranking = self.ranking()
        others = [trial for trial in self.trials.values() if trial not in ranking]
        return [*ranking, *others][:num_trials]

    def reload(self) -> None:
        """Take up the search that the folder holds, if it does; this changes nothing on the disk.

        Raises:
            ValueError: if a file is damaged, or if hyperparameters had other ranges or the search
                another setting when it began.
        """
        if os.path.exists(self._get_oracle_fname()):
            self._take_state(files.read_json(self._get_oracle_fname()))
        pattern = os.path.join(glob.escape(self._project_dir), "trial_*", "trial.json")
        found = [Trial.from_state(files.read_json(path)) for path in glob.glob(pattern)]
        self.trials = {trial.trial_id: trial for trial in sorted(found, key=_number)}
        for trial in found:
            self._record_values(trial)
        ended = (TrialStatus.COMPLETED, TrialStatus.FAILED)
        self.start_order = list(self.trials)
        self.end_order = [name for name, trial in self.trials.items() if trial.status in ended]
        self.ongoing_trials, self._retry_queue, self._records, self._saved = {}, [], {}, ""
        self._again([name for name in self.trials if name not in self.end_order])

    def get_state(self) -> dict[str, Any]:
        """Return what KerasTuner keeps, and what only this oracle does."""
        return {
            **super().get_state(),
            "settings": self._settings,
            "unended": dict(self._unended),
            "queue": self._queue,
        }

    def save(self) -> None:
        """Write `oracle.json` if it would say something new."""
        text = json.dumps(self.get_state())
        if text != self._saved:
            files.write_bytes(self._get_oracle_fname(), text.encode())
            self._saved = text

    def _record_path(self, trial_id: str) -> str:
        return os.path.join(self._get_trial_dir(trial_id), CURVES)

    def _save_trial(self, trial: Trial) -> None:
        path = os.path.join(self._get_trial_dir(trial.trial_id), "trial.json")
        files.write_json(path, trial.get_state())

    def _record_values(self, trial: Trial) -> None:
        """Remember the values of a trial, which no other one gets.

        KerasTuner would also draw new ones for a name that stands under two conditions.
        """
        name, values = trial.trial_id, trial.hyperparameters.values
        self._tried_so_far.discard(self._id_to_hash[name])
        self._id_to_hash[name] = self._compute_values_hash(values)
        self._tried_so_far.add(self._id_to_hash[name])

    def _take_state(self, state: dict[str, Any]) -> None:
        """Take what no trial tells: the space, the seed, when all began."""
        before = HyperParameters.from_config(state["hyperparameters"])
        changed = changes(before, self.hyperparameters)
        for name, then in state.get("settings", {}).items():
            if name in self._settings and then != self._settings[name]:
                changed.append(f"`{name}` was {then} and is now {self._settings[name]}")
        if changed:
            raise ValueError(
                f"A search goes on as it began: {'; '.join(changed)}. Take back the change, or use "
                f"another `project_name`. Received: {self._project_dir!r}"
            )
        before.merge(self.hyperparameters, overwrite=False)
        self.hyperparameters = before
        if not self._seed_given:
            self.seed = state["seed"]
        self._run_times.update(state["run_times"])
        self._unended = Counter(state.get("unended", {}))
        self._queue = state.get("queue", [])
        self._display.set_state(state["display"])

    def _again(self, trial_ids: list[str]) -> None:
        """Have trials run, the first one first, as if they never had."""
        for name in trial_ids:
            old = self.trials[name]
            self.trials[name] = Trial(old.hyperparameters, name, TrialStatus.RUNNING)
        # KerasTuner takes the last one of them.
        self._retry_queue = [*reversed(trial_ids), *self._retry_queue]

    def _check_numbers(self) -> None:
        """Raise if a new trial would stand in the folder of an old one."""
        present = {int(name) for name in self.trials}
        missing = sorted(set(range(len(present))) - present)
        if missing:
            raise RuntimeError(
                f"A search goes on from all of its trials; those with the numbers {missing} are "
                f"missing. Put back their folders, or use another `project_name`. Received: "
                f"{self._project_dir!r}"
            )


def _tie(trial: Trial) -> tuple[float, int]:
    """Return what decides between trials with one score."""
    known = [name for name in LOSSES if trial.metrics.exists(name)]
    losses = [trial.metrics.get_best_value(name) for name in known]
    return (losses[0] if losses else math.inf), _number(trial)


def _number(trial: Trial) -> int:
    return int(trial.trial_id)
