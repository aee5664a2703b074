"""`on_signal="exit"`: a scheduler takes the machine away, and nothing is lost."""

import os
import signal
import threading

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import EarlyStopping, TrainingState
from keras_trainkit.callbacks._training_state.preemption import SIGNALS
from tests.callbacks.stopped import Scores
from tests.callbacks.training_state.crashes import (
    SCORES,
    STEPS,
    Crash,
    Training,
    arrays,
    assert_same,
    forget_fits,
    network,
)
from tests.contracts import run_in_fresh_process
from tests.selection import full_on_torch

TRAINING = Training(
    callbacks=lambda folder: [
        Scores(SCORES),
        EarlyStopping("score", mode="min", patience=9, directory=folder / "best"),
    ],
    epochs=6,
    save_freq="epoch",
)


class Send(Crash):
    """Sends signals to this process instead of raising."""

    def __init__(self, epoch, batch, *signals):
        super().__init__(epoch, batch)
        self.signals = signals

    def strike(self, batch):
        if (self.epoch, batch) == self.instant:
            for number in self.signals:
                os.kill(os.getpid(), number)


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


def ended(folder, *sent):
    """Train until the signals end it; return what was trained and the exit code."""
    callbacks = []

    def keep(at):
        callbacks.extend(TRAINING.callbacks(at))
        return callbacks

    training = Training(**{**vars(TRAINING), "callbacks": keep})
    before = handlers()
    with pytest.raises(SystemExit) as end:
        training.run(folder, Send(*sent), training.state(folder, on_signal="exit"))
    assert handlers() == before
    forget_fits()
    return callbacks, end.value.code


INSTANTS = {
    "a step": (3, 1),
    "the last step": (3, STEPS - 1),
    "the end of an epoch": (3, None),
    "the end": (5, None),
    "the first step": (0, 0),
}


@pytest.mark.oldest
@pytest.mark.parametrize(
    "instant",
    full_on_torch(
        [pytest.param(instant, id=name) for name, instant in INSTANTS.items()], keep=("a step",)
    ),
)
def test_loses_no_step_and_gives_the_best_weights_back(instant, tmp_path):
    through = TRAINING.run(tmp_path / "through")
    number = SIGNALS[instant[0] % len(SIGNALS)]
    (_, stopping), code = ended(tmp_path, *instant, number)
    assert code == 128 + number
    epoch, batch = instant
    assert stopping.report.restored == (epoch > 0)
    if epoch:
        assert stopping.best_epoch == 3 if (epoch > 3 or batch is None) else 1
        for mine, kept in zip(stopping.model.get_weights(), stopping.best_weights, strict=True):
            np.testing.assert_array_equal(mine, kept)
    if instant == (5, None):
        with pytest.warns(UserWarning, match="has ended after epoch 6"):
            resumed = TRAINING.resumed(tmp_path)
    else:
        resumed = TRAINING.resumed(tmp_path)
    done = epoch * STEPS + (STEPS if batch is None else batch + 1)
    assert resumed.steps == through.steps - done
    assert_same(resumed, through)


@pytest.mark.short("torch")
def test_the_handlers_of_the_user_are_back_after_every_end(tmp_path):
    mine = [lambda *_: None for _ in SIGNALS]
    before = handlers()
    try:
        for number, handler in zip(SIGNALS, mine, strict=True):
            signal.signal(number, handler)
        TRAINING.crashed(tmp_path, on_signal="exit")
        assert handlers() == mine
        TRAINING.run(tmp_path, TRAINING.state(tmp_path, on_signal="exit"))
        assert handlers() == mine
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


@pytest.mark.short("torch")
def test_without_it_signals_are_none_of_its_business(tmp_path):
    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.seen = handlers()

    before, look = handlers(), Look()
    network().fit(**arrays(), verbose=0, callbacks=[look, TrainingState(tmp_path)])
    assert look.seen == before


TWICE = """
import os, signal, sys
from pathlib import Path
from tests.callbacks.training_state.test_signals import TRAINING, Send

folder = Path(sys.argv[1])
signal.signal(signal.SIGTERM, signal.SIG_DFL)
child = os.fork()
if child == 0:
    send = Send(2, 1, signal.SIGTERM, signal.SIGTERM)
    TRAINING.run(folder, send, TRAINING.state(folder, on_signal="exit"))
    os._exit(0)
_, status = os.waitpid(child, 0)
print("killed by signal", os.WTERMSIG(status))
"""


@pytest.mark.short("torch")
def test_a_second_signal_ends_the_process_at_once(tmp_path):
    assert run_in_fresh_process(TWICE, tmp_path).splitlines()[-1] == "killed by signal 15"


WORKER = """
import os, signal, time
from keras_trainkit.callbacks._training_state.preemption import Preemption

signal.signal(signal.SIGTERM, signal.SIG_DFL)
preemption = Preemption()
preemption.watch()
reader, writer = os.pipe()
worker = os.fork()
if worker == 0:
    os.write(writer, b"!")  # Python forgets a signal that comes while it forks.
while worker == 0:
    time.sleep(0.01)
os.read(reader, 1)
os.kill(worker, signal.SIGTERM)
print(os.WTERMSIG(os.waitpid(worker, 0)[1]), preemption.received)
"""


@pytest.mark.short("torch")
def test_a_worker_is_ended_by_the_signal_as_without_it():
    """`multiprocessing` ends its workers by SIGTERM, and waits for their end."""
    assert run_in_fresh_process(WORKER).splitlines()[-1] == "15 None"


@pytest.mark.short("torch")
def test_another_error_does_not_swallow_a_signal(tmp_path):
    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGTERM)
            raise ValueError("the user's")

    state = TrainingState(tmp_path, on_signal="exit")
    with pytest.raises(SystemExit) as end:
        network().fit(**arrays(), verbose=0, callbacks=[Fail(), state])
    assert end.value.code == 143


@pytest.mark.short("torch")
def test_outside_of_the_main_thread_it_is_refused(tmp_path):
    caught = []

    def train():
        state = TrainingState(tmp_path, on_signal="exit")
        try:
            network().fit(**arrays(), verbose=0, callbacks=[state])
        except ValueError as error:
            caught.append(str(error))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert not (tmp_path / "fit-000").exists()
    assert caught == [
        "`on_signal` must be None where `fit` is not called in the main thread. Received: "
        "on_signal='exit'"
    ]
