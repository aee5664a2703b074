"""A search's trials in stacks: where each trial trains, and what happens after each epoch."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from keras_tuner import HyperModel
from keras_tuner.engine.trial import Trial

from keras_trainkit.tuner._execution.pruning import Judge, JudgeAmongRunning
from keras_trainkit.tuner._searched_fit import SearchedFit
from keras_trainkit.tuner._stack.chain import NotStackable
from keras_trainkit.tuner._stack.stack import Stack
from keras_trainkit.tuner._stack.stacked_trial import StackedTrial

# What a tuner may do with the model of each trial.
_OF_TUNER = ("on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end", "run_trial")
# A lane may be so many times as large as its network, and more if there are fewer such lanes than
# are worth a program of their own.
WASTE, ENOUGH = 4, 4
Submit = Callable[[Trial, Judge | None], Future]


class Stacks:
    """Trains trials together, each in a lane of a stack, and alone what cannot be stacked.

    Args:
        tuner: `Tuner` of this package.
        lanes: how many trials train at once.
        alone: from a trial and a judge to the future of a training by itself.
        args: of `search`, for each trial.
        kwargs: of `search`, for each trial.
    """

    replaces = False

    def __init__(
        self, tuner: Any, lanes: int, alone: Submit, args: tuple, kwargs: dict[str, Any]
    ) -> None:
        self.workers = lanes
        self._tuner, self._alone, self._args, self._kwargs = tuner, alone, args, kwargs
        self._new: dict[tuple, list[StackedTrial]] = {}
        self._stacks: dict[tuple, list[Stack]] = {}
        self._running: dict[Stack, list[StackedTrial]] = {}
        self._count = 0
        self._said: set[str] = set()

    def submit(self, trial: Trial, judge: Judge | None) -> Future:
        """Give the trial a lane, or train it at once."""
        try:
            _check_tuner(self._tuner)
            if self._tuner.oracle.was_killed(trial):
                # Should it happen again, it is known in which trial.
                raise NotStackable("a trial in which the process has ended before")
            among = None if judge is None else JudgeAmongRunning(lambda: self._judge(trial))
            running = StackedTrial(self._tuner, trial, among, self._args, self._kwargs)
        except NotStackable as reason:
            self._say(f"Trains one by one what is not to be stacked: {reason}.")
            return self._alone(trial, judge)
        except Exception:
            # By itself it ends the same way, and that is written down as it is due.
            return self._alone(trial, judge)
        self._new.setdefault(running.key, []).append(running)
        self._count += 1
        return running.future

    def take_back(self, future: Future) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Say how the trials were trained."""
        stacks = sum(map(len, self._stacks.values()))
        if stacks:
            self._say(f"{self._count} trials in {stacks} stack{'s' * (stacks > 1)}.")

    def advance(self) -> None:
        """Train all lanes for an epoch, and for another one until a trial is through."""
        new, self._new = self._new, {}
        for key, trials in new.items():
            self._place(key, trials)
        has_ended = not self._all()
        while not has_ended:
            for stack, running in self._running.items():
                self._train(stack, running)
            for each in self._all():
                if not each.is_through:
                    each.go_on()
            has_ended = any(each.is_through for each in self._all())
            for stack, left in self._running.items():
                self._running[stack] = [each for each in left if not each.is_through]

    def _place(self, key: tuple, new: list[StackedTrial]) -> None:
        """Give trials their lanes, in as few stacks as the waste allows."""
        stacks = self._stacks.setdefault(key, [])
        left = sorted(new, key=lambda each: -each.lane.layout.size)
        for number, each in enumerate(left):
            own, rest = each.lane.layout, left[number:]
            fitting = [stack for stack in stacks if stack.layout == stack.layout.around(own)]
            stack = min(fitting, key=lambda stack: stack.layout.size, default=None)
            wastes = stack is not None and stack.layout.size > WASTE * own.size
            if stack is None or (wastes and len(rest) >= ENOUGH):
                layout = own.rounded()
                for other in rest:
                    joined = layout.around(other.lane.layout).rounded()
                    if joined.size <= WASTE * other.lane.layout.size:
                        layout = joined
                stack = Stack(layout, each.lane, each.scores)
                stacks.append(stack)
            each.lane.place(stack.layout)
            self._running.setdefault(stack, []).append(each)

    def _train(self, stack: Stack, running: list[StackedTrial]) -> None:
        """Train some lanes for an epoch; if that fails, all of them have failed."""
        if not running:
            return
        try:
            for each, logs in zip(running, stack.train([r.lane for r in running]), strict=True):
                each.logs.append(logs)
        except Exception as error:
            for each in running:
                if each.logs:
                    each.error = error
                else:
                    self._go_alone(each, error)

    def _go_alone(self, running: StackedTrial, error: Exception) -> None:
        """Train a trial by itself of which no epoch can be trained in a stack."""
        self._say(f"Trains one by one what a stack fails at: {type(error).__name__}: {error}")
        alone = self._alone(running.trial, self._tuner._judge(running.trial))
        if alone.exception() is None:
            running.future.set_result(alone.result())
        else:
            running.future.set_exception(alone.exception())

    def _all(self) -> list[StackedTrial]:
        return [each for running in self._running.values() for each in running]

    def _judge(self, trial: Trial) -> Judge:
        """Return what judges a trial by those that have ended and those that train beside it."""
        beside = [
            (each.notes, each.logs)
            for each in self._all()
            if each.trial is not trial and self._tuner._compares(trial, each.trial)
        ]
        return self._tuner._judge(trial).beside(beside)

    def _say(self, text: str) -> None:
        if self._tuner.oracle.verbose and text not in self._said:
            self._said.add(text)
            print(text)


def _check_tuner(tuner: Any) -> None:
    """Raise if a tuner does with each trial what needs a model of its own."""
    if tuner.diagnose:
        raise NotStackable("`diagnose=True`, which watches the gradients of one model")
    if tuner.executions_per_trial > 1:
        raise NotStackable("`executions_per_trial` above 1")
    if tuner.distribution_strategy is not None:
        raise NotStackable("a distribution strategy")
    if not all(_is_known(getattr(tuner, name)) for name in _OF_TUNER):
        raise NotStackable(f"what {type(tuner).__name__} does with each trial")
    if type(tuner.hypermodel).fit not in (HyperModel.fit, SearchedFit.fit):
        raise NotStackable(f"`fit` of {type(tuner.hypermodel).__name__}")


def _is_known(method: Any) -> bool:
    """Say whether a method is not one of the user's."""
    return method.__module__.partition(".")[0] in ("keras_tuner", "keras_trainkit")
