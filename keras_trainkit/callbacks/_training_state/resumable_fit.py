"""One `fit` that writes snapshots and goes on from the last one."""

import contextlib
import math
import sys
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras

from keras_trainkit._archive import Deferred
from keras_trainkit._fit import running_fit, when_fit_fails
from keras_trainkit._keras_internals import begin_at
from keras_trainkit.callbacks._training_state import csv_rows, notices
from keras_trainkit.callbacks._training_state.callback_states import (
    CallbackStates,
    has_ended_training,
)
from keras_trainkit.callbacks._training_state.fingerprint import (
    configuration,
    difference,
    fingerprint,
)
from keras_trainkit.callbacks._training_state.folder import SnapshotFolder
from keras_trainkit.callbacks._training_state.newcomers import Newcomers, may_grow
from keras_trainkit.callbacks._training_state.place import Place
from keras_trainkit.callbacks._training_state.preemption import Preemption
from keras_trainkit.callbacks._training_state.rehearsal import RehearsedStep, rehearse
from keras_trainkit.callbacks._training_state.restoration import Restoration
from keras_trainkit.callbacks._training_state.setup import (
    Edits,
    changing_settings,
    comes_in_another_order,
    edited_since,
    setup_of,
)
from keras_trainkit.callbacks._training_state.skipped_steps import SkippedSteps
from keras_trainkit.callbacks._training_state.snapshot import Snapshot
from keras_trainkit.callbacks._training_state.variables import (
    build_optimizers,
    built_optimizers,
    generator_states,
    hyperparameters_of,
    set_generator_states,
    state_variables,
)

_ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


@dataclass(frozen=True)
class Options:
    """What `TrainingState` was asked for: its arguments, and whether it may print and exits."""

    directory: str
    keep: int
    changed: str
    adopt: bool
    verbose: bool
    exits: bool


class ResumableFit:
    """A `fit` from the time when `TrainingState` is told that it begins.

    Args:
        model: the model that trains.
        params: what Keras tells its callbacks of the `fit`.
        callbacks: the list that calls them.
        others: those of them that have a place in the snapshots.
        options: `Options`.

    Attributes:
        model, params: as given.

    Raises:
        ValueError: if another `fit` uses the folder.
    """

    def __init__(
        self,
        model: keras.Model,
        params: Mapping[str, Any],
        callbacks: keras.callbacks.CallbackList,
        others: Sequence[keras.callbacks.Callback],
        options: Options,
    ) -> None:
        self.model = model
        self.params = params or {}
        self._callbacks = callbacks
        self._others = others
        self._options = options
        self._running = running_fit(model)
        self._configured = configuration(model)
        self._setup: dict[str, Any] = {}
        self._preemption = Preemption()
        self._place = Place(options.directory, others)
        self._folder = SnapshotFolder(self._place.choose(model, options.adopt), options.keep)
        # The same `fit` as this process has begun it before.
        self._begun = self._place.interrupted(model)
        self._states = CallbackStates(others, self._begun.callbacks if self._begun else ())
        self._resumed: Restoration | None = None
        self._rehearsed: RehearsedStep | None = None
        self._skipped: SkippedSteps | None = None
        self._newcomers = Newcomers(model)
        self._epoch = self._done = 0
        self._is_saved = False
        self._thread = threading.get_ident()

    @property
    def was_left(self) -> bool:
        """Whether it is over without having been told: a loop of the user's own has raised."""
        return self._running is None or self._running.is_over

    def begin(self) -> None:
        """Continue from the last snapshot, if there is one."""
        when_fit_fails(self.model, self._fail, last=True)
        self._setup = setup_of(self.model, self.params.get("steps"))
        if self._begun and self._begun.left:
            self._setup = edited_since(self._setup, self._begun.setup, self._begun.left)
        path, state = self._folder.load()
        if state is None:
            csv_rows.begin(self._others, self._folder.beginning)
        else:
            self._resumed = self._resume(path, state)
        notices.warn_of_another(self._place.left_alone(), self._folder.path)
        if self._options.exits:
            self._preemption.watch()
        self._folder.begin()
        self._place.begin(self.model, self._setup, self._states.as_begun())

    def begin_epoch(self, epoch: int) -> None:
        """Begin an epoch, in its middle if it was begun before."""
        resumed, self._resumed = self._resumed, None
        begin_at(self.model, None)
        self._epoch, self._done, self._is_saved = epoch, 0, False
        self._epoch_generators = generator_states()
        if resumed is None:
            return
        if resumed.snapshot.batch:
            self._skip(resumed)
        elif _ON_TENSORFLOW or not resumed.is_whole:
            self._rehearsed = RehearsedStep(self.model, partial(self._complete, resumed))

    def end_step(self, done: int, every: int | None) -> bool:
        """Count the steps of the epoch that are done; say whether a snapshot is due."""
        before, self._done = self._done, done
        if self._rehearsed is not None:
            self._end_rehearsal()
        self._newcomers.end_step()
        due = every is not None and done // every > before // every
        if self._is_cut_off:
            # In another thread a state would be one of two instants.
            return threading.get_ident() == self._thread
        # Where training has been stopped for good, the end of the epoch comes next.
        return (due or self._preemption.received is not None) and not self.model.stop_training

    def save_step(self, model: keras.Model, logs: Mapping[str, Any]) -> None:
        """Write a snapshot in the middle of an epoch, and end there if a signal says so."""
        self._save(model, self._epoch, self._done, logs)
        self._is_saved = self._is_cut_off
        self._preemption.exit_if_received()

    def end_epoch(self, model: keras.Model, epoch: int) -> None:
        """Write a snapshot of a whole epoch, and end there if a signal says so."""
        if self._skipped is not None:
            self._skipped.check_is_over()
        self._end_skipping()
        if not self._is_saved:  # Else the next run goes on with the step behind the cut.
            self._save(model, epoch + 1, 0, {})
            if self._is_cut_off:
                warnings.warn(
                    f"TrainingState: epoch {epoch + 1} was stopped after step {self._done} from "
                    "another thread. The next run leaves the rest of it out.",
                    stacklevel=2,
                )
        self._preemption.exit_if_received()

    def finish(self, delete: bool) -> None:
        """Count the training as finished in this process."""
        self._place.finish()
        goes_on = self.model.stop_training and not self._has_ended
        if delete and not goes_on and self._preemption.received is None:
            self._folder.delete()
        self.leave()
        self._preemption.exit_if_received()

    @property
    def _has_ended(self) -> bool:
        """Whether early stopping, or another callback for good, has ended the training."""
        return any(has_ended_training(callback) for callback in self._others)

    @property
    def _is_cut_off(self) -> bool:
        """Whether training is stopped for the time being, by steps of the epoch that are left."""
        if not self.model.stop_training or self._has_ended:
            return False
        return self._done < (self.params.get("steps") or math.inf)

    def leave(self) -> None:
        """Take everything back that is only for the time of one `fit`."""
        self._end_skipping()
        self._preemption.stop()
        self._place.leave()

    def _complete(self, resumed: Restoration, draws: bool) -> None:
        """Put back what the first step has made, when it has been rehearsed."""
        resumed.complete()
        if draws:
            notices.warn_of_draws()

    def _end_rehearsal(self) -> None:
        rehearsed, self._rehearsed = self._rehearsed, None
        if rehearsed is not None and not rehearsed.is_over:
            rehearsed.detach()
            raise RuntimeError(
                "TrainingState could not put back what the first step makes: another train "
                "function took the place of `model.train_function` after `on_epoch_begin`"
            )

    def _fail(self) -> None:
        self._place.interrupt(changing_settings(self.model))
        self.leave()
        if not isinstance(sys.exc_info()[1], SystemExit):
            self._preemption.exit_if_received()

    def _end_skipping(self) -> None:
        begin_at(self.model, None)
        if self._rehearsed is not None:
            self._rehearsed.detach()
            self._rehearsed = None
        if self._skipped is not None:
            self._skipped.end()
            self._skipped = None

    def _save(self, model: keras.Model, epoch: int, batch: int, logs: Mapping[str, Any]) -> None:
        # `model` was asked for anew: on JAX that gives its variables their present values.
        notices.warn_of_newcomers(self._folder.path, self._newcomers.sentences())
        snapshot = Snapshot(
            model=fingerprint(model, self._configured),
            setup=self._setup,
            epoch=epoch,
            batch=batch,
            ended=self._has_ended,
            logs=_numbers(logs),
            variables=_deferred(state_variables(model)),
            built=built_optimizers(model),
            metrics=_deferred(model.metrics_variables) if batch else [],
            numbers=hyperparameters_of(model),
            callbacks=self._states.get(),
            generators=generator_states(),
            epoch_generators=self._epoch_generators if batch else {},
        )
        self._folder.save(vars(snapshot))

    def _resume(self, path: str, state: Any) -> Restoration:
        """Put a snapshot back, after a look for all that may be wrong with it."""
        model, epochs = self.model, self.params.get("epochs")
        snapshot = self._checked(path, state)
        edits, matches = Edits(snapshot.setup, self._setup), self._states.match(snapshot.callbacks)
        has_ended = snapshot.ended or (epochs is not None and snapshot.epoch >= epochs)
        notices.tell_of_edits(
            self._options.changed,
            self._options.directory,
            path,
            [*edits.sentences(), *matches.sentences()],
            has_ended,
        )
        if edits.of_epoch:
            snapshot = replace(snapshot, batch=0, metrics=[])
        resumed = Restoration(snapshot, model, matches, self._check)
        resumed.put_back()
        edits.apply(model)
        begin_at(model, epochs if has_ended else snapshot.epoch)
        self._tell_where(snapshot, has_ended)
        data = self._running.arguments.get("x") if self._running else None
        if not has_ended and comes_in_another_order(data):
            notices.warn_of_order()
        return resumed

    def _tell_where(self, snapshot: Snapshot, has_ended: bool) -> None:
        folder, epochs = self._folder.path, self.params.get("epochs", "unknown")
        if has_ended:
            notices.tell_of_end(
                folder,
                snapshot,
                epochs,
                self._place.next_folder(),
                self._place.is_first,
                self._options.verbose,
            )
        elif self._running is None:
            notices.warn_of_loop(snapshot)
        elif self._options.verbose:
            notices.print_place(folder, snapshot, epochs)

    def _checked(self, path: str, state: Any) -> Snapshot:
        """Return a snapshot that is one of this model, or of what it will be after a step."""
        try:
            snapshot = Snapshot.from_state(state).with_rates_of(self.model)
            build_optimizers(self.model, snapshot.built)
            self._check(snapshot, may_grow(self.model))
            snapshot.check(self.model)
        except notices.NotOfThisError:
            raise
        except ValueError as error:
            raise ValueError(f"TrainingState cannot go on from {path}: {error}") from error
        return snapshot

    def _check(self, snapshot: Snapshot, may_grow: bool = False) -> None:
        """Raise unless a snapshot is one of this model."""
        mine = fingerprint(self.model, self._configured)
        if self._begun:  # A callback may have changed it in its training.
            mine["configuration"] = snapshot.model.get("configuration")
        if may_grow and snapshot.places(self.model):
            mine["variables"] = snapshot.model["variables"]
        unlike = difference(snapshot.model, mine)
        if unlike:
            # A variable more or less may be that of an optimizer with other settings.
            edits = Edits(snapshot.setup, self._setup).sentences(of_optimizers=True)
            same = snapshot.model.get("optimizers") == mine["optimizers"]
            found = "; ".join([*(edits if same else ()), unlike])
            raise notices.refusal(self._options.directory, "this model", found)

    def _skip(self, resumed: Restoration) -> None:
        """Begin an epoch in its middle."""
        model, snapshot = self.model, resumed.snapshot
        resumed.put_back()
        self._done, self._epoch_generators = snapshot.batch, snapshot.epoch_generators
        set_generator_states(snapshot.epoch_generators)

        def prepare(stand_in: SkippedSteps, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
            # TensorFlow's trainer creates the metrics in the first step.
            has_metrics = snapshot.put_metrics_back(model)
            if has_metrics and resumed.is_whole and not _ON_TENSORFLOW:
                return arguments
            arguments, draws = rehearse(stand_in, arguments)
            self._complete(resumed, draws)
            snapshot.put_metrics_back(model)
            return arguments

        self._skipped = SkippedSteps(
            model,
            self._callbacks,
            snapshot.batch,
            snapshot.logs,
            prepare,
            lambda: set_generator_states(snapshot.generators),
        )


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among what a step logged: they are shown while it is passed over."""
    found = {}
    for name, value in logs.items():
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            found[name] = float(value)
    return found


def _deferred(variables: Iterable[Any]) -> list[Any]:
    """Return the values, of which one at a time will be in the host's memory."""
    return [Deferred(partial(keras.ops.convert_to_numpy, variable)) for variable in variables]
