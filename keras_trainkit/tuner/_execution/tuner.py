"""What all tuners of this package do: run the trials that the oracle asks for."""

import copy
import os
import warnings
from collections.abc import Mapping
from typing import Any

from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from keras_trainkit import _validation
from keras_trainkit._backend import programs_forgotten
from keras_trainkit.callbacks._training_state.variables import random_streams_kept
from keras_trainkit.tuner._execution import executors, pruning, trial
from keras_trainkit.tuner._execution.callbacks import Begin, Hooks
from keras_trainkit.tuner._execution.notes import Notes, Outcome
from keras_trainkit.tuner._execution.repeats import Repeated, repeated
from keras_trainkit.tuner._execution.results import Results
from keras_trainkit.tuner._execution.search import Search
from keras_trainkit.tuner._oracle import files
from keras_trainkit.tuner._oracle.oracle import Oracle
from keras_trainkit.tuner._oracle.view import View

# What tells KerasTuner's tuners that their oracle is in another process.
CHIEF = "KERASTUNER_ORACLE_IP"


class Tuner(Results):
    """What the tuners of this package have in common; `RandomSearch` says what that is.

    Args:
        oracle: `Oracle` of this package.
        hypermodel: as in `keras_tuner.Tuner`.
        directory: path of a folder on this machine.
        pruner: see `RandomSearch`.
        diagnose: see `RandomSearch`.
        **options: Arguments of `Results`.
    """

    def __init__(
        self,
        oracle: Oracle,
        hypermodel: Any = None,
        directory: Any = None,
        pruner: Any = None,
        diagnose: bool = False,
        **options: Any,
    ) -> None:
        if CHIEF in os.environ:
            raise RuntimeError(
                "KerasTuner's chief and workers are not for this tuner. Unset the environment "
                f"variable. Received: {CHIEF}={os.environ[CHIEF]!r}"
            )
        if directory is not None:
            directory = _validation.folder("directory", directory)
        self.pruner = pruning.checked(pruner)
        self.diagnose = _validation.boolean("diagnose", diagnose)
        super().__init__(oracle, hypermodel, directory=directory, **options)

    def search(
        self,
        *fit_args: Any,
        workers: int | None = None,
        executor: Any = None,
        max_time: float | None = None,
        lanes: int = 1,
        **fit_kwargs: Any,
    ) -> None:
        """Run the trials that are left; see `keras_tuner.Tuner.search`.

        What has been drawn from the global random generators of Python, NumPy and the backend
        before goes on behind the search as if there had been none.

        Args:
            *fit_args: for `HyperModel.fit`, or a `run_trial` of the user's own.
            workers: int >= 1. So many trials run at once, each in a process of its own if there
                are several. Defaults to `None`: one, in this process.
            executor: executor of `concurrent.futures`, or one that behaves so, whose workers are
                other processes, on other machines too. `workers` says how many trials it gets at
                once. Defaults to `None`.
            max_time: float > 0, in seconds. After them no trial begins; those that run come to
                their end. Defaults to `None`: no limit.
            lanes: int >= 1. So many trials train together in this process, each a row of the same
                tensors: a *stack*, in which a trial costs a fraction of what it costs by itself.
                16 are a good number. Chains of Dense layers can be stacked (`HyperMLP`'s models
                among them), with normalization, dropout, penalties and most optimizers; a trial
                that cannot trains by itself, and `verbose` says why. The others of a stack do not
                change a trial, but its order of rows and its dropout are not those of `lanes=1`,
                and the optimizer of a loaded model begins anew. Defaults to 1.
            **fit_kwargs: as `fit_args`.

        Raises:
            ValueError: if `workers`, `executor`, `max_time` or `lanes` is none of these, or if what
                a trial needs cannot be sent to another process.
        """
        if max_time is not None:
            max_time = _validation.positive("max_time", max_time)
        self.oracle.verbose = fit_kwargs.get("verbose", self.oracle.verbose)
        with (
            random_streams_kept(),
            executors.pool(self, workers, executor, lanes, fit_args, fit_kwargs) as pool,
        ):
            self.on_search_begin()
            Search(self, pool, max_time).run()
            self.on_search_end()
        if self.oracle.trials and not self._finished(1):
            warnings.warn(
                f"None of {len(self.oracle.trials)} trials has finished; `results_summary` tells "
                f"of each why. The last one: {self.oracle.last_failure()}",
                stacklevel=2,
            )

    def repeat_best(
        self, *fit_args: Any, num_trials: int = 3, repeats: int = 5, **fit_kwargs: Any
    ) -> list[Repeated]:
        """Train the best trials again, each with other seeds, and return them, the best first.

        The best score of a search is also the luckiest: the more trials there are and the fewer
        rows they are scored on, the less of it comes back (the winner's curse). Means over
        trainings that were not chosen have no such bias. No pruner stops them; weights and scores
        of the search stay as they are, and two calls return the same.

        Args:
            *fit_args: as for `search`.
            num_trials: int >= 1. How many trials. Defaults to 3.
            repeats: int >= 1. Trainings of each. Defaults to 5.
            **fit_kwargs: as for `search`.

        Returns:
            A list of `Repeated`, which have `trial`, `hyperparameters`, `scores`, `mean` and `std`
            (over n - 1). A training that has diverged has the score NaN, and its trial comes last.

        Raises:
            ValueError: if `num_trials` or `repeats` is not an int >= 1, or no trial has finished.
            RuntimeError: if a training raises.
        """
        count = _validation.integer("num_trials", num_trials, low=1)
        repeats = _validation.integer("repeats", repeats, low=1)
        best = self._finished(count)
        if not best:
            raise ValueError("`repeat_best` needs a trial that has finished; `search` runs them.")
        with random_streams_kept():
            return repeated(self, best, repeats, fit_args, fit_kwargs)

    def enqueue(self, values: Mapping[str, Any] | HyperParameters) -> None:
        """Have a trial with known values come before those that the tuner proposes.

        Values that a trial has had already are not run again, so a script that enqueues may be
        run again.

        Args:
            values: dict from names of hyperparameters to values, or `HyperParameters`, for instance
                of another search. The hyperparameters that are missing have their defaults.

        Raises:
            ValueError: if a name is not searched, or a value outside of its range.
        """
        given = values.values if isinstance(values, HyperParameters) else values
        self.oracle.enqueue(given)

    def save(self) -> None:
        """Write what a search goes on from."""
        self.oracle.save()
        # Nothing is in it, but without it KerasTuner's own tuners would not read the folder.
        path = os.path.join(self.project_dir, f"{self.tuner_id}.json")
        if not os.path.exists(path):
            files.write_json(path, self.get_state())

    def reload(self) -> None:
        """Read again what the folder holds, for instance what another process has found since."""
        self.oracle.reload()

    def _get_tuner_fname(self) -> str:
        """Return the name of no file: KerasTuner would print that it reads it, and do so."""
        return ""

    def _populate_initial_space(self) -> None:
        """Learn what is searched, then take up the search that the folder holds."""
        super()._populate_initial_space()
        self.oracle.reload()

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """Train the model of a trial as often as `executions_per_trial` says.

        Args:
            trial: the trial.
            *args: of `search`.
            **kwargs: of `search`.
        """
        kwargs = self._arguments(kwargs)
        given, results = kwargs.pop("callbacks", None) or [], []
        first = self._executions.first
        for execution in range(first, first + self.executions_per_trial):
            own = self._deepcopy_callbacks(given)
            self._configure_tensorboard_dir(own, trial, execution)
            watched = self._executions.watched(own, Hooks(self, trial))
            results.append(self._build_and_fit_model(trial, *args, callbacks=watched, **kwargs))
            if self._executions.is_stopped:
                break
        return results

    def _build_and_fit_model(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """Build and train the model of one execution, whose randomness is its own."""
        begin = Begin(self.oracle.seed_of(trial.trial_id, self._executions.begin()))
        begin.on_train_begin()
        values = trial.hyperparameters
        model = self._try_build(values)
        kwargs["callbacks"] = [begin, *kwargs.get("callbacks", [])]
        results = self.hypermodel.fit(values, model, *args, **kwargs)
        self._executions.end(model)
        return results

    def _arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with which each trial trains, of those of `search`."""
        return dict(given)

    def _judge(self, trial: Trial) -> pruning.Judge | None:
        """Return what may stop a trial."""
        if self.pruner is None:
            return None
        return pruning.judge(self.pruner, self.oracle.objective, self.oracle.records())

    def _compares(self, trial: Trial, other: Trial) -> bool:
        """Say whether a trial is compared with another one that trains beside it."""
        return True

    def _attempt(
        self,
        running: Trial,
        judge: pruning.Judge | None,
        args: tuple,
        kwargs: dict[str, Any],
        first: int = 0,
    ) -> Outcome:
        """Run a trial, here or in the process that this copy of the tuner is in."""
        self._executions = trial.Executions(self.oracle.objective, judge, self.diagnose, first)
        # No other trial has the same model: one would leave 25 MB on JAX, 4 MB on TensorFlow.
        with programs_forgotten():
            return trial.attempt(self, running, args, dict(kwargs))

    def _seeing(self, running: Trial | None) -> "Tuner":
        """Return a copy that sees one trial of the oracle, or none yet, and writes nothing."""
        copied = copy.copy(self)
        copied.oracle = View(running, self.oracle.objective, self.oracle.seed)  # type: ignore
        return copied

    def _end(self, trial: Trial, outcome: Outcome) -> None:
        """Write down how a trial ended, and what it leaves."""
        trial.hyperparameters = outcome.hyperparameters
        trial.status, trial.message = outcome.status, outcome.message
        self._report(trial, outcome)
        if outcome.notes.curves:
            self.oracle.record(trial, outcome.notes.as_record())
        if trial.status == TrialStatus.COMPLETED:
            self._keep_weights(trial, outcome.notes)
        if trial.message and self.oracle.verbose:
            print(trial.message)
        self.on_trial_end(trial)
        self._remove_weights()

    def _report(self, trial: Trial, outcome: Outcome) -> None:
        """Tell the oracle what a trial in another process has reported."""
        for metrics, step in outcome.reports:
            try:
                self.oracle.update_trial(trial.trial_id, metrics, step)
            except (FailedTrialError, ValueError) as error:
                trial.status = TrialStatus.FAILED
                trial.message = trial.message or f"Failed: {error}"

    def _fail(self, trial: Trial, message: str) -> None:
        """Note that a trial did not even come to an end of its own."""
        outcome = Outcome(TrialStatus.INVALID, message, trial.hyperparameters, [], Notes())
        self._end(trial, outcome)
