"""Standardization inside of a model, what it learns from a `fit`, and the loss beside it."""

import json

import keras
import numpy as np
import pytest

from keras_trainkit.layers._standardization import (
    Standardization,
    StandardizedLoss,
    moments,
)
from tests.contracts import array, assert_close, assert_round_trips


def table(rows=40):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 3)) * [0.1, 1.0, 1e4] + [5.0, 0.0, 1e5]
    return x, x.sum(axis=1) / 1e4


def network(*targets):
    dense = keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((3,)), Standardization("inputs"), dense, *targets])
    loss = StandardizedLoss("mean_squared_error", targets[0]) if targets else "mse"
    model.compile("sgd", loss)
    return model


def learned(*arguments, **options):
    """Return mean and scale of the inputs, and of the targets, after a fit."""
    model = network(Standardization("targets"))
    model.fit(*arguments, **{"verbose": 0, **options})
    layers = [layer for layer in model.layers if isinstance(layer, Standardization)]
    return [(array(layer.mean), array(layer.scale)) for layer in layers]


def assert_learned(found, x, y):
    for (mean, scale), rows in zip(found, (x, y.reshape(len(y), -1)), strict=True):
        np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scale, rows.std(axis=0), rtol=1e-5)


class Pairs(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return self.x[10 * i : 10 * i + 10], self.y[10 * i : 10 * i + 10]


def tf_data(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(7)


def data_loader(x, y):
    import torch

    pairs = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
    return torch.utils.data.DataLoader(pairs, batch_size=7)


def test_inputs_go_in_and_predictions_come_out():
    x = np.array([[1.0, 10.0], [3.0, 30.0]], "float32")
    for of, expected in (("inputs", [[-1.0, 0.0], [0.0, 2.0]]), ("targets", [[5, 110], [9, 310]])):
        layer = Standardization(of)
        assert_close(layer(x), x)
        layer.mean.assign([3.0, 10.0])
        layer.scale.assign([2.0, 10.0])
        assert_close(layer(x), np.array(expected))


@pytest.mark.parametrize("make", [lambda x, y: (x, y), lambda x, y: (x, y[:, None])])
def test_learns_from_arrays_what_trains(make):
    x, y = make(*table())
    assert_learned(learned(x, y), x, y)
    assert_learned(learned(x, y, validation_split=0.25), x[:30], y[:30])


@pytest.mark.parametrize("make", [Pairs, tf_data, data_loader])
def test_learns_from_data_sets(make):
    x, y = table()
    assert_learned(learned(make(x, y), shuffle=False), x, y)


class Endless(Pairs):
    __len__ = None
    num_batches = None


@pytest.mark.parametrize(
    ("make", "rows"), [(lambda x, y: tf_data(x, y).repeat(), 14), (Endless, 20)]
)
def test_learns_from_the_steps_of_an_endless_data_set(make, rows):
    x, y = table()
    found = learned(make(x, y), steps_per_epoch=2, shuffle=False)
    assert_learned(found, x[:rows], y[:rows])


def test_a_generator_is_left_alone_and_said_to_be():
    x, y = table()
    with pytest.warns(UserWarning, match="A generator can be read only once"):
        (mean, scale), _ = learned(((x, y) for _ in range(1)), steps_per_epoch=1, shuffle=False)
    np.testing.assert_array_equal((mean, scale), ([0, 0, 0], [1, 1, 1]))


def test_what_is_learned_stays():
    x, y = table()
    model = network()
    model.train_on_batch(x / 1e5, y)  # No `fit`, which alone tells what trains.
    assert float(array(model.layers[0].count)) == 0
    for factor in (1.0, 2.0):
        model.fit(x * factor, y, verbose=0)
        np.testing.assert_allclose(array(model.layers[0].mean), x.mean(axis=0), rtol=1e-5)
    assert float(array(model.layers[0].count)) == 40
    assert len(model.trainable_weights) == 2


@pytest.mark.host
def test_moments_of_batches_are_those_of_all_rows():
    rows = np.random.default_rng(1).normal(1e6, 1e-2, size=(50, 2))
    count, mean, scale = moments([rows[:1], rows[1:20], rows[20:]])
    assert count == 50
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(scale, [1.0, 1.0])  # float32 does not tell them apart.
    _, _, scale = moments([rows[:1] - 1e6, rows[1:20] - 1e6, rows[20:] - 1e6])
    np.testing.assert_allclose(scale, rows.std(axis=0), rtol=1e-6)
    _, _, scale = moments([np.zeros((3, 2))])
    np.testing.assert_array_equal(scale, [1.0, 1.0])


@pytest.mark.parametrize("loss", ["mean_absolute_error", keras.losses.MeanAbsoluteError()])
@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_a_loss_is_in_standard_deviations(loss, shape):
    made = StandardizedLoss(loss, mean=[100.0], scale=[20.0])
    truth = np.reshape([100.0, 120.0], shape)
    assert_close(made(truth, np.array([[110.0], [110.0]])), 0.5)


def test_a_loss_takes_what_its_layer_has_learned_and_keeps_it():
    layer = Standardization("targets")
    loss = StandardizedLoss("mean_squared_error", layer)
    truth, predicted = np.array([[0.0]]), np.array([[4.0]])
    assert_close(loss(truth, predicted), 16.0)
    layer.build((None, 1))
    layer.scale.assign([2.0])
    assert_close(loss(truth, predicted), 4.0)
    config = json.loads(json.dumps(keras.losses.serialize(loss)))
    assert_close(keras.losses.deserialize(config)(truth, predicted), 4.0)


def test_its_config_makes_the_same_layer():
    assert assert_round_trips(Standardization("targets", name="unit")).of == "targets"


@pytest.mark.host
def test_says_what_is_wrong_with_an_argument():
    with pytest.raises(ValueError, match="`of` must be one of 'inputs', 'targets'"):
        Standardization("outputs")
