"""One trial that trains in a stack: how it begins, goes on, and ends."""

from concurrent.futures import Future
from typing import Any

import keras
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FatalError

from keras_trainkit._fit import adapt_layers
from keras_trainkit._patching import patched
from keras_trainkit.tuner._execution.callbacks import Begin, Hooks
from keras_trainkit.tuner._execution.notes import Notes
from keras_trainkit.tuner._execution.trial import Executions, attempt
from keras_trainkit.tuner._searched_fit import ScheduleInSteps
from keras_trainkit.tuner._stack.chain import NotStackable, chain_of
from keras_trainkit.tuner._stack.data import Plan, check_rows, plan_of
from keras_trainkit.tuner._stack.lane import Lane
from keras_trainkit.tuner._stack.rules import rule_of
from keras_trainkit.tuner._stack.scores import scores_of
from keras_trainkit.tuner._stack.stack import Logs

# Callbacks of a user's that need nothing of the model but to be stopped.
_CALLBACKS = (keras.callbacks.EarlyStopping, ScheduleInSteps)


class StackedTrial:
    """One trial in training.

    Args:
        tuner: `Tuner` of this package.
        trial: the trial.
        among: what may stop it beside the others.
        args: of `search`.
        kwargs: of `search`.

    Attributes:
        trial: the trial.
        future: has its `Outcome` in the end.
        lane: `Lane`.
        scores: `Scores`.
        logs: of each epoch.
        error: what its training has raised.

    Raises:
        NotStackable: if it has to be trained by itself.
    """

    def __init__(
        self, tuner: Any, trial: Trial, among: Any, args: tuple, kwargs: dict[str, Any]
    ) -> None:
        self.future: Future = Future()
        self.logs: list[Logs] = []
        self.error: Exception | None = None
        self._tuner, self.trial = tuner._seeing(trial), trial
        self._executions = Executions(tuner.oracle.objective, among, diagnose=False)
        seed = tuner.oracle.seed_of(trial.trial_id, self._executions.begin())
        Begin(seed).on_train_begin()
        # KerasTuner's `_try_build` collects all garbage first, which takes longer than a training.
        self._model = tuner._build_hypermodel(trial.hyperparameters)
        chain = chain_of(self._model)
        if tuner.max_model_size and self._model.count_params() > tuner.max_model_size:
            raise NotStackable("a model above `max_model_size`")
        plan = self._plan(args, kwargs)
        check_rows(chain, plan)
        self._begin(plan)
        adapt_layers(self._model, plan.arguments)
        self.scores = scores_of(chain, plan.x, plan.y)
        self.lane = Lane(chain, rule_of(self._model.optimizer), plan, seed)

    @property
    def key(self) -> tuple:
        """What trials have in common that share a stack."""
        lane, plan = self.lane, self.lane.plan
        first = [_identity(layer) for layer in lane.chain.first]
        data = [plan.x, plan.y, *(plan.validation or ())]
        places = tuple((array.ctypes.data, array.shape) for array in data)
        head = lane.chain.blocks[-1].activation
        shape = lane.layout.inputs, lane.layout.outputs, lane.layout.depth > 0
        return shape, plan.batch_size, head, self.scores.key, repr(first), places

    @property
    def notes(self) -> Notes:
        """What it leaves."""
        return self._executions.notes

    def _plan(self, args: tuple, kwargs: dict[str, Any]) -> Plan:
        """Return what the hypermodel asks of `fit`."""
        calls: list[Plan] = []
        own = self._tuner._deepcopy_callbacks(kwargs.get("callbacks") or [])
        with patched(self._model, fit=lambda *a, **k: calls.append(plan_of(a, k))):
            arguments = {**self._tuner._arguments(kwargs), "callbacks": own}
            self._tuner.hypermodel.fit(self.trial.hyperparameters, self._model, *args, **arguments)
        (plan,) = calls
        for callback in plan.callbacks:
            if type(callback) not in _CALLBACKS:
                raise NotStackable(f"the callback {type(callback).__name__}")
        return plan

    def _begin(self, plan: Plan) -> None:
        """Let all callbacks know that the training begins."""
        history = keras.callbacks.History()
        hooks = Hooks(self._tuner, self.trial)
        self._callbacks = keras.callbacks.CallbackList(
            [*self._executions.watched(plan.callbacks, hooks), history],
            model=self._model,
            epochs=plan.epochs,
            steps=plan.steps,
            verbose=0,
        )
        self._history, self._model.stop_training = history, False
        self._callbacks.on_train_begin()

    @property
    def is_through(self) -> bool:
        """Whether it has an outcome."""
        return self.future.done()

    def go_on(self) -> None:
        """Take note of an epoch, and end the trial if it was the last one."""
        try:
            if self.error is not None:
                raise self.error
            self._go_on()
        except FatalError as error:
            self.future.set_exception(error)
        except Exception as error:
            self._end(error)

    def _go_on(self) -> None:
        self.lane.write_to_model()
        self._callbacks.on_epoch_end(self.lane.epochs - 1, self.logs[-1])
        if self._model.stop_training or self.lane.epochs >= self.lane.plan.epochs:
            self._callbacks.on_train_end()
            self._executions.end(self._model)
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        """Have the outcome written as that of a trial by itself."""

        def run_trial(*args: Any, **kwargs: Any) -> list[Any]:
            if error is not None:
                raise error
            return [self._history]

        self._tuner.run_trial, self._tuner._executions = run_trial, self._executions
        self.future.set_result(attempt(self._tuner, self.trial, (), {}))


def _identity(layer: Any) -> tuple:
    config = {k: v for k, v in layer.get_config().items() if k != "name"}
    return type(layer), config, [w.tobytes() for w in layer.get_weights()]
