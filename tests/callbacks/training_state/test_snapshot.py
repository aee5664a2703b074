"""A snapshot whose checksums agree and whose content can be none, as if somebody had made it."""

import copy
import math
import random

import keras
import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit.callbacks._training_state.snapshot import Snapshot
from tests.callbacks.training_state.crashes import Training, arrays, network
from tests.contracts import array

pytestmark = pytest.mark.short("torch")

TRAINING = Training(crash=(2, 4), save_freq=3)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """Return the path of an honest snapshot, and its content."""
    keras.utils.clear_session(free_memory=False)
    folder = tmp_path_factory.mktemp("honest")
    TRAINING.crashed(folder)
    path = sorted((folder / "state" / "fit-000").iterdir())[-1]
    return path, archive.read(str(path))


def without(name):
    return lambda state: state.pop(name)


def put(value, *place):
    def change(state):
        for key in place[:-1]:
            state = state[key]
        state[place[-1]] = value

    return change


CRAFTED = {
    **{
        f"{name} is {value!r}": put(value, name)
        for name in ("epoch", "batch")
        for value in (math.nan, None, -5, 1.0, "1", True, [1])
    },
    **{
        f"without {name}": without(name)
        for name in (
            *("model", "epoch", "batch", "ended", "logs", "variables", "metrics"),
            *("numbers", "callbacks", "generators", "epoch_generators"),
        )
    },
    "ended is None": put(None, "ended"),
    "logs hold text": put("high", "logs", "loss"),
    "a variable is text": put("text", "variables", 0),
    "a variable is missing": lambda state: state["variables"].pop(),
    "a variable of another shape": put(np.zeros((7, 7)), "variables", 0),
    "a variable of text": lambda state: put(
        np.full(state["variables"][0].shape, "text"), "variables", 0
    )(state),
    "a number too large": put({"rate": 7.0}, "numbers", 0),
    "a number of another name": put({"rat": 0.5}, "numbers", 0),
    "numbers missing": lambda state: state["numbers"].pop(),
    "no generator of Python": lambda state: state["generators"].pop("python"),
    "a generator of Python that is none": put((3, (1, 2), None), "generators", "python"),
    "a generator of NumPy that is none": put(("MT19937", np.zeros(3)), "generators", "numpy"),
    "a callback without a kind": put([{"settings": {}, "state": {}}], "callbacks"),
    "callbacks are text": put("none", "callbacks"),
    "a setup that is none": put([1], "setup"),
    "a setup of optimizers that are none": put({"optimizers": ["adam"]}, "setup"),
    "a model that is none": put([1], "model"),
    "a variable without a name": put([7, [], "float32"], "model", "variables", 0),
    "is a list": None,
}


@pytest.mark.parametrize("change", CRAFTED.values(), ids=CRAFTED)
def test_gives_one_clear_error_before_anything_is_changed(change, honest, tmp_path):
    _, content = honest
    state = copy.deepcopy(content)
    if change is None:
        state = [state]
    else:
        change(state)
    place = tmp_path / "state" / "fit-000" / "snapshot-00000000.npz"
    place.parent.mkdir(parents=True)
    archive.write(str(place), state)
    model = network()
    before = [np.array(array(variable)) for variable in model.variables]
    streams = random.getstate(), np.random.get_state()[1].tolist()
    with pytest.raises(ValueError, match="TrainingState cannot go on from") as error:
        model.fit(**arrays(), verbose=0, callbacks=[TRAINING.state(tmp_path)])
    assert str(place) in str(error.value)
    np.testing.assert_equal([array(variable) for variable in model.variables], before)
    assert int(array(model.optimizer.iterations)) == 0
    assert (random.getstate(), np.random.get_state()[1].tolist()) == streams
    assert model._initial_epoch is None
    assert model.fit(**arrays(), verbose=0).epoch == [0]


def test_the_honest_one_is_one(honest):
    snapshot = Snapshot.from_state(honest[1])
    assert (snapshot.epoch, snapshot.batch) == (2, 3)


def test_the_error_names_what_is_wrong_in_few_words(honest):
    with pytest.raises(ValueError, match="must be") as error:
        Snapshot.from_state({**honest[1], "epoch": -5})
    assert str(error.value) == "`epoch` must be what TrainingState has written. Received: epoch=-5"
    with pytest.raises(ValueError, match="must be") as error:
        Snapshot.from_state({**honest[1], "variables": [np.zeros(99), "text"] * 50})
    assert str(error.value).endswith("Received: variables=a list of 100")
