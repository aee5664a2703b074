"""Recalibrated statistics against pooled float64 ones, and the rest of the model untouched."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit import layers as ours
from keras_trainkit.layers._pooled_moments import PooledMoments
from keras_trainkit.layers.recalibrate import recalibrate
from tests.contracts import array, assert_close

KITS = pytest.mark.parametrize("kit", [layers, ours], ids=["keras", "ours"])


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(2, 3, shape).astype("float32")


def first(normalization, *shape):
    """Return a model that begins with batch normalization."""
    return keras.Sequential([keras.Input(shape), normalization])


def deep(kit=ours):
    model = keras.Sequential([keras.Input((6,))])
    for _ in range(3):
        model.add(layers.Dense(16, activation="relu"))
        model.add(kit.Dropout(0.5))
        model.add(kit.BatchNormalization())
    model.add(layers.Dense(2))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def by_batch_statistics(model, x):
    """Return the outputs of `deep` when batch normalization alone is in training mode."""
    before = model.get_weights()
    for layer in model.layers:
        training = isinstance(layer, (layers.BatchNormalization, ours.BatchNormalization))
        x = layer(x, training=training)
    model.set_weights(before)
    return array(x)


def assert_pooled(layer, x, axes=0):
    x = x.astype("float64")
    assert_close(layer.moving_mean, x.mean(axes))
    assert_close(layer.moving_variance, x.var(axes))


# Contract


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1. Received: batch_size=0"),
        ({"steps": 0}, "`steps` must be an integer >= 1. Received: steps=0"),
        ({"data": np.ones((0, 6))}, "`data` must be data with at least one batch. Received: data="),
        ({"data": iter(())}, "`data` must be data with at least one batch. Received: data="),
        ({"model": keras.Sequential([layers.BatchNormalization()])}, "`model` must be built: call"),
        (
            {"model": first(layers.Dense(2), 6)},
            "`model` must be a model with a trainable BatchNormalization layer. Received: model=",
        ),
    ],
)
def test_refuses_what_it_cannot_do(arguments, message):
    with pytest.raises(ValueError, match="must be") as error:
        recalibrate(**{"model": deep(), "data": data(8, 6), **arguments})
    assert message in str(error.value)


@keras.saving.register_keras_serializable("test_recalibrate")
class NormalizedCell(keras.Layer):
    """A recurrent cell with batch normalization on its way."""

    state_size = 2

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.normalization = ours.BatchNormalization()

    def build(self, input_shape):
        self.normalization.build(input_shape)

    def call(self, inputs, states, training=False):
        outputs = self.normalization(inputs, training=training)
        return outputs, [outputs]


def test_refuses_normalization_in_a_recurrent_cell():
    model = first(layers.RNN(NormalizedCell()), 3, 2)
    with pytest.raises(ValueError, match="`model` must be a model without BatchNormalization in a"):
        recalibrate(model, data(8, 3, 2))


@pytest.mark.oldest
@KITS
def test_changes_only_the_moving_statistics(kit):
    model = deep(kit)
    x = data(20, 6)
    model.fit(x, x[:, :2], verbose=0)
    function, attributes = model.train_function, [set(vars(layer)) for layer in model.layers]
    variables = model.variables + model.optimizer.variables
    before = [array(variable) for variable in variables]
    assert recalibrate(model, x, batch_size=8) is None
    changed = {
        variable.name
        for variable, old in zip(variables, before, strict=True)
        if (array(variable) != old).any()
    }
    assert changed == {"moving_mean", "moving_variance"}
    assert model.train_function is function
    assert [set(vars(layer)) for layer in model.layers] == attributes


def test_leaves_the_model_as_it_was_after_an_exception():
    model = deep()
    before = model.get_weights()

    def broken():
        yield data(8, 6)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        recalibrate(model, broken())
    with pytest.raises(ValueError, match="shape"):
        recalibrate(model, data(8, 5))
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert not any("call" in vars(layer) for layer in model.layers)


def test_frozen_layers_stay_and_normalize_by_their_statistics():
    frozen = ours.BatchNormalization(moving_mean_initializer="ones", trainable=False, epsilon=0.0)
    model = keras.Sequential([keras.Input((6,)), frozen, ours.BatchNormalization()])
    x = data(20, 6)
    recalibrate(model, x, batch_size=8)
    assert_close(frozen.moving_mean, np.ones(6))
    assert_pooled(model.layers[-1], x - 1)


# Truth


def test_pooled_moments_equal_those_of_the_whole():
    x = 1000 + 0.1 * np.random.default_rng(0).normal(size=(40, 3))
    pooled = PooledMoments()
    for part in np.split(x, [1, 2, 15, 15]):
        if len(part):
            pooled.add(part.mean(0), part.var(0), len(part))
    np.testing.assert_allclose(pooled.mean, x.mean(0), rtol=1e-14)
    np.testing.assert_allclose(pooled.variance, x.var(0), rtol=1e-9)


@KITS
@pytest.mark.parametrize(
    ("shape", "axis", "axes"),
    [((21, 5), -1, 0), ((21, 4, 3, 5), -1, (0, 1, 2)), ((21, 5, 4), 1, (0, 2))],
    ids=["dense", "images", "channels_first"],
)
def test_a_first_layer_gets_the_statistics_of_all_data(kit, shape, axis, axes):
    model = first(kit.BatchNormalization(axis=axis), *shape[1:])
    x = data(*shape) + np.arange(21).reshape(-1, *[1] * (len(shape) - 1))
    recalibrate(model, x, batch_size=8)
    assert_pooled(model.layers[0], x.astype("float32"), axes)


@KITS
def test_masked_positions_do_not_count(kit):
    x = data(10, 7, 3)
    lengths = np.random.default_rng(1).integers(1, 7, 10)
    valid = np.arange(7) < lengths[:, None]
    x[~valid] = 0
    model = keras.Sequential(
        [keras.Input((7, 3)), layers.Masking(), kit.BatchNormalization(epsilon=0.5)]
    )
    recalibrate(model, x, batch_size=4)
    assert_pooled(model.layers[-1], x[valid])


def test_channels_without_a_single_element_stay():
    inputs, mask = keras.Input((3, 2)), keras.Input((3,), dtype="bool")
    layer = ours.BatchNormalization(axis=1)
    model = keras.Model([inputs, mask], layer(inputs, mask=mask))
    x = data(4, 3, 2)
    recalibrate(model, [x, np.tile([True, False, True], (4, 1))])
    assert_close(layer.moving_mean, [x[:, 0].mean(), 0, x[:, 2].mean()])
    assert_close(layer.moving_variance, [x[:, 0].var(), 1, x[:, 2].var()])


def test_data_far_from_zero_do_not_cancel():
    x = (1000 + 0.1 * np.random.default_rng(0).normal(size=(300, 4))).astype("float32")
    model = first(ours.BatchNormalization(), 4)
    recalibrate(model, x)
    truth = x.astype("float64")
    np.testing.assert_allclose(array(model.layers[0].moving_mean), truth.mean(0), rtol=1e-6)
    np.testing.assert_allclose(array(model.layers[0].moving_variance), truth.var(0), rtol=1e-3)


RENORM = [kit for kit in (layers, ours) if "renorm" in kit.BatchNormalization().get_config()]


@pytest.mark.parametrize("kit", RENORM, ids=lambda kit: kit.__name__)
def test_renorm_statistics_follow(kit):
    model = first(kit.BatchNormalization(renorm=True), 4)
    x = data(20, 4)
    recalibrate(model, x, batch_size=8)
    layer = model.layers[0]
    assert_pooled(layer, x)
    assert_close(layer.renorm_mean, x.mean(0))
    for stddev in (layer.renorm_stddev, layer.moving_stddev):
        assert_close(stddev, np.sqrt(x.var(0) + layer.epsilon))


def test_unbiased_variance_is_that_of_torch():
    model = first(ours.BatchNormalization(), 4)
    model.layers[0].unbiased = True
    x = data(20, 4)
    recalibrate(model, x, batch_size=8)
    assert_close(model.layers[0].moving_variance, x.var(0, ddof=1))


# Properties


@KITS
def test_inference_comes_close_to_the_batch_statistics(kit):
    model = deep(kit)
    x = data(512, 6)
    model.fit(x, x[:, :2], epochs=2, batch_size=64, verbose=0)
    target = by_batch_statistics(model, x)

    def error():
        return np.square(model.predict(x, verbose=0) - target).mean() / target.var()

    before = error()
    recalibrate(model, x, batch_size=512)
    assert before > 0.1
    assert error() < 1e-8


@pytest.mark.short("torch")
def test_dropout_is_off_and_batches_are_weighted_in_deep_layers():
    model = deep()
    x = data(20, 6)
    recalibrate(model, x, batch_size=8)
    hidden = [model.layers[0](x[start : start + 8]) for start in (0, 8, 16)]
    assert_pooled(model.layers[2], np.concatenate([array(h) for h in hidden]))
    normal = [model.layers[2](h, training=True) for h in hidden]
    hidden = [model.layers[3](n) for n in normal]
    assert_pooled(model.layers[5], np.concatenate([array(h) for h in hidden]))


@pytest.mark.short("torch")
def test_a_shared_layer_takes_all_its_inputs():
    inputs = [keras.Input((3,)), keras.Input((3,))]
    shared = ours.BatchNormalization()
    model = keras.Model(inputs, [shared(x) for x in inputs])
    x = [data(20, 3), 10 + data(20, 3, seed=1)]
    recalibrate(model, x, batch_size=8)
    assert_pooled(shared, np.concatenate(x))


class Nested(keras.Model):
    """Normalization in a model in a model, in another layer, and where no data come."""

    def __init__(self, kit):
        super().__init__()
        self.inner = keras.Sequential([first(kit.BatchNormalization(), 4, 3)])
        self.wrapped = layers.TimeDistributed(kit.BatchNormalization())
        self.unused = kit.BatchNormalization()
        self.unused.build((None, 3))

    def call(self, x):
        return self.inner(x) + self.wrapped(x)


@pytest.mark.short("torch")
@pytest.mark.oldest
@KITS
def test_finds_layers_at_any_depth(kit):
    model = Nested(kit)
    x = data(20, 4, 3)
    model(x)
    recalibrate(model, x, batch_size=8)
    assert_pooled(model.inner.layers[0].layers[0], x, (0, 1))
    assert_pooled(model.wrapped.layer, x, (0, 1))
    assert_close(model.unused.moving_mean, np.zeros(3))
    assert_close(model.unused.moving_variance, np.ones(3))


@KITS
def test_mixed_precision_pools_in_float32(kit):
    keras.config.set_dtype_policy("mixed_float16")
    model = first(kit.BatchNormalization(), 4)
    x = data(200, 4)
    recalibrate(model, x)
    assert_pooled(model.layers[0], x.astype("float16"))


class Batches(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return 3

    def __getitem__(self, index):
        x = self.x[8 * index : 8 * index + 8]
        return x, x, np.ones(len(x))


@pytest.mark.short("torch")
def test_data_may_come_in_batches():
    import tensorflow as tf
    import torch

    x = data(20, 4)
    dataset = tf.data.Dataset.from_tensor_slices((x, x)).batch(8)
    loader = torch.utils.data.DataLoader(torch.tensor(x), batch_size=8)
    for batches in (Batches(x), dataset, loader, (x[i : i + 8] for i in (0, 8, 16))):
        model = first(ours.BatchNormalization(), 4)
        recalibrate(model, batches)
        assert_pooled(model.layers[0], x)


def test_steps_end_endless_data():
    x = data(24, 4)
    model = first(ours.BatchNormalization(), 4)
    recalibrate(
        model, (x[:8] if i == 0 else x[8:16] for i in iter(int, 1) for i in (0, 1)), steps=2
    )
    assert_pooled(model.layers[0], x[:16])
