"""An oracle of KerasTuner's that asks Optuna, and loses nothing of a search.

What is on the disk decides: a folder `trial_*` for each trial, written by nobody else, and
`oracle.json` with the space and the seed. Everything else follows from them when a search is taken
up again.
"""

import glob
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from keras_trainkit._validation import seed as checked_seed
from keras_trainkit.tuner._oracle import files, proposals
from keras_trainkit.tuner._oracle.distributions import changes, parameters
from keras_trainkit.tuner._oracle.proposals import Proposals

# So often a trial may begin without an end before it is given up.
MOST_DEATHS = 2
GIVEN_UP = (
    "Given up: the process has ended {count} times while this trial ran, without an exception of "
    "Python's. Look for too little memory."
)
NOT_FINITE = "`{name}` was {score}. If the training has diverged, try a lower learning rate."


class Oracle(keras_tuner.Oracle):
    """Says which trial is next, and writes down how they ended.

    First come the defaults, then what was enqueued, then proposals. Proposal number n is a function
    of the seed, n and the trials before it, so that a search that is taken up again proposes what
    it would have without the interruption.

    Args:
        propose: `Proposals`, called for each trial.
        max_consecutive_failed_trials: int. So many failures in a row end the search with an error.
            Defaults to `None`: none do.
        seed: int >= 0. Defaults to `None`, which draws one.
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
        propose: Proposals,
        seed: int | None = None,
        max_consecutive_failed_trials: int | None = None,
        **options: Any,
    ) -> None:
        given = checked_seed("seed", seed)
        super().__init__(
            seed=given, max_consecutive_failed_trials=max_consecutive_failed_trials, **options
        )
        # KerasTuner takes zero for no seed.
        self.seed = self.seed if given is None else given
        self._seed_given = given is not None
        self._propose = propose
        self._queue: list[dict[str, Any]] = []
        # Of each trial, how often it has begun since it last came to an end.
        self._unended: Counter[str] = Counter()

    def seed_of(self, trial_id: str, execution: int | None = None) -> int:
        """Return the seed below 2^31 of a trial's proposal, or of one of its executions."""
        key = (int(trial_id),) if execution is None else (int(trial_id), execution)
        return int(np.random.SeedSequence(self.seed, spawn_key=key).generate_state(1)[0]) >> 1

    def create_trial(self, tuner_id: str) -> Trial:
        """Return the trial that the tuner is to run next, or one whose status says that none is."""
        self._give_up()
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.RUNNING:
            self._unended[trial.trial_id] += 1
            self._save_trial(trial)
            self.save()
        return trial

    def enqueue(self, values: Mapping[str, Any]) -> None:
        """Have a trial with these values come before those that are proposed."""
        proposals.check(parameters(self.hyperparameters), values)
        self._queue.append(dict(values))
        self.save()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return values that no trial has had, or say that there are none."""
        self._check_numbers()
        for values in self._candidates(trial_id):
            if not self._duplicate(values):
                return {"status": TrialStatus.RUNNING, "values": values}
        return {"status": TrialStatus.STOPPED, "values": None}

    def _candidates(self, trial_id: str) -> Iterator[dict[str, Any]]:
        """Yield the values that the next trial might have."""
        space = parameters(self.hyperparameters)
        if not self.trials:
            yield proposals.filled(space, {})
        while self._queue:
            yield proposals.filled(space, self._queue.pop(0))
        trials, direction = list(self.trials.values()), self.objective.direction
        yield from self._propose(trials, space, direction, self.seed_of(trial_id))

    def update_trial(self, trial_id: str, metrics: dict[str, Any], step: int = 0) -> Trial:
        """Take the metrics of a trial, numbers of any library; those not finite are left out.

        Raises:
            FailedTrialError: if the objective is not finite.
        """
        numbers = {name: float(value) for name, value in metrics.items()}
        name = self.objective.name
        if not math.isfinite(numbers.get(name, 0.0)):
            raise FailedTrialError(NOT_FINITE.format(name=name, score=numbers[name]))
        finite = {name: number for name, number in numbers.items() if math.isfinite(number)}
        return super().update_trial(trial_id, finite, step=step)

    def end_trial(self, trial: Trial) -> None:
        """Write down how a trial has ended; raise if the user allows no more failures."""
        self._unended.pop(trial.trial_id, None)
        super().end_trial(trial)
        self._raise_after_failures()

    def release(self, trial: Trial) -> None:
        """Put back a trial that something other than itself has ended, Ctrl-C for instance."""
        self._unended.pop(trial.trial_id, None)
        self.ongoing_trials = {
            tuner: other for tuner, other in self.ongoing_trials.items() if other is not trial
        }
        self._again([trial.trial_id])
        self.save()

    def reload(self) -> None:
        """Take up the search that the folder holds, if it does; this changes nothing on the disk.

        Raises:
            ValueError: if a file is damaged, or if hyperparameters had other ranges or the search
                another objective when it began.
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
        self.ongoing_trials, self._retry_queue = {}, []
        self._again([name for name in self.trials if name not in self.end_order])

    def get_state(self) -> dict[str, Any]:
        """Return what KerasTuner keeps, and what only this oracle does."""
        return {
            **super().get_state(),
            "objective": str(self.objective),
            "unended": dict(self._unended),
            "queue": self._queue,
        }

    def save(self) -> None:
        """Write `oracle.json`."""
        files.write_json(self._get_oracle_fname(), self.get_state())

    def last_failure(self) -> str:
        """Return the last line of why the last trial that failed has failed."""
        messages = [trial.message for trial in self.trials.values() if trial.message]
        return messages[-1].strip().splitlines()[-1] if messages else "it has no message"

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
        objective, now = state.get("objective", str(self.objective)), str(self.objective)
        if objective != now:
            changed.append(f"`objective` was {objective} and is now {now}")
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

    def _give_up(self) -> None:
        """End the trials that have ended their process too often."""
        for name in [name for name in self._retry_queue if self._unended[name] >= MOST_DEATHS]:
            self._retry_queue.remove(name)
            trial = self.trials[name]
            trial.status = TrialStatus.FAILED
            trial.message = GIVEN_UP.format(count=self._unended.pop(name))
            self.end_order.append(name)
            self._save_trial(trial)

    def _retry(self, trial: Trial) -> bool:
        """Put a trial that has failed at the end of the queue if it may run again."""
        if trial.status != TrialStatus.INVALID:
            return False
        if self._run_times[trial.trial_id] > self.max_retries_per_trial:
            trial.status = TrialStatus.FAILED
            return False
        self._again([trial.trial_id])
        return True

    def _check_consecutive_failures(self) -> None:
        """Do nothing: KerasTuner would raise before the failure is written down."""

    def _raise_after_failures(self) -> None:
        most = self.max_consecutive_failed_trials
        last = [self.trials[name].status for name in self.end_order[-most:]] if most else []
        if most and last == [TrialStatus.FAILED] * most:
            raise RuntimeError(
                f"{most} trials in a row have failed, which `max_consecutive_failed_trials` does "
                f"not allow. The last one: {self.last_failure()}"
            )

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


def _number(trial: Trial) -> int:
    return int(trial.trial_id)
