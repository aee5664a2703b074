"""What a model has only from its first step on, and optimizers wherever a model keeps them."""

import keras
import numpy as np
import pytest

from keras_trainkit import layers
from keras_trainkit.callbacks import TrainingState
from tests.callbacks.custom_steps import BACKEND
from tests.callbacks.training_state.crashes import (
    STEPS,
    Batches,
    Training,
    arrays,
    assert_resumes,
    assert_same,
    complaints,
    forget_fits,
    network,
)
from tests.guides.models import dialect

BY_HAND = pytest.mark.backend("tensorflow", "torch")


class OwnStep(keras.Model):
    """Has no `call`, is never built as a whole, and keeps its optimizer in an attribute."""

    scale = 1.0

    def __init__(self, part=None):
        super().__init__()
        self.a = part or keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        self.built = BACKEND == "torch"

    def compile(self, optimizer, **arguments):
        super().compile(**arguments)
        self.o = optimizer

    def train_step(self, batch):
        x, y = batch
        y = keras.ops.cast(y, "float32")[:, None]
        loss_of = lambda: self.scale * keras.ops.mean((self.a(x, training=True) - y) ** 2)  # noqa: E731
        return {"loss": dialect().minimize(self, self.o, self.a, loss_of)}


def own_step(optimizer=keras.optimizers.Adam, part=None, **arguments):
    model = OwnStep(part and part())
    model.compile(optimizer(), **arguments)
    return model


def mixed():
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, momentum=0.9))


class MakesLater(keras.layers.Layer):
    """Makes its dropout, which holds a number of this package, when it is built."""

    def build(self, shape):
        self.dense = keras.layers.Dense(1)
        self.dropout = layers.Dropout(0.25, seed=1)
        self.dense.build(shape)

    def call(self, x, training=False):
        return self.dense(self.dropout(x, training=training))


def unbuilt():
    return keras.Sequential([keras.layers.Dense(4), MakesLater()])


def unbuilt_twins():
    """Return two layers of one shape, of which the first does not exist before the first step."""
    later = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(3)])
    now = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    return keras.Sequential([later, now])


CASES = {
    "an optimizer in an attribute": Training(own_step),
    "one that wraps another": Training(lambda: own_step(mixed)),
    "unbuilt": Training(lambda: own_step(part=unbuilt), backends=("tensorflow",)),
    "twins": Training(lambda: own_step(part=unbuilt_twins), backends=("tensorflow",)),
    "eager": Training(
        lambda: own_step(part=unbuilt, run_eagerly=True), epochs=3, backends=("tensorflow",)
    ),
    "several steps per execution": Training(
        lambda: own_step(part=unbuilt, steps_per_execution=2),
        crash=(2, 3),
        save_freq=2,
        steps_per_execution=2,
        backends=("tensorflow",),
    ),
}
SHORT = ("an optimizer in an attribute", "unbuilt", "eager")


@pytest.mark.parametrize(
    "crash", [(2, 4), pytest.param((2, None), marks=pytest.mark.short("torch"))]
)
@pytest.mark.parametrize(
    "training",
    [
        pytest.param(
            row,
            id=name,
            marks=[
                pytest.mark.backend(*(row.backends if len(row.backends) < 3 else BY_HAND.args)),
                *([] if name in SHORT else [pytest.mark.short()]),
            ],
        )
        for name, row in CASES.items()
    ],
)
def test_goes_on_with_what_the_first_step_makes(training, crash, tmp_path):
    crash = (crash[0], 3) if training.steps_per_execution == 2 else crash
    assert_resumes(Training(**{**vars(training), "crash": crash}), tmp_path)


class SetsRate(keras.callbacks.Callback):
    """Sets rates before the first step of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.o.learning_rate = 0.01 / (epoch + 1)


@BY_HAND
def test_what_callbacks_set_before_the_first_step_counts(tmp_path):
    part = unbuilt if BACKEND == "tensorflow" else None
    training = Training(
        lambda: own_step(part=part), callbacks=lambda folder: [SetsRate()], crash=(2, None)
    )
    assert_resumes(training, tmp_path)


@BY_HAND
def test_another_model_is_refused_when_it_can_be_told(tmp_path):
    training = Training(own_step, crash=(2, None))
    training.crashed(tmp_path)
    other = Training(lambda: own_step(part=lambda: keras.Sequential([keras.layers.Dense(2)])))
    match = "snapshots of this model" if BACKEND == "tensorflow" else "build"
    with pytest.raises((ValueError, RuntimeError), match=match):
        other.resumed(tmp_path)


class Outside(OwnStep):
    """Trains a network that it does not hold."""

    def __init__(self):
        super().__init__()
        hidden = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        self.hold = lambda: hidden

    def train_step(self, batch):
        x = batch[0]
        loss_of = lambda: keras.ops.mean(self.hold()(x) ** 2)  # noqa: E731
        return {"loss": dialect().minimize(self, self.o, self.hold(), loss_of)}


@BY_HAND
def test_what_the_model_does_not_hold_is_said_at_the_first_snapshot(tmp_path):
    model = Outside()
    model.compile(keras.optimizers.SGD(0.1))
    with complaints() as messages:
        model.fit(**arrays(), epochs=3, verbose=0, callbacks=[TrainingState(tmp_path)])
    assert [m for m in messages if "trains what the model does not hold" in m] == messages
    assert len(messages) == 1
    assert "a new process cannot go on" in messages[0]


class Late(OwnStep):
    """Has a part that a later step builds."""

    steps = 0

    def __init__(self):
        super().__init__()
        self.later = keras.layers.Dense(2, name="later")

    def train_step(self, batch):
        self.steps += 1
        if self.steps == 3:
            self.later.build((None, 3))
        return super().train_step(batch)


@pytest.mark.backend("tensorflow")
def test_what_comes_after_the_first_step_is_said_at_the_first_snapshot(tmp_path):
    model = Late()
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    with complaints() as messages:
        model.fit(**arrays(), epochs=3, verbose=0, callbacks=[TrainingState(tmp_path)])
    assert len(messages) == 1
    assert "'later/kernel' and 1 more came after the first step of `fit`" in messages[0]


class Freeze(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.layers[0].trainable = False


@pytest.mark.short("torch")
def test_flags_that_were_changed_in_training_are_said(tmp_path):
    with complaints() as messages:
        network().fit(
            **arrays(), epochs=2, verbose=0, callbacks=[Freeze(), TrainingState(tmp_path)]
        )
    assert any("`trainable` of 'dense' was changed in training" in message for message in messages)


EDITS = {
    "rate": (
        lambda: own_step(lambda: keras.optimizers.SGD(0.1)),
        lambda: own_step(lambda: keras.optimizers.SGD(0.01)),
        r"`optimizers\[1\].learning_rate` was 0.1 and is 0.01",
    ),
    "decay": (
        lambda: own_step(lambda: keras.optimizers.AdamW(weight_decay=0.1)),
        lambda: own_step(lambda: keras.optimizers.AdamW(weight_decay=0.2)),
        r"`optimizers\[1\].weight_decay` was 0.1 and is 0.2",
    ),
    "rate inside of a loss scale": (
        lambda: own_step(mixed),
        lambda: own_step(
            lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.2, momentum=0.9))
        ),
        r"`optimizers\[2\].learning_rate` was 0.1 and is 0.2",
    ),
    "number": (lambda: scaled(1.0), lambda: scaled(2.0), "`attributes.scale` was 1 and is 2"),
}


def scaled(scale):
    model = own_step()
    model.scale = scale
    return model


@BY_HAND
@pytest.mark.parametrize(("before", "after", "sentence"), EDITS.values(), ids=EDITS)
@pytest.mark.short("torch")
def test_an_edit_of_what_attributes_hold_is_said_and_counts(before, after, sentence, tmp_path):
    Training(before, crash=(1, None), save_freq="epoch").crashed(tmp_path)
    training = Training(after, save_freq="epoch")
    with pytest.warns(UserWarning, match=sentence):
        trained = training.resumed(tmp_path)
    if hasattr(trained.model.o, "learning_rate"):
        fresh = after().o
        assert float(trained.model.o.learning_rate) == float(fresh.learning_rate)


def loop(folder, stop, verbose=0):
    """Fit one epoch again and again, as scripts do that look at the model in between."""
    keras.utils.set_random_seed(4)
    model = network()
    histories = []
    for _ in range(stop):
        state = TrainingState(folder, verbose=verbose)
        fit = model.fit(**arrays(), epochs=1, verbose=0, callbacks=[state])
        histories.append(fit.history["loss"])
    return histories, model.get_weights()


@pytest.mark.short("torch")
def test_a_loop_of_fits_goes_on_without_a_warning_for_each(tmp_path, capsys):
    through = loop(tmp_path / "through", 5)
    loop(tmp_path / "state", 3)
    forget_fits()
    with complaints() as messages:
        resumed = loop(tmp_path / "state", 5, verbose=1)
    np.testing.assert_equal(resumed, through)
    place = tmp_path / "state"
    assert messages == [
        f"TrainingState: the training in {place / 'fit-002'} has ended after epoch 1. Its end is "
        "restored, and nothing is trained. A `fit` behind it trains."
    ]
    assert capsys.readouterr().out.splitlines() == [
        f"TrainingState: the training in {place / f'fit-00{i}'} has ended after epoch 1. Its end "
        f"is restored, and the next `fit` goes on with {place / f'fit-00{i + 1}'}."
        for i in range(2)
    ]


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    ("arguments", "is_said"),
    [
        ({"workers": 2, "max_queue_size": STEPS - 1}, True),
        ({"workers": 2, "max_queue_size": STEPS}, False),
        ({"workers": 1, "max_queue_size": 2}, False),
    ],
)
def test_data_in_an_order_of_keras_own_is_said(arguments, is_said, tmp_path):
    training = Training(data=lambda: {"x": Batches(**arguments)}, crash=(1, None), epochs=2)
    training.crashed(tmp_path)
    with complaints() as messages:
        resumed = training.resumed(tmp_path)
    assert any("come in another order" in message for message in messages) == is_said
    if not is_said:
        through = training.run(tmp_path / "through")
        assert_same(resumed, through)
