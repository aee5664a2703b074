import math
import random

import keras
import numpy as np
import pytest

from keras_trainkit.diagnosis._preflight.gather import facts_of, looked_at
from tests.diagnosis.preflight.models import X, Y, compiled

pytestmark = pytest.mark.short("torch")


def facts(x, y=None, draws=False, **arguments):
    arguments = {"x": x, "y": y, **arguments}
    return facts_of(compiled(), arguments, looked_at(arguments, draws))


def plan(x, y=None, **arguments):
    return facts(x, y, **arguments).plan


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, False), ({"class_weight": {0: 1.0}}, True), ({"sample_weight": np.ones(len(Y))}, True)],
)
def test_plan_says_whether_weights_scale_the_loss(given, expected):
    found = plan(X, Y, **given)
    assert found.weighted is expected
    assert found.class_weight == (given.get("class_weight") or {})


def test_plan_of_arrays():
    found = plan(X, Y, epochs=5)
    assert (found.rows, found.batch_size, found.steps, found.updates) == (12, 32, 1, 5)
    assert (found.shuffle, found.split, found.sampled) == (True, 0.0, False)
    found = plan(X, Y, batch_size=5, epochs=5, initial_epoch=2, shuffle=False)
    assert (found.batch_size, found.steps, found.epochs, found.shuffle) == (5, 3, 3, False)
    found = plan(X, Y, steps_per_epoch=4)
    assert (found.batch_size, found.steps) == (3, 4)


def test_inputs_and_targets_are_named_as_in_fit():
    found = facts({"image": X, "age": X[:, :1]}, [Y, Y])
    assert [array.name for array in found.inputs] == ["x['age']", "x['image']"]
    data, _ = looked_at({"x": X, "y": [Y, {"b": Y}]})
    assert len(data.y) == 2


def test_a_split_gives_the_last_share_to_validation():
    y = np.repeat([0, 1], [9, 3])
    found = facts(X, y, validation_split=0.25)
    (output,) = found.outputs
    assert output.target.classes == {0.0: 1.0}
    assert output.validation_target.classes == {1.0: 1.0}
    assert output.validation_target.name == "validation y"
    assert [array.shape for array in (*found.inputs, *found.validation_inputs)] == [(9, 8), (3, 8)]
    assert (found.plan.rows, found.plan.split) == (9, 0.25)
    rows = compiled().fit(X, y, validation_split=0.25, verbose=0, batch_size=1)
    assert rows.params["steps"] == plan(X, y, validation_split=0.25, batch_size=1).steps


@pytest.mark.parametrize("kind", [tuple, list])
def test_validation_arrays(kind):
    found = facts(X, Y, validation_data=kind((X[:4], Y[:4])), validation_split=0.5)
    assert [array.shape for array in (*found.inputs, *found.validation_inputs)] == [(12, 8), (4, 8)]
    assert found.outputs[0].validation_target.shape == (4,)


def test_tensors_are_looked_at_as_arrays_are():
    x = keras.ops.convert_to_tensor(X)
    found = facts(x, keras.ops.convert_to_tensor(Y), validation_split=0.5)
    assert found.inputs[0].mean == pytest.approx(X[:6].mean(), abs=1e-6)
    assert found.validation_inputs[0].mean == pytest.approx(X[6:].mean(), abs=1e-6)


class Batches(keras.utils.PyDataset):
    """Draws from all generators that there are, and counts how often it is asked."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.x, self.asked, self.rng = np.tile(X, (20, 1)), [], np.random.default_rng(0)

    @property
    def num_batches(self):
        return 60

    def __getitem__(self, index):
        self.asked.append(index)
        noise = self.rng.random() + np.random.random() + random.random()
        rows = slice(4 * index, 4 * index + 4)
        return self.x[rows] + 0 * noise, np.full(4, index)


def test_a_dataset_is_sampled_from_a_copy():
    data = Batches()
    state = data.rng.bit_generator.state
    found = facts(data, draws=True)
    assert data.asked == []
    assert data.rng.bit_generator.state == state
    assert (found.inputs[0].shape, found.inputs[0].seen) == ((None, 8), 64)
    classes = found.outputs[0].target.classes
    assert (min(classes), max(classes)) == (0, 59)
    assert (found.plan.batch_size, found.plan.steps, found.plan.sampled) == (4, 60, True)


def test_the_arrays_of_a_dataset_are_not_copied(monkeypatch):
    class Held(np.ndarray):
        def __deepcopy__(self, memo):
            raise AssertionError("was copied")

    data = Batches()
    data.x = data.x.view(Held)
    data.parts = {"more": [data.x]}
    assert facts(data, draws=True).inputs[0].seen == 64


def test_without_a_sample_no_code_of_the_users_runs():
    data = Batches()
    found = facts(data)
    assert data.asked == []
    assert (found.inputs, found.plan.steps, found.plan.sampled) == ((), 60, False)


def test_a_dataset_that_cannot_be_copied_is_not_looked_at():
    data = Batches()
    data.file = (line for line in ())
    training, _ = looked_at({"x": data}, draws=True)
    assert "cannot pickle" in training.obstacle
    assert data.asked == []


@pytest.mark.parametrize("draws", [False, True])
def test_nothing_is_taken_from_a_generator(draws):
    given = iter([(X, Y)])
    generator = (batch for batch in given)
    found = facts(generator, steps_per_epoch=7, epochs=2, draws=draws)
    assert (found.inputs, found.plan.rows, found.plan.updates) == ((), None, 14)
    assert next(generator)[0] is X


def test_data_that_is_nothing_known():
    found = facts(object(), "?")
    assert (found.inputs, found.plan.rows) == ((), None)
    assert facts(None).inputs == ()


@pytest.mark.backend("torch")
def test_a_data_loader_is_sampled_from_its_dataset():
    import torch

    class Rows(torch.utils.data.Dataset):
        def __init__(self):
            self.asked = []

        def __len__(self):
            return 1000

        def __getitem__(self, index):
            self.asked.append(index)
            return torch.full((8,), float(index)), index // 500

    rows = Rows()
    loader = torch.utils.data.DataLoader(rows, batch_size=10, shuffle=True)
    state = torch.random.get_rng_state()
    found = facts(loader, draws=True)
    assert rows.asked == []
    assert torch.equal(torch.random.get_rng_state(), state)
    (array,) = found.inputs
    assert (array.shape, array.seen, array.low, array.high) == ((1000, 8), 512, 0.0, 999.0)
    assert found.outputs[0].target.ordered
    assert (found.plan.steps, found.plan.batch_size, found.plan.shuffle) == (100, 10, True)
    assert not facts(torch.utils.data.DataLoader(rows, batch_size=10)).plan.shuffle


@pytest.mark.backend("torch")
def test_a_data_loader_of_a_stream_is_not_looked_at():
    import torch

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            raise AssertionError("was iterated over")

    training, _ = looked_at({"x": torch.utils.data.DataLoader(Stream())}, draws=True)
    assert training.obstacle
    assert (training.rows, training.steps) == (None, None)


def tf_data(rows=200):
    import tensorflow as tf

    x = np.arange(rows * 8.0).reshape(rows, 8)
    return tf.data.Dataset.from_tensor_slices((x, np.arange(rows) % 3))


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("cached", [False, True])
def test_a_tf_dataset_is_sampled_from_a_copy(cached):
    def batches(look):
        keras.utils.set_random_seed(1)
        data = tf_data().cache() if cached else tf_data()
        data = data.shuffle(200).map(lambda x, y: (x + 1.0, y)).batch(32)
        found = facts(data, draws=True) if look else None
        return found, [x.numpy() for _ in range(2) for x, _ in data]

    found, seen = batches(look=True)
    np.testing.assert_equal(seen, batches(look=False)[1])
    (array,) = found.inputs
    assert (array.shape, array.dtype, array.seen) == ((None, 8), "float64", 200)
    assert array.low == 1.0
    assert list(found.outputs[0].target.classes) == [0, 1, 2]
    assert not found.outputs[0].target.ordered
    assert (found.plan.batch_size, found.plan.steps, found.plan.sampled) == (32, 7, True)


@pytest.mark.backend("tensorflow")
def test_without_a_sample_a_tf_dataset_tells_its_kind():
    found = facts(tf_data().batch(32, drop_remainder=True))
    (array,) = found.inputs
    assert (array.shape, array.dtype, array.seen) == ((32, 8), "float64", 0)
    assert math.isnan(array.mean)
    assert (found.plan.batch_size, found.plan.steps) == (32, 6)


@pytest.mark.backend("tensorflow")
def test_a_tf_dataset_of_python_is_not_looked_at():
    import tensorflow as tf

    def rows():
        raise AssertionError("was iterated over")

    spec = (tf.TensorSpec((None, 8)), tf.TensorSpec((None,), "int64"))
    data = tf.data.Dataset.from_generator(rows, output_signature=spec)
    training, _ = looked_at({"x": data}, draws=True)
    assert "could change it" in training.obstacle
    assert facts(data, draws=True).inputs[0].shape == (None, 8)
