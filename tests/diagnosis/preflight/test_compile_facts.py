import functools
import math

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit import optimizers
from keras_trainkit.callbacks import LearningRate
from keras_trainkit.diagnosis._preflight.gather import facts_of
from keras_trainkit.diagnosis._preflight.losses import named
from keras_trainkit.schedules import CosineDecay
from tests.diagnosis.preflight.models import Stack, X, Y, compiled, sequential

pytestmark = pytest.mark.short("torch")


def outputs_of(model, **arguments):
    return facts_of(model, arguments).outputs


def output_of(*parts, shape=(8,)):
    """Return the facts of the output of a stack of layers."""
    (found,) = outputs_of(compiled(lambda: keras.Sequential([keras.Input(shape), *parts])))
    return found


def own_loss(y_true, y_pred):
    return y_pred


class OwnLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return y_pred


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("mse", "mean_squared_error"),
        ("MSE", "mean_squared_error"),
        ("binary_crossentropy", "binary_crossentropy"),
        ("BinaryCrossentropy", "binary_crossentropy"),
        (keras.losses.BinaryCrossentropy(), "binary_crossentropy"),
        (keras.losses.binary_crossentropy, "binary_crossentropy"),
        (keras.losses.SparseCategoricalCrossentropy(), "sparse_categorical_crossentropy"),
        (keras.losses.KLDivergence(), "kl_divergence"),
        (keras.losses.MeanAbsolutePercentageError(), "mean_absolute_percentage_error"),
        (keras.losses.LogCosh(), "log_cosh"),
        (keras.metrics.AUC(), "auc"),
        (keras.metrics.RootMeanSquaredError(), "root_mean_squared_error"),
        (keras.metrics.F1Score(), "f1_score"),
        ("acc", "accuracy"),
        (keras.metrics.Accuracy(), "Accuracy"),
        ("logcosh", "log_cosh"),
    ],
)
def test_names_are_in_keras_spelling(given, name):
    assert named(given).name == name
    assert not named(given).is_own


@pytest.mark.parametrize(
    ("given", "name"),
    [(own_loss, "own_loss"), (OwnLoss(), "OwnLoss"), (lambda a, b: b, "<lambda>")],
)
def test_losses_of_the_user_are_his_own(given, name):
    (found,) = outputs_of(compiled(loss=given))
    assert (found.loss, found.own_loss, found.from_logits) == (name, True, False)


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.BinaryCrossentropy(from_logits=True),
        functools.partial(keras.losses.binary_crossentropy, from_logits=True),
        {"class_name": "BinaryCrossentropy", "config": {"from_logits": True}},
    ],
)
def test_logits_are_known(loss):
    (found,) = outputs_of(compiled(loss=loss))
    assert (found.loss, found.from_logits, found.own_loss) == ("binary_crossentropy", True, False)


def test_a_step_of_the_users_own_makes_the_loss_his_own():
    class Own(keras.Sequential):
        def train_step(self, *arguments):
            return super().train_step(*arguments)

    (found,) = outputs_of(compiled(lambda: Own([keras.Input((8,)), layers.Dense(1)]), loss="mse"))
    assert (found.loss, found.own_loss) == ("mean_squared_error", True)


@pytest.mark.parametrize(
    ("units", "target", "loss"),
    [
        (1, np.zeros((12, 1)), "binary_crossentropy"),
        (3, Y, "sparse_categorical_crossentropy"),
        (3, Y[:, None], "sparse_categorical_crossentropy"),
        (3, np.eye(3)[Y], "categorical_crossentropy"),
        (3, None, "crossentropy"),
    ],
)
def test_crossentropy_is_the_one_that_keras_takes(units, target, loss):
    model = compiled(
        lambda: keras.Sequential([keras.Input((8,)), layers.Dense(units)]), loss="crossentropy"
    )
    (found,) = outputs_of(model, x=X, y=target)
    assert found.loss == loss
    if target is not None:
        model.fit(X, target, verbose=0)


@pytest.mark.parametrize("given", [0.0, [0.0], {"output": 0.0}])
def test_the_weight_of_a_loss_in_all_forms(given):
    head = layers.Dense(1, name="output")
    model = compiled(lambda: keras.Sequential([keras.Input((8,)), head]), loss_weights=given)
    assert outputs_of(model)[0].weight == 0.0
    assert outputs_of(compiled())[0].weight == 1.0


def test_metrics_of_all_forms():
    metrics = ["acc", "mse", keras.metrics.AUC(), own_loss]
    (found,) = outputs_of(compiled(metrics=metrics, weighted_metrics=["mae"]))
    names = ("accuracy", "mean_squared_error", "auc", "own_loss", "mean_absolute_error")
    assert found.metrics == names


def test_the_last_activation_is_found_through_what_hands_values_on():
    assert output_of(layers.Dense(3, "softmax")).activation == "softmax"
    assert output_of(layers.Dense(3), layers.Activation("sigmoid")).activation == "sigmoid"
    assert output_of(layers.Dense(3), layers.Softmax()).activation == "softmax"
    through = output_of(layers.Dense(4, "relu"), layers.Reshape((2, 2)), layers.Flatten())
    assert (through.activation, through.shape) == ("relu", (4,))
    assert through.layer.endswith("dense_3")
    still = output_of(layers.Dense(3, "tanh"), layers.Dropout(0.1), layers.Activation("linear"))
    assert still.activation == "tanh"
    assert output_of(layers.Dense(3, "tanh"), layers.BatchNormalization()).activation == "linear"
    assert output_of(layers.Dense(3)).activation == "linear"


def test_what_changes_values_in_an_unknown_way_hides_the_activation():
    assert output_of(layers.Dense(3, "relu"), layers.Lambda(lambda x: 2 * x)).activation == ""
    assert output_of(layers.Dense(3, "relu"), layers.Rescaling(3.0)).activation == ""


def test_the_last_activation_of_wrapped_nested_and_recurrent_layers():
    wrapped = layers.TimeDistributed(layers.Dense(2, "sigmoid"))
    assert output_of(wrapped, shape=(5, 8)).activation == "sigmoid"
    both = output_of(layers.Bidirectional(layers.GRU(3)), shape=(5, 8))
    assert (both.activation, both.shape) == ("tanh", (6,))
    inner = keras.Sequential([layers.Dense(2), layers.Dense(3, "elu")])
    assert output_of(layers.Dense(2), inner).activation == "elu"


def test_the_last_activation_as_an_operation():
    inputs = keras.Input((8,))
    hidden = layers.Dense(3)(inputs)
    for function, name in ((keras.ops.softmax, "softmax"), (keras.activations.relu, "relu")):
        (found,) = outputs_of(compiled(lambda f=function: keras.Model(inputs, f(hidden))))
        assert found.activation == name
    (scaled,) = outputs_of(compiled(lambda: keras.Model(inputs, hidden * 2.0)))
    assert scaled.activation == ""


def two_headed(as_dict=False):
    inputs = keras.Input((8,))
    outputs = {
        "b": layers.Dense(1, "sigmoid", name="b")(inputs),
        "a": layers.Dense(3, name="a")(inputs),
    }
    return keras.Model(inputs, outputs if as_dict else [*outputs.values()])


BINARY = np.ones(12)


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("by_name", [False, True])
def test_losses_metrics_and_targets_go_to_their_outputs(as_dict, by_name):
    order = ["a", "b"] if as_dict else ["b", "a"]
    losses, targets = {"a": "mse", "b": "bce"}, {"a": np.zeros((12, 3)), "b": BINARY}
    metrics = {"a": ["mae"], "b": ["acc"]}
    if not by_name:
        losses, targets, metrics = ([d[n] for n in order] for d in (losses, targets, metrics))
    model = compiled(lambda: two_headed(as_dict), loss=losses, metrics=metrics)
    found = dict(zip(order, outputs_of(model, x=X, y=targets), strict=True))
    assert found["a"].layer.endswith("a")
    assert (found["a"].loss, found["a"].metrics) == ("mean_squared_error", ("mean_absolute_error",))
    assert (found["b"].loss, found["b"].metrics) == ("binary_crossentropy", ("accuracy",))
    assert (found["a"].target.shape, found["b"].target.shape) == ((12, 3), (12,))
    assert found["b"].activation == "sigmoid"


def test_one_loss_is_that_of_all_outputs_and_none_of_one_without():
    model = compiled(two_headed, loss="mse")
    assert [output.loss for output in outputs_of(model)] == ["mean_squared_error"] * 2
    model = compiled(two_headed, loss=["bce", None])
    first, second = outputs_of(model, x=X, y=[BINARY])
    assert (first.loss, second.loss) == ("binary_crossentropy", "")
    assert first.target.name == "y[0]"
    assert second.target is None


@pytest.mark.short("tensorflow", "jax", "torch")
def test_the_output_of_a_subclassed_model_is_known_when_it_is_built():
    model = compiled(Stack)
    (before,) = outputs_of(model, x=X, y=Y)
    assert (before.layer, before.activation, before.units) == ("", "", None)
    model(X)
    (found,) = outputs_of(model, x=X, y=Y)
    assert (found.activation, found.shape) == ("softmax", (3,))
    assert found.layer == model.head.path
    assert found.target.classes


def test_a_stack_without_input_has_units_and_no_more():
    model = compiled(lambda: keras.Sequential([layers.Dense(4), layers.Dense(2, "relu")]))
    (found,) = outputs_of(model)
    assert (found.activation, found.units) == ("relu", 2)


def test_a_model_that_is_not_compiled():
    facts = facts_of(sequential(), {})
    assert facts.optimizer is None
    assert (facts.outputs[0].loss, facts.outputs[0].metrics) == ("", ())


def optimizer_of(optimizer, **arguments):
    return facts_of(compiled(optimizer=optimizer), arguments).optimizer


def test_numbers_of_optimizers():
    found = optimizer_of(keras.optimizers.SGD(0.2, momentum=0.9, clipnorm=1.0))
    assert (found.kind, found.momentum, found.clips) == ("SGD", 0.9, True)
    assert found.learning_rate == pytest.approx(0.2)
    assert (found.adaptive, found.scheduled) == (False, False)
    found = optimizer_of(keras.optimizers.AdamW(0.01, weight_decay=0.1))
    assert (found.weight_decay, found.adaptive, found.clips) == (0.1, True, False)


def test_numbers_of_our_optimizers():
    clipping = optimizers.PercentileClipping()
    found = optimizer_of(optimizers.NAG(0.2, momentum=0.8, clipping=clipping))
    assert (found.kind, found.momentum, found.clips, found.adaptive) == ("NAG", 0.8, True, False)
    found = optimizer_of(optimizers.Adam(0.003, weight_decay=0.2))
    assert (found.adaptive, found.weight_decay) == (True, 0.2)
    assert found.learning_rate == pytest.approx(0.003)


def test_wrapped_optimizers_are_unwrapped():
    found = optimizer_of(keras.optimizers.LossScaleOptimizer(keras.optimizers.RMSprop(0.02)))
    assert (found.kind, found.adaptive) == ("RMSprop", True)
    assert found.learning_rate == pytest.approx(0.02)


@pytest.mark.parametrize(
    "schedule", [keras.optimizers.schedules.CosineDecay(0.3, 10), CosineDecay(0.3, 10)]
)
def test_a_schedule_gives_its_first_rate(schedule):
    found = optimizer_of(keras.optimizers.SGD(schedule))
    assert found.learning_rate == pytest.approx(0.3)
    assert found.scheduled
    assert np.isnan(found.lasts)
    model = compiled(optimizer=keras.optimizers.SGD(schedule))
    facts = facts_of(model, {"x": X, "y": Y, "epochs": 20, "batch_size": 3})
    assert facts.optimizer.lasts == pytest.approx(10 / 80, abs=0.02)


def test_a_function_or_callback_that_gives_the_rate_is_not_asked():
    def rate():
        raise AssertionError("was called")

    found = optimizer_of(keras.optimizers.SGD(rate))
    assert math.isnan(found.learning_rate)
    assert found.scheduled
    for callback in (
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
        LearningRate(CosineDecay(0.3, 10)),
    ):
        found = optimizer_of(keras.optimizers.SGD(0.1), callbacks=[callback])
        assert math.isnan(found.learning_rate)
        assert found.scheduled


def test_what_was_compiled_as_code():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [keras.layers.Dense(1, name=name)(inputs) for name in "ab"])
    losses = {"a": "mse", "b": keras.losses.BinaryCrossentropy(from_logits=True)}
    metrics = {"b": ["accuracy", keras.metrics.AUC()]}
    model.compile(keras.optimizers.SGD(0.1), losses, metrics=metrics, loss_weights=[1.0, 0.5])
    facts = facts_of(model, {})
    a, b = facts.outputs
    assert (a.key, a.loss_code, a.metrics_code) == ("a", '"mse"', ())
    assert b.loss_code == "keras.losses.BinaryCrossentropy(from_logits=True)"
    assert b.metrics_code == ('"accuracy"', "keras.metrics.AUC()")
    assert facts.compiled == {"loss_weights": "[1.0, 0.5]"}
    assert facts.optimizer.arguments == {"learning_rate": "0.1"}
