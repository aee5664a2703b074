"""Searches of KerasTuner, and trainings on two devices, that crash and are run again."""

import keras
import keras_tuner
import pytest

from keras_trainkit.callbacks import EarlyStopping, TrainingState
from tests.callbacks.monitored import data
from tests.callbacks.training_state.crashes import arrays, compiled, forget_fits
from tests.contracts import run_in_fresh_process
from tests.selection import full_on_torch

EPOCHS = 4


class Log(keras.callbacks.Callback):
    """Notes the epochs of every `fit` of a search, and interrupts one of them.

    `interrupt` is the number of a `fit` and an epoch of it.
    """

    fits = []
    interrupt = None

    def on_train_begin(self, logs=None):
        self.fits.append([])

    def on_epoch_begin(self, epoch, logs=None):
        self.fits[-1].append(epoch)
        if (len(self.fits), epoch) == Log.interrupt:
            raise KeyboardInterrupt


def build(hp):
    keras.utils.set_random_seed(hp.Choice("seed", [1, 2, 3, 4]))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
    return compiled(model)


TUNERS = {
    "RandomSearch": {"max_trials": 3},
    "RandomSearch, each twice": {"max_trials": 2, "executions_per_trial": 2},
    "Hyperband": {"max_epochs": EPOCHS, "factor": 2},
}


def searched(folder, name, interrupt=None):
    """Search, or go on with the search in the folder, as a new process; return the scores."""
    Log.fits, Log.interrupt = [], interrupt
    forget_fits()
    tuner = getattr(keras_tuner, name.split(",")[0])(
        build, "val_loss", directory=folder, project_name="search", seed=1, **TUNERS[name]
    )
    epochs = {} if name == "Hyperband" else {"epochs": EPOCHS}
    callbacks = [TrainingState(folder / "state"), EarlyStopping(patience=9), Log()]
    tuner.search(**arrays(), **epochs, validation_data=data(8), callbacks=callbacks, verbose=0)
    trials = tuner.oracle.trials.values()
    assert {trial.status for trial in trials} == {"COMPLETED"}
    return {trial.trial_id: trial.score for trial in trials}


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@pytest.mark.parametrize("name", full_on_torch(TUNERS, keep=("RandomSearch",)))
def test_a_search_goes_on_with_the_trial_that_was_interrupted(name, tmp_path):
    through = searched(tmp_path / "through", name)
    fits = list(Log.fits)
    folders = {path.name for path in (tmp_path / "through" / "state").iterdir()}
    assert folders == {f"trial-{trial}" for trial in through}

    struck = next(i for i, fit in enumerate(fits) if i > 0 and len(fit) > 1)
    last = fits[struck][-1]
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "crashed", name, interrupt=(struck + 1, last))
    assert searched(tmp_path / "crashed", name) == through
    assert [last] in Log.fits[:2]


TWO_DEVICES = """
import sys
from pathlib import Path
from tests.callbacks.replicas import scope
from tests.callbacks.training_state.crashes import Training, assert_resumes

with scope():
    assert_resumes(Training(save_freq=eval(sys.argv[2])), Path(sys.argv[1]))
print("equal")
"""


ON_ONE_BACKEND = [
    pytest.param(3, marks=pytest.mark.short("tensorflow")),
    pytest.param("epoch", marks=pytest.mark.short("jax")),
]


@pytest.mark.backend("tensorflow", "jax")
@pytest.mark.parametrize("save_freq", ON_ONE_BACKEND)
def test_two_replicas_go_on_as_if_never_interrupted(save_freq, tmp_path):
    """By `MirroredStrategy` on TensorFlow, by `DataParallel` on JAX, in a process of their own."""
    assert run_in_fresh_process(TWO_DEVICES, tmp_path, repr(save_freq)).splitlines()[-1] == "equal"
