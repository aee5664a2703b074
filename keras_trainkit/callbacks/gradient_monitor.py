"""The true training gradients, seen from inside `fit`."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import keras

from keras_trainkit._backend import backend_module
from keras_trainkit._fit import when_fit_fails
from keras_trainkit._keras_internals import optimizers_of
from keras_trainkit._untouched import Values
from keras_trainkit._validation import boolean, integer, one_of
from keras_trainkit._variable_paths import checked_patterns, matched
from keras_trainkit.callbacks import _gradient_monitor
from keras_trainkit.callbacks._gradient_monitor.looks import FIRST_BATCH, Looks
from keras_trainkit.callbacks._gradient_monitor.news import News
from keras_trainkit.callbacks._gradient_monitor.nonfinite import Response, Watch
from keras_trainkit.callbacks._gradient_monitor.record import Record
from keras_trainkit.callbacks._gradient_monitor.reductions import GROUPS
from keras_trainkit.callbacks._gradient_monitor.sampling import Sampling
from keras_trainkit.callbacks._gradient_monitor.session import (
    Options,
    Session,
    check_model,
    iterations,
    warn_unobserved,
)
from keras_trainkit.callbacks._tensorboard import RecordFile
from keras_trainkit.diagnosis import (
    Diagnosis,
    History,
    Summary,
    diagnose,
    plot_history,
    summarize,
)
from keras_trainkit.diagnosis._diagnosis import html
from keras_trainkit.diagnosis.diagnose import diagnose_so_far

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class GradientMonitor(keras.callbacks.Callback):
    """Records the gradients that the optimizer receives, and what it makes of them.

    For the gradient g of every variable w at every training step that is sampled:
        norm = |g|_2, clipped_norm = |g|_2 after clipping, nonfinite (a count),
        weight_norm = |w|_2 before the update, update_norm = |w_after - w_before|_2,
        update_ratio = update_norm / weight_norm, global_norm = sqrt(sum over w of |g|_2^2)
    "full" adds max_abs = max |g_i|, mean, std, zero_fraction; "cosine" adds the cosine of g with
    the gradient of the step before and the noise scale; "histograms" adds how many of at most
    4,096 entries lie between neighbouring powers of two.

    They are the gradients that train the model, taken inside its compiled step, before any
    clipping and divided by the loss scale: no second backward pass, and the training stays the
    same bit for bit. (Seen on CPUs with Keras's optimizers and this package's. XLA may round an
    optimizer of your own differently in the last bit where it adds two products.) Steps that are
    not sampled run the model's own compiled function, unless a trace of the step has a random
    stream of its own, as `tf.random.normal` has: then every step is measured, and a later `fit`
    without the monitor goes on with the same function. Nothing is added to the model, its optimizer
    or its metrics, so files saved meanwhile are as without it. With accumulation the gradients are
    those of each batch, and clipped_norm is not known; on several replicas they are the sums.

    `fit` logs the means over an epoch's sampled, finite steps as `grad_norm` and `update_ratio`
    (and `noise_scale`), those of the last epoch where none was sampled: the progress bar shows
    them, and callbacks placed after this one can monitor them. A step is one `train_step`; a second
    `fit` begins a new record, whose steps go on from `optimizer.iterations`.

    Args:
        every: which steps are sampled. Integer n >= 1: steps 0, n, 2 n, ...; `"log"`: eight of each
            octave, which are all steps up to 8; `"auto"`: as `"log"` until these are 100 steps
            apart, then every 100th, and the first step of each epoch. With "cosine" the step
            before each, too. Defaults to `"auto"`.
        statistics: `"norms"`, `"full"`, `"cosine"`, `"histograms"`, or a sequence of these. Norms
            are always measured; "cosine" holds one more copy of the gradients on the device.
            Defaults to `"full"`.
        variables: sequence of paths or regular expressions for whole segments of a variable's
            path. The variables to measure; `()` stands for all. Defaults to `()`.
        probe: `"first_batch"`: after each epoch the outputs of all layers are measured on the first
            training batch that can be seen, by one eager forward pass at inference, and before the
            first update a few of its rows pass through the network twice (`facts.trial`). Inputs
            for the model, one batch: the outputs are measured on these. `None`: no passes. A model
            that cannot be called on the batch is not probed; with inputs of your own that is a
            warning. Defaults to `"first_batch"`.
        on_nonfinite: `"record"`, `"stop"` or `"rollback"`: what to do when gradients or weights
            are NaN or infinite, besides a warning. "rollback" goes back to the last finite state
            that was fetched (a copy of all variables in host memory), halves the learning rate
            unless the data is to blame or a schedule gives it, and from then on measures every
            step and fetches twice as often; it stops where there is no such state, and after ten
            halvings. Put the monitor in front of callbacks that swap weights at the end of an
            epoch. Steps that the optimizer leaves out are only recorded. Defaults to `"record"`.
        log_dir: path of a folder on this machine for TensorBoard, or `None`. Each `fit` begins a
            file: of the step with which it goes on and later TensorBoard shows nothing of earlier
            ones, so no step twice that is trained again after a kill. Defaults to `None`.
        fetch_every: integer >= 1, in calls of the train function. How often the statistics leave
            the device, `grad_norm` in the progress bar is renewed and non-finite numbers are
            noticed. Defaults to `32`.
        max_steps: integer >= 2. The record's memory: with V variables it takes 40 V bytes per
            step, with histograms 168 V, and less than 1,000 more. Of more steps, every second one
            of the older half is forgotten; so with the logs of more epochs. Defaults to `2000`.
        live: bool. Whether to renew the diagnosis before the first step and after each epoch, and
            print what is new in it: while `fit` runs, what keeps it from learning, once it is not
            on its way; at the end, the rest. Defaults to `False`.

    Attributes:
        history: `diagnosis.History`, the record of the latest `fit`, also of an interrupted one.
            Its `facts` are what was known of model and data when it began.
        diagnosis: `diagnosis.Diagnosis`, what is wrong with it, so far if it is still running.

    Raises:
        ValueError: if an argument is outside its interval; when `fit` begins, if the model is not
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

    Reference: McCandlish, S., Kaplan, J., Amodei, D. et al. (2018), An Empirical Model of
    Large-Batch Training, arXiv:1812.06162, equation 2.9: the noise scale.
    """

    # Lets Keras go on calling batch ends from another thread: ours reads one number.
    async_safe = True

    def __init__(
        self,
        every: int | str = "auto",
        statistics: str | Sequence[str] = "full",
        variables: Sequence[str] = (),
        probe: Any = FIRST_BATCH,
        on_nonfinite: str = "record",
        log_dir: Any = None,
        fetch_every: int = 32,
        max_steps: int = 2000,
        live: bool = False,
    ) -> None:
        super().__init__()
        self.fetch_every = integer("fetch_every", fetch_every, low=1)
        several = isinstance(statistics, Iterable) and not isinstance(statistics, str)
        chosen = tuple(statistics) if several else (statistics,)
        self.statistics = tuple(one_of("statistics", name, GROUPS) for name in chosen)
        self.variables = checked_patterns("variables", variables)
        self.on_nonfinite = one_of("on_nonfinite", on_nonfinite, ("record", "stop", "rollback"))
        self.max_steps = integer("max_steps", max_steps, low=2)
        self.probe = one_of("probe", probe, (FIRST_BATCH,)) if isinstance(probe, str) else probe
        self._sampling = Sampling(every, in_pairs="cosine" in self.statistics)
        self._event_file = RecordFile(log_dir) if log_dir is not None else None
        self._record = Record(self.max_steps)
        self.live = boolean("live", live)
        self._looks, self._news = Looks(), News()
        self._is_running = False
        self._session: Session | None = None
        self._response = Response(self.on_nonfinite, self.fetch_every, Watch())
        self._shown: dict[str, float] = {}
        self._first_step = self._next_step = self._call_end = self._calls = 0

    @property
    def every(self) -> int | str:
        """Which steps are sampled."""
        return self._sampling.every

    @property
    def history(self) -> History:
        """The record of the latest `fit`, up to now if it is still running."""
        self._fetch()
        history = self._record.history(self._response.events)
        if not len(history.steps):
            raise RuntimeError("GradientMonitor has recorded nothing: no `fit` has trained with it")
        return history

    @property
    def diagnosis(self) -> Diagnosis:
        """What is wrong with the latest `fit`, most important first; `print` it."""
        return (diagnose_so_far if self._is_running else diagnose)(self.history)

    def summary(self) -> Summary:
        """Return a table of the gradients' health; `print` it, or all of it: `in_full`."""
        return summarize(self.history)

    def plot(self) -> "Figure":
        """Return a matplotlib figure of what was recorded."""
        return plot_history(self.history)

    def _repr_html_(self) -> str:
        """Return what is wrong, and the table, for a notebook."""
        try:
            history = self.history
        except RuntimeError as nothing_yet:
            return html.fragment(f"{nothing_yet}.", notes=[f"{nothing_yet}."])
        found, summary = self.diagnosis, summarize(history)
        table = replace(summary.as_table(), closing=())
        verdict = html.verdict_of(found)
        return html.fragment(f"{found}\n\n{summary}", found, found.notes, verdict, table)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Put an observed function in the place of the model's train function."""
        model = self.model
        check_model(model)
        self._record, self._shown = Record(self.max_steps), {}
        self._looks, self._news = Looks(self.probe), News()
        self._next_step = self._call_end = 0
        self._is_running = True
        when_fit_fails(model, self._end)
        self._looks.begin(model, self._record)
        self._tell("before training")
        if self._event_file:
            self._event_file.begin()
            when_fit_fails(model, self._event_file.close)
        watch = Watch.of(model.optimizer)
        self._response = Response(self.on_nonfinite, self.fetch_every, watch)
        backend = session_class()
        obstacle = backend.obstacle(model)
        if obstacle:
            self._session = None
            return warn_unobserved(obstacle)
        if model.built:
            matched("variables", self.variables, model.trainable_variables)
        session = self._session
        if not session or session.has_failed or session.original is not model.train_function:
            measured = frozenset(self.statistics)
            session = backend(model, Options(measured, self.variables, self.fetch_every))
        session.receive = partial(self._meet, model) if self._looks.is_passing else None
        session.attach()
        self._session = session

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin the epoch's means."""
        # Later the optimizer may count less (accumulation, a rollback), or more updates than steps.
        self._first_step = self._next_step or iterations(self.model)
        self._record.begin_epoch(epoch)
        if self._event_file:
            self._event_file.go_on_at(self._first_step)
        if self._session:
            self._response.begin_epoch(self)

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Announce the step to the session, after fetching if it is time."""
        if self._session:
            if self._calls >= self._response.due:
                self._fetch(in_training=True)
            self._calls += 1
            step = self._first_step + batch
            self._call_end = step + self._session.model.steps_per_execution
            end = self._first_step + ((self.params or {}).get("steps") or math.inf)
            self._next_step = int(min(self._call_end, end))
            count = self._next_step - step
            wanted = self._response.suspicious or self._sampling.wants(step, count, batch == 0)
            self._session.announce(step, wanted)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Show the epoch's means as of the latest fetch."""
        if logs is not None:
            logs.update(self._shown)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Log the epoch's means, and what the optimizers count; measure activations."""
        logs = {} if logs is None else logs
        # Endless data fills the last call of an epoch, whatever `steps_per_epoch` says.
        if self._next_step < (counted := iterations(self.model)) <= self._call_end:
            self._next_step = counted
        self._fetch(in_training=True)
        logs.update(self._shown)
        for optimizer in optimizers_of(self.model):
            logs.update(getattr(optimizer, "counters", {}))
        if self._session:
            self._look()
        self._record.end_epoch(logs)
        self._tell(f"epoch {epoch + 1}")

    def on_train_end(self, logs: dict | None = None) -> None:
        """Give the model its own train function back."""
        self._end()
        self._tell("after training")
        self._looks = Looks()  # The batch may be large.
        if self._session:
            self._session.detach()
        if self._event_file:
            self._event_file.close()

    @property
    def has_stopped(self) -> bool:
        """Whether this callback has stopped the training."""
        return any(event.action == "stop" for event in self._response.events)

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed training needs: nested numbers and arrays."""
        self._fetch(in_training=True)
        return {
            "record": self._record.get_state(),
            "response": self._response.get_state(),
            "shown": self._shown,
            "steps": [self._first_step, self._next_step],
            "directions": self._session.directions() if self._session else [],
            "told": self._news.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue the record of a training; the probe's batch must come again."""
        self._record.set_state(state["record"])
        self._response.set_state(state["response"])
        self._shown = dict(state["shown"])
        self._first_step, self._next_step = state["steps"]
        self._news = News(state.get("told", ()))  # Older states have none.
        if self._session:
            self._session.resume_directions(state["directions"])

    def __getstate__(self) -> dict:
        """Keep the record and leave the model, which a copy gets from its own `fit`."""
        self._fetch()
        left = (keras.Model, Session)
        kept = {n: None if isinstance(v, left) else v for n, v in vars(self).items()}
        return {**kept, "_is_running": False}

    def _fetch(self, in_training: bool = False) -> None:
        """Take what was measured since the last time, and act on it if `fit` can be acted upon."""
        if not self._session:
            return
        steps = self._record.add(self._session.fetch(), self._session.recorder.variables)
        for step in steps:
            self._response.look(step, self._first_step, self._record.names)
            if self._event_file:
                self._event_file.write(step.step, self._record.names, step.rows, step.counts)
        if in_training:  # Whoever else looks leaves the turns of the training as they are.
            self._calls = 0
            self._shown = {} if self._session.has_failed else self._record.means() or self._shown
            self._response.answer(self)

    def _meet(self, model: keras.Model, batch: Any, values: Values) -> None:
        """See the first batch, before it trains."""
        self._looks.meet(model, self._record, batch, values)
        self._tell("before training")

    def _end(self) -> None:
        """Let the diagnosis say what only the end of a training shows."""
        self._is_running = False

    def _look(self) -> None:
        """Measure activations."""
        rows = self._looks.end_epoch(self.model, self._record)
        if rows and self._event_file:
            self._event_file.write_activations(self._next_step - 1, rows)

    def _tell(self, when: str) -> None:
        if self.live:
            self._news.tell(when, self._record, self._response.events, self._is_running)


def session_class() -> type[Session]:
    """Return the session of the active backend; the other backends need not be installed."""
    return backend_module(_gradient_monitor.__name__).BackendSession
