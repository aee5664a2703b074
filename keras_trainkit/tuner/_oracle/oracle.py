"""An oracle of KerasTuner's that asks Optuna, and loses nothing of a search."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from keras_trainkit.tuner._oracle import proposals
from keras_trainkit.tuner._oracle.distributions import parameters
from keras_trainkit.tuner._oracle.ledger import Ledger
from keras_trainkit.tuner._oracle.proposals import Proposals
from keras_trainkit.tuner._oracle.view import seed_of

# So often a trial may begin without an end before it is given up.
MOST_DEATHS = 2
GIVEN_UP = (
    "Given up: the process has ended {count} times while this trial ran, without an exception of "
    "Python's. Look for too little memory."
)
NOT_FINITE = "`{name}` was {score}. If the training has diverged, try a lower learning rate."


class Oracle(Ledger):
    """Says which trial is next, and writes down how they ended.

    First come the defaults, then what was enqueued, then proposals. Proposal number n is a function
    of the seed, n and the trials before it, so that a search that is taken up again proposes what
    it would have without the interruption.

    Args:
        propose: `Proposals`, called for each trial.
        max_consecutive_failed_trials: int. So many failures in a row end the search with an error.
            Defaults to `None`: none do.
        **options: Arguments of `Ledger`.

    Raises:
        ValueError: if `seed` is not an int >= 0.
    """

    def __init__(
        self,
        propose: Proposals,
        max_consecutive_failed_trials: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(max_consecutive_failed_trials=max_consecutive_failed_trials, **options)
        self._propose = propose

    def seed_of(self, trial_id: str, execution: int | None = None) -> int:
        """Return the seed below 2^31 of a trial's proposal, or of one of its executions."""
        return seed_of(self.seed, trial_id, execution)

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
        self.put_back(trial)

    def release_all(self) -> None:
        """Put back all trials that run."""
        for trial in list(self.ongoing_trials.values()):
            self.release(trial)

    def was_killed(self, trial: Trial) -> bool:
        """Say whether a process has ended in a trial that runs again."""
        return self._unended[trial.trial_id] > 1

    def put_back(self, trial: Trial) -> None:
        """Have a trial run again whose process has ended."""
        self.ongoing_trials = {
            tuner: other for tuner, other in self.ongoing_trials.items() if other is not trial
        }
        self._again([trial.trial_id])
        self.save()

    def last_failure(self) -> str:
        """Return the last line of why the last trial that failed has failed."""
        failed = [t for t in self.trials.values() if t.status == TrialStatus.FAILED]
        messages = [trial.message for trial in failed if trial.message]
        return messages[-1].strip().splitlines()[-1] if messages else "it has no message"

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
