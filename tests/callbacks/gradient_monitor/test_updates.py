"""What counts as a step: one `train_step`, however often it updates and whoever calls it."""

import keras
import numpy as np
import pytest
from keras import layers
from keras.optimizers import SGD

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._gradient_monitor.recorder import Recorder
from tests import contracts
from tests.callbacks.custom_steps import ListTaking, Pair
from tests.callbacks.gradient_monitor.configurations import Unused, tokens
from tests.callbacks.monitored import assert_same_training, compiled, data
from tests.callbacks.untouched import assert_same_footprint
from tests.callbacks.witness import Witness
from tests.contracts import assert_close, assert_same_weights

BACKEND = keras.backend.backend()
RATE = 0.1
pytestmark = [
    pytest.mark.filterwarnings("ignore:Gradients do not exist"),
    pytest.mark.filterwarnings("ignore:The following gradients are None"),
    pytest.mark.filterwarnings("ignore:Your input ran out of data"),
]
on_torch = pytest.mark.short("torch")
several = pytest.mark.filterwarnings("ignore:A training step updates")


def train(model, callbacks, x=None, rows=24, **arguments):
    """Train for two epochs of batches of eight, in order."""
    x, y = data(rows)[0] if x is None else x, data(rows)[1]
    arguments = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, **arguments}
    return model.fit(x, y, callbacks=callbacks, **arguments).history


# Several updates in one `train_step`.


class Repeating:
    """Trains on each batch `times` times."""

    times = 2

    def train_step(self, *arguments):
        for _ in range(self.times - 1):
            logs = super().train_step(*arguments)
            arguments = (logs[1], *arguments[1:]) if BACKEND == "jax" else arguments
        return super().train_step(*arguments)


class RepeatingSequential(Repeating, ListTaking):
    """A network with biases."""


class RepeatingUnused(Repeating, Unused):
    """A network with a weight that its output does not depend on."""


def dense(cls):
    hidden = layers.Dense(4, "tanh", name="hidden")
    return cls([keras.Input((3,)), hidden, layers.Dense(2, "softmax", name="out")])


def embedding(cls):
    table = layers.Embedding(9, 2, name="table")
    out = layers.Dense(2, "softmax", name="out")
    return cls([keras.Input((3,)), table, layers.Flatten(), out])


def unused(cls):
    model = cls()
    model.build((None, 3))
    return model


DENSE = (dense, RepeatingSequential, keras.Sequential)
EMBEDDING = (embedding, RepeatingSequential, keras.Sequential)
UNUSED = (unused, RepeatingUnused, Unused)


def repeated(make, times=2, **arguments):
    model = compiled(make, SGD(RATE), **arguments)
    model.times = times
    return model


def trained_once(make, times, x):
    """Train a twin that meets every batch `times` times; return the last looks, and its record."""
    x, y = (
        np.repeat(values.reshape(3, 8, *values.shape[1:]), times, axis=0).reshape(
            -1, *values.shape[1:]
        )
        for values in (x, data(24)[1])
    )
    monitor, witness = GradientMonitor(1), Witness()
    fit = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    compiled(make, SGD(RATE)).fit(x, y, callbacks=[monitor, witness], **fit)
    return witness.looks[times - 1 :: times], monitor.history.table[times - 1 :: times]


def directions(looks):
    """Return the gradients of each variable, one row per step, by what SGD made of them."""
    steps = [zip(look.trainable, look.after, strict=True) for look in looks]
    return [[(before - after).ravel() / RATE for before, after in step] for step in steps]


@pytest.mark.parametrize("times", [2, pytest.param(3, marks=on_torch)])
@pytest.mark.parametrize("case", [DENSE, pytest.param(EMBEDDING, marks=on_torch), UNUSED])
def test_the_last_update_of_each_variable_is_recorded_after_one_warning(case, times):
    make, cls, plain_cls = case
    x = tokens(24) if make is embedding else data(24)[0]
    looks, table = trained_once(lambda: make(plain_cls), times, x)
    plain, model = (repeated(lambda: make(cls), times) for _ in range(2))
    monitor = GradientMonitor(1, ("full", "cosine"), fetch_every=2)
    expected = train(plain, [], x)
    with pytest.warns(UserWarning, match="more than once: GradientMonitor records the last") as got:
        logs = train(model, [monitor], x)
    assert len([w for w in got if "GradientMonitor" in str(w.message)]) == 1
    assert_same_training(model, logs, plain, expected)
    assert_same_footprint(model, plain)
    history = monitor.history
    assert history.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert history.epochs.tolist() == [0, 0, 0, 1, 1, 1]
    assert_close(history.table[..., :9], table[..., :9])
    assert_close(logs["grad_norm"], history.global_norm.reshape(2, 3).mean(axis=1))
    gradients = [np.concatenate(step) for step in directions(looks)]
    signal = [a @ b for a, b in zip(gradients[1:], gradients, strict=False)]
    np.testing.assert_allclose(history.signal[1:], signal, rtol=1e-3, atol=1e-6)


@several
@pytest.mark.parametrize(
    ("every", "arguments", "steps"),
    [
        (2, {}, [0, 2, 4]),
        pytest.param(1, {"run_eagerly": True}, [0, 1, 2, 3, 4, 5], marks=on_torch),
        pytest.param(1, {"steps_per_execution": 2}, [0, 1, 2, 3, 4, 5], marks=on_torch),
        (4, {"steps_per_execution": 2}, [0, 1, 3, 4]),
    ],
)
def test_several_updates_in_sampled_steps(every, arguments, steps):
    _, table = trained_once(lambda: dense(keras.Sequential), 2, data(24)[0])
    model = repeated(lambda: dense(RepeatingSequential), **arguments)
    monitor = GradientMonitor(every)
    train(model, [monitor])
    assert monitor.history.steps.tolist() == steps
    assert_close(monitor.history.table[..., :9], table[steps][..., :9])


class Alternating(Pair):
    """Both of its optimizers update twice."""

    def update(self, gradients):
        super().update(gradients)
        super().update(gradients)

    def stateless_update(self, *state):
        return super().stateless_update(*super().stateless_update(*state), state[-1])


@several
def test_two_optimizers_that_update_twice():
    once, twice = GradientMonitor(1), GradientMonitor(1)
    for make, monitor in ((Pair, once), (Alternating, twice)):
        train(compiled(make, [SGD(RATE), SGD(RATE)]), [monitor])
    assert twice.history.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert len(twice.history.variables) == 4
    assert_close(twice.history["norm"][0], once.history["norm"][0])
    assert_close(twice.history["update_norm"], RATE * twice.history["norm"])


# Several steps in one call of the train function.


def in_batches(rows):
    """Yield batches whose number nobody knows."""
    x, y = data(rows)
    yield from ((x[i : i + 8], y[i : i + 8]) for i in range(0, rows, 8))


@several
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize(
    ("cls", "at_once", "arguments"),
    [
        (ListTaking, 2, {}),
        pytest.param(ListTaking, 7, {}, marks=on_torch),
        pytest.param(RepeatingSequential, 3, {}, marks=on_torch),
        pytest.param(keras.Sequential, 3, {"jit_compile": True}, marks=on_torch),
        pytest.param(ListTaking, 2, {"run_eagerly": True}, marks=on_torch),
    ],
)
def test_call_of_several_steps_records_each_under_its_own_number(
    monkeypatch, cls, at_once, arguments
):
    if cls is keras.Sequential:  # As if Keras itself were 3.16.
        make_train_function = vars(ListTaking)["make_train_function"]
        monkeypatch.setattr(keras.Model, "make_train_function", make_train_function)
    together = {"steps_per_execution": at_once}
    single = compiled(lambda: dense(cls), SGD(RATE), **arguments)
    plain, model = (compiled(lambda: dense(cls), SGD(RATE), **arguments, **together) for _ in "ab")
    of_one, monitor = (GradientMonitor(1, ("full", "cosine"), fetch_every=2) for _ in "ab")
    train(single, [of_one], rows=36)  # Four batches, and half of one.
    expected, logs = train(plain, [], rows=36), train(model, [monitor], rows=36)
    assert_same_training(model, logs, plain, expected)
    history = monitor.history
    assert history.steps.tolist() == list(range(10))
    assert history.epochs.tolist() == [0] * 5 + [1] * 5
    np.testing.assert_allclose(history.table, of_one.history.table, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(history.signal, of_one.history.signal, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rows", [32, pytest.param(40, marks=on_torch)])
def test_calls_of_several_steps_over_data_of_unknown_length(rows):
    model = compiled(lambda: dense(ListTaking), SGD(RATE), steps_per_execution=2)
    single = compiled(lambda: dense(ListTaking), SGD(RATE))
    of_one, monitor = GradientMonitor(1), GradientMonitor(1, fetch_every=2)
    for twin, callback in ((single, of_one), (model, monitor)):
        twin.fit(in_batches(rows), shuffle=False, verbose=0, callbacks=[callback])
    assert monitor.history.steps.tolist() == list(range(rows // 8))
    assert_close(monitor.history.table, of_one.history.table)


def test_only_sampled_calls_of_several_steps_are_recorded():
    model = compiled(lambda: dense(ListTaking), SGD(RATE), steps_per_execution=2)
    monitor = GradientMonitor(5, fetch_every=3)
    train(model, [monitor], rows=36)
    # Calls begin with the steps 0, 2, 4; 5, 7, 9.
    assert monitor.history.steps.tolist() == [0, 1, 5, 6]
    assert monitor.history.epochs.tolist() == [0, 0, 1, 1]


def test_endless_data_fills_the_last_call_of_an_epoch():
    def endless():
        while True:
            yield from in_batches(32)

    model = compiled(lambda: dense(ListTaking), SGD(RATE), steps_per_execution=2)
    monitor = GradientMonitor(1, fetch_every=2)
    together = {"steps_per_epoch": 5, "epochs": 3, "shuffle": False, "verbose": 0}
    model.fit(endless(), callbacks=[monitor], **together)
    steps = monitor.history.steps.tolist()
    assert steps == list(range(int(contracts.array(model.optimizer.iterations))))
    assert len(steps) > 15


@pytest.mark.backend("torch")
def test_a_train_function_that_joins_its_batches_takes_the_same_steps():
    class Joining(ListTaking):
        def make_train_function(self, force=False):
            import torch

            train_step = self.train_step

            def train_function(data):
                return train_step(tuple(torch.cat(parts) for parts in zip(*data, strict=True)))

            self.train_function = train_function

    plain, model = (
        compiled(lambda: dense(Joining), SGD(RATE), steps_per_execution=2) for _ in "ab"
    )
    monitor = GradientMonitor(1)
    expected, logs = train(plain, [], rows=32), train(model, [monitor], rows=32)
    assert_same_training(model, logs, plain, expected)
    assert int(contracts.array(model.optimizer.iterations)) == 4


@pytest.mark.backend("torch")
def test_a_compiled_train_function_of_ones_own_for_several_steps_is_left_alone():
    model = compiled(lambda: dense(ListTaking), SGD(RATE), steps_per_execution=2, jit_compile=True)
    with pytest.warns(UserWarning, match="a train function of its own for several steps"):
        logs = train(model, [GradientMonitor(1)])
    assert "grad_norm" not in logs


def test_first_batch_of_a_call_of_several_steps_is_probed():
    model = compiled(lambda: dense(ListTaking), SGD(RATE), steps_per_execution=2)
    monitor = GradientMonitor(1, probe="first_batch")
    train(model, [monitor])
    assert monitor.history.activations.table.shape == (2, 2, 5)


# A model that cannot be observed from some step on.


class Failure:
    """Raises when the optimizer's n-th update from now on has been measured."""

    def __init__(self, monkeypatch, error):
        self.keep, self.error, self.left = Recorder.keep, error, np.inf
        monkeypatch.setattr(Recorder, "keep", lambda *given: self.strike(*given))

    def strike(self, *given):
        self.left -= 1
        if self.left < 0:
            raise self.error
        self.keep(*given)


@pytest.mark.parametrize(("error", "reason"), [("no more", "no more"), ("", "RuntimeError")])
def test_nothing_is_logged_once_a_model_cannot_be_observed(monkeypatch, error, reason):
    failure = Failure(monkeypatch, RuntimeError(error) if error else RuntimeError())
    plain, model = (compiled(lambda: dense(keras.Sequential), run_eagerly=True) for _ in "ab")
    monitor = GradientMonitor(1, fetch_every=1)
    expected = train(plain, [], epochs=4)
    failure.left = 4
    with pytest.warns(UserWarning, match=f"cannot observe this model: {reason}. ") as caught:
        logs = train(model, [monitor], epochs=4)
    assert len([w for w in caught if "cannot observe" in str(w.message)]) == 1
    assert_same_weights(model, plain)
    assert logs["loss"] == expected["loss"]
    assert len(logs["grad_norm"]) == len(logs["update_ratio"]) == 1
    assert monitor.history.steps.tolist() == [0, 1, 2, 3]
    # The next `fit` tries anew.
    failure.left = np.inf
    assert len(train(model, [monitor])["grad_norm"]) == 2
    assert len(monitor.history.steps) == 6
