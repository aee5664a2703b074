import random
import sys
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_trainkit import diagnosis
from keras_trainkit._backend import generator_state
from keras_trainkit._keras_internals import process_state_kept
from keras_trainkit.diagnosis import Finding
from tests.contracts import array
from tests.diagnosis.preflight.models import Pair, Sized, Stack, Told, X, Y, compiled, sequential
from tests.diagnosis.preflight.test_sources import Batches

module = sys.modules["keras_trainkit.diagnosis.preflight"]


def state_of(model):
    """Return all numbers of a training, and what Keras holds for the process."""
    rule = model.optimizer
    variables = [*model.variables, *rule.variables, *model.metrics_variables]
    generators = [random.getstate(), np.random.get_state()[1:], generator_state()]
    names = [set(vars(layer)) for layer in (model, *model.layers)]
    built = [layer.built for layer in (model, *model.layers)]
    return [np.array(array(v)) for v in variables], generators, names, built


def assert_same(before, after):
    np.testing.assert_equal(after, before)


def unbuilt():
    return keras.Sequential([layers.Dense(4, "relu"), layers.Dropout(0.5), layers.Dense(3)])


@pytest.mark.parametrize("make", [sequential, Stack, unbuilt])
def test_nothing_changes(make):
    model = compiled(make, "adam", metrics=["accuracy"])
    if make is not unbuilt:
        model.fit(X, Y, verbose=0)
    before = state_of(model)
    diagnosis.preflight(model, X, Y, (X, Y), epochs=3, batch_size=4)
    assert_same(before, state_of(model))


@pytest.mark.short("torch")
@pytest.mark.parametrize("make", [sequential, unbuilt])
def test_names_and_seeds_go_on_as_if_nothing_had_been_made(make):
    model = compiled(make)
    with process_state_kept():
        name = layers.Dense(1).name
    diagnosis.preflight(model, X, Y)
    assert layers.Dense(1).name == name


@pytest.mark.parametrize("make", [unbuilt, Stack])
def test_a_training_after_it_is_the_same(make):
    def trained(look):
        keras.utils.clear_session()
        keras.utils.set_random_seed(5)
        model = compiled(make, "adam")
        if look:
            diagnosis.preflight(model, X, Y)
        logs = model.fit(X, Y, epochs=2, batch_size=4, verbose=0).history
        return logs, model.get_weights(), [v.path for v in model.variables]

    assert_same(trained(False), trained(True))


@pytest.mark.short("torch")
def test_a_dataset_leaves_generators_as_they_were():
    model = compiled()
    before = state_of(model)
    found = diagnosis.preflight(model, Batches())
    assert_same(before, state_of(model))
    assert found.notes[0] == "Of x a sample was looked at: 64 rows."


@pytest.fixture
def seen(monkeypatch):
    """Hold the cases that the rules were given."""
    cases = []

    def rule(case):
        cases.append(case)
        yield Finding("bad_data", "info", "It was seen.")

    monkeypatch.setattr(module, "STATIC", (rule,))
    return cases


@pytest.mark.parametrize("make", [unbuilt, Stack])
def test_a_model_that_is_not_built_is_known_by_a_copy(make, seen):
    model = compiled(make)
    found = diagnosis.preflight(model, X, Y, one_batch=False)
    assert [finding.text for finding in found] == ["It was seen."]
    (case,) = seen
    (output,) = case.facts.outputs
    assert (output.shape, output.loss) == ((3,), "sparse_categorical_crossentropy")
    assert case.facts.layers[0].shape == (4,)
    assert case.facts.optimizer.kind == "SGD"
    assert not model.built
    assert not model.weights


class Unregistered(layers.Layer):
    def call(self, x):
        return x - ops.mean(x, axis=0)


@pytest.mark.short("torch")
def test_a_stack_of_layers_that_nobody_registered_is_copied():
    model = compiled(lambda: keras.Sequential([Unregistered(), layers.Dense(3, "softmax")]))
    found = diagnosis.preflight(model, X, Y, one_batch=False)
    assert "dependent_examples" in [finding.name for finding in found]
    assert not model.built


@pytest.mark.short("torch")
def test_a_model_is_copied_if_its_config_says_what_it_was_made_with(seen):
    for kind in (Told, Sized):
        diagnosis.preflight(compiled(lambda kind=kind: kind(5)), X, Y)
    told, untold = (case.facts.outputs[0] for case in seen)
    assert (told.activation, told.units) == ("softmax", 5)
    assert (untold.activation, untold.units) == ("", None)


@pytest.mark.short("torch")
def test_a_model_that_cannot_be_copied_is_known_as_it_is(seen):
    class Own(keras.Model):
        def __init__(self, part):
            super().__init__()
            self.part = part

        def call(self, inputs):
            return self.part.thing(inputs)

    model = compiled(lambda: Own(object()))
    diagnosis.preflight(model, X, Y)
    (case,) = seen
    assert case.facts.layers == ()
    assert case.facts.outputs[0].target.shape == (12,)
    assert not model.built


@pytest.mark.short("torch")
def test_the_plan_is_what_it_is_told(seen):
    limits = diagnosis.Thresholds(vanishing_norm=0.5)
    arguments = {"batch_size": 3, "epochs": 7, "validation_split": 0.5, "shuffle": False}
    diagnosis.preflight(compiled(), X, Y, **arguments, thresholds=limits, one_batch=False)
    (case,) = seen
    plan = case.facts.plan
    assert (plan.batch_size, plan.updates, plan.split, plan.shuffle) == (3, 14, 0.5, False)
    assert case.limits is limits
    assert case.history is None


@pytest.mark.short("torch")
def test_notes_say_what_was_seen():
    found = diagnosis.preflight(compiled(), (batch for batch in [(X, Y)]))
    assert found.notes[0].startswith("`x` was not looked at: what is in it cannot be known")
    assert diagnosis.preflight(compiled(), X, Y, (X, Y), one_batch=False).notes == ()
    many = np.zeros((3_000_000, 1))
    notes = diagnosis.preflight(compiled(), X, many).notes
    assert notes == ("Of y a sample was looked at: 2,000,000 of 3,000,000 rows.",)


@pytest.mark.short("torch")
@pytest.mark.parametrize("loss", [None, "mse", {"nothing": "mse"}, ["mse", "mse"], 3.5])
@pytest.mark.parametrize("make", [Stack, unbuilt, lambda: keras.Sequential([Pair()])])
@pytest.mark.parametrize("data", [(X, Y), (X, None), ("text", Y), ([[1, 2]], [3]), (X, {"b": Y})])
def test_it_never_raises(make, loss, data):
    model = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compile("sgd", loss)
        diagnosis.preflight(model, *data)
