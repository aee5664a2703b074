"""What a user meets: arguments, messages, folders, and `fit` again in a script or a notebook."""

import copy
import pickle
import re
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import EarlyStopping, TrainingState
from tests.callbacks.monitored import data
from tests.callbacks.stopped import Scores
from tests.callbacks.training_state.crashes import (
    SCORES,
    STEPS,
    Calls,
    Crash,
    CrashError,
    Training,
    arrays,
    assert_same,
    compiled,
    forget_fits,
    network,
)
from tests.contracts import array
from tests.selection import full_on_torch

TRAINING = Training()


@pytest.fixture
def new_process():
    """Return a function after which folders are found as a new process finds them."""
    return forget_fits


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"directory": ""}, "`directory` must be the path of a folder. Received: directory=''"),
        ({"directory": None}, "`directory` must be the path of a folder. Received: directory=None"),
        (
            {"save_freq": "batch"},
            "`save_freq` must be \"epoch\" or an integer >= 1. Received: save_freq='batch'",
        ),
        ({"save_freq": 0}, "`save_freq` must be an integer >= 1. Received: save_freq=0"),
        ({"save_freq": 1.5}, "`save_freq` must be an integer >= 1. Received: save_freq=1.5"),
        ({"keep": 0}, "`keep` must be an integer >= 1. Received: keep=0"),
        (
            {"delete_checkpoint": 1},
            "`delete_checkpoint` must be a bool. Received: delete_checkpoint=1",
        ),
        ({"verbose": 2}, "`verbose` must be one of 'auto', 0, 1. Received: verbose=2"),
        (
            {"changed": "ask"},
            "`changed` must be one of 'warn', 'error', 'script'. Received: changed='ask'",
        ),
        ({"adopt": 1}, "`adopt` must be a bool. Received: adopt=1"),
        ({"on_signal": 143}, "`on_signal` must be one of None, 'exit'. Received: on_signal=143"),
        (
            {"directory": "s3://bucket/run"},
            "`directory` must be the path of a folder on this machine. Received: "
            "directory='s3://bucket/run'",
        ),
    ],
)
def test_refuses_a_bad_argument(arguments, message):
    with pytest.raises(ValueError, match="must be") as error:
        TrainingState(**{"directory": "state"} | arguments)
    assert str(error.value) == message


def test_refuses_to_be_called_outside_a_list_of_callbacks(tmp_path):
    with pytest.raises(RuntimeError) as error:
        TrainingState(tmp_path).on_train_begin()
    assert str(error.value) == ("TrainingState must be called by a `keras.callbacks.CallbackList`")


@pytest.mark.oldest
@pytest.mark.parametrize(
    "copied",
    full_on_torch(
        [copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))], keep=(copy.deepcopy,)
    ),
)
def test_a_copy_serves_in_place_of_the_original(copied, tmp_path):
    through = TRAINING.run(tmp_path / "through")
    state = TRAINING.state(tmp_path, adopt=True)
    with pytest.raises(CrashError):
        TRAINING.run(tmp_path, Crash(2, 4), copied(state))
    with pytest.raises(CrashError):
        TRAINING.run(tmp_path, Crash(3, 4), state)
    assert_same(TRAINING.run(tmp_path, copied(state)), through)


class FailingBatches(keras.utils.PyDataset):
    """Data that cannot be read from a batch on."""

    def __init__(self, fails_at):
        super().__init__()
        self.fails_at = fails_at

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        if index >= self.fails_at:
            raise CrashError
        x, y = data()
        return x[index : index + 1], y[index : index + 1]


def errors_of_data():
    """Return what a backend raises where a dataset does."""
    if keras.backend.backend() != "tensorflow":
        return CrashError
    import tensorflow as tf

    return tf.errors.OpError


def footprint(model):
    """Return which attributes a model has, and those that a resumed training sets for a while."""
    methods = [name for name, value in vars(model).items() if callable(value)]
    return sorted(vars(model)), methods, model._initial_epoch, type(model.train_function).__name__


@pytest.mark.oldest
def test_leaves_nothing_behind(tmp_path):
    plain = network()
    plain.fit(**arrays(), epochs=2, verbose=0)
    following = np.random.get_state()[1].tolist()
    keras.utils.set_random_seed(1)
    model = network()
    callbacks = [TRAINING.state(tmp_path), Calls()]
    given = list(callbacks)
    model.fit(**arrays(), epochs=2, verbose=0, callbacks=callbacks)
    assert callbacks == given
    assert footprint(model) == footprint(plain)
    assert np.random.get_state()[1].tolist() == following


def test_leaves_nothing_behind_when_the_data_fails_before_the_first_new_step(tmp_path):
    plain, model, state = network(), network(), TRAINING.state(tmp_path, save_freq=5)
    # Not in the first step: there Keras itself loses the variables on JAX, which loads two ahead.
    whole, cut = FailingBatches(STEPS), FailingBatches(4)
    plain.fit(whole, epochs=2, verbose=0)
    with pytest.raises(CrashError):
        model.fit(whole, epochs=2, verbose=0, callbacks=[Crash(1, 5), state])
    with pytest.raises(errors_of_data()):
        model.fit(cut, epochs=2, verbose=0, callbacks=[state])
    assert footprint(model) == footprint(plain)
    calls = Calls()
    model.fit(whole, epochs=2, verbose=0, callbacks=[calls, state])
    assert (calls.epochs, calls.steps) == ([1], STEPS - 5)
    assert model.fit(whole, epochs=2, verbose=0).epoch == [0, 1]


@pytest.mark.oldest
def test_a_saved_model_holds_nothing_more(tmp_path):
    keys = []
    for callbacks in ([], [TRAINING.state(tmp_path)]):
        keras.utils.clear_session(free_memory=False)
        model = network()
        model.fit(**arrays(), verbose=0, callbacks=callbacks)
        model.save(tmp_path / "model.keras")
        with zipfile.ZipFile(tmp_path / "model.keras") as file:
            names, config = (
                sorted(file.namelist()),
                re.sub(rb"_id\": \d+", b"", file.read("config.json")),
            )
            file.extract("model.weights.h5", tmp_path)
        with h5py.File(tmp_path / "model.weights.h5") as file:
            inside = []
            file.visit(inside.append)
        keys.append((names, config, inside))
    assert keys[0] == keys[1]


@pytest.mark.short("torch")
@pytest.mark.oldest
@pytest.mark.parametrize("position", full_on_torch([0, 1, 3], keep=(0,)))
def test_stands_anywhere_in_the_list_of_callbacks(position, tmp_path):
    def run(folder, *crash):
        stopping = EarlyStopping("score", mode="min", patience=3)
        callbacks = [*crash, Scores(SCORES), stopping]
        callbacks.insert(position, TrainingState(folder, adopt=True))
        keras.utils.set_random_seed(4)
        model = network()
        history = model.fit(**arrays(), epochs=8, verbose=0, callbacks=callbacks)
        return [*model.get_weights(), history.history, history.epoch, stopping.report]

    through = run(tmp_path / "through")
    with pytest.raises(CrashError):
        run(tmp_path / "crashed", Crash(5, None))
    np.testing.assert_equal(run(tmp_path / "crashed"), through)


def stopped(kind, **arguments):
    def callbacks(folder):
        return [Scores(SCORES), kind("score", mode="min", patience=3, **arguments)]

    return Training(callbacks=callbacks, epochs=8, crash=(5, None), save_freq="epoch")


def test_early_stopping_keeps_its_patience_over_a_crash(tmp_path):
    """keras-team/keras#14862: a new `EarlyStopping` begins to count at 0 after a crash.

    The best epoch is 3 and the crash comes in epoch 5, so that training must end with epoch 6.
    """
    training = stopped(keras.callbacks.EarlyStopping, restore_best_weights=True)
    training.crashed(tmp_path)
    resumed = training.resumed(tmp_path)
    assert resumed.history.epoch == [0, 1, 2, 3, 4, 5, 6]
    stopping = resumed.callbacks[2]
    assert (stopping.stopped_epoch, stopping.best_epoch, stopping.best) == (6, 3, 2.0)


def test_plateaus_are_counted_over_a_crash(tmp_path):
    """keras-team/keras#9462, #14862: `ReduceLROnPlateau` loses its count and its best value."""

    def callbacks(folder):
        arguments = {"factor": 0.5, "patience": 3, "mode": "min"}
        return [Scores(SCORES), keras.callbacks.ReduceLROnPlateau("score", **arguments)]

    training = Training(callbacks=callbacks, epochs=8, crash=(5, None), save_freq="epoch")
    training.crashed(tmp_path)
    rates = training.resumed(tmp_path).history.history["learning_rate"]
    np.testing.assert_allclose(rates, [0.001] * 7 + [0.0005], rtol=1e-6)


def test_a_worse_model_never_takes_the_place_of_the_best_file(tmp_path):
    """keras-team/keras#17012: after a crash `ModelCheckpoint(save_best_only=True)` saves any."""
    best = tmp_path / "best.weights.h5"

    def callbacks(folder):
        arguments = {"save_best_only": True, "save_weights_only": True, "mode": "min"}
        return [Scores(SCORES), keras.callbacks.ModelCheckpoint(best, "score", **arguments)]

    training = Training(callbacks=callbacks, epochs=8, crash=(5, None), save_freq="epoch")
    training.crashed(tmp_path)
    kept = best.read_bytes()
    training.resumed(tmp_path)
    assert best.read_bytes() == kept


def test_only_the_epochs_that_are_left_are_trained(tmp_path):
    """keras-team/keras#19179: after a crash `BackupAndRestore` trained all epochs again."""
    training = Training(epochs=10, crash=(3, None), save_freq="epoch")
    training.crashed(tmp_path)
    resumed = training.resumed(tmp_path)
    assert resumed.callbacks[0].epochs == [3, 4, 5, 6, 7, 8, 9]
    assert resumed.history.epoch == list(range(10))
    assert len(resumed.history.history["loss"]) == 10


@pytest.mark.short("torch")
def test_what_is_no_number_in_the_logs_of_a_step_is_left_out(tmp_path):
    class Says(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            logs |= {"note": "high", "nothing": None, "tensor": keras.ops.ones(()), "list": [1]}

    training = Training(callbacks=lambda folder: [Says()])
    through = training.run(tmp_path / "through")
    training.crashed(tmp_path)
    assert training.resumed(tmp_path).steps == through.steps - training.saved


@pytest.mark.short("torch")
def test_says_in_a_loop_of_ones_own_where_to_begin(tmp_path):
    TRAINING.crashed(tmp_path)
    state = TRAINING.state(tmp_path)
    callbacks = keras.callbacks.CallbackList([state], model=network(), add_history=True)
    with pytest.warns(UserWarning, match="begin this loop with step 4 of epoch 3"):
        callbacks.on_train_begin()


@pytest.mark.short("torch")
def test_other_callbacks_may_call_anything_what_early_stopping_does(tmp_path):
    class Named(keras.callbacks.Callback):
        stopped_epoch = None

        def has_stopped(self):
            return True

    TRAINING.run(tmp_path, Named(), TRAINING.state(tmp_path), epochs=2)
    forget_fits()
    assert TRAINING.run(tmp_path, Named(), TRAINING.state(tmp_path)).callbacks[0].epochs == [2, 3]


@pytest.mark.short("torch")
def test_must_stand_in_the_list_itself(tmp_path):
    class Composite(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            TrainingState(tmp_path).on_train_begin()

    with pytest.raises(RuntimeError, match="must be called by a `keras"):
        network().fit(**arrays(), verbose=0, callbacks=[Composite()])


class Unsaveable(keras.callbacks.Callback):
    """Has a state that no file can hold."""

    def get_state(self):
        return {"seen": {1, 2}}

    def set_state(self, state):
        raise AssertionError


@pytest.mark.short("torch")
def test_warns_of_a_state_that_cannot_be_saved_and_leaves_it_out(tmp_path):
    training = Training(callbacks=lambda folder: [Unsaveable()], save_freq="epoch")
    through = training.run(tmp_path / "through")
    with pytest.warns(UserWarning, match="a set cannot be saved") as record:
        training.crashed(tmp_path)
    assert {str(w.message) for w in record if w.category is UserWarning} == {
        "TrainingState leaves out the state of Unsaveable: a set cannot be saved. Let its "
        "`get_state` return nested lists, dicts, numbers and arrays."
    }
    with pytest.warns(UserWarning, match="a set cannot be saved"):
        assert_same(training.resumed(tmp_path), through)


@pytest.mark.short("torch")
@pytest.mark.parametrize("restored", [False, True])
def test_does_not_train_a_finished_training_again(restored, tmp_path, new_process):
    training = stopped(EarlyStopping) if restored else TRAINING
    through = training.run(tmp_path, training.state(tmp_path))
    new_process()
    place, ended = tmp_path / "state" / "fit-000", 7 if restored else 4
    with pytest.warns(UserWarning, match="has ended") as record:
        again = training.run(tmp_path, training.state(tmp_path))
    assert [str(w.message) for w in record if w.category is UserWarning] == [
        f"TrainingState: the training in {place} has ended after epoch {ended}. Its end is "
        "restored, and nothing is trained. Delete the folder to train anew."
    ]
    assert again.steps == 0
    assert_same(again, through)


@pytest.mark.short("torch")
@pytest.mark.oldest
def test_more_epochs_go_on_where_a_finished_training_ended(tmp_path, new_process):
    through = TRAINING.run(tmp_path / "through")
    TRAINING.run(tmp_path, TRAINING.state(tmp_path), epochs=2)
    new_process()
    more = TRAINING.resumed(tmp_path)
    assert more.callbacks[0].epochs == [2, 3]
    assert_same(more, through)


@pytest.mark.short("torch")
def test_each_fit_of_a_script_goes_on_in_a_folder_of_its_own(tmp_path, new_process):
    other = Training(make=lambda: network("sgd"), save_freq="epoch")

    def script(folder, *crash):
        first = TRAINING.run(folder, TRAINING.state(folder))
        return first, other.run(folder, *crash, other.state(folder))

    through = script(tmp_path / "through")
    new_process()
    with pytest.raises(CrashError):
        script(tmp_path / "crashed", Crash(2, 4))
    new_process()
    first, second = script(tmp_path / "crashed")  # A warning would be an error.
    assert (first.steps, second.steps) == (0, 2 * STEPS)
    assert_same(first, through[0])
    assert_same(second, through[1])
    places = (tmp_path / "crashed" / "state").iterdir()
    assert sorted(place.name for place in places) == ["fit-000", "fit-001"]


@pytest.mark.oldest
def test_goes_on_in_the_same_process_after_ctrl_c(tmp_path):
    """In a notebook: the cell is run again, with the model and the callbacks that are there."""
    through = TRAINING.run(tmp_path / "through")
    keras.utils.set_random_seed(4)
    model, state = network(), TRAINING.state(tmp_path)
    interruption = Crash(2, 4, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(**arrays(), epochs=4, verbose=0, callbacks=[interruption, state])
    assert model._initial_epoch is None
    history = model.fit(**arrays(), epochs=4, verbose=0, callbacks=[state])
    assert history.history == through.history.history
    for mine, expected in zip(model.get_weights(), through.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, expected)


def test_a_fit_after_a_finished_one_begins_anew(tmp_path, new_process):
    """In a notebook: a cell that has ended is run again to train further."""
    model = network()
    callbacks = [Calls(), TRAINING.state(tmp_path)]
    for _ in range(2):
        model.fit(**arrays(), epochs=2, verbose=0, callbacks=callbacks)
    assert callbacks[0].epochs == [0, 1, 0, 1]
    assert int(array(model.optimizer.iterations)) == 4 * STEPS


@pytest.mark.parametrize(
    ("keep", "left"),
    full_on_torch([(1, [7]), (3, [5, 6, 7]), (6, [2, 3, 4, 5, 6, 7])], keep=[(3, [5, 6, 7])]),
)
def test_keeps_so_many_snapshots(keep, left, tmp_path):
    TRAINING.run(tmp_path, TRAINING.state(tmp_path, keep=keep, save_freq=4))
    names = sorted(path.name for path in (tmp_path / "state" / "fit-000").iterdir())
    assert names == [f"snapshot-{number:08d}.npz" for number in left]


def test_deletes_its_snapshots_at_the_end_only(tmp_path):
    place = tmp_path / "state" / "fit-000"
    TRAINING.crashed(tmp_path, delete_checkpoint=True)
    assert len(list(place.iterdir())) == 2
    TRAINING.run(tmp_path, TRAINING.state(tmp_path, delete_checkpoint=True))
    assert not place.exists()


def test_says_where_training_goes_on(tmp_path, capsys):
    TRAINING.crashed(tmp_path, verbose=1)
    assert capsys.readouterr().out == ""
    TRAINING.run(tmp_path, TRAINING.state(tmp_path, verbose=1))
    assert capsys.readouterr().out == (
        "TrainingState: going on at step 4 of epoch 3 of 4 from "
        f"{tmp_path / 'state' / 'fit-000'}.\n"
    )


class Unbuilt(keras.Model):
    """Is built by its first batch."""

    def __init__(self):
        super().__init__()
        self.out = keras.layers.Dense(2, "softmax")

    def call(self, x):
        return self.out(x)


@pytest.mark.oldest
def test_resumes_a_model_that_is_built_by_its_data(tmp_path):
    training = Training(make=lambda: compiled(Unbuilt()))
    through = training.run(tmp_path / "through")
    training.crashed(tmp_path)
    assert_same(training.resumed(tmp_path), through)


def test_numbers_in_the_names_of_layers_do_not_matter(tmp_path):
    """In a notebook: the model is built again, and its layers count on."""
    keras.utils.clear_session(free_memory=False)
    TRAINING.crashed(tmp_path)
    for _ in range(10):
        keras.layers.Dense(1)
    resumed = TRAINING.resumed(tmp_path)
    assert resumed.model.layers[0].name != "dense"
    assert resumed.callbacks[0].epochs == [2, 3]


def test_a_state_may_be_any_number_array_or_dict(tmp_path):
    states = {"zero": 0, "array": np.arange(3), "by epoch": {0: 1.5, 2: (None, "x")}, "empty": {}}
    given = {}

    class Kept(keras.callbacks.Callback):
        """Has one of the states."""

        def __init__(self, name):
            super().__init__()
            self.name = name

        def get_state(self):
            return states[self.name]

        def set_state(self, state):
            given[self.name] = state

    training = Training(callbacks=lambda folder: [Kept(name) for name in states])
    training.crashed(tmp_path)
    training.resumed(tmp_path)
    np.testing.assert_equal(given, states)
