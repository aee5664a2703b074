"""Exceptions and Ctrl-C at any point: what was measured stays, the model trains on as ever."""

import keras
import pytest

from keras_trainkit.callbacks import GradientMonitor
from tests.callbacks.monitored import assert_same_training, compiled, data, fit, softmax
from tests.callbacks.untouched import assert_same_footprint
from tests.contracts import array
from tests.selection import full_on_torch

MOMENTS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_epoch_end",
    "data",
)
MESSAGE = "enough"


class Interrupt(keras.callbacks.Callback):
    """Raises in the second batch or epoch, or when training begins."""

    def __init__(self, moment):
        super().__init__()
        setattr(self, moment, self.strike)

    def strike(self, index=None, logs=None):
        if index == 1 or not isinstance(index, int):
            raise KeyboardInterrupt(MESSAGE)


def interrupted(model, callbacks, moment):
    """Begin a training that does not end."""
    if moment == "data":
        # TensorFlow makes an error of its own of it.
        with pytest.raises(Exception, match=MESSAGE):
            model.fit(broken_batches(), shuffle=False, verbose=0, callbacks=callbacks)
    else:
        with pytest.raises(KeyboardInterrupt, match=MESSAGE):
            fit(model, [*callbacks, Interrupt(moment)], rows=16)


def broken_batches():
    x, y = data(24)
    yield from ((x[i : i + 8], y[i : i + 8]) for i in (0, 8))
    raise RuntimeError(MESSAGE)


def alone(model, monitors):
    return fit(model, rows=16)


def observed(model, monitors):
    return fit(model, monitors, rows=16)


def by_batch(model, monitors):
    x, y = data(8)
    return {"loss": [float(model.train_on_batch(x, y)) for _ in range(2)]}


@pytest.mark.parametrize("moment", full_on_torch(MOMENTS, keep=("on_train_batch_end",)))
def test_interrupted_training_keeps_its_record_and_frees_the_model(moment):
    plain, model = compiled(softmax), compiled(softmax)
    monitor = GradientMonitor(every=1, fetch_every=1)
    for go_on in (alone, observed, by_batch):
        before = steps_of(plain)
        interrupted(plain, [], moment)
        interrupted(model, [monitor], moment)
        # Of data that end by an error TensorFlow counts one step too many.
        too_many = moment == "data" and keras.backend.backend() == "tensorflow"
        assert recorded(monitor) == list(range(before, steps_of(plain) - too_many))
        expected, logs = go_on(plain, []), go_on(model, [monitor])
        assert_same_training(model, logs, plain, expected)
        assert_same_footprint(model, plain)
    fit(model, [monitor], rows=16)
    assert len(recorded(monitor)) == 4


def steps_of(model):
    return int(array(model.optimizer.iterations))


def recorded(monitor):
    try:
        return monitor.history.steps.tolist()
    except RuntimeError:
        return []
