"""The rules, their seeds and their configs."""

import copy
import inspect
import math
import pickle

import keras
import numpy as np
import pytest

from keras_trainkit import initializers
from keras_trainkit._seeds import folded
from keras_trainkit.initializers.variance_scaling import TRUNCATED_STD, SeedStream
from tests.contracts import array, assert_round_trips, run_in_fresh_process
from tests.references.initializers import VARIANCE

pytestmark = pytest.mark.oldest

RULES = [getattr(initializers, name) for name in VARIANCE]
WITH_NAMESAKE = [rule for rule in RULES if hasattr(keras.initializers, rule.__name__)]
SHAPE = (7, 5)

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


def dense_kernels(initializer, count=2):
    layers = [keras.layers.Dense(5, kernel_initializer=initializer) for _ in range(count)]
    for layer in layers:
        layer.build((None, 5))
    return [array(layer.kernel) for layer in layers]


# Contract


@pytest.mark.host
@every_rule
def test_config_makes_an_equal_copy(rule):
    for arguments in (
        {},
        {"seed": 3},
        {"seed": 0, "input_axes": [0], "output_axes": [1, 2]},
        {"kernel": "depthwise"},
        {"seed": 2**40, "groups": 4},
    ):
        copied = assert_round_trips(rule(**arguments))
        assert arguments.items() <= copied.get_config().items()


@pytest.mark.host
def test_remaining_configs_make_an_equal_copy():
    assert_round_trips(initializers.TorchUniform(seed=1, fan_in=9))
    assert_round_trips(initializers.VarianceScaling(0.5, "fan_out", "uniform", seed=2))


def test_seed_generator_survives_the_config():
    generator = keras.random.SeedGenerator(5)
    initializer = initializers.HeNormal(seed=generator)
    assert initializer.seed is generator
    copied = assert_round_trips(initializer)
    first, second = array(initializer(SHAPE)), array(initializer(SHAPE))
    assert (first != second).all()
    np.testing.assert_array_equal(array(copied(SHAPE)), first)


@every_rule
def test_layers_take_it_by_object_and_by_name(rule):
    by_name = keras.layers.Dense(3, kernel_initializer=f"keras_trainkit>{rule.__name__}")
    assert type(by_name.kernel_initializer) is rule
    by_name.build((None, 4))
    kernel = dense_kernels(rule(seed=1), count=1)[0]
    np.testing.assert_array_equal(kernel, array(rule(seed=1)((5, 5))))


def test_saved_models_load_in_a_fresh_process(tmp_path):
    model = keras.Sequential(
        [keras.Input((6,))]
        + [keras.layers.Dense(6, kernel_initializer=rule(seed=4)) for rule in RULES]
    )
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "weights.npy", [array(layer.kernel) for layer in model.layers])
    printed = run_in_fresh_process(
        "import sys, keras, numpy as np, keras_trainkit\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "for layer, kernel in zip(model.layers, np.load(sys.argv[2])):\n"
        "    assert (keras.ops.convert_to_numpy(layer.kernel) == kernel).all()\n"
        "    again = layer.kernel_initializer.clone()((6, 6))\n"
        "    assert (keras.ops.convert_to_numpy(again) == kernel).all()\n"
        "    print(type(layer.kernel_initializer).__name__)\n",
        tmp_path / "model.keras",
        tmp_path / "weights.npy",
    )
    assert printed.split() == list(VARIANCE)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_exact_copies_go_on_where_the_original_stands(duplicate):
    original = initializers.HeNormal(seed=1)
    original(SHAPE)
    duplicated = duplicate(original)
    np.testing.assert_array_equal(array(duplicated(SHAPE)), array(original(SHAPE)))


@pytest.mark.host
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"kernel": "dense"},
            "`kernel` must be one of 'conv', 'depthwise', 'transposed'. Received: kernel='dense'",
        ),
        ({"groups": 0}, "`groups` must be an integer >= 1. Received: groups=0"),
        (
            {"groups": 2, "kernel": "depthwise"},
            "`groups` must be 1 if `kernel` is 'depthwise'. Received: groups=2",
        ),
        ({"seed": -1}, "`seed` must be an integer >= 0. Received: seed=-1"),
        ({"seed": 4.0}, "`seed` must be an integer >= 0. Received: seed=4.0"),
        ({"seed": True}, "`seed` must be an integer >= 0. Received: seed=True"),
        (
            {"input_axes": (0,)},
            "`(input_axes, output_axes)` must be both sequences or both None. "
            "Received: (input_axes, output_axes)=((0,), None)",
        ),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared whole
        initializers.HeNormal(**arguments)
    assert str(error.value) == message


@pytest.mark.parametrize("seed", [np.int64(4), np.uint8(4)])
def test_integers_of_numpy_are_seeds(seed):
    initializer = initializers.HeNormal(seed=seed)
    assert type(initializer.get_config()["seed"]) is int
    np.testing.assert_array_equal(array(initializer(SHAPE)), array(initializers.HeNormal(4)(SHAPE)))


@pytest.mark.parametrize("rule", [initializers.TorchUniform, initializers.HeNormal])
def test_seeds_of_any_size_draw_on_every_backend(rule):
    seeds = (5, 2**31 - 1, 2**31, 2**31 + 5, 2**32 - 1, 2**32, 2**32 + 5, 2**63, 2**128)
    drawn = {seed: array(rule(seed=seed)(SHAPE)) for seed in seeds}
    assert len({values.tobytes() for values in drawn.values()}) == len(seeds)
    copied = rule.from_config(rule(seed=2**63).get_config())
    np.testing.assert_array_equal(array(copied(SHAPE)), drawn[2**63])


@pytest.mark.host
def test_large_seeds_fold_to_what_every_generator_holds():
    assert [folded(seed) for seed in (0, 7, 2**31 - 1)] == [0, 7, 2**31 - 1]
    large = [folded(2**31 + i) for i in range(1000)] + [folded(2**200)]
    assert len(set(large)) == 1001
    assert all(0 <= seed < 2**31 for seed in large)


@pytest.mark.host
@pytest.mark.parametrize("arguments", [{"scale": 0.0}, {"mode": "fan"}, {"distribution": "beta"}])
def test_keras_checks_what_keras_takes(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        initializers.VarianceScaling(**arguments)
    with pytest.raises(ValueError, match="seed"):
        initializers.VarianceScaling(seed="one")


@pytest.mark.host
def test_torch_uniform_asks_for_the_fan_in_of_a_bias():
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared whole
        initializers.TorchUniform()((8,))
    assert str(error.value) == (
        "`fan_in` must be given for a bias, whose shape does not tell the inputs of its layer; or "
        "let `keras_trainkit.initializers.initialize(model, TorchUniform(), "
        "bias_initializer=TorchUniform())` ask the layers of a built model. "
        "Received: shape=(8,), fan_in=None"
    )
    with pytest.raises(ValueError, match=r"`fan_in` must be an integer >= 1. Received: fan_in=0"):
        initializers.TorchUniform(fan_in=0)


def test_values_have_the_dtype_that_is_asked_for():
    for dtype in ("float16", "bfloat16", "float32"):
        values = initializers.GlorotNormal(seed=1)(SHAPE, dtype=dtype)
        assert keras.backend.standardize_dtype(values.dtype) == dtype


def test_mixed_precision_keeps_float32_kernels():
    layer = keras.layers.Dense(
        5, kernel_initializer=initializers.HeNormal(seed=1), dtype="mixed_bfloat16"
    )
    layer(np.ones((2, 7), "float32"))
    assert layer.kernel.dtype == "float32"
    np.testing.assert_array_equal(
        array(layer.kernel.value), array(initializers.HeNormal(seed=1)(SHAPE))
    )


def test_layers_that_fit_builds_start_as_those_built_by_hand():
    def built_by_fit():
        shared = initializers.HeNormal(seed=1)
        layers = [keras.layers.Dense(6, kernel_initializer=shared) for _ in range(2)]
        model = keras.Sequential(layers)
        model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
        model.fit(np.ones((4, 6), "float32"), np.ones((4, 6), "float32"), verbose=0)
        return model.get_weights()

    draw = initializers.HeNormal(seed=1)
    for weights in (built_by_fit(), built_by_fit()):
        again = initializers.HeNormal.from_config(draw.get_config())
        np.testing.assert_allclose(weights[0], array(again((6, 6))), rtol=1e-6)
        np.testing.assert_allclose(weights[2], array(again((6, 6))), rtol=1e-6)


@pytest.mark.backend("tensorflow")
def test_draws_inside_a_graph():
    import tensorflow as tf

    initializer = initializers.GlorotUniform(seed=1)
    values = tf.function(lambda: initializer(SHAPE))()
    np.testing.assert_array_equal(array(values), array(initializers.GlorotUniform(seed=1)(SHAPE)))


@pytest.mark.backend("jax")
def test_draws_inside_jit():
    import jax

    initializer = initializers.GlorotUniform(seed=1)
    values = jax.jit(lambda: initializer(SHAPE))()
    np.testing.assert_allclose(
        array(values), array(initializers.GlorotUniform(seed=1)(SHAPE)), rtol=1e-6
    )


# Truth


@every_rule
def test_variance_follows_the_rule(rule):
    values = array(rule(seed=1)((300, 200))).astype("float64")
    variance = VARIANCE[rule.__name__](300, 200)
    assert abs(values.mean()) < 4 * math.sqrt(variance / values.size)
    np.testing.assert_allclose(values.var(), variance, rtol=0.03)
    bound = math.sqrt(3 * variance)
    if "Uniform" in rule.__name__:
        assert 0.999 * bound < np.abs(values).max() <= bound * (1 + 1e-6)
    else:
        assert 1.2 * bound < np.abs(values).max() <= 2 * math.sqrt(variance) / TRUNCATED_STD


@pytest.mark.parametrize("distribution", ["uniform", "untruncated_normal", "truncated_normal"])
def test_variance_is_scale_over_fan(distribution):
    for mode, n in (("fan_in", 300), ("fan_out", 200), ("fan_avg", 250)):
        values = array(initializers.VarianceScaling(0.7, mode, distribution, seed=2)((300, 200)))
        np.testing.assert_allclose(values.astype("float64").var(), 0.7 / n, rtol=0.03)


@pytest.mark.host
def test_width_of_the_cut_normal_is_that_of_its_density():
    z = np.linspace(-2, 2, 200_001)
    density = np.exp(-(z**2) / 2)
    variance = np.trapezoid(z**2 * density, z) / np.trapezoid(density, z)
    np.testing.assert_allclose(TRUNCATED_STD, math.sqrt(variance), rtol=1e-9)


def test_torch_uniform_bounds_a_bias_by_its_fan_in():
    values = array(initializers.TorchUniform(seed=1, fan_in=25)((5000,)))
    assert 0.999 / 5 < np.abs(values).max() <= 1 / 5


@pytest.mark.host
def test_sub_seeds_start_at_the_seed_and_never_repeat():
    stream = SeedStream(123)
    drawn = [stream.next() for _ in range(20_000)]
    assert drawn[0] == 123
    assert drawn[1] == (123 + 0x9E3779B9) % 2**31
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= sub_seed < 2**31 for sub_seed in drawn)


# Peers


@pytest.mark.parametrize("rule", WITH_NAMESAKE, ids=lambda rule: rule.__name__)
def test_first_draw_is_that_of_keras(rule):
    for shape in ((7, 5), (3, 3, 4, 6), (6,), ()):
        theirs = getattr(keras.initializers, rule.__name__)(seed=11)(shape)
        np.testing.assert_array_equal(array(rule(seed=11)(shape)), array(theirs))


@pytest.mark.host
@pytest.mark.parametrize("rule", WITH_NAMESAKE, ids=lambda rule: rule.__name__)
def test_arguments_begin_as_in_keras(rule):
    theirs = list(inspect.signature(getattr(keras.initializers, rule.__name__)).parameters)
    assert list(inspect.signature(rule).parameters)[: len(theirs)] == theirs


@pytest.mark.backend("torch")
def test_torch_uniform_has_the_bounds_of_torch():
    import torch

    linear = torch.nn.Linear(100, 4000)
    kernel = array(initializers.TorchUniform(seed=1)((100, 4000)))
    bias = array(initializers.TorchUniform(seed=1, fan_in=100)((4000,)))
    for mine, theirs in ((kernel, array(linear.weight)), (bias, array(linear.bias))):
        np.testing.assert_allclose(np.abs(mine).max(), np.abs(theirs).max(), rtol=1e-2)
        np.testing.assert_allclose(mine.std(), theirs.std(), rtol=0.05)


# Properties


@every_rule
def test_shared_instance_never_gives_twins_and_one_seed_gives_all(rule):
    kernels = dense_kernels(rule(seed=1), count=3)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (kernels[one] != kernels[other]).all()
    np.testing.assert_array_equal(kernels, dense_kernels(rule(seed=1), count=3))


@pytest.mark.parametrize("seed", [None, 1])
def test_einsum_layers_share_an_instance_without_twins(seed):
    shared = initializers.HeNormal(seed=seed)
    kernels = []
    for _ in range(3):
        layer = keras.layers.EinsumDense("ab,bc->ac", 5, kernel_initializer=shared)
        layer.build((None, 5))
        kernels.append(array(layer.kernel))
    assert (kernels[0] != kernels[1]).all()
    assert (kernels[1] != kernels[2]).all()


def test_unseeded_instance_follows_the_global_seed():
    def drawn(seed):
        keras.utils.set_random_seed(seed)
        initializer = initializers.LecunUniform()
        return np.stack([array(initializer(SHAPE)), array(initializer(SHAPE))])

    np.testing.assert_array_equal(drawn(3), drawn(3))
    assert (drawn(3) != drawn(4)).all()
    assert (drawn(3)[0] != drawn(3)[1]).all()


def test_copy_from_the_config_starts_again_and_leaves_the_original():
    initializer = initializers.GlorotUniform(seed=1)
    first = array(initializer(SHAPE))
    copied = initializer.clone()
    np.testing.assert_array_equal(array(copied(SHAPE)), first)
    np.testing.assert_array_equal(array(copied(SHAPE)), array(initializer(SHAPE)))
    unseeded = initializers.GlorotUniform()
    assert (array(unseeded(SHAPE)) != array(unseeded.clone()(SHAPE))).all()
