"""What leaves this process: programs for other runtimes, and functions that others transform."""

import warnings

import keras
import numpy as np
import pytest

from keras_trainkit.layers import BatchNormalization, Dropout
from tests import applications
from tests.contracts import array

KERAS = keras.layers
FEATURES = 4
torch_only = pytest.mark.backend("torch")
tensorflow_only = pytest.mark.backend("tensorflow")
RATES = [
    {"rate": 0.5, "seed": 1},
    {"rate": 0.5, "noise_shape": (FEATURES,)},
    {"rate": keras.optimizers.schedules.PolynomialDecay(0.5, 10, 0.1)},
]


@pytest.fixture(scope="module")
def networks():
    """Return a small network in the manner of MobileNetV2, and the same with our layers."""
    x = inputs = keras.Input((8, 8, 3))
    x = KERAS.ReLU(6)(KERAS.BatchNormalization()(KERAS.Conv2D(4, 3, use_bias=False)(x)))
    x = KERAS.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = KERAS.ReLU(6)(KERAS.BatchNormalization(scale=False)(x))
    # As in DenseNet: before a convolution, where nothing can fold it.
    x = KERAS.BatchNormalization(center=False)(KERAS.Concatenate()([x, x]))
    x = KERAS.GlobalAveragePooling2D()(KERAS.Conv2D(4, 1)(x))
    x = KERAS.BatchNormalization()(KERAS.Dense(FEATURES)(KERAS.Dropout(0.5)(x)))
    theirs = keras.Model(inputs, KERAS.Dense(2)(x))
    applications.randomize_statistics(theirs)
    return theirs, applications.swapped(theirs)


def test_exports_with_no_more_operations_than_keras(networks, tmp_path):
    x = applications.images()[:, :8, :8] / 255
    # What needs no further library.
    exports = {**applications.EXPORT, "torch": applications.exported_program}
    exports[keras.backend.backend()](*networks, x, tmp_path)


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_a_normalization_of_any_shape_has_no_more_operations_than_keras(rank, axis):
    shape = (2, 3, 4, 5, 6)[:rank]
    counts = []
    for kind in (BatchNormalization, KERAS.BatchNormalization):
        layer = kind(axis=axis)
        layer.build(shape)
        counts.append(operations(layer, np.ones(shape, "float32")))
    assert 0 < counts[0] <= counts[1]


def operations(layer, x) -> int:
    """Return how many operations a layer's program has at inference."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        graph = tf.function(layer).get_concrete_function(tf.TensorSpec([None, *x.shape[1:]])).graph
        return len(graph.get_operations())
    if keras.backend.backend() == "jax":
        import jax

        lines = jax.jit(layer).lower(x).as_text().splitlines()
        return sum("stablehlo." in line for line in lines)
    import torch

    nodes = torch.export.export(layer, (torch.tensor(x),)).graph.nodes
    return sum(node.op == "call_function" for node in nodes)


def dense(**dropout):
    """Return a model that no exporter and no transform of PyTorch has trouble with of itself."""
    inputs = keras.Input((3,))
    x = BatchNormalization()(KERAS.Dense(FEATURES)(inputs))
    return keras.Model(inputs, KERAS.Dense(2)(Dropout(**dropout)(x, training=True)))


# TensorFlow


@tensorflow_only
def test_a_saved_model_draws_new_masks_in_every_call(tmp_path):
    import tensorflow as tf

    model = dense(rate=0.5, seed=1)
    model.export(str(tmp_path), format="tf_saved_model", verbose=False)
    x = np.ones((4, 3), "float32")
    loaded = tf.saved_model.load(str(tmp_path))
    assert (array(loaded.serve(x)) != array(loaded.serve(x))).any()


@tensorflow_only
def test_tensorflow_lite_draws_masks_by_its_own_operations(tmp_path):
    import tensorflow as tf

    inputs = keras.Input((1000,))
    model = keras.Model(inputs, Dropout(0.25, seed=1)(inputs, training=True))
    model.export(str(tmp_path), format="tf_saved_model", verbose=False)
    program = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path)).convert()
    assert not [name for name in applications.lite_operations(program) if "Flex" in name]
    y = applications.run_lite(program, np.ones((2, 1000), "float32"))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.75], rtol=1e-6)
    assert 0.2 < (y == 0).mean() < 0.3


# PyTorch


@torch_only
@pytest.mark.parametrize("dropout", RATES)
@pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.short())])
def test_exports_monte_carlo_dropout(dropout, strict):
    import torch

    model = dense(**dropout).eval()
    state = array(model.layers[3].seed_generator.state)
    batch = torch.export.Dim("batch", min=1, max=64)
    x = (torch.ones(8, 3),)
    with warnings.catch_warnings():
        # In `strict` mode PyTorch reports what Keras's layers note about their calls.
        warnings.simplefilter("ignore", UserWarning)
        program = torch.export.export(model, x, dynamic_shapes=(({0: batch},),), strict=strict)
    program = program.module()
    for size in (1, 40):
        x = torch.ones(size, 3)
        assert program(x).shape == (size, 2)
        assert any((program(x) != program(x)).any() for _ in range(10))
    np.testing.assert_array_equal(array(model.layers[3].seed_generator.state), state)


@torch_only
@pytest.mark.parametrize("dropout", RATES)
def test_an_exported_mask_keeps_the_mean(dropout):
    import torch

    layer = Dropout(**dropout)
    x = (torch.ones(5000, FEATURES),)
    with warnings.catch_warnings():
        # Keras's schedules ask for the values of tensors.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        traced = torch.jit.trace(lambda a: layer(a, training=True), *x, check_trace=False)
    exported = torch.export.export(layer, x, {"training": True}).module()
    for y in (traced(*x), exported(*x, training=True)):
        assert set(np.unique(array(y))) == {0, 2}
        if layer.noise_shape is None:
            assert abs(float(y.mean()) - 1) < 0.05


@torch_only
def test_in_a_trace_a_rate_of_0_and_one_of_1_draw_nothing():
    import torch

    x = torch.tensor([1.0, torch.inf, -torch.inf])
    for rate, expected in ((0.0, x), (1.0, torch.zeros(3))):
        layer = Dropout(rate)
        y = torch.jit.trace(lambda a, layer=layer: layer(a, training=True), x)(x)
        assert torch.equal(y, expected)


@torch_only
def test_exports_training_batch_normalization():
    import torch

    layer, x = BatchNormalization(), torch.randn(6, FEATURES) + 1000
    layer.build(x.shape)
    program = torch.export.export(layer, (x,), {"training": True}).module()
    torch.testing.assert_close(
        program(x, training=True), layer(x, training=True), atol=1e-5, rtol=0
    )


@torch_only
@pytest.mark.parametrize("dropout", RATES)
@pytest.mark.parametrize("transform", ["vmap", "jacrev", "jacfwd", "jvp", "functionalize"])
def test_functions_with_dropout_are_transformed(transform, dropout):
    import torch

    model, x = dense(**dropout), torch.randn(5, 3)
    call = {
        "vmap": lambda: torch.func.vmap(model, randomness="different")(x[:, None])[:, 0],
        "jacrev": lambda: torch.func.jacrev(model)(x).sum((2, 3)),
        "jacfwd": lambda: torch.func.jacfwd(model, randomness="same")(x).sum((2, 3)),
        "jvp": lambda: torch.func.jvp(model, (x,), (x,))[1],
        "functionalize": lambda: torch.func.functionalize(model)(x),
    }[transform]
    y = call()
    assert y.shape == (5, 2)
    assert torch.isfinite(y).all()


@torch_only
@pytest.mark.parametrize("kind", ["dropout", "normalization", "normalization, far"])
def test_mapped_derivatives_equal_those_of_a_loop(kind):
    import torch

    x = torch.randn(6, FEATURES) + (1000 if "far" in kind else 0)

    def jacobian(**arguments):
        layer = Dropout(0.5, seed=1) if kind == "dropout" else BatchNormalization()
        function = lambda a: layer(a, training=True)  # noqa: E731
        return torch.autograd.functional.jacobian(function, x, **arguments)

    expected = jacobian()
    assert expected.any()
    torch.testing.assert_close(jacobian(vectorize=True), expected)


@torch_only
@pytest.mark.short
def test_a_compiled_step_draws_the_masks_of_an_eager_one():
    import torch

    x = torch.ones(50, 50)
    layers = [Dropout(0.5, seed=1) for _ in range(2)]
    compiled = torch.compile(lambda a: layers[0](a, training=True), backend="eager")
    for _ in range(2):
        assert torch.equal(compiled(x), layers[1](x, training=True))
