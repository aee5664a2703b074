"""Clipping against the papers, and Keras's three thresholds against Keras."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_trainkit.optimizers import NAG, Adam, AdaptiveClipping, PercentileClipping
from tests import contracts
from tests.optimizers import planes

RNG = np.random.default_rng(8)


def built(clipping, weights):
    """Return an optimizer with `clipping`, and variables "layer_0", "layer_1" and so on."""
    variables = [keras.Variable(weight, name=f"layer_{i}") for i, weight in enumerate(weights)]
    optimizer = NAG(clipping=clipping)
    optimizer.build(variables)
    return optimizer, variables


def clipped(optimizer, variables, gradients):
    """Return what reaches the rule."""
    tensors = [ops.convert_to_tensor(gradient, dtype="float32") for gradient in gradients]
    return [contracts.array(gradient) for gradient in optimizer._clipped(tensors, variables)]


def adaptive(gradient, weight, factor, epsilon=1e-3):
    """Brock et al. (2021), equation 3; a unit is a column, and a vector one unit."""
    units = gradient.reshape(-1, gradient.shape[-1] if gradient.ndim > 1 else 1)
    weights = weight.reshape(units.shape)
    clipped = []
    for g, w in zip(units.T, weights.T, strict=True):
        norm, bound = np.linalg.norm(g), max(np.linalg.norm(w), epsilon)
        clipped.append(factor * bound / norm * g if norm / bound > factor else g)
    return np.stack(clipped, axis=-1).reshape(gradient.shape)


# Keras's kernels have their outputs last: dense (in, out), convolution (height, width, in, out).
@pytest.mark.parametrize("shape", [(5, 4), (3, 3, 2, 4), (3, 3, 4, 1), (6,), ()])
def test_adaptive_follows_the_paper(shape):
    weight = RNG.normal(size=shape)
    gradient = RNG.normal(size=shape) * RNG.choice([0.05, 5.0], size=shape[-1:])
    clipping = AdaptiveClipping(0.3)
    (found,) = clipped(*built(clipping, [weight]), [gradient])
    expected = adaptive(gradient.astype("float64"), weight, 0.3)
    contracts.assert_close(found, expected)
    assert clipping.frequency == (not np.allclose(expected, gradient))


def test_adaptive_clips_some_units_and_leaves_others():
    weight, gradient = np.ones((4, 3)), np.array([1e-4, 1.0, 1e-2]) * np.ones((4, 3))
    (found,) = clipped(*built(AdaptiveClipping(0.1), [weight]), [gradient])
    np.testing.assert_allclose(found, [[1e-4, 0.1, 1e-2]] * 4, rtol=1e-3)


def test_adaptive_lets_zero_weights_leave_by_epsilon():
    optimizer, variables = built(AdaptiveClipping(0.5, epsilon=0.1), [np.zeros((4, 2))])
    (found,) = clipped(optimizer, variables, [np.full((4, 2), 3.0)])
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), [0.05, 0.05], rtol=1e-5)


def test_adaptive_leaves_zero_gradients_and_excluded_variables():
    clipping = AdaptiveClipping(0.1, exclude=["layer_[12]"])
    weights = [np.ones((2, 2)), np.ones((2, 2)), np.zeros(3), np.zeros((0, 3))]
    gradients = [np.zeros((2, 2)), np.full((2, 2), 4.0), np.full(3, 4.0), np.zeros((0, 3))]
    found = clipped(*built(clipping, weights), gradients)
    for mine, gradient in zip(found, gradients, strict=True):
        np.testing.assert_array_equal(mine, gradient)
    assert clipping.frequency == 0


def test_adaptive_warns_of_an_exclusion_that_fits_nothing():
    with pytest.warns(UserWarning, match="`exclude` names 'head', which no variable fits: layer_0"):
        built(AdaptiveClipping(exclude=["head"]), [np.ones(1)])


def test_huge_gradients_do_not_overflow():
    huge = np.array([[3e30], [4e30]])
    for clipping, norm in [(AdaptiveClipping(0.5), 2.5), (PercentileClipping(0.0), 0.5)]:
        optimizer, variables = built(clipping, [[[3.0], [4.0]]])
        clipped(optimizer, variables, [[[0.3], [0.4]]])
        (found,) = clipped(optimizer, variables, [huge])
        np.testing.assert_allclose(found, norm * huge / 5e30, rtol=1e-5)


def percentile_scales(norms, percentile, window):
    """Seetharaman et al. (2020), Algorithm 1, over the last `window` finite norms."""
    scales, remembered = [], []
    for norm in norms:
        if math.isfinite(norm):
            remembered = [*remembered, norm][-window:]
            threshold = np.percentile(remembered, percentile)
            scales.append(min(1, threshold / norm))
        else:
            scales.append(1)
    return scales


@pytest.mark.parametrize(
    ("percentile", "window"), [(10.0, 1000), (50.0, 4), (0.0, 3), (100.0, 5), (37.5, 7), (25.0, 1)]
)
def test_percentile_follows_the_paper(percentile, window):
    norms = np.exp(RNG.normal(size=24))
    clipping = PercentileClipping(percentile, window)
    optimizer, variables = built(clipping, [[0.0], [[0.0]]])
    scales = percentile_scales(norms, percentile, window)
    for norm, scale in zip(norms, scales, strict=True):
        found = clipped(optimizer, variables, [[0.6 * norm], [[-0.8 * norm]]])
        expected = [[0.6 * norm * scale], [[-0.8 * norm * scale]]]
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=2e-5)
    assert clipping.frequency == pytest.approx(np.mean(np.array(scales) < 1 - 1e-6))


def test_percentile_passes_on_what_is_not_finite_and_forgets_it():
    clipping = PercentileClipping(50.0, window=3)
    optimizer, variables = built(clipping, [[0.0]])
    norms = [1.0, math.inf, 3.0, math.nan, 2.0, 8.0]
    found = [float(clipped(optimizer, variables, [[norm]])[0][0]) for norm in norms]
    np.testing.assert_allclose(found, [1.0, math.inf, 2.0, math.nan, 2.0, 3.0], rtol=1e-6)
    assert clipping.frequency == pytest.approx(2 / 6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_adaptive_passes_on_what_is_not_finite(value):
    optimizer, variables = built(AdaptiveClipping(), [np.ones((1, 2)), np.ones(1)])
    spoilt, whole = clipped(optimizer, variables, [[[value, 1.0]], [1.0]])
    assert not np.isfinite(spoilt[0, 0])
    np.testing.assert_allclose([spoilt[0, 1], whole[0]], 0.01, rtol=1e-4)


CLIPPINGS = [
    pytest.param(lambda: AdaptiveClipping(1.2, 0.01, exclude=("bias",)), id="adaptive"),
    pytest.param(lambda: PercentileClipping(30.0, window=5), id="percentile"),
]
every_clipping = pytest.mark.parametrize("make", CLIPPINGS)


@pytest.mark.oldest
@every_clipping
def test_round_trips_inside_the_optimizer(make):
    clipping = contracts.assert_round_trips(Adam(clipping=make())).clipping
    assert type(clipping) is type(make())
    assert clipping.get_config() == make().get_config()
    assert math.isnan(clipping.frequency)


@every_clipping
def test_serves_one_optimizer_only(make):
    clipping, variables = make(), planes.compiled("sgd").trainable_variables
    NAG(clipping=clipping).build(variables)
    with pytest.raises(ValueError, match="`clipping` must be an instance of its own for each opt"):
        Adam(clipping=clipping).build(variables)


@pytest.mark.parametrize("name", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_is_refused_beside_a_threshold(name):
    with pytest.raises(ValueError, match=f"`clipping` must be None beside `{name}`. Received: cli"):
        NAG(clipping=PercentileClipping(), **{name: 1.0})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NAG(clipping=0.1), "`clipping` must be an AdaptiveClipping or a Percent"),
        (lambda: AdaptiveClipping(0), "`factor` must be a number > 0. Received: factor=0"),
        (lambda: AdaptiveClipping(epsilon=0.0), "`epsilon` must be a number > 0. Received: eps"),
        (lambda: AdaptiveClipping(exclude="head"), "`exclude` must be a sequence of paths or reg"),
        (lambda: PercentileClipping(-1), r"`percentile` must be in \[0, 100\]. Received: percent"),
        (lambda: PercentileClipping(window=0), "`window` must be an integer >= 1. Received: win"),
    ],
)
def test_bad_argument_is_refused_with_one_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.oldest
@every_clipping
def test_acts_in_fit_as_outside_and_continues_from_a_file(make, tmp_path):
    model, twin = (planes.compiled(NAG(0.1, clipping=make())) for _ in range(2))
    planes.fit(model, epochs=2)
    for row in (*planes.GRADIENTS, *planes.GRADIENTS):
        twin.optimizer.apply(planes.gradients(row), twin.trainable_variables)
    twin.optimizer.finalize_variable_values(twin.trainable_variables)
    assert 0 < model.optimizer.clipping.frequency == twin.optimizer.clipping.frequency < 1
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.clipping.frequency == model.optimizer.clipping.frequency
    for mine, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        contracts.assert_close(mine, other)
    for each in (model, loaded):
        planes.fit(each)
    contracts.assert_same_weights(model, loaded)


@every_clipping
def test_acts_once_on_the_mean_of_accumulated_gradients(make):
    numbers = {"learning_rate": 0.1, "clipping": make()}
    model = planes.compiled(NAG(**numbers, gradient_accumulation_steps=2))
    planes.fit(model)
    twin = planes.compiled(NAG(**numbers | {"clipping": make()}))
    means = planes.GRADIENTS.reshape(-1, 2, planes.ROW).mean(axis=1)
    planes.fit(twin, means)
    for mine, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        contracts.assert_close(mine, other)
    assert model.optimizer.clipping.frequency == twin.optimizer.clipping.frequency


@pytest.mark.parametrize("name", ["clipnorm", "clipvalue", "global_clipnorm"])
@pytest.mark.parametrize("value", [1e-3, 0.5, 2.0])
def test_thresholds_are_those_of_keras(name, value):
    ours, theirs = (planes.compiled("sgd").trainable_variables for _ in range(2))
    optimizers = NAG(0.1, **{name: value}), keras.optimizers.SGD(0.1, 0.9, True, **{name: value})
    for row in planes.GRADIENTS:
        for optimizer, variables in zip(optimizers, (ours, theirs), strict=True):
            optimizer.apply(planes.gradients(row), variables)
    for mine, other in zip(ours, theirs, strict=True):
        contracts.assert_close(mine, other)


@pytest.mark.parametrize("name", ["clipnorm", "global_clipnorm"])
def test_norms_of_huge_gradients_do_not_overflow(name):
    variable = keras.Variable(np.zeros(2))
    huge = ops.convert_to_tensor([3e30, 4e30])
    NAG(1.0, momentum=0.0, **{name: 5.0}).apply([huge], [variable])
    contracts.assert_close(variable, [-3.0, -4.0])
