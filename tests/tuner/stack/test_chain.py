"""Which models are chains, and why others are trained by themselves."""

import keras
import numpy as np
import pytest
from keras import layers, regularizers

from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.tuner._stack.chain import NotStackable, chain_of
from keras_trainkit.tuner._stack.data import check_rows, plan_of
from keras_trainkit.tuner._stack.scores import scores_of
from tests.tuner.stack.networks import FIT, X, Y

pytestmark = pytest.mark.short("torch")


def chained(*body, shape=(8,)):
    return keras.Sequential([keras.Input(shape), *body])


def test_a_chain_is_read_as_it_is_written():
    model = chained(
        layers.Flatten(),
        layers.Rescaling(0.5),
        layers.Dense(6, use_bias=False, kernel_regularizer=regularizers.L1L2(0.1, 0.2)),
        BatchNormalization(momentum=0.9),
        layers.ReLU(),
        Dropout(0.25),
        layers.Dense(5, "tanh"),
        layers.Dense(3),
        layers.Activation("softmax"),
        shape=(4, 2),
    )
    chain = chain_of(model)
    assert [type(layer) for layer in chain.first] == [layers.Flatten, layers.Rescaling]
    one, two, last = chain.blocks
    assert (one.width, one.rate, one.norm.momentum) == (6, 0.25, 0.9)
    assert one.strengths == pytest.approx((0.1, 0.2))
    names = [block.activation.__name__ for block in chain.blocks]
    assert names == ["relu", "tanh", "softmax"]
    assert (two.norm, two.rate, last.rate) == (None, 0.0, 0.0)


class OfTheUsers(layers.Dense):
    pass


def frozen():
    layer = layers.Dense(4)
    layer.trainable = False
    return layer


def with_frozen_bias():
    layer = layers.Dense(4)
    layer.build((None, 8))
    layer.bias.trainable = False
    return layer


def without_the_mean(x):
    return x - keras.ops.mean(x, axis=0)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ([with_frozen_bias(), layers.Dense(3)], "weight that does not train"),
        ([layers.Dense(3, without_the_mean)], "without_the_mean"),
        ([layers.Dense(4, without_the_mean), layers.Dense(3)], "without_the_mean"),
        ([layers.Dense(4, "glu")], "glu"),
        ([layers.Reshape((4, 2)), layers.Dense(3)], "more than a list"),
        ([layers.Dense(4, "softmax"), layers.Dense(3)], "softmax"),
        ([OfTheUsers(4), layers.Dense(3)], "OfTheUsers"),
        ([layers.Dense(4, kernel_constraint="max_norm"), layers.Dense(3)], "Dense"),
        ([layers.Dense(4, activity_regularizer="l2"), layers.Dense(3)], "Dense"),
        ([layers.Dense(4, bias_regularizer="l2"), layers.Dense(3)], "Dense"),
        ([layers.Dense(4, kernel_regularizer="orthogonal_regularizer")], "Dense"),
        ([layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(3)], "BatchNorm"),
        ([layers.Dense(4), layers.LayerNormalization(), layers.Dense(3)], "LayerNorm"),
        ([layers.Dense(4), BatchNormalization(unbiased=True), layers.Dense(3)], "BatchNorm"),
        ([layers.Dense(4), BatchNormalization(momentum=None), layers.Dense(3)], "BatchNorm"),
        ([layers.Dense(4), layers.LeakyReLU(0.1), layers.Dense(3)], "LeakyReLU"),
        ([layers.Dense(4), layers.GaussianNoise(0.1), layers.Dense(3)], "GaussianNoise"),
        ([layers.Dropout(0.5), layers.Dense(3)], "Dropout"),
        ([layers.Dense(3), layers.Dropout(0.5)], "last layer"),
        ([frozen(), layers.Dense(3)], "does not train"),
        ([layers.Dense(4, dtype="mixed_bfloat16"), layers.Dense(3)], "precision"),
        ([layers.Dense(4, dtype="float64"), layers.Dense(3)], "precision"),
    ],
)
def test_what_is_no_chain_is_refused_by_name(body, why):
    with pytest.raises(NotStackable, match=why):
        chain_of(chained(*body))


def test_other_kinds_of_models_are_refused():
    x = keras.Input((8,))
    for model in (keras.Model(x, layers.Dense(3)(x)), keras.Sequential([layers.Dense(3)])):
        with pytest.raises(NotStackable, match="Sequential"):
            chain_of(model)
    of_integers = keras.Sequential([keras.Input((8,), dtype="int32"), layers.Dense(3)])
    with pytest.raises(NotStackable, match="int32"):
        chain_of(of_integers)


@pytest.mark.parametrize("shape", [(100, 8, 1), (100, 4), (100,)])
def test_rows_that_fit_would_have_to_change_are_refused(shape):
    plan = plan_of((), {**FIT, "x": np.zeros(shape)})
    with pytest.raises(NotStackable, match="rows of shape"):
        check_rows(chain_of(chained(layers.Dense(3))), plan)


def in_batches():
    yield X, Y


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"x": in_batches()}, "`x`"),
        ({"x": X.tolist()}, "`x`"),
        ({"x": {"a": X}}, "`x`"),
        ({"class_weight": {0: 2.0}}, "class_weight"),
        ({"sample_weight": np.ones(100)}, "sample_weight"),
        ({"steps_per_epoch": 3}, "steps_per_epoch"),
        ({"initial_epoch": 1}, "initial_epoch"),
        ({"validation_freq": 2}, "validation_freq"),
        ({"validation_data": (X, Y, Y)}, "validation data"),
        ({"y": Y[:5]}, "refuses"),
        ({"validation_data": (X, Y[:5])}, "refuses"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 16.0}, "batch_size"),
    ],
)
def test_what_fit_is_asked_for_and_a_stack_does_not_know_is_refused(changed, why):
    with pytest.raises(NotStackable, match=why):
        plan_of((), {**FIT, **changed})


def test_the_last_rows_validate_as_in_fit():
    plan = plan_of((), {**FIT, "validation_split": 0.25})
    np.testing.assert_array_equal(plan.x, X[:75])
    np.testing.assert_array_equal(plan.validation[1], Y[75:])
    assert plan.steps == 5


def mine(y_true, y_pred):
    return keras.ops.mean(y_pred)


@pytest.mark.parametrize(
    ("compiled", "why"),
    [
        ({"loss": mine}, "loss"),
        ({"loss": keras.losses.Dice()}, "loss"),
        ({"loss": keras.losses.MeanSquaredError(reduction="sum")}, "loss"),
        ({"loss": "mse", "metrics": [mine]}, "metric"),
        ({"loss": "mse", "metrics": [keras.metrics.R2Score()]}, "metric"),
        ({"loss": "mse", "metrics": [keras.metrics.AUC()]}, "metric"),
        ({"loss": keras.losses.CosineSimilarity(axis=0)}, "loss"),
        (
            {"loss": keras.losses.SparseCategoricalCrossentropy(ignore_class=0)},
            "SparseCategoricalCrossentropy",
        ),
        ({"loss": "mse", "metrics": [keras.metrics.CosineSimilarity(axis=0)]}, "metric"),
        ({"loss": "mse", "metrics": ["hinge"]}, "hinge"),
        ({"loss": "mse", "metrics": ["mae", "mae"]}, "one name"),
        ({"loss": "mse", "loss_weights": [2.0]}, "loss_weights"),
        ({"loss": "mse", "weighted_metrics": ["mae"]}, "weighted_metrics"),
        ({"loss": "mse", "run_eagerly": True}, "run_eagerly"),
    ],
)
def test_scores_that_are_no_means_over_rows_of_keras_functions_are_refused(compiled, why):
    model = chained(layers.Dense(1))
    model.compile("sgd", **compiled)
    with pytest.raises(NotStackable, match=why):
        scores_of(chain_of(model), X, Y.astype("float32")[:, None])


def test_scores_are_the_same_if_their_functions_are():
    def key(metric):
        model = chained(layers.Dense(1))
        model.compile("sgd", "mse", metrics=[metric])
        return scores_of(chain_of(model), X, Y.astype("float32")[:, None]).key

    mean = keras.metrics
    assert key(mean.MeanSquaredError(name="m")) == key(mean.MeanSquaredError(name="m"))
    assert key(mean.MeanSquaredError(name="m")) != key(mean.MeanAbsoluteError(name="m"))
    limits = [mean.BinaryAccuracy(name="m", threshold=limit) for limit in (0.5, 0.25)]
    assert key(limits[0]) != key(limits[1])
