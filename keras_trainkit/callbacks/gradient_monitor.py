"""The true training gradients, seen from inside `fit`."""

import importlib
from typing import TYPE_CHECKING

import keras

from keras_trainkit._model_optimizers import optimizers_of
from keras_trainkit._validation import integer, invalid
from keras_trainkit.callbacks._record import Record
from keras_trainkit.callbacks._session import Session, warn_unobserved
from keras_trainkit.diagnosis import History, Summary, plot_history, summarize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOG_NAME = "grad_norm"


class GradientMonitor(keras.callbacks.Callback):
    """Records the gradients that the optimizer receives, and what it makes of them.

    For the gradient g of every variable w at every optimizer update:
        norm = |g|_2, max_abs = max |g_i|, mean, std, zero_fraction, nonfinite (a count),
        weight_norm = |w|_2 before the update, update_norm = |w_after - w_before|_2,
        update_ratio = update_norm / weight_norm, global_norm = sqrt(sum over w of |g|_2^2)
    They are the gradients that train the model, taken inside its compiled step, before any
    clipping and divided by the loss scale: no second backward pass, and the training stays the
    same bit for bit. (Seen on CPUs with Keras's optimizers and this package's. XLA may round an
    optimizer of your own differently in the last bit where it adds two products.) Nothing is added
    to the model, its optimizer or its metrics, so files saved meanwhile are as without it. `fit`
    logs the mean of `global_norm` over an epoch's finite steps as `grad_norm`: the progress bar
    shows it, and callbacks placed after this one can monitor it.
    A second `fit` begins a new record; its steps go on from `optimizer.iterations`.

    Args:
        fetch_every: integer >= 1, in calls of the train function. How often the statistics leave
            the device, and `grad_norm` in the progress bar is renewed. Defaults to `32`.

    Attributes:
        history: `diagnosis.History`, the record of the latest `fit`, also of an interrupted one.

    Raises:
        ValueError: if `fetch_every` is not an integer >= 1; when `fit` begins, if the model is not
            compiled, has nothing to train, or has a second monitor.

    Example:
        >>> import keras, numpy as np
        >>> from keras_trainkit.callbacks import GradientMonitor
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "linear", False)])
        >>> model.layers[0].set_weights([np.array([[3.0], [4.0]])])
        >>> model.compile(keras.optimizers.SGD(0.1), "mse")
        >>> monitor = GradientMonitor()
        >>> _ = model.fit(np.eye(2), np.zeros((2, 1)), verbose=0, callbacks=[monitor])
        >>> monitor.history["norm"], monitor.history["update_ratio"].round(6)
        (array([[5.]]), array([[0.1]]))
    """

    # Lets Keras go on calling batch ends from another thread: ours reads one number.
    async_safe = True

    def __init__(self, fetch_every: int = 32) -> None:
        super().__init__()
        self.fetch_every = integer("fetch_every", fetch_every, low=1)
        self._record = Record()
        self._session: Session | None = None
        self._mean_norm: float | None = None

    @property
    def history(self) -> History:
        """The record of the latest `fit`, up to now if it is still running."""
        self._fetch()
        history = self._record.history()
        if not len(history.steps):
            raise RuntimeError("GradientMonitor has recorded nothing: no `fit` has trained with it")
        return history

    def summary(self) -> Summary:
        """Return a table of the gradients' health; `print` it to read it."""
        return summarize(self.history)

    def plot(self) -> "Figure":
        """Return a matplotlib figure of norms and update ratios."""
        return plot_history(self.history)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Put an observed function in the place of the model's train function."""
        model = self.model
        _check(model)
        self._record, self._mean_norm = Record(), None
        backend = _session_class()
        obstacle = backend.obstacle(model)
        if obstacle:
            self._session = None
            return warn_unobserved(obstacle)
        if not (self._session and self._session.original is model.train_function):
            self._session = backend(model, self.fetch_every)
        self._session.attach()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin the epoch's mean."""
        self._mean_norm = None
        self._record.begin_epoch(epoch, int(getattr(self.model.optimizer, "iterations", 0)))

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Announce the step to the session, after fetching if it is time."""
        if self._session:
            if self._session.calls >= self.fetch_every:
                self._fetch()
            self._session.armed = True

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Show the epoch's mean as of the latest fetch."""
        self._put_mean_norm(logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Log the epoch's mean global norm, and what the optimizers count."""
        logs = {} if logs is None else logs
        self._fetch()
        self._put_mean_norm(logs)
        for optimizer in optimizers_of(self.model):
            logs.update(getattr(optimizer, "counters", {}))
        self._record.end_epoch(logs)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Give the model its own train function back."""
        if self._session:
            self._session.detach()

    def __getstate__(self) -> dict:
        """Keep the record and leave the model, which a copy gets from its own `fit`."""
        self._fetch()
        left = (keras.Model, Session)
        return {n: None if isinstance(v, left) else v for n, v in vars(self).items()}

    def _fetch(self) -> None:
        if self._session:
            self._record.add(self._session.fetch(), self._session.recorder.variables)
            self._mean_norm = self._record.mean_norm()

    def _put_mean_norm(self, logs: dict | None) -> None:
        if logs is not None and self._mean_norm is not None:
            logs[LOG_NAME] = self._mean_norm


def _check(model: keras.Model) -> None:
    """Raise if there is nothing to observe; take the place back from an interrupted `fit`."""
    if not getattr(model, "compiled", False):
        raise invalid("model", "a compiled model", getattr(model, "name", model))
    if model.built and not model.trainable_variables:
        raise invalid("model", "a model with trainable weights", model.name)
    model.make_train_function()
    other = model.train_function
    if isinstance(other, Session):
        other.detach()
        if other.fit is model.history:
            raise ValueError(
                "`callbacks` must hold one GradientMonitor. Received: two in one `fit`"
            )


def _session_class() -> type[Session]:
    """Return the session of the active backend; the other backends need not be installed."""
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax", "torch"):
        raise invalid("keras.backend.backend()", "tensorflow, jax or torch", backend)
    module = importlib.import_module(f"keras_trainkit.callbacks._{backend}")
    return module.BackendSession
