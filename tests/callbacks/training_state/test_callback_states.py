"""Which callback of an edited line takes which state of a snapshot, and what it may do to it."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit.callbacks import EarlyStopping, GradientMonitor
from keras_trainkit.callbacks._training_state.callback_states import CallbackStates
from tests.callbacks.stopped import Scores
from tests.callbacks.training_state.crashes import (
    SCORES,
    Training,
    arrays,
    complaints,
    forget_fits,
    network,
)
from tests.contracts import array

RISING = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


class Rising(Scores):
    """Logs a second metric, which becomes better with every epoch."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        logs["rising"] = RISING[epoch]


def ours(monitor="score", mode="min", **arguments):
    return EarlyStopping(monitor, mode=mode, **{"patience": 3, **arguments})


def of_keras(monitor="score", mode="min", **arguments):
    settings = {"patience": 3, "restore_best_weights": True, **arguments}
    return keras.callbacks.EarlyStopping(monitor, mode=mode, **settings)


def line(*makers):
    return Training(
        callbacks=lambda folder: [Rising(SCORES), *(make() for make in makers)],
        epochs=8,
        crash=(5, None),
        save_freq="epoch",
    )


def resumed(training, folder):
    """Return the stopping callbacks after a resumed training, and what was said."""
    with complaints() as messages:
        trained = training.resumed(folder)
    return trained.callbacks[2:-1], [m for m in messages if m.startswith("TrainingState")]


CHANGED = {
    "another metric": (
        [ours],
        [lambda: ours("rising", "max")],
        "nobody takes the state of keras_trainkit.EarlyStopping(monitor='score', mode='min', "
        "restore_best_weights=True, restore='weights', smoothing=0), and "
        "keras_trainkit.EarlyStopping(monitor='rising', mode='max', ",
    ),
    "another direction": ([ours], [lambda: ours(mode="max")], "mode='max'"),
    "the whole state": ([ours], [lambda: ours(restore="state")], "restore='state'"),
    "smoothed": ([ours], [lambda: ours(smoothing=0.5)], "smoothing=0.5"),
    "ours for Keras's": (
        [of_keras],
        [ours],
        "nobody takes the state of keras.EarlyStopping(monitor='score', ",
    ),
    "Keras's for ours": (
        [ours],
        [of_keras],
        "nobody takes the state of keras_trainkit.EarlyStopping(monitor='score', ",
    ),
    "taken away": ([ours, of_keras], [of_keras], "the state of keras_trainkit.EarlyStopping("),
}


@pytest.mark.short("torch")
@pytest.mark.parametrize(("before", "after", "said"), CHANGED.values(), ids=CHANGED)
def test_a_callback_takes_no_state_of_another_and_begins_anew(before, after, said, tmp_path):
    line(*before).crashed(tmp_path)
    callbacks, messages = resumed(line(*after), tmp_path)
    assert len(messages) == 1
    assert said in messages[0]
    changed = callbacks[-1]
    if changed.monitor == "rising" or getattr(changed, "mode", "min") == "max":
        assert changed.best_epoch in (5, 7)  # The best of what it has seen itself.
    assert changed.wait <= 3


@pytest.mark.short("torch")
@pytest.mark.parametrize("place", [0, 1])
def test_another_in_front_or_behind_changes_nothing_for_those_that_were_there(place, tmp_path):
    through = line(ours).run(tmp_path / "through").callbacks[2]
    line(ours).crashed(tmp_path)
    makers = [ours]
    makers.insert(place, lambda: ours("rising", "max", patience=9))
    callbacks, messages = resumed(line(*makers), tmp_path)
    assert messages == []
    # Of two the last one restores.
    mine = replace(callbacks[1 - place].report, restored=True)
    assert mine == through.report
    assert callbacks[place].checks == 2


@pytest.mark.short("torch")
def test_two_of_a_kind_change_places_and_keep_their_own(tmp_path):
    falling, rising = ours, lambda: ours("rising", "max", patience=9)
    line(falling, rising).crashed(tmp_path)
    callbacks, messages = resumed(line(rising, falling), tmp_path)
    assert messages == []
    assert (callbacks[0].best_epoch, callbacks[1].best_epoch) == (6, 3)
    assert callbacks[1].checks == 7


@pytest.mark.short("torch")
def test_two_that_are_alike_are_known_by_their_order(tmp_path):
    def alike(patience):
        return lambda: ours(patience=patience)

    line(alike(9), alike(3)).crashed(tmp_path)
    callbacks, messages = resumed(line(alike(9), alike(4)), tmp_path)
    assert len(messages) == 1
    assert "`EarlyStopping.patience` was 3 and is 4" in messages[0]
    assert [callback.checks for callback in callbacks] == [8, 8]


@pytest.mark.short("torch")
def test_a_folder_or_file_of_another_name_is_the_same_callback(tmp_path):
    def at(name):
        return lambda: ours(directory=tmp_path / name)

    through = line(ours).run(tmp_path / "through").callbacks[2]
    line(at("one")).crashed(tmp_path)
    callbacks, messages = resumed(line(at("two")), tmp_path)
    assert messages == []
    assert callbacks[0].report == through.report


class Counter(keras.callbacks.Callback):
    """A user's callback that counts epochs, and says by its settings which one it is."""

    def __init__(self, name, every=1):
        super().__init__()
        self.name, self.every, self.seen = name, every, 0

    def on_epoch_end(self, epoch, logs=None):
        self.seen += 1

    def get_state(self):
        return {"seen": self.seen}

    def set_state(self, state):
        self.seen = state["seen"]


@pytest.mark.host
def test_callbacks_of_a_user_are_matched_by_their_settings_too():
    def states(*callbacks):
        return CallbackStates(callbacks)

    a, b = Counter("a"), Counter("b", every=5)
    a.seen, b.seen = 1, 2
    stored = states(a, b).get()
    b2, a2, c2 = Counter("b", every=7), Counter("a"), Counter("c")
    matches = states(c2, b2, a2).match(stored)
    matches.apply()
    assert (a2.seen, b2.seen, c2.seen) == (1, 2, 0)
    assert matches.sentences() == ["`Counter.every` was 5 and is 7"]


@pytest.mark.host
def test_an_argument_that_an_older_snapshot_does_not_know_is_no_edit():
    stored = CallbackStates([EarlyStopping("loss")]).get()
    del stored[0]["settings"]["improvement"]
    same, other = EarlyStopping("loss"), EarlyStopping("loss", improvement="any")
    assert CallbackStates([same]).match(stored).sentences() == []
    said = "`EarlyStopping.improvement` was 'first' and is 'any'"
    assert CallbackStates([other]).match(stored).sentences() == [said]


@pytest.mark.host
def test_if_one_cannot_take_its_state_all_are_as_they_were():
    class Refusing(Counter):
        def set_state(self, state):
            raise KeyError("seen")

    before = CallbackStates([Counter("a"), Refusing("b")])
    stored = before.get()
    stored[0]["state"]["seen"] = 7
    first, second = Counter("a"), Refusing("b")
    first.seen = 3
    with pytest.raises(
        ValueError, match="Refusing cannot take its state from the snapshot: 'seen'"
    ):
        CallbackStates([first, second]).match(stored).apply()
    assert first.seen == 3


HARMFUL = {
    "a file of ModelCheckpoint": (
        lambda: keras.callbacks.ModelCheckpoint("best.keras"),
        {"filepath": "/etc/passwd"},
    ),
    "a method": (lambda: keras.callbacks.EarlyStopping("loss"), {"on_epoch_end": 1}),
    "a count that is none": (lambda: keras.callbacks.EarlyStopping("loss"), {"wait": "three"}),
    "weights that are none": (lambda: keras.callbacks.EarlyStopping("loss"), {"best_weights": 3}),
    "a history that is none": (keras.callbacks.History, {"history": []}),
}


@pytest.mark.host
@pytest.mark.parametrize(("make", "state"), HARMFUL.values(), ids=HARMFUL)
def test_a_snapshot_sets_known_attributes_to_what_they_can_be_and_nothing_else(make, state):
    callback = make()
    before = dict(vars(callback))
    stored = [{**vars(one), "state": state} for _, one in CallbackStates([callback])._callbacks]
    with pytest.raises(ValueError, match="cannot take its state from the snapshot"):
        CallbackStates([callback]).match(stored).apply()
    assert vars(callback) == before


@pytest.mark.oldest
def test_a_state_that_does_not_fit_is_one_error_before_the_model_is_touched(tmp_path):
    training = line(ours)
    training.crashed(tmp_path)
    path = sorted((tmp_path / "state" / "fit-000").iterdir())[-1]
    state = archive.read(str(path))
    stopping = next(one for one in state["callbacks"] if "EarlyStopping" in one["kind"])
    del stopping["state"]["kept"]
    archive.write(str(path), state)
    keras.utils.set_random_seed(4)
    model = network()
    weights = model.get_weights()
    callbacks = [*training.callbacks(tmp_path), training.state(tmp_path)]
    with pytest.raises(ValueError, match="EarlyStopping cannot take its state from the snapshot"):
        model.fit(**arrays(), epochs=8, verbose=0, callbacks=callbacks)
    for mine, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, expected)
    assert int(array(model.optimizer.iterations)) == 0


@pytest.mark.short("torch")
def test_a_monitor_of_other_statistics_begins_its_record_anew(tmp_path):
    def monitored(statistics):
        return line(lambda: GradientMonitor(every=1, statistics=statistics))

    monitored(("full", "cosine")).crashed(tmp_path)
    callbacks, messages = resumed(monitored("norms"), tmp_path)
    assert len(messages) == 1
    assert (
        "nobody takes the state of keras_trainkit.GradientMonitor(statistics=a list of 2"
        in (messages[0])
    )
    assert callbacks[0].history.epochs[0] == 5
    forget_fits()


@pytest.mark.short("torch")
def test_what_a_monitor_looks_at_besides_is_no_edit_also_in_older_snapshots():
    stored = CallbackStates([GradientMonitor(probe=None)]).get()
    assert "probe" not in stored[0]["settings"]
    stored[0]["settings"] |= {"probe": None}
    live = CallbackStates([GradientMonitor(live=True)])
    (pair,) = live.match(stored).pairs
    assert pair.here == pair.there
    assert live.match(stored).sentences() == []
