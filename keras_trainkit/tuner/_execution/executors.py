"""Where trials run: in this process, in processes of its own, or on an executor of the user's."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from multiprocessing.context import SpawnContext
from typing import Any, Protocol

import keras
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FatalValueError

from keras_trainkit import _validation
from keras_trainkit._backend import programs_forgotten
from keras_trainkit.tuner._execution.notes import Outcome
from keras_trainkit.tuner._execution.pruning import Judge
from keras_trainkit.tuner._stack.stacks import Stacks

# What a user's executor has to be.
PROCESSES = "an executor of `concurrent.futures` whose workers are other processes"
# One process trains one model at a time, whatever an executor has in mind.
_turn = threading.Lock()
_is_searching = threading.Event()


class Pool(Protocol):
    """Where trials run."""

    workers: int
    # Whether a process that has ended gets a successor.
    replaces: bool

    def submit(self, trial: Trial, judge: Judge | None) -> Future:
        """Have a trial run; the future has its `Outcome`."""

    def take_back(self, future: Future) -> None:
        """Learn that a trial is through."""

    def advance(self) -> None:
        """Bring trials of this process on until one is through."""


class Here:
    """Runs each trial at once, in this process.

    Args:
        run: from a trial and a judge to its outcome.
    """

    workers, replaces = 1, False

    def __init__(self, run: Callable[[Trial, Judge | None], Outcome]) -> None:
        self._run = run

    def submit(self, trial: Trial, judge: Judge | None) -> Future:
        """Run the trial."""
        future: Future = Future()
        try:
            future.set_result(self._run(trial, judge))
        except BaseException as error:
            future.set_exception(error)
        return future

    def take_back(self, future: Future) -> None:
        """Do nothing."""

    def advance(self) -> None:
        """Do nothing."""


class Given:
    """Runs trials on a user's executor.

    Args:
        executor: of `concurrent.futures`, or one that behaves so.
        workers: how many trials run at once.
        task: what `task_of` returned.
    """

    replaces = False

    def __init__(self, executor: Executor, workers: int, task: bytes) -> None:
        self.workers, self._executor, self._task = workers, executor, task

    def submit(self, trial: Trial, judge: Judge | None) -> Future:
        """Hand the trial to the executor."""
        return self._executor.submit(run_elsewhere, self._task, trial.get_state(), judge)

    def take_back(self, future: Future) -> None:
        """Do nothing."""

    def advance(self) -> None:
        """Do nothing."""


class Own:
    """Runs trials in processes of its own, each in an executor by itself.

    So the end of one process leaves the others alone, and it is known which trial ran in it.

    Args:
        workers: how many trials run at once.
        task: what `task_of` returned.
    """

    replaces = True

    def __init__(self, workers: int, task: bytes) -> None:
        self.workers, self._task = workers, task
        self._idle: list[ProcessPoolExecutor] = []
        self._busy: dict[Future, ProcessPoolExecutor] = {}
        self._contexts: dict[ProcessPoolExecutor, Spawn] = {}

    def submit(self, trial: Trial, judge: Judge | None) -> Future:
        """Have an idle process run the trial, or a new one."""
        executor = self._idle.pop() if self._idle else self._new()
        future = executor.submit(run_elsewhere, self._task, trial.get_state(), judge)
        self._busy[future] = executor
        return future

    def take_back(self, future: Future) -> None:
        """Use the process again, unless it has ended."""
        executor = self._busy.pop(future)
        if isinstance(future.exception(), BrokenExecutor):
            self._close(executor)
        else:
            self._idle.append(executor)

    def advance(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """End all processes at once, what they run included; by themselves they take seconds."""
        for executor in [*self._contexts]:
            self._close(executor)

    def _new(self) -> ProcessPoolExecutor:
        context = Spawn()
        executor = ProcessPoolExecutor(
            max_workers=1,
            mp_context=context,
            initializer=begin_process,
            initargs=(keras.config.floatx(), keras.config.dtype_policy().name),
        )
        self._contexts[executor] = context
        return executor

    def _close(self, executor: ProcessPoolExecutor) -> None:
        for process in self._contexts.pop(executor).processes:
            process.kill()
        executor.shutdown(wait=True, cancel_futures=True)


class Spawn(SpawnContext):
    """Begins processes that share nothing with this one, and knows them.

    Attributes:
        processes: those that it has begun.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Any] = []

    def Process(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore  # noqa: N802
        """Make a process, as an executor asks for it."""
        process = SpawnContext.Process(*args, **kwargs)
        self.processes.append(process)
        return process


@contextlib.contextmanager
def pool(
    tuner: Any,
    workers: int | None,
    executor: Any,
    lanes: int,
    args: tuple,
    kwargs: dict[str, Any],
) -> Iterator[Pool]:
    """Yield where the trials of a search run, and end what was begun for it.

    Args:
        tuner: `Tuner` of this package.
        workers: how many trials run at once, `None` for one in this process.
        executor: the user's, or `None`.
        lanes: how many trials train at once in this process.
        args: of `search`, for each trial.
        kwargs: of `search`, for each trial.

    Raises:
        ValueError: if `workers` or `lanes` is not an int >= 1; if `workers` is missing beside
            `executor`, or `lanes` above 1 beside one of them; if `executor` is none, or if tuner
            and data cannot be sent to other processes.
    """
    lanes = _validation.integer("lanes", lanes, low=1)
    if lanes > 1 and (executor is not None or workers not in (None, 1)):
        raise _validation.invalid("lanes", "1 beside `workers` and `executor`", lanes)
    count = 1
    if workers is not None or executor is not None:
        count = _validation.integer("workers", workers, low=1)
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise _validation.invalid("executor", PROCESSES, executor)
        with _searching():
            yield Given(executor, count, task_of(tuner, args, kwargs))
    elif count == 1:
        here = Here(lambda trial, judge: tuner._attempt(trial, judge, args, kwargs))
        if lanes == 1:
            yield here
            return
        stacks = Stacks(tuner, lanes, here.submit, args, kwargs)
        with programs_forgotten(), contextlib.closing(stacks):
            yield stacks
    else:
        with contextlib.closing(Own(count, task_of(tuner, args, kwargs))) as own:
            yield own


def task_of(tuner: Any, args: tuple, kwargs: dict[str, Any]) -> bytes:
    """Return what every trial of a search needs, for another process."""
    try:
        return pickle.dumps((tuner._seeing(None), args, kwargs))
    except Exception as error:
        raise ValueError(
            "What trials in other processes need must be picklable: the tuner's class and the "
            "function or `HyperModel` that it was given stand at the top of a module, and no "
            f"argument of `search` is open, locked or local. Received: {error}"
        ) from error


def run_elsewhere(task: bytes, state: dict[str, Any], judge: Judge | None) -> Outcome:
    """Run one trial in a process that is not the oracle's.

    Args:
        task: what `task_of` returned, unpacked for each trial, so that none sees what another has
            changed.
        state: of the trial.
        judge: what may stop it.
    """
    if _is_searching.is_set():
        raise FatalValueError(
            f"`executor` must be {PROCESSES}. Received: one that runs trials in this process"
        )
    with _turn:
        tuner, args, kwargs = pickle.loads(task)
        trial = Trial.from_state(state)
        return tuner._seeing(trial)._attempt(trial, judge, args, kwargs)


def begin_process(floatx: str, dtype_policy: str) -> None:
    """Let a new process be like the one that began it, and end with it."""
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(dtype_policy)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def _searching() -> Iterator[None]:
    """Mark this process as the oracle's."""
    _is_searching.set()
    try:
        yield
    finally:
        _is_searching.clear()
