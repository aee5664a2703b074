"""What regularizers add to the loss, beside what Keras adds."""

import keras
import numpy as np
import pytest
from keras import layers, ops, regularizers

from keras_trainkit.diagnosis import preflight
from keras_trainkit.diagnosis._preflight.penalties import penalties_of

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")


def network():
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(6, "tanh", kernel_regularizer="l2", bias_regularizer="l1"),
            layers.Dense(5, activity_regularizer=regularizers.L1(0.3)),
            layers.ActivityRegularization(l2=0.5),
            layers.Dense(3),
        ]
    )


def test_all_kinds_add_up_to_the_losses_of_keras():
    model = network()
    found = penalties_of(model, X)
    model(X)
    theirs = float(sum(ops.convert_to_numpy(loss) for loss in model.losses))
    assert sum(found.values()) == pytest.approx(theirs, rel=1e-5)
    kernel = np.square(ops.convert_to_numpy(model.layers[0].kernel)).sum()
    assert next(iter(found.values())) == pytest.approx(0.01 * kernel, rel=1e-5)
    assert len(found) == 3


def test_losses_of_the_model_stay_as_they_are():
    model = network()
    model(X)
    before = [float(ops.convert_to_numpy(loss)) for loss in model.losses]
    penalties_of(model, X)
    after = [float(ops.convert_to_numpy(loss)) for loss in model.losses]
    assert before == after


def test_what_a_layer_learns_by_is_no_penalty():
    class Sparse(layers.Dense):
        def call(self, x):
            y = super().call(x)
            self.add_loss(ops.mean(y**2))
            return y

    assert not penalties_of(keras.Sequential([keras.Input((4,)), Sparse(3)]), X)


@pytest.mark.parametrize(("strength", "is_found"), [(2.0, True), (1e-3, False)])
def test_a_penalty_on_activities_that_outweighs_the_loss_is_found(strength, is_found):
    penalty = regularizers.L1(strength)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(16, "relu", activity_regularizer=penalty, name="first"),
            layers.Dense(1, "sigmoid"),
        ],
        name="net",
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    y = (X[:, 0] > 0).astype("float32")[:, None]
    found = preflight(model, X, y, epochs=100, one_batch=False)
    named = [finding for finding in found if finding.name == "excess_regularization"]
    assert bool(named) == is_found
    assert {finding.where for finding in named} <= {"net/first"}
    for finding in named:
        mended = finding.remedies[0].apply(model)
        assert float(mended.layers[0].activity_regularizer.l2) == pytest.approx(1e-4)
