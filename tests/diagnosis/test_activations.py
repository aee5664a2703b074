import numpy as np
import pytest

from keras_trainkit.diagnosis import ACTIVATION_STATISTICS, Activations

pytestmark = pytest.mark.host


def test_statistics_are_read_by_name():
    table = np.random.default_rng(0).random((2, 3, 5)).astype("float32")
    activations = Activations([0, 4], ["a", "b", "c"], ["relu", "", "tanh"], table)
    for index, name in enumerate(ACTIVATION_STATISTICS):
        np.testing.assert_array_equal(activations[name], table[:, :, index])
        assert activations[name].dtype == "float64"
    assert repr(activations) == "<Activations of 3 layers in 2 epochs>"
    assert (activations.layers, activations.kinds) == (("a", "b", "c"), ("relu", "", "tanh"))


def test_unknown_statistic_is_an_error():
    with pytest.raises(KeyError, match=r"`statistic` must be one of mean, .*'norm'"):
        Activations([], [], [], np.empty((0, 0, 5)))["norm"]


@pytest.mark.parametrize(
    ("epochs", "kinds", "shape", "message"),
    [
        (
            [0],
            ["relu"],
            (1, 1, 4),
            "`table.shape` must be (epochs, layers, statistics) = (1, 1, 5). "
            "Received: table.shape=(1, 1, 4)",
        ),
        ([[0]], ["relu"], (1, 1, 5), "`epochs.shape` must be (epochs) = (1,)."),
        ([0], [], (1, 1, 5), "`kinds` must hold one string per layer, 1. Received: kinds=()"),
    ],
)
def test_shapes_that_do_not_fit_are_an_error(epochs, kinds, shape, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        Activations(epochs, ["dense"], kinds, np.zeros(shape))
    assert str(caught.value).startswith(message)
