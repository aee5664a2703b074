"""Training that goes on where it was killed."""

import os
import warnings
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import keras

from keras_trainkit import _validation
from keras_trainkit._archive import Deferred
from keras_trainkit._fit import calling_list, when_fit_fails
from keras_trainkit._keras_internals import begin_at, forget_model, symbolic_build
from keras_trainkit.callbacks._training_state.callback_states import (
    callback_states,
    has_ended_training,
    set_callback_states,
)
from keras_trainkit.callbacks._training_state.fingerprint import (
    configuration,
    difference,
    fingerprint,
)
from keras_trainkit.callbacks._training_state.folder import SnapshotFolder, folder_of
from keras_trainkit.callbacks._training_state.skipped_steps import SkippedSteps
from keras_trainkit.callbacks._training_state.variables import (
    assign,
    assign_hyperparameters,
    build_optimizer,
    generator_states,
    hyperparameters_of,
    set_generator_states,
    state_variables,
)

EPOCH = "epoch"


class TrainingState(keras.callbacks.Callback):
    """Makes `fit` resumable: run the same script again, and it goes on as if never interrupted.

    A snapshot is written after every epoch, and with an integer `save_freq` also after every so
    many steps. It holds

        the model's weights, seeds and metrics; the optimizer, and so the position of its schedule;
        hyperparameters assigned meanwhile; `History`; the state of every other callback;
        the generators of Python, NumPy and PyTorch; the position in epochs and steps.

    At the next `fit` with the same folder all of it is put back, and training goes on from there,
    bit for bit if the data comes in the same order: as arrays with `shuffle=False` (on JAX and
    PyTorch also shuffled), or a `keras.utils.PyDataset` whose order depends on nothing but the
    epoch. Steps of an epoch that are done already are passed over: their data is loaded, not
    trained on. A training that has come to its end is not trained again; with more `epochs` it goes
    on, unless early stopping has ended it.

    Callbacks keep their state if they are of this package or Keras's `EarlyStopping`,
    `ReduceLROnPlateau`, `ModelCheckpoint`, `SwapEMAWeights`, `TensorBoard` and `History`, or have
    methods `get_state()`, which returns nested lists, dicts, numbers and arrays, and
    `set_state(state)`. `CSVLogger` needs its `append=True`. A stop by a callback of your own, as at
    the end of the time of a job, is not the end of the training: the next run goes on.

    A snapshot is written beside the last one and then takes its place, so that a kill at any time
    leaves a whole one; checksums tell a damaged file, and the one before is taken, with a warning.
    Several `fit`s in one script each have a folder of their own within `directory`, in their order,
    and so have the trials of KerasTuner.

    Args:
        directory: path of a folder for the snapshots of one script.
        save_freq: `"epoch"`, or int >= 1: also after every so many steps of an epoch. Defaults to
            `"epoch"`.
        keep: int >= 1. How many snapshots are kept. Defaults to `2`.
        delete_checkpoint: bool. Delete the snapshots when `fit` ends by itself. Defaults to
            `False`.
        verbose: 0 (silent) or 1 (say where training goes on). Defaults to `0`.

    To resume, the model must be built: give it an `Input`, or call it once. So must optimizers in
    its attributes: `optimizer.build(variables)`.

    Raises:
        ValueError: if an argument is outside its interval; when `fit` begins, if the snapshot is
            one of another model or of another version of this package. Nothing is changed then.

    Differs from Keras: `keras.callbacks.BackupAndRestore`, which may run beside it, resumes weights
    and optimizer at an epoch and knows no other callback, history or generator.

    Example:
        >>> import keras, numpy as np, tempfile
        >>> from keras_trainkit.callbacks import TrainingState
        >>> def train(epochs):
        ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        ...     model.compile("adam", "mse")
        ...     state = TrainingState(directory)
        ...     x = np.ones((8, 2))
        ...     return model.fit(x, x[:, :1], epochs=epochs, verbose=0, callbacks=[state])
        >>> directory = tempfile.mkdtemp()
        >>> len(train(epochs=2).epoch)
        2
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        save_freq: str | int = EPOCH,
        keep: int = 2,
        delete_checkpoint: bool = False,
        verbose: int = 0,
    ) -> None:
        """Check and keep the arguments."""
        super().__init__()
        if not isinstance(directory, (str, os.PathLike)) or not os.fspath(directory):
            raise _validation.invalid("directory", "the path of a folder", directory)
        self.directory = os.fspath(directory)
        self.save_freq = _checked_save_freq(save_freq)
        # A step after which there may be a snapshot is only over when it has been written.
        self.async_safe = self.save_freq == EPOCH
        self.keep = _validation.integer("keep", keep, low=1)
        self.delete_checkpoint = _validation.boolean("delete_checkpoint", delete_checkpoint)
        self.verbose = _validation.one_of("verbose", verbose, (0, 1))
        self._callbacks: Any = None
        self._skipped: SkippedSteps | None = None
        self._resumed: dict[str, Any] | None = None
        self._fingerprint: dict[str, Any] = {}

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Move behind all other callbacks; called there, continue from the last snapshot."""
        self._callbacks = calling_list()
        if self._callbacks is None:
            raise RuntimeError("TrainingState must be called by a `keras.callbacks.CallbackList`")
        if not self._is_last():
            return self._move_to_the_end()
        self._folder = SnapshotFolder(folder_of(self.directory, self._others()), self.keep)
        when_fit_fails(self.model, self._clean_up)
        self._fingerprint = {}
        self._configured = configuration(self.model) if self.model.built else None
        self._resumed = self._folder.load()
        if self._resumed is not None:
            self._resume(self._resumed)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Pass over what is done of the epoch."""
        model, resumed, self._resumed = self.model, self._resumed, None
        begin_at(model, None)
        self._epoch, self._done = epoch, 0
        self._epoch_generators = generator_states()
        if resumed is not None and resumed["batch"]:
            self._skip(resumed)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write a snapshot if it is time."""
        before, self._done = self._done, batch + 1
        every = self.save_freq
        due = isinstance(every, int) and self._done // every > before // every
        # Where training has been stopped here, the epoch's end comes next.
        if due and not self.model.stop_training:
            self._save(self._epoch, self._done, logs or {})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write a snapshot, after all other callbacks have ended the epoch."""
        self._clean_up()
        self._save(epoch + 1, 0, {})

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Count the training as finished."""
        self._clean_up()
        self._folder.finish()
        if self.delete_checkpoint:
            self._folder.delete()

    def __getstate__(self) -> dict[str, Any]:
        """Leave what belongs to a running `fit`, of which a copy has its own."""
        return {**forget_model(self), "_callbacks": None, "_skipped": None}

    def _is_last(self) -> bool:
        callbacks = self._callbacks.callbacks
        behind = callbacks[callbacks.index(self) + 1 :]
        return all(isinstance(callback, TrainingState) for callback in behind)

    def _move_to_the_end(self) -> None:
        """Leave an empty callback behind, so that the list which is being called stays in step."""
        callbacks = self._callbacks.callbacks
        callbacks[callbacks.index(self)] = keras.callbacks.Callback()
        callbacks.append(self)

    def _others(self) -> list[keras.callbacks.Callback]:
        return [c for c in self._callbacks.callbacks if not isinstance(c, TrainingState)]

    def _save(self, epoch: int, batch: int, logs: Mapping[str, Any]) -> None:
        model = self.model
        self._fingerprint = self._fingerprint or fingerprint(model, self._configured)
        self._folder.save(
            {
                "model": self._fingerprint,
                "epoch": epoch,
                "batch": batch,
                "ended": any(has_ended_training(callback) for callback in self._others()),
                "logs": dict(logs),
                "variables": _deferred(state_variables(model)),
                "metrics": _deferred(model.metrics_variables) if batch else [],
                "numbers": hyperparameters_of(model),
                "callbacks": callback_states(self._others()),
                "generators": generator_states(),
                "epoch_generators": self._epoch_generators if batch else None,
            }
        )

    def _resume(self, state: dict[str, Any]) -> None:
        model = self.model
        if not model.built:
            raise _validation.invalid(
                "model",
                "built before a training is resumed: give it an `Input`, or call it once",
                model.name,
            )
        build_optimizer(model)
        self._fingerprint = fingerprint(model)
        unlike = difference(state["model"], self._fingerprint)
        if unlike:
            raise ValueError(
                f"`directory` must hold snapshots of this model, or nothing: {unlike}. "
                f"Received: directory={self.directory!r}"
            )
        self._put_back(state)
        epochs = self.params["epochs"]
        first = epochs if state["ended"] else state["epoch"]
        begin_at(model, first)
        if first >= epochs:
            warnings.warn(
                f"TrainingState: the training in {self._folder.path} has ended after epoch "
                f"{state['epoch']}. Its end is restored, and nothing is trained. Delete the folder "
                "to train anew.",
                stacklevel=2,
            )
        elif self.verbose:
            print(
                f"TrainingState: training goes on with step {state['batch'] + 1} of epoch "
                f"{state['epoch'] + 1} of {epochs}."
            )

    def _skip(self, state: dict[str, Any]) -> None:
        """Begin an epoch in its middle."""
        model = self.model
        self._put_back(state)
        self._done, self._epoch_generators = state["batch"], state["epoch_generators"]
        set_generator_states(self._epoch_generators)

        def prepare(batch: Any) -> None:
            # TensorFlow's trainer creates the metrics in the first step, which may trace layers.
            if len(model.metrics_variables) != len(state["metrics"]):
                symbolic_build(model, batch)
                self._put_back(state)

        self._skipped = SkippedSteps(
            model,
            self._callbacks,
            state["batch"],
            state["logs"],
            prepare,
            lambda: set_generator_states(state["generators"]),
        )

    def _put_back(self, state: dict[str, Any]) -> None:
        model = self.model
        assign(state_variables(model), state["variables"])
        if len(model.metrics_variables) == len(state["metrics"]):
            assign(model.metrics_variables, state["metrics"])
        assign_hyperparameters(model, state["numbers"])
        set_callback_states(self._others(), state["callbacks"])
        set_generator_states(state["generators"])

    def _clean_up(self) -> None:
        """Take everything back that is only for the time of one `fit`."""
        begin_at(self.model, None)
        if self._skipped is not None:
            self._skipped.end()
            self._skipped = None


def _checked_save_freq(save_freq: Any) -> str | int:
    if not isinstance(save_freq, str):
        return _validation.integer("save_freq", save_freq, low=1)
    if save_freq != EPOCH:
        raise _validation.invalid("save_freq", '"epoch" or an integer >= 1', save_freq)
    return save_freq


def _deferred(variables: Iterable[Any]) -> list[Deferred]:
    """Return the values, of which one at a time will be in the host's memory."""
    return [Deferred(partial(keras.ops.convert_to_numpy, variable)) for variable in variables]
