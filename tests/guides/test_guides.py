"""Trainings after the manner of Keras's guides: plain, monitored, and killed and resumed."""

import keras
import pytest

from keras_trainkit.callbacks import GradientMonitor
from tests.callbacks.training_state.crashes import (
    Crash,
    CrashError,
    Trained,
    Training,
    assert_resumes,
    assert_same,
    complaints,
)
from tests.guides import models

BACKEND = keras.backend.backend()
BATCH = 4


def named_anew(make):
    """Return `make` with the names of a new process: TensorFlow orders its sums by them."""

    def made():
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(4)
        return make()

    return made


def guide(make, data=models.images, **arguments):
    return Training(
        make=named_anew(make),
        data=lambda: {**data(), "batch_size": BATCH, "shuffle": False},
        epochs=3,
        crash=(1, None),
        save_freq="epoch",
        **arguments,
    )


BY_HAND = ("tensorflow", "torch")
GUIDES = {
    "VAE": guide(models.vae, backends=BY_HAND),
    "VAE of unbuilt parts": guide(models.vae_of_unbuilt_parts, backends=("tensorflow",)),
    "DCGAN": guide(models.dcgan, backends=BY_HAND),
    "DCGAN of unbuilt parts": guide(models.dcgan_of_unbuilt_parts, backends=("tensorflow",)),
    "WGAN-GP": guide(models.wgan, backends=BY_HAND),
    "siamese": guide(models.siamese, models.pairs),
    "custom step": guide(models.custom_step, models.rows),
}


def cases(*in_short, on=("tensorflow", "jax", "torch")):
    """Yield the guides, of which those named are in the short form on some backends."""
    for name, training in GUIDES.items():
        short = pytest.mark.short(*(on if name in in_short else ()))
        marks = [pytest.mark.backend(*training.backends), short]
        yield pytest.param(training, id=name, marks=marks)


@pytest.mark.parametrize("training", cases("VAE of unbuilt parts", "DCGAN", "custom step"))
def test_goes_on_as_if_never_killed(training, tmp_path):
    with complaints() as messages:
        assert_resumes(training, tmp_path)
    assert [message for message in messages if "TrainingState" in message] == []


@pytest.mark.parametrize("training", cases())
def test_goes_on_in_the_middle_of_an_epoch(training, tmp_path):
    middle = Training(**{**vars(training), "crash": (1, 4), "save_freq": 3})
    assert_resumes(middle, tmp_path)


# WGAN-GP trains its critic several times in a step.
last_update_alone = pytest.mark.filterwarnings("ignore:A training step updates .* more than once")


@last_update_alone
@pytest.mark.parametrize("training", cases("DCGAN", on=("torch",)))
def test_is_trained_alike_with_a_monitor(training, tmp_path):
    plain = training.run(tmp_path)
    monitored = training.run(tmp_path, GradientMonitor(2, ("full", "cosine")))
    assert_trained_alike(monitored, plain)
    assert len(monitored.callbacks[-1].history.steps) > 0


def assert_trained_alike(monitored, plain):
    """Compare all but what the monitor adds to the logs."""
    logs = monitored.history.history
    monitored.history.history = {name: logs[name] for name in plain.history.history}
    assert_same(Trained(monitored.model, [None], monitored.history), plain)


@pytest.mark.short("torch")
@pytest.mark.backend(*BY_HAND)
def test_a_monitor_goes_on_with_the_rest(tmp_path):
    training = guide(models.dcgan, callbacks=lambda folder: [GradientMonitor(2)])
    resumed = assert_resumes(training, tmp_path)
    assert len(resumed.callbacks[1].history.steps) == training.epochs * training.steps // 2


@pytest.mark.parametrize("training", cases("VAE of unbuilt parts"))
def test_the_same_object_goes_on_in_a_notebook(training, tmp_path):
    through = training.run(tmp_path / "through")
    model, state = training.make(), training.state(tmp_path)
    arguments = {"epochs": training.epochs, "verbose": 0, **training.data()}
    with pytest.raises(CrashError):
        model.fit(callbacks=[Crash(*training.crash), state], **arguments)
    history = model.fit(callbacks=[state], **arguments)
    assert_same(Trained(model, [None], history), through)


STATEFUL = {
    "VAE": models.vae_of_stateful_draws,
    "WGAN-GP": models.wgan_of_stateful_draws,
}
SHORTENED = ["VAE", pytest.param("WGAN-GP", marks=pytest.mark.short())]


@pytest.mark.parametrize("name", SHORTENED)
@pytest.mark.parametrize("crash", [(1, None), pytest.param((1, 4), marks=pytest.mark.short())])
@pytest.mark.backend("tensorflow")
def test_draws_of_tensorflow_go_on_otherwise_and_that_is_said(name, crash, tmp_path):
    training = guide(STATEFUL[name])
    training = Training(**{**vars(training), "crash": crash, "save_freq": 3})
    training.crashed(tmp_path)
    with pytest.warns(UserWarning, match="the training step draws by `tf.random`"):
        resumed = training.resumed(tmp_path)
    assert resumed.history.epoch == [0, 1, 2]


@pytest.mark.parametrize("name", SHORTENED)
@pytest.mark.backend("torch")
def test_draws_of_pytorch_go_on_as_if_never_killed(name, tmp_path):
    assert_resumes(guide(STATEFUL[name]), tmp_path)


@last_update_alone
@pytest.mark.parametrize("name", SHORTENED)
@pytest.mark.backend("tensorflow")
def test_draws_of_tensorflow_are_the_same_with_a_monitor(name, tmp_path):
    training = guide(STATEFUL[name])
    plain = training.run(tmp_path)
    assert_trained_alike(training.run(tmp_path, GradientMonitor(2)), plain)
