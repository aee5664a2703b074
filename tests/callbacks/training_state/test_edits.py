"""A script that was edited between the crash and the restart: said, and what it says now counts."""

import keras
import numpy as np
import pytest

from keras_trainkit import optimizers, schedules
from keras_trainkit.callbacks import EarlyStopping, TrainingState
from tests.callbacks.monitored import data
from tests.callbacks.stopped import Scores
from tests.callbacks.training_state.crashes import (
    BATCH,
    ROWS,
    SCORES,
    STEPS,
    Calls,
    Crash,
    CrashError,
    Training,
    arrays,
    assert_same,
    compiled,
    complaints,
    forget_fits,
    network,
)
from tests.contracts import array
from tests.selection import full_on_torch

BEFORE = Training(make=lambda: network(keras.optimizers.Adam(0.001)), save_freq="epoch")


def edited(**changes):
    """Return the training of an edited script."""
    return Training(**{"make": BEFORE.make, "save_freq": "epoch", **changes})


def resumed(training, folder, **arguments):
    return training.run(folder, training.state(folder, **arguments))


def rate_of(model):
    return float(array(model.optimizer.learning_rate))


OPTIMIZERS = {
    "Keras's rate": (
        lambda: keras.optimizers.Adam(0.001),
        lambda: keras.optimizers.Adam(0.25),
        "`optimizer.learning_rate` was 0.001",
        lambda optimizer: float(array(optimizer.learning_rate)),
        0.25,
    ),
    "our rate": (
        lambda: optimizers.NAG(0.5),
        lambda: optimizers.NAG(0.25),
        "`optimizer.learning_rate` was 0.5 and is 0.25",
        lambda optimizer: float(array(optimizer.learning_rate)),
        0.25,
    ),
    "our hyperparameter": (
        lambda: optimizers.NAG(0.5, momentum=0.5),
        lambda: optimizers.NAG(0.5, momentum=0.75),
        "`optimizer.momentum` was 0.5 and is 0.75",
        lambda optimizer: optimizer.momentum,
        0.75,
    ),
    "Keras's hyperparameter": (
        lambda: keras.optimizers.Adam(beta_1=0.5),
        lambda: keras.optimizers.Adam(beta_1=0.75),
        "`optimizer.beta_1` was 0.5 and is 0.75",
        lambda optimizer: optimizer.beta_1,
        0.75,
    ),
    "inside of a loss scale": (
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5)),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.25)),
        "`optimizers[1].learning_rate` was 0.5 and is 0.25",
        lambda optimizer: float(array(optimizer.inner_optimizer.learning_rate)),
        0.25,
    ),
    "schedule": (
        lambda: keras.optimizers.SGD(schedules.ExponentialDecay(0.5, 4, 0.5)),
        lambda: keras.optimizers.SGD(schedules.ExponentialDecay(0.25, 4, 0.5)),
        "was 0.5 and is 0.25",
        lambda optimizer: float(array(optimizer.learning_rate)),
        0.25 * 0.5 ** (4 * STEPS / 4),
    ),
    "number to schedule": (
        lambda: keras.optimizers.Adam(0.001),
        lambda: keras.optimizers.Adam(schedules.ExponentialDecay(0.25, 4, 0.5)),
        "`optimizer.learning_rate` was 0.001 and is ExponentialDecay(",
        lambda optimizer: float(array(optimizer.learning_rate)),
        0.25 * 0.5 ** (4 * STEPS / 4),
    ),
    "schedule to number": (
        lambda: optimizers.Adam(schedules.ExponentialDecay(0.25, 4, 0.5)),
        lambda: optimizers.Adam(0.125),
        " and is 0.125",
        lambda optimizer: float(array(optimizer.learning_rate)),
        0.125,
    ),
    "schedule to number inside of a loss scale": (
        lambda: keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(schedules.ExponentialDecay(0.25, 4, 0.5), momentum=0.5)
        ),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.125, momentum=0.5)),
        " and is 0.125",
        lambda optimizer: float(array(optimizer.inner_optimizer.learning_rate)),
        0.125,
    ),
}


@pytest.mark.oldest
@pytest.mark.parametrize(
    ("before", "after", "sentence", "value", "expected"),
    full_on_torch(
        [pytest.param(*case, id=name) for name, case in OPTIMIZERS.items()],
        keep=("our rate", "number to schedule", "schedule to number"),
    ),
)
def test_an_edited_number_takes_effect_and_is_said(
    before, after, sentence, value, expected, tmp_path
):
    edited(make=lambda: network(before())).crashed(tmp_path)
    with pytest.warns(UserWarning, match="the script was edited") as record:
        trained = resumed(edited(make=lambda: network(after())), tmp_path)
    assert trained.callbacks[0].epochs == [2, 3]
    assert value(trained.model.optimizer) == pytest.approx(expected)
    messages = [str(w.message) for w in record if "TrainingState" in str(w.message)]
    assert len(messages) == 1
    assert sentence in messages[0]
    assert str(tmp_path / "state" / "fit-000" / "snapshot-00000001.npz") in messages[0]
    assert "What it says now counts from here on" in messages[0]


@pytest.mark.short("torch")
def test_the_edited_rate_is_the_one_that_trains(tmp_path):
    """With rate 0 from the crash on the weights stay those of the snapshot."""
    BEFORE.crashed(tmp_path)
    with pytest.warns(UserWarning, match=r"was 0.001 and is 0\. "):
        trained = resumed(edited(make=lambda: network(keras.optimizers.Adam(0.0))), tmp_path)
    through = BEFORE.run(tmp_path / "through", epochs=2)
    for mine, expected in zip(
        trained.model.get_weights(), through.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, expected)


OTHERS = {
    "loss": (
        {"make": lambda: network(loss="sparse_categorical_crossentropy")},
        {"make": lambda: network(loss=keras.losses.SparseCategoricalCrossentropy())},
        "`loss` was 'sparse_categorical_crossentropy' and is",
    ),
    "schedule": (
        {"make": lambda: network(keras.optimizers.SGD(schedules.ExponentialDecay(0.5, 4, 0.5)))},
        {"make": lambda: network(keras.optimizers.SGD(schedules.PolynomialDecay(0.5, 40)))},
        r"`optimizer.learning_rate` was ExponentialDecay\(.*\) and is PolynomialDecay\(.*\)\. What",
    ),
    "metrics": (
        {},
        {"make": lambda: network(keras.optimizers.Adam(0.001), metrics=[])},
        "`metrics` was a list of 1 and is a list of 0",
    ),
    "class weight": (
        {},
        {"fit": {"class_weight": {0: 1.0, 1: 2.0}}},
        "`class_weight` was None and is {'0': 1.0, '1': 2.0}",
    ),
    "labels": (
        {},
        {"data": lambda: {**arrays(), "y": 1 - arrays()["y"]}},
        r"`y` was '\(24,\) int\d+, checksum \w{8}' and is '\(24,\) int\d+, checksum \w{8}'",
    ),
    "more rows": (
        {},
        {"data": lambda: dict(zip("xy", data(2 * ROWS), strict=True)) | {"batch_size": BATCH}},
        r"`steps` was 6 and is 12; `x` was '\(24, 3\) float32, .*' and is '\(48, 3\) float32",
    ),
    "labels in a list": (
        {"data": lambda: {**arrays(), "y": arrays()["y"].astype("int64")}},
        {"data": lambda: {**arrays(), "y": np.array([*arrays()["y"].tolist()[:-1], 0])}},
        r"`y` was '\(24,\) int64, checksum \w{8}' and is '\(24,\) int64, checksum \w{8}'",
    ),
    "arrays to a dataset": (
        {},
        {"data": lambda: {"x": Batches()}},
        r"`x` was '\(24, 3\) float32, checksum \w{8}' and is 'Batches'",
    ),
}


class Batches(keras.utils.PyDataset):
    """The arrays, batch by batch."""

    def __init__(self):
        super().__init__()

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        rows = slice(index * BATCH, (index + 1) * BATCH)
        return arrays()["x"][rows], arrays()["y"][rows]


@pytest.mark.short("torch")
@pytest.mark.parametrize(("before", "after", "sentence"), OTHERS.values(), ids=OTHERS)
def test_every_other_edit_is_said(before, after, sentence, tmp_path):
    edited(**before).crashed(tmp_path)
    with pytest.warns(UserWarning, match=sentence):
        assert resumed(edited(**after), tmp_path).callbacks[0].epochs == [2, 3]


@pytest.mark.short("torch")
@pytest.mark.oldest
def test_nothing_is_said_of_a_script_that_was_not_edited(tmp_path):
    through = BEFORE.run(tmp_path / "through")
    BEFORE.crashed(tmp_path)
    assert_same(BEFORE.resumed(tmp_path), through)  # A warning would be an error.


@pytest.mark.short("torch")
def test_an_edit_is_an_error_where_that_is_asked_for_and_nothing_is_changed(tmp_path):
    BEFORE.crashed(tmp_path)
    model = network(keras.optimizers.Adam(0.25))
    weights = model.get_weights()
    state = TrainingState(tmp_path / "state", changed="error")
    with pytest.raises(ValueError, match="snapshots of this script, or nothing: since") as error:
        model.fit(**arrays(), epochs=4, verbose=0, callbacks=[state])
    assert 'and is 0.25. Or pass `changed="script"`. Received: directory=' in str(error.value)
    for mine, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, expected)
    assert rate_of(model) == 0.25


@pytest.mark.short("torch")
def test_an_edit_is_taken_without_a_word_where_that_is_asked_for(tmp_path):
    BEFORE.crashed(tmp_path)
    training = edited(make=lambda: network(keras.optimizers.Adam(0.25)))
    assert rate_of(resumed(training, tmp_path, changed="script").model) == 0.25


@pytest.mark.short("torch")
def test_the_end_of_another_training_is_never_given_for_this_one(tmp_path):
    BEFORE.run(tmp_path, BEFORE.state(tmp_path))
    forget_fits()
    training = edited(make=lambda: network(keras.optimizers.Adam(0.25)))
    with pytest.raises(ValueError, match="That training has ended, and nothing would be trained"):
        resumed(training, tmp_path)
    with pytest.warns(UserWarning, match="fit-000 has ended after epoch 4. Its end is restored"):
        resumed(training, tmp_path, changed="script")


@pytest.mark.short("torch")
def test_more_epochs_are_no_edit(tmp_path):
    BEFORE.run(tmp_path, BEFORE.state(tmp_path))
    forget_fits()
    assert resumed(edited(epochs=6), tmp_path).callbacks[0].epochs == [4, 5]


@pytest.mark.short("torch")
def test_fewer_epochs_than_were_trained_are_said(tmp_path):
    BEFORE.run(tmp_path, BEFORE.state(tmp_path))
    forget_fits()
    with pytest.warns(UserWarning, match="has ended after epoch 4, of 3 that are asked for"):
        resumed(edited(epochs=3), tmp_path)


@pytest.mark.short("torch")
def test_names_the_folder_that_the_next_fit_goes_on_with(tmp_path, capsys):
    """In a notebook, after a restart: the first cell of two that trained has ended."""
    BEFORE.run(tmp_path, BEFORE.state(tmp_path))
    BEFORE.crashed(tmp_path)
    model, place = BEFORE.make(), tmp_path / "state"
    model.fit(**arrays(), epochs=4, verbose=0, callbacks=[TrainingState(place, verbose=1)])
    assert f"the next `fit` goes on with {place / 'fit-001'}.\n" in capsys.readouterr().out
    calls = Calls()
    model.fit(**arrays(), epochs=4, verbose=0, callbacks=[calls, TrainingState(place)])
    assert calls.epochs == [2, 3]


# Of the same model, in the same process.


@pytest.mark.short("torch")
def test_what_a_callback_did_to_the_rate_is_no_edit(tmp_path):
    def callbacks(folder):
        plateau = keras.callbacks.ReduceLROnPlateau("score", 0.5, patience=1, mode="min")
        return [Scores([1.0] * 8), plateau]

    training = edited(callbacks=callbacks)
    through = training.run(tmp_path / "through")
    model = training.make()
    keras.utils.set_random_seed(4)
    model.set_weights(training.make().get_weights())
    state = TrainingState(tmp_path / "state")
    keras.utils.set_random_seed(4)
    model = training.make()
    for crash in ([Crash(2, None)], []):
        calls = [*callbacks(tmp_path), *crash, state]
        try:
            model.fit(**arrays(), epochs=4, verbose=0, callbacks=calls)
        except CrashError:
            assert rate_of(model) < 0.001
    assert rate_of(model) == rate_of(through.model)
    for mine, expected in zip(model.get_weights(), through.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.short("torch")
def test_a_rate_assigned_between_two_fits_takes_effect(tmp_path):
    model, state = BEFORE.make(), TrainingState(tmp_path)
    with pytest.raises(CrashError):
        model.fit(**arrays(), epochs=4, verbose=0, callbacks=[Crash(2, None), state])
    model.optimizer.learning_rate = 0.25
    with pytest.warns(UserWarning, match=r"`optimizer.learning_rate` was 0.001 and is 0.25"):
        model.fit(**arrays(), epochs=4, verbose=0, callbacks=[state])
    assert rate_of(model) == 0.25


@pytest.mark.short("torch")
def test_a_model_compiled_anew_between_two_fits_counts_as_edited(tmp_path):
    model, state = BEFORE.make(), TrainingState(tmp_path)
    with pytest.raises(CrashError):
        model.fit(**arrays(), epochs=4, verbose=0, callbacks=[Crash(2, None), state])
    compiled(model, keras.optimizers.Adam(0.25))
    with pytest.warns(UserWarning, match="`optimizer.learning_rate` was"):
        model.fit(**arrays(), epochs=4, verbose=0, callbacks=[state])
    assert rate_of(model) == 0.25


# In the middle of an epoch.

MIDDLE = Training(crash=(2, 4), save_freq=3)


@pytest.mark.oldest
@pytest.mark.parametrize("batch", full_on_torch([8, 2], keep=[8]))
def test_an_epoch_of_other_steps_is_trained_from_its_beginning(batch, tmp_path):
    """After step 3 of 6 nothing tells which of the new steps are done."""
    MIDDLE.crashed(tmp_path)
    training = Training(data=lambda: {**arrays(), "batch_size": batch}, save_freq=3)
    with pytest.warns(UserWarning, match=f"`batch_size` was 4 and is {batch}; `steps` was 6"):
        trained = resumed(training, tmp_path)
    assert trained.callbacks[0].epochs == [2, 3]
    assert trained.steps == 2 * ROWS // batch
    assert len(trained.history.history["loss"]) == 4
    assert len(set(trained.history.history["loss"])) == 4


def endless(steps):
    """Return data without a length, of which a process can take so many steps."""

    def batches():
        for step in range(steps):
            yield Batches()[step % STEPS]

    return Training(
        data=lambda: {"x": batches(), "shuffle": False, "steps_per_epoch": STEPS},
        save_freq=5,
        crash=(0, 5),
        epochs=1,
    )


@pytest.mark.oldest
def test_data_that_ends_among_the_steps_that_were_done_is_an_error(tmp_path):
    endless(4 * STEPS).crashed(tmp_path)
    with (
        complaints(),
        pytest.raises(ValueError, match=r"written after step 5 of this epoch\. Rec"),
    ):
        resumed(endless(2), tmp_path)


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["accuracy"], ["sparse_categorical_crossentropy"]),
        (["accuracy"], ["accuracy", "sparse_categorical_crossentropy"]),
        ([keras.metrics.AUC], [lambda: keras.metrics.AUC(num_thresholds=9)]),
    ],
)
def test_an_epoch_of_other_metrics_is_trained_from_its_beginning(before, after, tmp_path):
    """What was added up for one metric is nothing for another."""

    def of(metrics):
        def make():
            given = [metric() if callable(metric) else metric for metric in metrics]
            binary = callable(metrics[0])
            head = keras.layers.Dense(1, "sigmoid") if binary else keras.layers.Dense(2, "softmax")
            loss = {"loss": "mse"} if binary else {}
            model = keras.Sequential([keras.Input((3,)), head])
            return compiled(model, keras.optimizers.SGD(0.0), metrics=given, **loss)

        return Training(make=make, crash=(2, 4), save_freq=3)

    of(before).crashed(tmp_path)
    with pytest.warns(UserWarning, match="`metrics"):
        trained = resumed(of(after), tmp_path)
    assert trained.steps == 2 * STEPS
    history = trained.history.history
    # At rate 0 each whole epoch measures the same.
    assert all(history[name][-1] == pytest.approx(history[name][-2]) for name in history)


def loss_times(factor):
    def loss(y, y_pred):
        return factor * keras.losses.sparse_categorical_crossentropy(y, y_pred)

    return loss


class Scaled(keras.losses.Loss):
    """A loss that does not say in its configuration what it multiplies with."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, y, y_pred):
        return self.factor * keras.losses.sparse_categorical_crossentropy(y, y_pred)

    def get_config(self):
        raise NotImplementedError


class Silent(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that does not say how it is made."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate


HIDDEN = {
    "an enclosed number": (
        {"make": lambda: network(loss=loss_times(1.0))},
        {"make": lambda: network(loss=loss_times(5.0))},
        r"`loss\[2\]\[0\]` was 1 and is 5",
    ),
    "a number of a lambda": (
        {"make": lambda: network(loss=lambda y, p: 2.0 * keras.ops.mean(p))},
        {"make": lambda: network(loss=lambda y, p: 4.0 * keras.ops.mean(p))},
        r"`loss\[1\]\[0\]` was 2 and is 4",
    ),
    "an attribute": (
        {"make": lambda: network(loss=Scaled(1.0))},
        {"make": lambda: network(loss=Scaled(5.0))},
        "`loss.factor` was 1 and is 5",
    ),
    "beside a schedule that does not tell": (
        {"make": lambda: network(keras.optimizers.Adam(Silent(0.1), beta_1=0.5))},
        {"make": lambda: network(keras.optimizers.Adam(Silent(0.1), beta_1=0.75))},
        "`optimizer.beta_1` was 0.5 and is 0.75",
    ),
    "an added weight of the rows": (
        {},
        {"data": lambda: {**arrays(), "sample_weight": np.ones(ROWS)}},
        r"`sample_weight` was None and is '\(24,\) float64",
    ),
    "an array in a class weight": (
        {"fit": {"class_weight": {0: 1.0, 1: np.array(2.0)}}},
        {"fit": {"class_weight": {0: 1.0, 1: np.array(4.0)}}},
        "`class_weight.1` was",
    ),
    "data of validation": (
        {"fit": {"validation_data": data(8)}},
        {"fit": {"validation_data": (data(8)[0] + 1, data(8)[1])}},
        r"`validation_data\[0\]` was '\(8, 3\) float32",
    ),
}


@pytest.mark.short("torch")
@pytest.mark.parametrize(("before", "after", "sentence"), HIDDEN.values(), ids=HIDDEN)
def test_an_edit_that_no_configuration_shows_is_said(before, after, sentence, tmp_path):
    edited(**before).crashed(tmp_path)
    with pytest.warns(UserWarning, match=sentence):
        resumed(edited(**after), tmp_path)


def of_lambda(line):
    """Return a model with a lambda that stands in some line of some file."""
    code = "\n" * line + "function = lambda x: 2 * x"
    scope = {}
    exec(compile(code, f"script-{line}.py", "exec"), scope)
    layers = [keras.Input((3,)), keras.layers.Lambda(scope["function"], output_shape=(3,))]
    return compiled(keras.Sequential([*layers, keras.layers.Dense(2, "softmax")]))


def without_input(fixed):
    layers = [keras.layers.Dense(4), keras.layers.Dense(2, "softmax")]
    return compiled(keras.Sequential([keras.Input((3,)), *layers] if fixed else layers))


SAME = {
    "defaults that are spelled out": (
        {"data": lambda: dict(zip("xy", data(ROWS), strict=True))},
        {
            "fit": {"batch_size": 32, "shuffle": True, "validation_split": 0.0},
            "data": lambda: dict(zip("xy", data(ROWS), strict=True)),
        },
    ),
    "a lambda in another line": ({"make": lambda: of_lambda(1)}, {"make": lambda: of_lambda(5)}),
    "a loss as a metric object": (
        {"make": lambda: network(metrics=[keras.metrics.SparseCategoricalAccuracy()])},
        {"make": lambda: network(metrics=[keras.metrics.SparseCategoricalAccuracy()])},
    ),
}


@pytest.mark.short("torch")
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME)
def test_nothing_is_said_of_what_means_the_same(before, after, tmp_path):
    edited(**{"crash": (2, None), **before}).crashed(tmp_path)
    assert resumed(edited(**after), tmp_path).callbacks[0].epochs == [2, 3]


@pytest.mark.backend("torch")
def test_a_model_built_by_its_data_may_be_given_an_input_afterwards(tmp_path):
    edited(make=lambda: without_input(fixed=False)).crashed(tmp_path)
    training = edited(make=lambda: without_input(fixed=True))
    assert resumed(training, tmp_path).callbacks[0].epochs == [2, 3]


class Freezing(keras.callbacks.Callback):
    """Changes the configuration of a layer in training, and counts in its own argument."""

    def __init__(self, seen=0):
        super().__init__()
        self.seen = seen

    def on_epoch_end(self, epoch, logs=None):
        self.seen += 1
        self.model.layers[1].rate = 0.125

    def get_state(self):
        return {"seen": self.seen}

    def set_state(self, state):
        self.seen = state["seen"]


@pytest.mark.short("torch")
def test_what_callbacks_did_to_the_model_and_themselves_is_no_edit(tmp_path):
    model, state = BEFORE.make(), TrainingState(tmp_path)
    mine = [Freezing(), Scores(SCORES)]
    mine.append(keras.callbacks.ReduceLROnPlateau("score", 0.5, patience=1, mode="min"))
    mine.append(EarlyStopping("score", mode="min", patience=9, restore="state"))
    with pytest.raises(CrashError):
        model.fit(**arrays(), epochs=4, verbose=0, callbacks=[*mine, Crash(2, None), state])
    model.fit(**arrays(), epochs=4, verbose=0, callbacks=[*mine, state])
    assert mine[0].seen == 4


def stopping(**arguments):
    def callbacks(folder):
        return [Scores(SCORES), EarlyStopping("score", **{"mode": "min", **arguments})]

    return edited(callbacks=callbacks, epochs=8, crash=(5, None))


@pytest.mark.short("torch")
def test_an_edited_patience_takes_effect_and_the_count_goes_on(tmp_path):
    stopping(patience=3).crashed(tmp_path)
    with pytest.warns(UserWarning, match=r"`EarlyStopping.patience` was 3 and is 4"):
        trained = resumed(stopping(patience=4), tmp_path)
    assert trained.callbacks[2].stopped_epoch == 7
    assert trained.callbacks[2].best_epoch == 3
