"""Training that goes on where it was killed."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from keras_trainkit import _validation
from keras_trainkit._fit import calling_list
from keras_trainkit._keras_internals import forget_model
from keras_trainkit.callbacks._training_state.resumable_fit import Options, ResumableFit

EPOCH, AUTO, EXIT = "epoch", "auto", "exit"


class TrainingState(keras.callbacks.Callback):
    """Makes `fit` resumable: run the same script again, and it goes on as if never interrupted.

    A snapshot is written after every epoch, and with an integer `save_freq` also after every so
    many steps. It holds

        the model's weights, seeds and metrics; the optimizer, and so the position of its schedule;
        hyperparameters assigned meanwhile; `History`; the state of every other callback;
        the generators of Python, NumPy, PyTorch and Keras; the position in epochs and steps.

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
    the end of the time of a job, is not the end of the training: the next run goes on with the
    next step.

    A snapshot is written beside the last one and then takes its place, so that a kill at any time
    leaves a whole one; checksums tell a damaged file, and the one before is taken, with a warning.
    Several `fit`s in one script each have a folder of their own within `directory`, in their order,
    and so have the trials of KerasTuner. A `fit` that failed is gone on with by the same model, or
    in a new process; another model in the same process begins anew in the next folder. While a
    `fit` runs, no other may use the folder.

    Where the script has been edited since, what it says now counts: another learning rate, loss,
    batch size or patience takes effect where training goes on, and a warning names both values.
    Another model is an error, and so is any edit once the training has ended.

    Args:
        directory: path of a folder for the snapshots of one script, on this machine.
        save_freq: `"epoch"`, or int >= 1: also after every so many steps of an epoch. Defaults to
            `"epoch"`.
        keep: int >= 1. How many snapshots are kept; one alone where the disk is full. Defaults to
            `2`.
        delete_checkpoint: bool. Delete the snapshots when `fit` ends by itself. Defaults to
            `False`.
        verbose: 0 (silent), 1 (say where training goes on) or `"auto"` (say it if `fit` is
            verbose). Defaults to `"auto"`.
        changed: what to do where the script differs from the one that wrote the snapshot:
            `"warn"`, `"error"` (nothing is changed then), or `"script"`: go on without a word.
            Defaults to `"warn"`.
        adopt: bool. Go on with an interrupted `fit` of this process also if this is another model
            object, as in a notebook where the cell that builds it is run again. Defaults to
            `False`.
        on_signal: `None`, or `"exit"`: at SIGTERM or SIGUSR1 a snapshot is written after the
            running step, early stopping gives its best weights back, and `fit` raises
            `SystemExit(128 + number of the signal)`; a second signal does what it does without
            this. Defaults to `None`.

    A model may be built by its first step only, have no `call`, and keep optimizers in attributes.
    What the step makes is put back when it has been traced, or run and undone, and before it is
    trained. What a new process could not find again, such as a layer that a later step builds, is
    named in a warning at the first snapshot.

    Raises:
        ValueError: if an argument is outside its interval; when `fit` begins, if another training
            uses the folder, or if the snapshot is one of another model, of another version of this
            package, or of what no training can be. Nothing is changed then. A model that is not
            built yet may show only at its first step that it is another.
        OSError: when `fit` begins, if a snapshot cannot be read now. It is left as it is.

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
        verbose: str | int = AUTO,
        *,
        changed: str = "warn",
        adopt: bool = False,
        on_signal: str | None = None,
    ) -> None:
        """Check and keep the arguments."""
        super().__init__()
        self.directory = _validation.folder("directory", directory)
        self.save_freq = _checked_save_freq(save_freq)
        self.keep = _validation.integer("keep", keep, low=1)
        self.delete_checkpoint = _validation.boolean("delete_checkpoint", delete_checkpoint)
        self.verbose = _validation.one_of("verbose", verbose, (AUTO, 0, 1))
        self.changed = _validation.one_of("changed", changed, ("warn", "error", "script"))
        self.adopt = _validation.boolean("adopt", adopt)
        self.on_signal = _validation.one_of("on_signal", on_signal, (None, EXIT))
        # A step after which there may be a snapshot is only over when it has been written.
        self.async_safe = self.save_freq == EPOCH and on_signal is None
        self._fit: Any = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Move behind all other callbacks; called there, continue from the last snapshot."""
        callbacks = calling_list()
        if callbacks is None or self not in callbacks.callbacks:
            raise RuntimeError("TrainingState must be called by a `keras.callbacks.CallbackList`")
        if not self._is_last(callbacks.callbacks):
            return self._move_to_the_end(callbacks.callbacks)
        of_fit = bool((self.params or {}).get("verbose"))
        verbose = self.verbose == 1 or (self.verbose == AUTO and of_fit)
        options = Options(
            self.directory, self.keep, self.changed, self.adopt, verbose, self.on_signal == EXIT
        )
        others = [c for c in callbacks.callbacks if not isinstance(c, TrainingState)]
        with self._released():
            self._fit = ResumableFit(self.model, self.params, callbacks, others, options)
        self._fit.begin()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Pass over what is done of the epoch."""
        self._fit.begin_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write a snapshot if it is time, or if a signal asks for a last one."""
        every = None if self.save_freq == EPOCH else self.save_freq
        if self._fit.end_step(batch + 1, every):
            self._fit.save_step(self.model, logs or {})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write a snapshot, after all other callbacks have ended the epoch."""
        self._fit.end_epoch(self.model, epoch)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Count the training as finished."""
        fit, self._fit = self._fit, None
        fit.finish(self.delete_checkpoint)

    def __getstate__(self) -> dict[str, Any]:
        """Leave what belongs to a running `fit`, of which a copy has its own."""
        return {**forget_model(self), "_fit": None}

    @contextlib.contextmanager
    def _released(self) -> Iterator[None]:
        """Leave a `fit` that is over; serve one on that is running if another is refused in it."""
        last = self._fit
        if last is not None and last.was_left:
            last.leave()
            last = None
        try:
            yield
        except ValueError:
            if last is not None:
                self.set_model(last.model)
                self.set_params(last.params)
            raise

    def _is_last(self, callbacks: list[keras.callbacks.Callback]) -> bool:
        behind = callbacks[callbacks.index(self) + 1 :]
        return all(isinstance(callback, TrainingState) for callback in behind)

    def _move_to_the_end(self, callbacks: list[keras.callbacks.Callback]) -> None:
        """Leave an empty callback behind, so that the list which is being called stays in step."""
        callbacks[callbacks.index(self)] = keras.callbacks.Callback()
        callbacks.append(self)


def _checked_save_freq(save_freq: Any) -> str | int:
    if not isinstance(save_freq, str):
        return _validation.integer("save_freq", save_freq, low=1)
    if save_freq != EPOCH:
        raise _validation.invalid("save_freq", '"epoch" or an integer >= 1', save_freq)
    return save_freq
