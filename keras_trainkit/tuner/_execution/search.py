"""One search: begins trials where there is room, and ends those that are through."""

import time
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FatalError

from keras_trainkit.tuner._execution.executors import Pool

BROKEN = (
    "A process of the `executor` has ended, and with it the executor. Nothing that has finished is "
    "lost: search again with a new one, or with `workers`, which replaces such processes."
)


class Search:
    """One search.

    Args:
        tuner: `Tuner` of this package.
        pool: where trials run.
        max_time: seconds after which no trial begins, `None` for no limit.
    """

    def __init__(self, tuner: Any, pool: Pool, max_time: float | None) -> None:
        self._tuner, self._pool = tuner, pool
        self._end = None if max_time is None else time.monotonic() + max_time
        self._running: dict[Future, Trial] = {}

    def run(self) -> None:
        """Run trials until none is left."""
        oracle = self._tuner.oracle
        try:
            # What a search before has left is no trial of this one.
            oracle.release_all()
            self._begin()
            while self._running:
                self._finish()
                self._begin()
        except BaseException:
            oracle.release_all()
            raise

    def _begin(self) -> None:
        """Begin trials as long as there is room and the oracle has any.

        A trial that is through comes first, so that the next one is proposed with its score.
        """
        while len(self._running) < self._pool.workers and not self._is_over():
            if self._has_ended():
                return
            self._tuner.pre_create_trial()
            trial = self._tuner.oracle.create_trial(self._free_name())
            if trial.status != TrialStatus.RUNNING:
                return
            self._tuner.on_trial_begin(trial)
            self._running[self._pool.submit(trial, self._tuner._judge(trial))] = trial

    def _finish(self) -> None:
        """Wait for a trial, and end those that are through in the order of their numbers."""
        if not self._has_ended():
            self._pool.advance()
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=lambda each: int(self._running[each].trial_id)):
            trial = self._running[future]
            self._pool.take_back(future)
            self._end_trial(future, trial)
            del self._running[future]

    def _end_trial(self, future: Future, trial: Trial) -> None:
        """Have the oracle note how a trial ended."""
        error = future.exception()
        if error is None:
            self._tuner._end(trial, future.result())
        elif isinstance(error, BrokenExecutor):
            if not self._pool.replaces:
                raise RuntimeError(BROKEN) from error
            self._tuner.oracle.put_back(trial)
        elif isinstance(error, FatalError) or not isinstance(error, Exception):
            raise error
        else:
            self._tuner._fail(trial, f"{type(error).__name__}: {error}")

    def _free_name(self) -> str:
        """Return a name under which no trial runs."""
        taken = self._tuner.oracle.ongoing_trials
        names = [self._tuner.tuner_id, *(f"{self._tuner.tuner_id}-{n}" for n in range(len(taken)))]
        return next(name for name in names if name not in taken)

    def _has_ended(self) -> bool:
        """Say whether a trial is through that the oracle does not know of."""
        return any(future.done() for future in self._running)

    def _is_over(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end
