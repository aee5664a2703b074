"""Each private name of Keras that `_keras_internals` touches is where it says, and means that."""

import ast
import importlib
import pathlib
import re

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit import _keras_internals as internals
from tests import contracts

pytestmark = pytest.mark.oldest

X = np.ones((4, 3), "float32")
# PyTorch has its fused updates, and what tells a trace, under private names only.
OF_TORCH = ("_foreach_", "_fused_", "_functorch", "_get_dispatch_mode", "_current_level")
# The generator from which eager operations draw their seeds, which has no public name.
OF_TENSORFLOW = ("_rng",)
PACKAGE = pathlib.Path(internals.__file__).parent


def private(names):
    return {n for n in names if isinstance(n, str) and re.fullmatch(r"_[a-z]\w*", n)}


def reached(tree):
    """Return the private names that a file reads of objects or patches on them."""
    nodes = list(ast.walk(tree))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return private(names | {node.arg for node in nodes if isinstance(node, ast.keyword)})


def spelled(tree):
    """Return the private names that a file has as strings."""
    return private(node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))


def own_names(tree):
    """Return the names that a file defines, or assigns to `self`."""
    nodes = list(ast.walk(tree))
    found = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    stored = [n for n in nodes if isinstance(getattr(n, "ctx", None), ast.Store)]
    found |= {n.id for n in stored if isinstance(n, ast.Name)}
    attributes = [n for n in stored if isinstance(n, ast.Attribute)]
    return found | {n.attr for n in attributes if ast.unparse(n.value) == "self"}


def inherited(path):
    """Return the names that classes of the tuner have from those of KerasTuner that they extend."""
    if path.relative_to(PACKAGE).parts[0] != "tuner":
        return set()
    keras_tuner = importlib.import_module("keras_tuner")
    oracle = keras_tuner.oracles.RandomSearchOracle(objective="loss")
    return {*dir(keras_tuner.Tuner), *dir(oracle)}


def test_no_other_file_touches_a_private_name_of_keras():
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    home = trees.pop(PACKAGE / "_keras_internals.py")
    ours = own_names(home).union(*map(own_names, trees.values()))
    of_keras = reached(home) | spelled(home) - ours
    assert {"_flatten_layers", "_initial_epoch", "_backend_update_step"} <= of_keras
    for path, tree in trees.items():
        strange = reached(tree) - ours | spelled(tree) & of_keras
        strange = {n for n in strange if not n.startswith(OF_TORCH) and n not in OF_TENSORFLOW}
        strange -= inherited(path)
        assert not strange, f"{path.relative_to(PACKAGE)}: {sorted(strange)}"


class Nested(layers.Layer):
    """Holds a layer in a list, which `Model.layers` does not show."""

    def __init__(self):
        super().__init__()
        self.inner = [layers.Dense(3, name="inside")]

    def call(self, inputs):
        return self.inner[0](inputs)


def compiled(optimizer="sgd", built=True, **arguments):
    first = [keras.Input((3,))] if built else []
    model = keras.Sequential([*first, Nested(), layers.Dense(1, name="head")])
    model.compile(optimizer, "mse", metrics=["mae"], **arguments)
    return model


def fit(model, *callbacks, **arguments):
    return model.fit(X, X[:, :1], verbose=0, callbacks=[*callbacks], **arguments)


def test_layers_inside_layers_are_found_once():
    model = compiled()
    names = [layer.name for layer in internals.layers_of(model)]
    assert names.count("inside") == names.count("head") == 1
    assert model in internals.layers_of(model)
    assert model not in internals.layers_of(model, include_self=False)


def test_layers_directly_inside_a_layer_come_in_order():
    model = compiled()
    assert [type(layer).__name__ for layer in internals.children_of(model)][-2:] == [
        "Nested",
        "Dense",
    ]
    assert [layer.name for layer in internals.children_of(model.layers[0])] == ["inside"]


def test_a_symbolic_tensor_tells_where_it_comes_from():
    inputs = keras.Input((3,))
    head = layers.Dense(2)
    outputs = head(inputs)
    operation, given = internals.origin_of(outputs)
    assert operation is head
    assert given[0] is inputs
    assert internals.origin_of(X) is None


def test_a_mask_comes_with_what_a_layer_returns():
    tokens = np.array([[1, 2, 0]])
    masked = layers.Embedding(3, 2, mask_zero=True)(tokens)
    assert keras.ops.convert_to_numpy(internals.mask_of(masked)).tolist() == [[True, True, False]]
    assert internals.mask_of(layers.Embedding(3, 2)(tokens)) is None


def test_nodes_come_in_the_order_of_the_computation():
    inputs = keras.Input((3,))
    hidden = layers.Dense(2, name="a")(inputs)
    outputs = layers.Add(name="c")([hidden, layers.Dense(2, name="b")(hidden)])
    names = [node.operation.name for node in internals.nodes_in_order(keras.Model(inputs, outputs))]
    assert names[1:] == ["a", "b", "c"]


def test_a_model_is_built_with_loss_and_metrics_by_a_batch():
    model = compiled(built=False)
    assert not internals.has_met_data(model)
    internals.symbolic_build(model, (X, X[:, :1]))
    assert model.built
    assert internals.has_met_data(model)
    assert len(model.weights) == 4


def test_a_fit_begins_where_it_is_told_and_leaves_what_is_listed():
    model, seen = compiled(), []

    class Beginning(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            internals.begin_at(self.model, 3)

        def on_epoch_begin(self, epoch, logs=None):
            seen.append(epoch)
            internals.begin_at(self.model, None)

        def on_epoch_end(self, epoch, logs=None):
            assert set(internals.LEFT_BY_FIT) <= set(vars(self.model))

    fit(model, Beginning(), epochs=5, validation_data=(X, X[:, :1]))
    assert seen == [3, 4]


def test_the_losses_of_a_step_outlive_a_pass():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, kernel_regularizer="l2")])
    cleared = []
    own = model._clear_losses  # The name that `keeping_losses` shadows.
    with internals.keeping_losses(model):
        model._clear_losses()
        cleared.append(model._clear_losses is own)
    assert cleared == [False]
    assert "_clear_losses" not in vars(model)


@pytest.mark.backend("jax")
def test_fit_on_jax_reads_what_is_written_into_its_state():
    model, seen = compiled(keras.optimizers.SGD(0.0)), []

    class Writing(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            optimizer = self._model.optimizer
            rate = internals.given_learning_rate(optimizer)
            place = next(i for i, v in enumerate(optimizer.variables) if v is rate)
            place = ("optimizer_variables", place)
            if batch:
                assert internals.held_by_jax_trainer(rate)
            internals.write_jax_state(self._model, rate, place, np.float32(0.1 * (batch + 1)))

        def on_train_batch_end(self, batch, logs=None):
            seen.append(float(self._model._jax_state["optimizer_variables"][1]))

    with internals.jax_state_in_reach(model):
        fit(model, Writing(), batch_size=2)
    np.testing.assert_allclose(seen, [0.1, 0.2], rtol=1e-6)
    assert "_setattr_hook" not in vars(model)
    assert not internals.held_by_jax_trainer(internals.given_learning_rate(model.optimizer))


@pytest.mark.backend("jax")
@pytest.mark.parametrize("name", ["_setattr_hook", "_jax_state", "_jax_state_synced"])
def test_where_keras_moves_its_state_on_jax_a_slower_way_is_taken(name, monkeypatch):
    from keras_trainkit.callbacks import LearningRate
    from keras_trainkit.schedules import ExponentialDecay

    def train():
        keras.utils.set_random_seed(2)
        model = compiled(keras.optimizers.SGD(0.1))
        fit(model, LearningRate(ExponentialDecay(0.1, 1, 0.5)), batch_size=2, epochs=2)
        return model

    expected = train()
    if name == "_jax_state_synced":
        real = getattr

        def moved(owner, attribute, *default):
            return default[0] if attribute == name and default else real(owner, attribute, *default)

        monkeypatch.setattr(internals, "getattr", moved, raising=False)
    else:
        monkeypatch.setattr(
            internals,
            {"_setattr_hook": "_SETATTR_HOOK", "_jax_state": "_JAX_STATE"}[name],
            "_moved",
        )
    with pytest.warns(UserWarning, match=r"^Keras .* holds the state of `fit` on JAX elsewhere"):
        model = train()
    contracts.assert_same_weights(model, expected)


def test_metrics_say_which_way_they_improve():
    assert internals.direction_of(keras.metrics.MeanSquaredError()) == "min"
    assert internals.direction_of(keras.metrics.BinaryAccuracy()) == "max"
    assert internals.direction_of(keras.metrics.Mean()) is None
    wrapped = keras.metrics.MeanMetricWrapper(keras.losses.mean_squared_error)
    assert internals.function_of(wrapped) is keras.losses.mean_squared_error


@pytest.mark.parametrize(
    "name",
    [
        "EarlyStopping",
        "ReduceLROnPlateau",
        "ModelCheckpoint",
        "SwapEMAWeights",
        "TensorBoard",
        "History",
    ],
)
def test_callbacks_carry_what_is_listed(name, tmp_path):
    if name == "TensorBoard" and keras.backend.backend() != "tensorflow":
        pytest.importorskip("tensorflow")
    arguments = {"ModelCheckpoint": (tmp_path / "m.keras",), "TensorBoard": (tmp_path,)}
    callback = getattr(keras.callbacks, name)(*arguments.get(name, ()))
    model = compiled(keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=None))
    fit(model, callback, validation_data=(X, X[:, :1]))
    assert set(internals.STATE_OF_CALLBACKS[name]) <= set(vars(callback))
    assert internals.forget_model(callback)["_model"] is None


def test_optimizers_name_their_variables_and_numbers():
    rule = keras.optimizers.SGD(0.25, momentum=0.9, use_ema=True, gradient_accumulation_steps=2)
    model = compiled(rule)
    fit(model, batch_size=1)
    trained = internals.trained_variables(rule)
    assert [id(v) for v in trained] == [id(v) for v in model.trainable_variables]
    assert float(contracts.array(internals.given_learning_rate(rule))) == 0.25
    assert internals.counted_batches(rule) == 4
    assert int(contracts.array(rule.iterations)) == 2
    assert [id(v) for v, _ in internals.moving_averages(rule)] == [id(v) for v in trained]
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    assert internals.given_learning_rate(keras.optimizers.SGD(schedule)) is schedule


def test_our_optimizers_are_called_by_the_names_of_keras():
    calls = []

    class Rule(internals.HookedOptimizer):
        def _clip_before_step(self, gradients):
            calls.append("clip")
            return gradients

        def _decay_weights(self, variables):
            calls.append("decay")

        def _take_step(self, gradients, variables, learning_rate):
            calls.append("step")

    class Heir(Rule):
        def _take_step(self, gradients, variables, learning_rate):
            super()._take_step(gradients, variables, learning_rate)
            calls.append("heir's step")

    variables = [keras.Variable([1.0]), keras.Variable([2.0])]
    rule = Heir(0.5, weight_decay=0.1)
    rule.apply([keras.ops.ones((1,)), keras.ops.ones((1,))], variables)
    assert calls == ["clip", "decay", "step", "heir's step"]
    assert list(map(id, rule._trained)) == list(map(id, variables))
    assert [rule._place_of(v) for v in variables] == [0, 1]
    assert len({rule._key_of(v) for v in variables}) == 2
    assert {id(v) for v in rule._state} <= {id(v) for v in rule.variables}
    assert float(contracts.array(rule._given_rate)) == 0.5


def test_optimizers_inside_optimizers_are_found():
    inner = keras.optimizers.SGD(0.1)
    model = compiled(keras.optimizers.LossScaleOptimizer(inner))
    assert list(internals.optimizers_of(model)) == [model.optimizer, inner]
    assert internals.wrapped_optimizers(model.optimizer) == [inner]
    assert internals.wrapped_optimizers(inner) is None
    assert list(internals.optimizers_in([inner, [inner], {"a": model.optimizer}])) == [
        inner,
        model.optimizer,
    ]


def test_a_lambda_layer_keeps_the_shape_it_was_given():
    layer = layers.Lambda(lambda x: x, output_shape=(3,))
    assert tuple(internals.output_shape_of(layer)) == (3,)


def test_a_built_layer_may_get_a_random_stream():
    layer = layers.Dropout(0.0)
    with internals.may_get_state(layer):
        layer.seed_generator = keras.random.SeedGenerator(1)
    assert [id(v) for v in layer.variables] == [id(layer.seed_generator.state)]
    with pytest.raises(ValueError, match="already built"):
        layer.other = keras.random.SeedGenerator(2)


@pytest.mark.backend("tensorflow")
def test_an_optimizer_knows_its_replicas_and_how_to_update_them():
    rule = keras.optimizers.SGD(0.1)
    assert internals.replicas_of(rule) == 1
    assert callable(rule._all_reduce_sum_gradients)
    assert callable(rule._distributed_tf_update_step)
