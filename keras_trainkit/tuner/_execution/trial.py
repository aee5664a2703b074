"""One trial: from its values, the data and its seed to curves, weights and how it ended."""

import traceback
from typing import Any

import keras
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError, FatalError

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.tuner._execution import callbacks, checkpoints, gradients
from keras_trainkit.tuner._execution.notes import Notes, Outcome
from keras_trainkit.tuner._execution.pruning import Judge


class Executions:
    """The trainings of one trial, and what they leave.

    Args:
        objective: `keras_tuner.Objective`.
        judge: what may stop the first one, `None` for nothing.
        diagnose: bool. Whether gradients may stop them.
        first: int. Number of the first one, from which its seed follows. Defaults to 0.

    Attributes:
        notes: `Notes`.
    """

    def __init__(self, objective: Any, judge: Judge | None, diagnose: bool, first: int = 0) -> None:
        self.objective, self.judge, self.diagnose = objective, judge, diagnose
        self.first = first
        self.notes = Notes()
        self._built = first
        self._best_before: float | None = None
        self._best: callbacks.Best | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether no further execution is worth its time."""
        return self.notes.reason is not None

    def begin(self) -> int:
        """Return the number of the execution that begins."""
        self._built += 1
        return self._built - 1

    def watched(self, given: list[Any], hooks: callbacks.Hooks) -> list[Any]:
        """Return a user's callbacks, the tuner's hooks, and what watches the training."""
        objective, notes = self.objective, self.notes
        is_first = not notes.curves
        notes.curves.append({})
        monitors, checks = [], []
        if self.diagnose:
            found = gradients.monitor_among(given)
            monitors = [] if found else [GradientMonitor()]
            checks.append(gradients.hopelessness(notes, found or monitors[0]))
        if self.judge and is_first:
            checks.append(self.judge.check(notes))
        self._best = callbacks.Best(objective)
        return [
            *given,
            hooks,
            *monitors,
            callbacks.Curve(notes.curves[-1]),
            self._best,
            callbacks.Stop(notes, [callbacks.divergence(notes, objective)], checks),
        ]

    def end(self, model: keras.Model) -> None:
        """Keep the weights of the best epoch if no execution before had a better one."""
        best, self._best = self._best, None
        if not model.built or self.notes.has_failed:
            return
        if best is not None and best.put_back(model):
            before = self._best_before
            if before is not None and not self.objective.better_than(best.value, before):
                return
            self._best_before = best.value
        self.notes.checkpoint = checkpoints.content_of(model)
        self.notes.build_config = model.get_build_config()


def attempt(tuner: Any, trial: Trial, args: tuple, kwargs: dict[str, Any]) -> Outcome:
    """Run a trial and return how it ended; what ends the search is raised.

    Args:
        tuner: `Tuner` of this package, in the oracle's process or a copy elsewhere.
        trial: the trial.
        args: of `search`.
        kwargs: of `search`.
    """
    # For a `run_trial` of the user's own, which may build and train by itself.
    keras.utils.set_random_seed(tuner.oracle.seed_of(trial.trial_id, tuner._executions.first))
    status, message = TrialStatus.COMPLETED, None
    try:
        tuner._run_and_update_trial(trial, *args, **kwargs)
    except FailedTrialError as error:
        status, message = TrialStatus.FAILED, f"Failed: {error}"
    except FatalError:
        raise
    except Exception:
        status, message = TrialStatus.INVALID, traceback.format_exc()
    notes: Notes = tuner._executions.notes
    if notes.has_failed:
        status = TrialStatus.FAILED
    reports = getattr(tuner.oracle, "reports", [])
    return Outcome(status, notes.reason or message, trial.hyperparameters, reports, notes)
