"""The initializer matched to an activation."""

import keras
import pytest

from keras_trainkit import initializers
from keras_trainkit.initializers import for_activation

FAMILIES = {
    "He": ["relu", "relu6", "leaky_relu", "elu", "celu", "gelu", "silu", "swish", "mish"],
    "Glorot": ["tanh", "sigmoid", "softmax", "linear", "softsign", "hard_sigmoid", "log_softmax"],
    "Lecun": ["selu"],
}


@pytest.mark.host
@pytest.mark.parametrize("family", FAMILIES)
def test_name_and_function_give_the_family(family):
    for name in FAMILIES[family]:
        for distribution in ("normal", "uniform"):
            expected = getattr(initializers, family + distribution.title())
            assert type(for_activation(name, distribution)) is expected
            assert type(for_activation(keras.activations.get(name), distribution)) is expected


@pytest.mark.host
def test_layers_and_no_activation_count_too():
    assert type(for_activation(None)).__name__ == "GlorotNormal"
    assert type(for_activation("ReLU")).__name__ == "HeNormal"
    for layer in (keras.layers.LeakyReLU(), keras.layers.ReLU(), keras.layers.PReLU()):
        assert type(for_activation(layer)).__name__ == "HeNormal"


@pytest.mark.host
def test_seed_and_options_reach_the_initializer():
    initializer = for_activation("relu", "uniform", seed=3, kernel="depthwise")
    assert initializer.seed == 3
    assert initializer.kernel == "depthwise"


@pytest.mark.host
def test_unknown_activation_lists_the_known():
    for activation in ("rellu", "exponential", lambda x: x, 3):
        with pytest.raises(ValueError, match=r"`activation` must be one of relu, .*, selu\."):
            for_activation(activation)


@pytest.mark.host
def test_unknown_distribution_is_named():
    with pytest.raises(ValueError, match=r"`distribution` must be one of 'normal', 'uniform'\."):
        for_activation("relu", "beta")
