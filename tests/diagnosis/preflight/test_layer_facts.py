import math

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.diagnosis._preflight.gather import facts_of
from keras_trainkit.initializers import HeNormal
from tests.diagnosis.preflight.models import Pair, Stack, X, sequential

pytestmark = pytest.mark.short("torch")


def of(model, x=None):
    return facts_of(model, {} if x is None else {"x": x}).layers


def by_kind(found):
    return {layer.kind: layer for layer in found}


def test_layers_of_a_stack_come_from_input_to_output():
    found = of(sequential())
    kinds = ["Rescaling", "Dense", "Dropout", "BatchNormalization", "Dense", "Softmax"]
    assert [layer.kind for layer in found] == kinds
    assert [layer.activation for layer in found] == ["", "relu", "", "", "linear", "softmax"]
    assert [layer.shape for layer in found] == [(8,), (4,), (4,), (4,), (3,), (3,)]
    assert [layer.units for layer in found] == [8, 4, 4, 4, 3, 3]
    assert [layer.parameters for layer in found] == [0, 36, 0, 16, 15, 0]


def test_paths_are_those_of_the_variables():
    model = sequential()
    owners = [variable.path.rpartition("/")[0] for variable in model.trainable_variables]
    found = [layer.path for layer in of(model) if layer.parameters]
    assert found == list(dict.fromkeys(owners))


def test_numbers_of_layers():
    found = by_kind(of(sequential()))
    assert found["Dropout"].rate == 0.3
    assert found["BatchNormalization"].momentum == 0.9
    assert math.isnan(found["Softmax"].rate)
    assert math.isnan(found["Dropout"].momentum)


def test_regularizers_and_initializers_of_kernels():
    first = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(2, kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2)),
            layers.Dense(2, kernel_initializer="zeros", kernel_regularizer="l2"),
            layers.Dense(2, kernel_initializer=keras.initializers.Constant(0.5)),
        ]
    )
    regularized, zeros, constant = of(first)
    assert (regularized.l1, regularized.l2) == pytest.approx((0.1, 0.2))
    assert (zeros.l1, zeros.l2) == pytest.approx((0.0, 0.01))
    assert [x.initializer for x in (regularized, zeros)] == ["GlorotUniform", "Zeros"]
    kernels = [layer.constant_kernel for layer in (regularized, zeros, constant)]
    assert kernels == [False, True, True]


@pytest.mark.parametrize(
    ("layer", "shape", "fan_in"),
    [
        (layers.Dense(4), (3,), 3),
        (layers.Conv2D(4, 3), (8, 8, 2), 18),
        (layers.Conv2D(4, 3, groups=2), (8, 8, 2), 9),
        (layers.Conv2DTranspose(4, 3), (8, 8, 2), 18),
        (layers.DepthwiseConv2D(3), (8, 8, 2), 9),
        (layers.SeparableConv2D(4, 3), (8, 8, 2), 2),
        (layers.EinsumDense("abc,cd->abd", (None, 5)), (3, 7), 7),
        (layers.GRU(4), (5, 3), 3),
    ],
)
def test_inputs_of_a_unit(layer, shape, fan_in):
    model = keras.Sequential([keras.Input(shape), layer])
    (found,) = of(model)
    assert found.fan_in == fan_in
    assert found.initializer == "GlorotUniform"


def test_an_embedding_has_no_kernel():
    model = keras.Sequential([keras.Input((5,)), layers.Embedding(9, 4, "zeros")])
    (found,) = of(model)
    assert (found.fan_in, found.constant_kernel, found.initializer) == (0, False, "")
    assert (found.units, found.activation) == (4, "")


def own(x):
    return x


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda: layers.Dense(2, "tanh"), "tanh"),
        (lambda: layers.Dense(2, keras.activations.swish), "silu"),
        (lambda: layers.Dense(2, activation=layers.LeakyReLU()), "leaky_relu"),
        (lambda: layers.Dense(2, activation=own), "own"),
        (lambda: layers.Dense(2), "linear"),
        (lambda: layers.Activation("elu"), "elu"),
        (lambda: layers.ReLU(), "relu"),
        (lambda: layers.ReLU(negative_slope=0.1), "leaky_relu"),
        (lambda: layers.PReLU(), "prelu"),
        (lambda: layers.ELU(), "elu"),
        (lambda: layers.Reshape((3, 1)), ""),
    ],
)
def test_activations_however_they_are_given(layer, name):
    (found,) = of(keras.Sequential([keras.Input((3,)), layer()]))
    assert found.activation == name


def test_recurrent_layers_are_whole_and_wrappers_show_what_they_wrap():
    model = keras.Sequential(
        [
            keras.Input((6, 3)),
            layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
            layers.RNN([layers.GRUCell(4), layers.SimpleRNNCell(2, "relu")], True),
            layers.TimeDistributed(layers.Dense(7, "relu")),
        ]
    )
    found = of(model)
    assert [layer.kind for layer in found] == ["LSTM", "LSTM", "RNN", "Dense"]
    assert [layer.activation for layer in found] == ["tanh", "tanh", "relu", "relu"]
    assert [layer.units for layer in found][:2] == [5, 5]
    assert found[0].parameters == 180


def test_layers_of_nested_models_come_in_order():
    inner = keras.Sequential([layers.Dense(2, "tanh"), layers.Dense(3), layers.ReLU()])
    inputs = keras.Input((4,))
    hidden = layers.Dense(4, "selu")(inputs)
    outputs = layers.Dense(1)(inner(hidden))
    found = of(keras.Model(inputs, outputs))
    assert [layer.activation for layer in found] == ["selu", "tanh", "linear", "relu", "linear"]
    assert [layer.units for layer in found] == [4, 2, 3, 3, 1]


def test_operations_of_a_graph_are_shown():
    inputs = keras.Input((4,))
    outputs = layers.Dense(1)(keras.ops.relu(layers.Dense(4)(inputs)) + 1.0)
    model = keras.Model(inputs, outputs)
    assert [layer.kind for layer in of(model)] == ["Dense", "Relu", "Add", "Dense"]
    assert of(model)[1].activation == "relu"
    assert facts_of(model, {}).unknown == ()


def test_a_layer_that_is_used_twice_is_shown_once():
    shared, inputs = layers.Dense(4, name="shared"), keras.Input((4,))
    found = of(keras.Model(inputs, shared(shared(inputs))))
    assert [layer.path.split("/")[-1] for layer in found] == ["shared"]


def test_layers_of_one_name_have_paths_of_their_own():
    inner = [layers.Dense(2, name="same") for _ in range(2)]
    for layer in inner:
        layer.build((None, 2))
    model = keras.Sequential([keras.Input((2,)), inner[0], keras.Sequential([inner[1]])])
    assert [layer.path for layer in of(model)] == ["same", "same#2"]


@pytest.mark.short("tensorflow", "jax", "torch")
def test_layers_of_a_subclassed_model_come_in_the_order_of_their_calls():
    model = Stack()
    model(X)
    before = keras.tree.map_structure(id, dict(vars(model)))
    found = of(model, X)
    assert [layer.kind for layer in found] == ["Dense", "Dropout", "Dense", "Flatten"]
    assert [layer.shape for layer in found] == [(4,), (4,), (3,), (3,)]
    assert keras.tree.map_structure(id, dict(vars(model))) == before
    assert facts_of(model, {"x": X}).unknown == (model.name,)


@pytest.mark.short("tensorflow", "jax", "torch")
def test_a_look_builds_nothing():
    model = Stack()
    model.built = True
    assert [layer.shape for layer in of(model, X)] == [()] * 4
    assert not any(layer.built for layer in (model.head, model.hidden))
    assert not model.trainable_variables


def test_layers_of_a_model_that_is_not_built():
    found = of(keras.Sequential([layers.Dense(4, "relu"), layers.GRU(3), layers.Flatten()]))
    assert [(layer.units, layer.activation) for layer in found] == [
        (4, "relu"),
        (3, "tanh"),
        (None, ""),
    ]
    assert [layer.fan_in for layer in found] == [0, 0, 0]
    assert not any(layer.constant_kernel for layer in found)


def test_a_layer_with_own_weights_is_shown_beside_what_is_inside_of_it():
    model = keras.Sequential([keras.Input((3,)), Pair()])
    facts = facts_of(model, {"x": np.ones((2, 3))})
    assert [layer.kind for layer in facts.layers] == ["Dense", "Pair"]
    assert facts.unknown == (model.layers[0].path,)


def test_what_the_user_writes_is_named():
    model = keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: x), layers.Dense(1)])
    assert facts_of(model, {}).unknown == (model.layers[0].path,)
    assert facts_of(sequential(), {}).unknown == ()


def test_attention_shows_its_projections():
    inputs = keras.Input((6, 8))
    model = keras.Model(inputs, layers.MultiHeadAttention(2, 3)(inputs, inputs))
    found = of(model)
    kernels = [layer.fan_in for layer in found if layer.fan_in]
    assert kernels == [8, 8, 8, 6]


def test_frozen_layers_say_so():
    model = sequential()
    model.layers[1].trainable = False
    assert [layer.trainable for layer in of(model)] == [True, False, True, True, True, True]


@pytest.mark.parametrize("initializer", ["glorot_uniform", keras.initializers.RandomNormal(seed=3)])
def test_frozen_weights_that_are_as_they_were_drawn(initializer):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(5, kernel_initializer=initializer)])
    (dense,) = model.layers
    assert not of(model)[0].as_drawn
    dense.trainable = False
    assert of(model)[0].as_drawn
    dense.set_weights([2 * weights for weights in dense.get_weights()])
    assert not of(model)[0].as_drawn


def test_frozen_embeddings_and_what_draws_anew_each_time():
    model = keras.Sequential([keras.Input((4,), dtype="int32"), layers.Embedding(9, 3)])
    model.trainable = False
    assert of(model)[0].as_drawn
    seeds = keras.random.SeedGenerator(0)
    initializer = keras.initializers.RandomNormal(seed=seeds)
    dense = layers.Dense(5, kernel_initializer=initializer, trainable=False)
    model = keras.Sequential([keras.Input((4,)), dense])
    before = keras.ops.convert_to_numpy(seeds.state)
    assert not of(model)[0].as_drawn
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(seeds.state), before)
    initializer = HeNormal(seed=1)
    dense = layers.Dense(5, kernel_initializer=initializer, trainable=False)
    assert not of(keras.Sequential([keras.Input((4,)), dense]))[0].as_drawn
    once, same = HeNormal(seed=1), (4, 5)
    once(same)
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (initializer(same), once(same))))


def test_arguments_and_the_way_to_a_layer():
    first = keras.layers.Dense(5, "relu", name="first")
    inner = keras.Sequential([keras.Input((4,)), first], name="inner")
    inputs = keras.Input((4,))
    outputs = keras.layers.Dense(1, kernel_regularizer="l1", name="last")(inner(inputs))
    first, last = facts_of(keras.Model(inputs, outputs), {}).layers
    assert first.arguments == {"units": "5", "activation": '"relu"'}
    assert first.reached == 'model.get_layer("inner").get_layer("first")'
    assert (last.place, last.reached) == ("keras.layers.Dense", 'model.get_layer("last")')
    assert last.arguments["kernel_regularizer"] == "keras.regularizers.L1()"


def test_weights_that_were_trained_before_show_by_their_offsets():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
    assert [facts.learned for facts in facts_of(model, {}).layers] == [False, False]
    model.layers[0].bias.assign([0.0, 0.1, 0.0, 0.0])
    assert [facts.learned for facts in facts_of(model, {}).layers] == [True, False]
    model.layers[1].beta.assign([0.0, 0.1, 0.0, 0.0])
    assert [facts.learned for facts in facts_of(model, {}).layers] == [True, True]
    odd = keras.Sequential([keras.Input((3,)), layers.Dense(4, bias_initializer="ones")])
    assert not facts_of(odd, {}).layers[0].learned
