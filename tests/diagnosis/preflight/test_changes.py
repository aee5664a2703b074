"""Remedies that a program carries out, on models."""

import keras
import numpy as np
import pytest

import keras_trainkit
from keras_trainkit.diagnosis import Remedy
from keras_trainkit.diagnosis._diagnose.static.repairs import compiled_with
from keras_trainkit.diagnosis._preflight.gather import facts_of
from keras_trainkit.optimizers import NAG

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
HEAD = {"kind": "layer", "path": "net/head", "config": {"units": 3, "activation": "softmax"}}
COMPILE = {"kind": "compile", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def chain():
    return [
        keras.layers.Dense(5, activation="relu", name="hidden"),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.Dense(1, activation="relu", name="head"),
    ]


def sequential():
    return keras.Sequential([keras.Input((4,)), *chain()], name="net")


def functional():
    inputs = outputs = keras.Input((4,))
    for layer in chain():
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name="net")


def compiled(model, **arguments):
    optimizer = arguments.pop("optimizer", None) or keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, **{"loss": "mse", **arguments})
    return model


def path_of(model, name):
    return model.get_layer(name).kernel.path.rpartition("/")[0]


def applied(change, model):
    return Remedy("mended", "", change).apply(model)


def values(variables):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def state(model):
    return [
        np.array(keras.ops.convert_to_numpy(v))
        for v in (*model.variables, *model.optimizer.variables)
    ]


@pytest.fixture(params=[sequential, functional])
def model(request):
    made = compiled(request.param(), metrics=["mae"])
    made.fit(X, Y, verbose=0)
    return made


def test_changes_layer_and_loss_of_a_copy(model):
    before = state(model)
    head = {**HEAD, "path": path_of(model, "head")}
    new = applied({"kind": "several", "changes": [head, COMPILE]}, model)
    assert (new.get_layer("head").units, new.loss) == (3, COMPILE["loss"])
    assert new.get_layer("head").get_config()["activation"] == "softmax"
    for name in ("hidden", "norm"):
        for mine, theirs in zip(
            new.get_layer(name).weights, model.get_layer(name).weights, strict=True
        ):
            np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (mine, theirs)))
    assert new.optimizer is not model.optimizer
    assert (float(new.optimizer.momentum), int(new.optimizer.iterations)) == (0.9, 0)
    logs = new.fit(X, Y, verbose=0).history
    assert set(logs) == {"loss", "accuracy"}
    for mine, theirs in zip(state(model), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert model.loss == "mse"


def test_keeps_weights_under_another_activation_and_predicts_with_it(model):
    head = {"kind": "layer", "path": path_of(model, "head"), "config": {"activation": "sigmoid"}}
    linear = {**head, "config": {"activation": "linear"}}
    logits = applied(linear, model).predict(X, verbose=0)
    expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(applied(head, model).predict(X, verbose=0), expected, rtol=1e-5)


def test_draws_weights_anew_for_another_initializer(model):
    config = {"kernel_initializer": "zeros"}
    new = applied({"kind": "layer", "path": path_of(model, "head"), "config": config}, model)
    assert not np.any(keras.ops.convert_to_numpy(new.get_layer("head").kernel))


def test_numbers_of_the_optimizer(model):
    change = {"kind": "compile", "learning_rate": 0.01, "optimizer": {"global_clipnorm": 1.0}}
    new = applied(change, model)
    assert float(new.optimizer.learning_rate) == pytest.approx(0.01)
    assert (new.optimizer.global_clipnorm, float(new.optimizer.momentum)) == (1.0, 0.9)
    assert (new.loss, float(model.optimizer.learning_rate)) == ("mse", pytest.approx(0.1))


def test_keeps_our_optimizers_and_the_users_own_loss_and_metrics():
    def own_loss(y, outputs):
        return keras.ops.mean(keras.ops.abs(y - outputs))

    metric = keras.metrics.MeanAbsoluteError(name="mine")
    model = compiled(sequential(), optimizer=NAG(0.1), loss=own_loss, metrics=[metric])
    new = applied({"kind": "compile", "learning_rate": 0.5}, model)
    assert (type(new.optimizer), new.loss) == (NAG, own_loss)
    assert new.fit(X, Y, verbose=0).history.keys() == {"loss", "mine"}
    assert float(metric.total) == 0


def test_another_class_of_layer_and_frozen_layers():
    layers = [keras.Input((4,)), keras.layers.Dense(1, name="head"), keras.layers.ReLU(name="act")]
    model = compiled(keras.Sequential(layers))
    model.get_layer("head").trainable = False
    config = {"activation": "sigmoid"}
    new = applied({"kind": "layer", "path": "act", "class": "Activation", "config": config}, model)
    assert isinstance(new.get_layer("act"), keras.layers.Activation)
    assert not new.get_layer("head").trainable
    path = path_of(model, "head")
    thawed = applied({"kind": "layer", "path": path, "config": {"trainable": True}}, model)
    assert thawed.get_layer("head").trainable


def test_layer_inside_of_a_model_inside():
    inner = functional()
    inputs = keras.Input((4,))
    model = compiled(keras.Model(inputs, keras.layers.Dense(1, name="last")(inner(inputs))))
    change = {"kind": "layer", "path": path_of(inner, "hidden"), "config": {"activation": "tanh"}}
    new = applied(change, model)
    assert new.get_layer("net").get_layer("hidden").get_config()["activation"] == "tanh"
    assert inner.get_layer("hidden").get_config()["activation"] == "relu"


def test_loss_of_one_of_several_outputs():
    inputs = keras.Input((4,))
    outputs = [keras.layers.Dense(1, name=name)(inputs) for name in "ab"]
    model = compiled(keras.Model(inputs, outputs))
    change = {"kind": "compile", "loss": "mae", "output": 1}
    assert applied(change, model).loss == ["mse", "mae"]
    model.compile("sgd", loss={"a": "mse", "b": "mse"})
    assert applied(change, model).loss == {"a": "mse", "b": "mae"}


def test_model_that_is_not_compiled():
    model = sequential()
    change = {"kind": "layer", "path": path_of(model, "head"), "config": {"activation": "tanh"}}
    new = applied(change, model)
    assert not new.compiled
    assert new.get_layer("head").get_config()["activation"] == "tanh"


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = keras.layers.Dense(1)

    def call(self, inputs):
        return self.head(inputs)


@pytest.mark.parametrize(
    ("make", "change", "message"),
    [
        (Own, COMPILE, "`model` must be a `keras.Sequential` or functional model"),
        (sequential, {"kind": "fit", "epochs": 3}, "give its numbers to `fit`"),
        (sequential, HEAD | {"path": "elsewhere"}, "`path` must be that of a layer"),
    ],
)
def test_raises_for_what_cannot_be_changed(make, change, message):
    with pytest.raises(ValueError, match=message):
        applied(change, compiled(make()))


def test_raises_without_a_change():
    with pytest.raises(ValueError, match="only the person who wrote the script"):
        applied(None, compiled(sequential()))


def several_outputs():
    inputs = keras.Input((4,))
    return keras.Model(inputs, [keras.layers.Dense(1, name=name)(inputs) for name in "ab"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [None, ["accuracy"]]),
        ([["mae"], ["mse"]], [["mae"], ["accuracy"]]),
        ({"a": ["mae"]}, {"a": ["mae"], "b": ["accuracy"]}),
    ],
)
def test_metrics_of_one_of_several_outputs(given, expected):
    model = compiled(several_outputs(), metrics=given)
    change = {"kind": "compile", "loss": "binary_crossentropy", "metrics": ["accuracy"]}
    new = applied({**change, "output": 1}, model)
    assert dict(new.get_compile_config())["metrics"] == expected
    logs = new.fit(X, [Y, Y], verbose=0).history
    assert "b_accuracy" in logs
    assert ("a_mae" in logs) is (given is not None)


def test_weights_of_losses_and_another_optimizer():
    model = compiled(sequential(), loss_weights=[0.0], optimizer=keras.optimizers.SGD(0.5))
    new = applied({"kind": "compile", "loss_weights": None}, model)
    assert new.fit(X, Y, verbose=0).history["loss"][0] > 0
    adam = applied({"kind": "compile", "class": "Adam", "learning_rate": 0.01}, model)
    assert type(adam.optimizer).__name__ == "Adam"
    assert float(adam.optimizer.learning_rate) == pytest.approx(0.01)


def test_a_layer_in_place_of_another_can_be_saved(tmp_path):
    layers = [keras.Input((4,)), keras.layers.ReLU(name="act"), keras.layers.Dense(1)]
    model = compiled(keras.Sequential(layers))
    change = {"kind": "layer", "path": "act", "class": "Identity", "config": {}}
    new = applied(change, model)
    assert isinstance(new.get_layer("act"), keras.layers.Identity)
    new.fit(X, Y, verbose=0)
    new.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), new.predict(X, verbose=0), rtol=1e-6)


REMEDIES = {
    "a rate": lambda facts: compiled_with(facts, "", learning_rate=0.01),
    "clipping": lambda facts: compiled_with(facts, "", optimizer={"global_clipnorm": 1.0}),
    "a loss": lambda facts: compiled_with(facts, "", loss="mean_absolute_error", output=1),
    "a metric": lambda facts: compiled_with(facts, "", metrics=["mean_absolute_error"], output=1),
    "no weights": lambda facts: compiled_with(facts, "", loss_weights=None),
    "Adam": lambda facts: compiled_with(facts, "", **{"class": "Adam", "learning_rate": 0.001}),
}


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("name", REMEDIES)
def test_what_is_printed_is_what_is_applied(name, named):
    model, optimizer = several_outputs(), NAG(0.1, momentum=0.8, clipnorm=2.0)
    arguments = {"loss": {"a": "mse", "b": keras.losses.Huber()}, "metrics": {"a": ["mae"]}}
    if not named:
        arguments = {"loss": ["mse", keras.losses.Huber()], "metrics": [["mae"], []]}
    compiled(model, optimizer=optimizer, loss_weights=[1.0, 0.5], **arguments)
    remedy = REMEDIES[name](facts_of(model, {}))
    new = remedy.apply(model)
    exec(remedy.code, {"keras": keras, "keras_trainkit": keras_trainkit, "model": model})
    mine, printed = (_plain(each) for each in (new, model))
    assert mine == printed


def _plain(model):
    facts = facts_of(model, {})
    return (
        facts.optimizer.place,
        facts.optimizer.arguments,
        [(out.loss, out.metrics) for out in facts.outputs],
        facts.compiled,
    )


@pytest.mark.short("torch")
def test_a_lambda_keeps_the_names_that_its_function_uses():
    inputs = keras.Input((4,))
    doubled = keras.layers.Lambda(lambda x, by: keras.ops.abs(x) * by, arguments={"by": 2.0})
    model = compiled(keras.Model(inputs, keras.layers.Dense(1, name="head")(doubled(inputs))))
    new = applied({"kind": "compile", "loss": "mae"}, model)
    np.testing.assert_array_equal(new.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.short("torch")
def test_operations_between_the_layers_are_copied_too():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, activation="relu")(inputs[:, :4])
    outputs = keras.layers.Dense(1, name="head")(keras.ops.tanh(hidden + 2 * inputs))
    model = compiled(keras.Model(inputs, outputs))
    new = applied({"kind": "compile", "loss": "mae"}, model)
    np.testing.assert_array_equal(new.predict(X, verbose=0), model.predict(X, verbose=0))
