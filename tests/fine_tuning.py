"""One training with all that fine-tuning takes: plain, monitored, and killed and resumed."""

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import GradientMonitor, LearningRate, TrainingState
from keras_trainkit.optimizers import AdamW
from keras_trainkit.schedules import CosineDecay
from tests.callbacks.monitored import assert_same_training
from tests.callbacks.training_state.crashes import Calls, Crash, CrashError

EPOCHS = 3


def check_fine_tuning(make, x, y, folder, policy="float32", batch_size=4):
    """Train what `make` returns in each way; return the record after a look at it.

    The rows of `x` should be no multiple of the batch size.
    """

    def trained(*callbacks):
        keras.utils.clear_session(free_memory=False)
        keras.config.set_dtype_policy(policy)
        return _trained(make, x, y, batch_size, callbacks)

    plain, expected = trained()
    model, logs = trained(monitor := GradientMonitor())
    assert_same_training(model, logs, plain, expected)
    with pytest.raises(CrashError):
        trained(GradientMonitor(), Crash(1), TrainingState(folder))
    # Another model of the same process goes on only if it is told to.
    rest, state = Calls(), TrainingState(folder, adopt=True)
    model, logs = trained(again := GradientMonitor(), rest, state)
    assert rest.epochs == [1, 2]
    assert_same_training(model, logs, plain, expected)
    for statistic in ("norm", "update_ratio"):
        np.testing.assert_array_equal(again.history[statistic], monitor.history[statistic])
    _check_record(monitor.history, model)
    return monitor


def _trained(make, x, y, batch_size, callbacks):
    """Build, compile and fit as a script does."""
    keras.utils.set_random_seed(0)
    model = make()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(AdamW(1e-3, weight_decay=0.01), loss)
    rate = LearningRate(CosineDecay(1e-2, "100%").warmup("20%"))
    fit = {"batch_size": batch_size, "epochs": EPOCHS, "verbose": 0}
    return model, model.fit(x, y, callbacks=[rate, *callbacks], **fit).history


def _check_record(history, model):
    """Every trainable variable is there, with finite numbers, and something moves."""
    assert len(history.variables) == len(model.trainable_variables)
    for statistic in ("norm", "max_abs", "zero_fraction", "weight_norm", "update_norm"):
        assert np.isfinite(history[statistic]).all(), statistic
    assert (history.global_norm > 0).all()
    assert not history.events
