"""Folding: the same outputs at inference, without the normalizations."""

import re
import sys

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit._keras_internals import nodes_in_order
from keras_trainkit.layers import BatchNormalization, Dropout, fold_batch_normalization
from keras_trainkit.layers._fold_batch_normalization import check
from tests.contracts import array, assert_same_weights
from tests.selection import full_on_torch

RNG = np.random.default_rng(0)


def randomized(model):
    """Give every float variable random numbers, those of normalizations far from the start."""
    for variable in model.variables:
        if "float" in variable.dtype:
            low, high = (0.3, 3.0) if "variance" in variable.path else (-1.0, 1.0)
            variable.assign(RNG.uniform(low, high, size=variable.shape))
    return model


def sequential(*stack, shape):
    return randomized(keras.Sequential([keras.Input(shape), *stack]))


def functional(inputs, outputs, **kwargs):
    return randomized(keras.Model(inputs, outputs, **kwargs))


def inputs_of(model, size=8):
    """Return other inputs than those that folding itself compares with."""
    rng = np.random.default_rng(1)

    def random(tensor):
        shape = [length or size for length in tensor.shape]
        values = rng.normal(size=shape) if "float" in tensor.dtype else rng.integers(0, 2, shape)
        return values.astype("float32" if "float" in tensor.dtype else tensor.dtype)

    is_sequential = isinstance(model, keras.Sequential)
    return keras.tree.map_structure(random, model.inputs[0] if is_sequential else model.input)


def all_layers(model):
    for layer in model.layers:
        yield from all_layers(layer) if hasattr(layer, "layers") else [layer]


def normalizations(model):
    kinds = (layers.BatchNormalization, BatchNormalization)
    return [layer.name for layer in all_layers(model) if isinstance(layer, kinds)]


def predictions(model, x):
    return [array(y) for y in keras.tree.flatten(model.predict(x, verbose=0))]


def assert_same_predictions(model, other, x, rtol=1e-5):
    for mine, theirs in zip(predictions(model, x), predictions(other, x), strict=True):
        assert np.abs(mine - theirs).max() <= rtol * np.abs(mine).max()


def assert_folds(model, *kept, x=None):
    """Fold the model, see that it computes the same and has only the normalizations `kept`."""
    folded = fold_batch_normalization(model, x)
    assert_same_predictions(model, folded, inputs_of(model) if x is None else x)
    assert normalizations(folded) == list(kept)
    return folded


def resnet(norm=BatchNormalization):
    def block(x, filters, strides):
        shortcut = norm()(layers.Conv2D(filters, 1, strides)(x))
        x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(norm(scale=False)(x))
        x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
        x = norm(center=False, epsilon=1e-5)(layers.Conv2D(filters, 1)(norm(momentum=0.5)(x)))
        return layers.ReLU()(layers.Add()([x, shortcut]))

    inputs = keras.Input((None, None, 3))
    x = norm(name="first")(inputs)
    x = layers.ReLU()(norm()(layers.Conv2D(4, 3, groups=1)(x)))
    x = layers.GlobalAveragePooling2D()(block(block(x, 6, 2), 4, 1))
    x = layers.ReLU()(norm()(layers.Dense(5)(x)))
    return functional(inputs, layers.Dense(3, activation="softmax")(x))


@pytest.mark.parametrize(
    "norm",
    [
        pytest.param(layers.BatchNormalization, marks=pytest.mark.short("torch")),
        pytest.param(BatchNormalization, marks=pytest.mark.short("tensorflow", "torch")),
    ],
)
def test_residual_network_computes_the_same_without_normalizations(norm):
    folded = assert_folds(resnet(norm), "first")
    assert all(layer.use_bias for layer in folded.layers if hasattr(layer, "use_bias"))


LINEAR = {
    "dense": ((5, 4), layers.Dense(6)),
    "conv1d": ((8, 4), layers.Conv1D(6, 3, padding="causal", dilation_rate=2)),
    "conv2d": ((8, 8, 4), layers.Conv2D(6, 3, padding="same", groups=2)),
    "conv3d": ((5, 5, 5, 2), layers.Conv3D(3, 2, strides=2, use_bias=False)),
    "conv1d_transpose": ((8, 4), layers.Conv1DTranspose(6, 3, strides=2)),
    "conv2d_transpose": ((5, 5, 4), layers.Conv2DTranspose(6, 3, padding="same", use_bias=False)),
    "conv3d_transpose": ((4, 4, 4, 2), layers.Conv3DTranspose(3, 2)),
    "depthwise_conv1d": ((8, 3), layers.DepthwiseConv1D(3, depth_multiplier=2)),
    "depthwise_conv2d": ((8, 8, 3), layers.DepthwiseConv2D(3, strides=2, use_bias=False)),
    "separable_conv1d": ((8, 3), layers.SeparableConv1D(4, 3, depth_multiplier=2)),
    "separable_conv2d": ((8, 8, 3), layers.SeparableConv2D(4, 3, use_bias=False)),
}


@pytest.mark.oldest
@pytest.mark.parametrize(
    "kind", full_on_torch(LINEAR, keep=("dense", "conv2d", "conv2d_transpose", "depthwise_conv2d"))
)
def test_every_kind_of_linear_layer(kind):
    shape, layer = LINEAR[kind]
    layer = type(layer).from_config(layer.get_config())
    model = sequential(layer, layers.BatchNormalization(), layers.ReLU(), shape=shape)
    folded = assert_folds(model)
    assert folded.layers[0].get_config() == {**layer.get_config(), "use_bias": True}


@pytest.mark.backend("jax", "torch")
@pytest.mark.parametrize(
    "kind", full_on_torch([kind for kind in LINEAR if kind != "dense"], keep=("conv2d",))
)
def test_channels_first(kind):
    (*space, channels), layer = LINEAR[kind]
    config = {**layer.get_config(), "data_format": "channels_first"}
    layer = type(layer).from_config({**config, "padding": "valid"})
    assert_folds(sequential(layer, BatchNormalization(axis=1), shape=(channels, *space)))


def test_normalization_of_another_axis_stays():
    assert_folds(sequential(layers.Dense(5), BatchNormalization(1, name="n"), shape=(5, 4)), "n")


@pytest.mark.parametrize(
    "between",
    [
        Dropout(0.5),
        layers.Dropout(0.5),
        layers.SpatialDropout1D(0.5),
        layers.GaussianNoise(1.0),
        layers.Activation("linear"),
        layers.Identity(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_folds_across_what_does_nothing_at_inference(between):
    between = type(between).from_config(between.get_config())
    model = sequential(layers.Dense(3), between, BatchNormalization(), shape=(5, 4))
    folded = assert_folds(model)
    assert [type(layer) for layer in folded.layers] == [layers.Dense, type(between)]


@pytest.mark.parametrize("between", [layers.ReLU(), layers.ZeroPadding1D(1)])
def test_normalization_behind_another_layer_stays(between):
    between = type(between).from_config(between.get_config())
    norm = BatchNormalization(name="norm")
    assert_folds(sequential(layers.Conv1D(3, 2), between, norm, shape=(5, 4)), "norm")


def test_two_normalizations_fold_in_order():
    stack = (layers.Dense(3), BatchNormalization(renorm=True), layers.BatchNormalization())
    assert_folds(sequential(*stack, shape=(4,)))


def test_layer_with_an_activation_keeps_its_normalization():
    stack = (layers.Dense(3, activation="tanh"), BatchNormalization(name="norm"))
    assert_folds(sequential(*stack, shape=(4,)), "norm")


def test_subclass_of_a_linear_layer_keeps_its_normalization():
    class Squared(layers.Dense):
        def call(self, inputs):
            return super().call(inputs) ** 2

    assert_folds(sequential(Squared(3), BatchNormalization(name="norm"), shape=(4,)), "norm")


def test_subclass_of_normalization_stays():
    class Squared(layers.BatchNormalization):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, training=training) ** 2

    assert_folds(sequential(layers.Dense(3), Squared(name="norm"), shape=(4,)), "norm")


def test_lora_and_quantized_layers_keep_their_normalization():
    model = sequential(
        layers.Dense(3, name="lora"),
        BatchNormalization(name="behind_lora"),
        layers.Dense(3, name="int8"),
        BatchNormalization(name="behind_int8"),
        shape=(4,),
    )
    model.get_layer("lora").enable_lora(2)
    model.get_layer("lora").lora_kernel_b.assign(np.ones((2, 3)))
    model.get_layer("int8").quantize("int8")
    assert_folds(model, "behind_lora", "behind_int8")


@pytest.mark.short("torch")
def test_output_that_is_used_twice_keeps_its_normalization():
    inputs = keras.Input((4,))
    once, twice, shown = (layers.Dense(3)(inputs) for _ in range(3))
    norms = [
        BatchNormalization(name="once")(once),
        BatchNormalization(name="twice")(twice),
        BatchNormalization(name="shown")(shown),
    ]
    model = functional(inputs, [layers.Add()([*norms, twice]), shown])
    assert_folds(model, "twice", "shown")


@pytest.mark.short("torch")
def test_layers_that_are_called_twice_stay():
    a, b = keras.Input((4,)), keras.Input((4,))
    dense, norm = layers.Dense(3), BatchNormalization(name="shared")
    x, y = BatchNormalization(name="of_a")(dense(a)), BatchNormalization(name="of_b")(dense(b))
    x, y = norm(layers.Dense(3)(x)), norm(layers.Dense(3)(y))
    model = functional([a, b], layers.Concatenate()([x, y]))
    folded = assert_folds(model, "of_a", "of_b", "shared")
    assert sum(layer.name == dense.name for layer in folded.layers) == 1


@pytest.mark.short("torch")
def test_several_inputs_and_outputs_keep_their_names_and_structure():
    a, b = keras.Input((4,), name="a"), keras.Input((6,), name="b", dtype="int32")
    x = BatchNormalization()(layers.Dense(3)(a))
    y = layers.Flatten()(layers.Embedding(2, 3)(b))
    y = BatchNormalization()(layers.Dense(3)(y))
    model = functional({"a": a, "b": b}, {"sum": x + y, "y": y})
    folded = assert_folds(model)
    assert set(folded.output) == {"sum", "y"}


@pytest.mark.short("torch")
def test_models_inside_models_fold_and_stay_shared():
    inner = keras.Sequential([layers.Dense(3), BatchNormalization()], name="inner")
    twin_input = keras.Input((3,))
    twin = keras.Model(twin_input, inner(layers.Dense(3)(twin_input)), name="twin")
    a, b = keras.Input((3,)), keras.Input((3,))
    x = layers.Add()([twin(a), twin(b, training=False), inner(a)])
    model = functional([a, b], BatchNormalization(name="outside")(x))
    folded = assert_folds(model, "outside")
    assert folded.get_layer("twin").get_layer("inner") is folded.get_layer("inner")
    assert isinstance(folded.get_layer("inner"), keras.Sequential)
    assert not set(map(id, all_layers(folded))) & set(map(id, all_layers(model)))


def test_layer_that_is_shared_with_an_inner_model_stays():
    dense = layers.Dense(3)
    inner = keras.Sequential([dense, BatchNormalization(name="inside")])
    inputs = keras.Input((3,))
    assert_folds(functional(inputs, inner(inputs) + dense(inputs)), "inside")


@pytest.mark.short("torch")
def test_calls_in_training_mode_stay():
    inner = keras.Sequential([layers.Dense(3), BatchNormalization(name="inside")])
    inputs = keras.Input((3,))
    x = layers.Dropout(0.5)(layers.Dense(3)(inner(inputs, training=True)), training=True)
    x = layers.Dense(3)(BatchNormalization(name="behind_dropout")(x))
    x = BatchNormalization(name="called_so")(x, training=True)
    x = BatchNormalization(name="frozen")(layers.Dense(3)(x), training=False)
    assert_folds(functional(inputs, x), "inside", "behind_dropout", "called_so")


@pytest.mark.short("torch")
def test_masks_reach_the_layers_behind():
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Dense(3)(layers.Embedding(2, 4, mask_zero=True)(inputs))
    model = functional(inputs, layers.LSTM(2)(BatchNormalization()(x)))
    folded = assert_folds(model)
    x = np.array([[1, 1, 0, 0], [1, 0, 0, 1]])
    assert_same_predictions(model, folded, x)


class Power(layers.Layer):
    """A custom layer that is not registered, with state in a layer of its own."""

    def __init__(self, exponent, **kwargs):
        super().__init__(**kwargs)
        self.exponent, self.dense = exponent, layers.Dense(3)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs, times=1, training=False):
        return self.dense(inputs) ** self.exponent * times

    def get_config(self):
        return {**super().get_config(), "exponent": self.exponent}


@pytest.mark.short("torch")
def test_other_layers_and_operations_are_copied():
    inputs = keras.Input((4,))
    normalization = layers.Normalization()
    normalization.adapt(RNG.normal(3, 2, size=(50, 4)))
    x = BatchNormalization()(layers.Dense(3)(normalization(inputs)))
    x = layers.Lambda(lambda z: z * len(LINEAR), output_shape=(3,))(Power(2)(x, times=3))
    x = keras.ops.concatenate([x[:, :2], keras.ops.tanh(x)], axis=-1) + 1
    model = keras.Model(inputs, BatchNormalization()(layers.Dense(2)(x)))
    assert_folds(model)


def frozen_model():
    inner = keras.Sequential([layers.Dense(3, name="a"), BatchNormalization()], name="inner")
    inputs = keras.Input((3,))
    x = Power(2, name="power")(inner(inputs))
    x = BatchNormalization(name="off")(layers.Dense(3, name="off_too")(layers.ReLU()(x)))
    model = functional(inputs, BatchNormalization(name="n")(layers.ReLU()(x)), name="whole")
    model.get_layer("inner").trainable = False
    model.get_layer("off_too").trainable = model.get_layer("power").dense.trainable = False
    return model


@pytest.mark.short("torch")
def test_names_and_trainable_flags_survive():
    model = frozen_model()
    folded = assert_folds(model, "n")
    assert folded.name == "whole"
    assert not folded.get_layer("inner").trainable
    assert not folded.get_layer("off_too").trainable
    assert [v.path for v in folded.trainable_variables] == ["n/gamma", "n/beta"]
    model.trainable = False
    assert fold_batch_normalization(model).trainable_variables == []


def test_initializers_regularizers_and_constraints_survive():
    arguments = {"kernel_regularizer": "l2", "bias_constraint": "non_neg"}
    dense = layers.Dense(3, kernel_initializer="he_normal", **arguments)
    folded = assert_folds(sequential(dense, BatchNormalization(), shape=(4,)))
    assert folded.layers[0].get_config() == dense.get_config()


@pytest.mark.oldest
def test_original_stays_bit_for_bit():
    model = resnet()
    model.compile("adam", "mse")
    x, weights = inputs_of(model), model.get_weights()
    before, nodes = predictions(model, x), [len(v._inbound_nodes) for v in model.layers]
    folded = fold_batch_normalization(model)
    for variable in folded.variables:
        variable.assign(np.zeros(variable.shape))
    for mine, theirs in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(predictions(model, x), before)
    assert [len(v._inbound_nodes) for v in model.layers] == nodes
    assert model.compiled
    assert not folded.compiled


@pytest.mark.short("torch")
def test_random_streams_and_recurrent_states_are_copied_and_do_not_move():
    inputs = keras.Input(batch_shape=(3, 5, 4))
    x = BatchNormalization()(layers.Dense(3)(layers.GaussianNoise(1.0)(inputs)))
    model = functional(inputs, layers.LSTM(2, stateful=True)(x))
    model.predict(inputs_of(model), verbose=0)
    state = [*model.variables, *model.layers[-1].states]
    before = [np.array(array(variable)) for variable in state]
    folded = fold_batch_normalization(model)
    for variable, value in zip(state, before, strict=True):
        np.testing.assert_array_equal(array(variable), value)
    assert_same_predictions(model, folded, inputs_of(model))
    noisy = [array(m.layers[1](np.ones((2, 3)), training=True)) for m in (model, folded)]
    np.testing.assert_array_equal(*noisy)


@pytest.mark.oldest
@pytest.mark.parametrize("model", [resnet, frozen_model], ids=lambda make: make.__name__)
def test_folded_model_saves_and_loads(model, tmp_path):
    model = model()
    folded = fold_batch_normalization(model)
    folded.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={"Power": Power})
    assert_same_weights(loaded, folded)
    x = inputs_of(model)
    np.testing.assert_array_equal(predictions(loaded, x), predictions(folded, x))


FLOAT64 = pytest.param("float64", marks=pytest.mark.backend("tensorflow", "torch"))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", FLOAT64])
def test_precision_survives(policy):
    keras.config.set_dtype_policy(policy)
    stack = (layers.Conv2D(4, 3), BatchNormalization(), layers.Flatten(), layers.Dense(3))
    model = sequential(*stack, shape=(6, 6, 2))
    keras.config.set_dtype_policy("float32")
    folded = fold_batch_normalization(model)
    assert normalizations(folded) == []
    assert {layer.dtype_policy.name for layer in folded.layers} == {policy}
    assert {v.dtype for v in folded.weights} == {v.dtype for v in model.weights}
    rtol = check.default_rtol([policy.removeprefix("mixed_")])
    assert_same_predictions(model, folded, inputs_of(model), rtol)


def test_normalization_of_another_type_stays():
    norm = BatchNormalization(name="norm", dtype="float32")
    model = sequential(layers.Dense(3, dtype="mixed_bfloat16"), norm, shape=(4,))
    assert normalizations(fold_batch_normalization(model)) == ["norm"]


def test_model_without_normalizations_is_copied():
    model = sequential(layers.Dense(3, use_bias=False), shape=(4,))
    folded = assert_folds(model)
    assert_same_weights(folded, model)


@pytest.mark.short("torch")
def test_folded_model_folds_again():
    model = resnet()
    assert_folds(assert_folds(model, "first"), "first")


def plant(monkeypatch, error):
    """Let folding add `error` to every bias that it writes."""
    module = sys.modules[fold_batch_normalization.__module__]

    def write(source, target, norms):
        right(source, target, norms)
        target.bias.assign(array(target.bias) + error)

    right = module.write_folded
    monkeypatch.setattr(module, "write_folded", write)


def test_outputs_that_differ_are_an_error(monkeypatch):
    model = sequential(layers.Dense(3), BatchNormalization(), shape=(4,))
    plant(monkeypatch, 0.01)
    x = inputs_of(model)
    largest = np.abs(predictions(model, x)).max()
    message = (
        f"`rtol` must be >= {0.01 / largest:.1e}, by which folding changes the output "
        "'batch_normalization'. Received: rtol="
    )
    for rtol, shown in [(None, "1e-05"), (1e-4, "0.0001")]:
        with pytest.raises(ValueError, match=re.escape(message + shown)):
            fold_batch_normalization(model, x, rtol)
    fold_batch_normalization(model, x, rtol=0.1)


@pytest.mark.parametrize("error", [np.nan, np.inf])
def test_outputs_that_are_no_longer_finite_are_an_error(monkeypatch, error):
    model = sequential(layers.Dense(3), BatchNormalization(), shape=(4,))
    plant(monkeypatch, error)
    with pytest.raises(ValueError, match="folding changes the output"):
        fold_batch_normalization(model)


def test_outputs_that_were_not_finite_may_stay_so():
    stack = (layers.Dense(3), BatchNormalization(), layers.Lambda(keras.ops.log))
    folded = fold_batch_normalization(sequential(*stack, shape=(4,)))
    assert normalizations(folded) == []


def test_users_inputs_are_what_is_compared():
    inputs = keras.Input((4,))
    x = BatchNormalization()(layers.Dense(3)(inputs))
    model = functional(inputs, layers.Lambda(lambda z: keras.ops.sum(z, axis=-1) * 0)(x))
    with pytest.raises(ValueError, match="incompatible"):
        fold_batch_normalization(model, np.ones((2, 5)))
    fold_batch_normalization(model, np.ones((2, 4)))


def test_probe_takes_the_first_size_that_fits():
    model = sequential(
        layers.Conv1D(3, 20), BatchNormalization(), layers.MaxPooling1D(2), shape=(None, 4)
    )
    x, outputs = check.probed(model, model.inputs[0])
    assert x.shape == (3, 32, 4)
    assert outputs[0].shape == (3, 6, 3)
    assert_folds(model, x=x)


def test_device_that_shortens_float32_gets_a_wider_tolerance(monkeypatch):
    assert check.default_rtol(["float32"]) == 1e-5
    assert check.default_rtol(["float32", "float16"]) == 1e-2
    conv = keras.ops.conv

    def shortened(x, kernel, **kwargs):
        return conv(x, kernel.astype("float16").astype("float32"), **kwargs)

    monkeypatch.setattr(check.ops, "conv", shortened)
    assert check.default_rtol(["float32"]) == 1e-2


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)


class Doubled(keras.Sequential):
    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training, mask)


@pytest.mark.host
@pytest.mark.parametrize(
    "model",
    [
        None,
        layers.Dense(3),
        Subclassed(),
        Doubled([keras.Input((4,)), layers.Dense(3)]),
        keras.Sequential([layers.Dense(3)]),
    ],
    ids=["none", "layer", "subclassed", "with_its_own_call", "unbuilt"],
)
def test_models_without_a_graph_are_refused(model):
    message = "`model` must be a Sequential or functional model that is built. Received: model=<"
    with pytest.raises(ValueError, match=message if model is not None else "model=None"):
        fold_batch_normalization(model)


def test_inner_model_with_its_own_call_is_copied_as_it_is():
    inner = Doubled([keras.Input((4,)), layers.Dense(3), BatchNormalization(name="inside")])
    inputs = keras.Input((4,))
    assert_folds(functional(inputs, BatchNormalization(name="n")(inner(inputs))), "inside", "n")


def test_bad_arguments_are_refused():
    model = sequential(layers.Dense(3), shape=(4,))
    with pytest.raises(ValueError, match=r"`rtol` must be a number > 0\. Received: rtol=0"):
        fold_batch_normalization(model, rtol=0)


def test_model_that_takes_no_random_inputs_asks_for_them():
    model = sequential(layers.Reshape((6,)), layers.Dense(3), shape=(None, 2))
    message = "`x` must be inputs that `model(x)` takes, where it takes no random ones. "
    with pytest.raises(ValueError, match=re.escape(message + "Received: x=None")):
        fold_batch_normalization(model)
    assert_folds(model, x=np.ones((5, 3, 2)))
    inputs = keras.Input((1,), dtype="string", name="words")
    with pytest.raises(ValueError, match="`x` must be given, for the strings that 'words' takes"):
        fold_batch_normalization(keras.Model(inputs, layers.Identity(dtype="string")(inputs)))


@pytest.mark.host
@pytest.mark.oldest
def test_nodes_of_keras_are_what_they_were():
    """Fails when Keras changes what `plan.py` reads of a node."""
    inputs = keras.Input((4,))
    layer = layers.Lambda(abs)
    model = keras.Model(inputs, layer(inputs, training=False))
    first, behind = nodes_in_order(model)
    assert behind.operation is layer
    assert first.outputs[0] is behind.arguments.args[0] is behind.input_tensors[0] is inputs
    assert behind.arguments.kwargs["training"] is False
