"""Ctrl-C and exceptions at any instant: the best weights come back whole, and training goes on."""

import functools
import os
import random
import signal
import threading

import keras
import numpy as np
import pytest

from keras_trainkit import layers
from keras_trainkit.callbacks import EarlyStopping
from keras_trainkit.callbacks._early_stopping import best_state as best
from keras_trainkit.callbacks._lock import LOCK
from keras_trainkit.optimizers import NAG
from tests.callbacks.stopped import Scores, kept_in
from tests.contracts import array
from tests.selection import full_on_torch

SCORES = [5.0, 3.0, 4.0, 2.0, 4.0, 4.0]
EPOCHS = len(SCORES)
BATCHES = 4
BATCH = 4
OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(0.05),
    "NAG": lambda: NAG(0.05),
    "average": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
}
OF_EPOCH = ("on_epoch_begin", "on_epoch_end", "on_test_begin", "on_test_end")
OF_BATCH = ("on_train_batch_begin", "on_train_batch_end", "on_test_batch_begin")


@functools.cache
def made(optimizer):
    return Bench(optimizer)


@pytest.fixture
def bench(optimizer):
    """Return a bench that is compiled once, at its start."""
    made(optimizer).reset()
    return made(optimizer)


def data():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(BATCH * BATCHES, 3)).astype("float32")
    return x, x[:, :1] - 1


class Bench:
    """A model that can be put back to its start, and what `fit` leaves of it after each epoch."""

    def __init__(self, optimizer, **compile_arguments):
        hidden = [keras.layers.Dense(4, "tanh"), layers.Dropout(0.2, seed=1)]
        self.model = keras.Sequential([keras.Input((3,)), *hidden, keras.layers.Dense(1)])
        self.model.compile(OPTIMIZERS[optimizer](), **{"loss": "mse", **compile_arguments})
        self.model.optimizer.build(self.model.trainable_variables)
        self.start = [np.array(array(variable)) for variable in self.variables]
        self.left = []
        for epoch in range(SCORES.index(min(SCORES)) + 1):
            self.reset()
            self.fit(epochs=epoch + 1)
            self.left.append([np.array(weight) for weight in self.model.get_weights()])

    @property
    def variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def reset(self):
        for variable, value in zip(self.variables, self.start, strict=True):
            variable.assign(value)

    def fit(self, *callbacks, x=None, epochs=EPOCHS, **arguments):
        settings = {"batch_size": BATCH} if x is None else {"steps_per_epoch": BATCHES}
        x, y = data() if x is None else (x, None)
        settings |= {"epochs": epochs, "shuffle": False, "verbose": 0, **arguments}
        return self.model.fit(x, y, callbacks=list(callbacks), **settings)

    def assert_holds(self, epoch):
        for mine, expected in zip(self.model.get_weights(), self.left[epoch], strict=True):
            np.testing.assert_array_equal(mine, expected)

    def assert_trains_on(self, stopping):
        """Train two more epochs, of which the second is the better one."""
        history = self.fit(Scores([1.0, 0.5]), stopping, epochs=2)
        assert np.isfinite(history.history["loss"]).all()
        assert stopping.best_epoch == 1
        assert stopping.report.reason == "end"


class Seen(keras.callbacks.Callback):
    """Stands behind early stopping, and counts the epochs that it has checked."""

    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs = epoch + 1

    @property
    def best(self):
        checked = SCORES[: self.epochs]
        return checked.index(min(checked)) if checked else None


class Strike(keras.callbacks.Callback):
    """Calls `act` in one hook, in one epoch and in one batch of it."""

    def __init__(self, hook, epoch, batch, act):
        super().__init__()
        self.hook, self.instant, self.act = hook, (epoch, batch), act
        self.epoch = -1
        setattr(self, hook, self.strike)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def strike(self, index=None, logs=None):
        if self.hook == "on_epoch_begin":
            self.epoch = index
        batch = index if "batch" in self.hook else self.instant[1]
        if (self.epoch, batch) == self.instant:
            self.act()


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def raise_error():
    raise RuntimeError("by the user's callback")


ERRORS = {press_ctrl_c: KeyboardInterrupt, raise_error: RuntimeError}


def assert_whole(directory, weights):
    """Compare the only file in a folder, beside its lock, with weights."""
    assert sorted(os.listdir(directory)) == [best.BEST_FILE, f"{best.BEST_FILE}{LOCK}"]
    for mine, expected in zip(kept_in(directory / best.BEST_FILE), weights, strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("optimizer", full_on_torch(OPTIMIZERS, keep=("NAG",)))
def test_gives_the_best_weights_back_from_random_instants(optimizer, bench, tmp_path):
    draw = random.Random(optimizer)
    outcomes = set()
    for instant in range(20 if optimizer == "Adam" else 8):
        act = draw.choice(list(ERRORS))
        hook = draw.choice((*OF_EPOCH, *OF_BATCH))
        strike = Strike(hook, draw.randrange(EPOCHS), draw.randrange(BATCHES), act)
        directory = draw.choice((None, tmp_path / str(instant)))
        stopping = EarlyStopping("score", mode="min", patience=9, directory=directory)
        callbacks = [Scores(SCORES), stopping, seen := Seen()]
        callbacks.insert(draw.choice((0, 3)), strike)
        with pytest.raises(ERRORS[act]):
            bench.fit(*callbacks, validation_data=data())
        outcomes.add(seen.best)
        if seen.best is None:
            assert not stopping.report.restored
            bench.reset()  # On JAX Keras itself cannot go on under `use_ema`.
        else:
            assert stopping.best_epoch == seen.best
            bench.assert_holds(seen.best)
            if directory:
                assert_whole(directory, bench.left[seen.best])
        bench.assert_trains_on(stopping)
        bench.reset()
    assert outcomes >= {1, 3}


@pytest.mark.parametrize("optimizer", ["Adam"])
def test_gives_the_best_weights_back_from_random_batches_of_the_data(bench):
    draw = random.Random(1)
    stopping = EarlyStopping("score", mode="min", patience=9)
    for _ in range(5):
        last = draw.randrange(2 * BATCHES + 2, EPOCHS * BATCHES)
        seen = Seen()
        with pytest.raises(KeyboardInterrupt):
            bench.fit(Scores(SCORES), stopping, seen, x=interrupted_batches(last))
        bench.assert_holds(seen.best)
        bench.assert_trains_on(stopping)
        bench.reset()


def interrupted_batches(last):
    """Yield the batches of the data over and over, and press Ctrl-C before one of them."""
    x, y = data()
    for count in range(BATCHES * 1000):
        if count == last:
            press_ctrl_c()
        begin = count % BATCHES * BATCH
        yield x[begin : begin + BATCH], y[begin : begin + BATCH]


def test_gives_the_best_weights_back_from_random_calls_of_the_loss():
    draw = random.Random(2)
    calls = 0

    def loss(y, y_pred):
        nonlocal calls
        calls -= 1
        if calls == 0:
            press_ctrl_c()
        return keras.ops.mean((y - y_pred) ** 2, axis=-1)

    bench = Bench("Adam", loss=loss, run_eagerly=True)
    bench.reset()
    stopping = EarlyStopping("score", mode="min", patience=9)
    for _ in range(3):
        calls = draw.randrange(BATCHES + 2, EPOCHS * BATCHES)
        seen = Seen()
        with pytest.raises(KeyboardInterrupt):
            bench.fit(Scores(SCORES), stopping, seen)
        bench.assert_holds(seen.best)
        bench.reset()


class PressFromAThread(keras.callbacks.Callback):
    """Starts a thread that presses Ctrl-C, in the sixth epoch and every hundredth from there."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch % 100 == 5:
            threading.Thread(target=press_ctrl_c).start()


# Python drops an exception that a signal raises in a finalizer, and then Ctrl-C is pressed again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("optimizer", ["Adam"])
def test_gives_the_best_weights_back_when_another_thread_presses_ctrl_c(bench, tmp_path):
    for directory in (None, tmp_path):
        stopping = EarlyStopping("score", mode="min", patience=10**6, directory=directory)
        scores = Scores([*SCORES, *[9.0] * 10**6])
        with pytest.raises(KeyboardInterrupt):
            bench.fit(scores, stopping, PressFromAThread(), epochs=10**6)
        bench.assert_holds(3)
        bench.reset()
    assert_whole(tmp_path, bench.left[3])


@pytest.mark.parametrize("optimizer", ["Adam"])
def test_serves_a_fit_outside_the_main_thread(bench):
    stopping = EarlyStopping("score", mode="min", patience=9)
    thread = threading.Thread(target=lambda: bench.fit(Scores(SCORES), stopping))
    thread.start()
    thread.join()
    bench.assert_holds(3)


def striking(act, at):
    """Return a function that passes arrays or variables on, and acts before one of them."""

    def passed(items):
        for place, item in enumerate(items):
            if place == at:
                act()
            yield item

    return passed


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("optimizer", ["NAG"])
def test_finishes_a_copy_that_ctrl_c_comes_into(bench, place, tmp_path, monkeypatch):
    copy = best.final_weights
    for epoch, directory in ((0, None), (3, None), (0, tmp_path / "0"), (3, tmp_path / "3")):
        stopping = EarlyStopping("score", mode="min", patience=9, directory=directory)
        now = Strike("on_epoch_end", epoch, 0, lambda: patch_copy(monkeypatch, copy, place))
        with pytest.raises(KeyboardInterrupt):
            bench.fit(Scores(SCORES), now, stopping)
        monkeypatch.setattr(best, "final_weights", copy)
        assert stopping.best_epoch == epoch
        bench.assert_holds(epoch)
        if directory:
            assert_whole(directory, bench.left[epoch])
        bench.reset()


def patch_copy(monkeypatch, copy, place, act=press_ctrl_c):
    through = striking(act, place)
    monkeypatch.setattr(best, "final_weights", lambda *given: through(copy(*given)))


@pytest.mark.parametrize("stored", ["in memory", "on disk"])
@pytest.mark.parametrize("optimizer", ["Adam"])
def test_never_restores_a_part_of_a_copy_that_failed(bench, stored, tmp_path, monkeypatch):
    copy = best.final_weights
    directory = tmp_path if stored == "on disk" else None
    stopping = EarlyStopping("score", mode="min", patience=9, directory=directory)
    now = Strike("on_epoch_end", 3, 0, lambda: patch_copy(monkeypatch, copy, 2, raise_error))
    with pytest.raises(RuntimeError, match="by the user's callback"):
        bench.fit(Scores(SCORES), now, stopping)
    # A file is replaced as a whole; memory is written over, so that there is nothing to restore.
    assert stopping.report.restored == (stored == "on disk")
    assert stopping.best_epoch == 1
    bench.assert_holds(1 if stored == "on disk" else 3)


def delete(variable):
    variable.value.delete()


def take(variable):
    variable._value = None


@pytest.mark.backend("jax")
@pytest.mark.parametrize("restore", ["weights", "state"])
@pytest.mark.parametrize("lose", [delete, take])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_gives_the_best_weights_back_where_a_step_has_taken_all_values(bench, lose, restore):
    """As where Ctrl-C comes while a step runs, or between two lines in front of it."""

    def interrupt():
        for variable in bench.variables:
            lose(variable)
        raise KeyboardInterrupt

    stopping = EarlyStopping("score", mode="min", patience=9, restore=restore)
    # `fit` may fail once more in its unwinding.
    with pytest.raises((KeyboardInterrupt, *best.TAKEN)):
        bench.fit(Scores(SCORES), stopping, Strike("on_epoch_end", 4, 0, interrupt))
    assert stopping.report.restored
    bench.assert_holds(3)
    assert np.isfinite(bench.model.predict(data()[0], verbose=0)).all()
    if restore == "state" and bench is not made("average"):
        bench.assert_trains_on(stopping)  # On JAX Keras itself cannot go on under `use_ema`.


def end_at_sigterm(*_):
    raise SystemExit(143)


@pytest.mark.parametrize("restore", ["weights", "state"])
@pytest.mark.parametrize("stored", ["in memory", "on disk"])
@pytest.mark.parametrize("optimizer", ["Adam"])
def test_finishes_a_restoration_that_sigterm_comes_into(
    bench, stored, restore, tmp_path, monkeypatch
):
    """A job is often ended by Ctrl-C, and by SIGTERM as soon as that takes long."""
    before = signal.signal(signal.SIGTERM, end_at_sigterm)
    assign = best.assign
    through = striking(lambda: os.kill(os.getpid(), signal.SIGTERM), 2)
    monkeypatch.setattr(best, "assign", lambda those, values: assign(through(those), values))
    directory = tmp_path if stored == "on disk" else None
    stopping = EarlyStopping("score", mode="min", patience=9, restore=restore, directory=directory)
    try:
        with pytest.raises(SystemExit, match="143"):
            bench.fit(Scores(SCORES), stopping, Strike("on_epoch_end", 4, 0, press_ctrl_c))
        assert signal.getsignal(signal.SIGTERM) is end_at_sigterm
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stopping.report.restored
    bench.assert_holds(3)


@pytest.mark.parametrize("restore", ["weights", "state"])
@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("optimizer", ["NAG"])
def test_finishes_a_restoration_that_ctrl_c_comes_into(bench, restore, interrupted, monkeypatch):
    assign = best.assign
    for place in (1, 3):
        through = striking(press_ctrl_c, place)
        monkeypatch.setattr(
            best, "assign", lambda those, values, t=through: assign(t(those), values)
        )
        stopping = EarlyStopping("score", mode="min", patience=9, restore=restore)
        callbacks = [Scores(SCORES), stopping]
        if interrupted:
            callbacks.append(Strike("on_epoch_end", 4, 0, raise_error))
        with pytest.raises(KeyboardInterrupt):
            bench.fit(*callbacks)
        bench.assert_holds(3)
        monkeypatch.setattr(best, "assign", assign)
        bench.assert_trains_on(stopping)
        bench.reset()
