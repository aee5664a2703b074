"""The models that HyperMLP builds, and what it refuses."""

import copy
import pickle

import keras
import keras_tuner
import numpy as np
import pytest
from keras_tuner import HyperParameters

from keras_trainkit import initializers, layers, optimizers
from keras_trainkit.layers._standardization import Standardization, StandardizedLoss
from keras_trainkit.tuner import HyperMLP, spaces
from tests.contracts import array, assert_close

pytestmark = pytest.mark.oldest

DEFAULT_NAMES = [
    "hidden_layers",
    "width",
    "shape",
    "activation",
    "batch_norm",
    "dropout",
    "regularizer",
    "l1/strength",
    "l2/strength",
    "optimizer",
    "nag/learning_rate",
    "adam/learning_rate",
    "sgd/learning_rate",
    "rmsprop/learning_rate",
    "nag/momentum",
    "sgd/momentum",
    "schedule",
    "half_life",
    "batch_size",
]
FIXED = {
    "hidden_layers": 2,
    "width": 8,
    "shape": "halving",
    "activation": "relu",
    "batch_norm": True,
    "dropout": 0.25,
    "regularizer": False,
    "optimizer": spaces.Optimizer("adam", learning_rate=0.01, schedule=False),
    "batch_size": 5,
}


def fixed(**changes):
    return HyperMLP((4,), **{"classes": 3, **FIXED, **changes})


def built(**changes):
    return fixed(**changes).build(HyperParameters())


def kinds(model):
    return [type(layer) for layer in model.layers]


def batch(samples=10):
    generator = np.random.default_rng(1)
    x = generator.normal(size=(samples, 4)).astype("float32")
    return x, generator.integers(3, size=samples)


class Recorder:
    """Stands for a model and keeps what `fit` is called with."""

    def fit(self, *args, **kwargs):
        self.called = (args, kwargs)
        return "history"


def test_declares_every_hyperparameter_whatever_the_values():
    hypermodel = HyperMLP((4,), classes=3, width=(8, 9))
    known = HyperParameters()
    hypermodel.declare_hyperparameters(known)
    assert [each.name for each in known.space] == DEFAULT_NAMES
    for _ in range(2):
        hp = known.copy()
        hp.values.clear()
        hp.ensure_active_values()
        hypermodel.build(hp)
        assert [each.name for each in hp.space] == DEFAULT_NAMES


def test_fixed_arguments_leave_nothing_to_search():
    hp = HyperParameters()
    hypermodel = fixed()
    hypermodel.declare_hyperparameters(hp)
    hypermodel.build(hp)
    hypermodel.fit(hp, Recorder(), *batch())
    assert hp.space == []


def test_stacks_dense_normalization_activation_dropout():
    model = built()
    block = [keras.layers.Dense, layers.BatchNormalization, keras.layers.Activation, layers.Dropout]
    assert kinds(model) == [Standardization, *block, *block, keras.layers.Dense]
    dense, _, activation, dropout = model.layers[1:5]
    assert [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [
        8,
        4,
        3,
    ]
    assert not dense.use_bias
    assert dense.activation is keras.activations.linear
    assert activation.activation is keras.activations.relu
    assert dropout.rate == 0.25
    assert model.layers[-1].use_bias
    assert model.layers[-1].activation is keras.activations.softmax


def test_without_normalization_a_block_has_a_bias():
    model = built(hidden_layers=1, batch_norm=False, dropout=False, scale_inputs=False)
    assert kinds(model) == [keras.layers.Dense, keras.layers.Activation, keras.layers.Dense]
    assert model.layers[0].use_bias


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("relu", initializers.HeNormal),
        ("elu", initializers.HeNormal),
        ("selu", initializers.LecunNormal),
        ("tanh", initializers.GlorotNormal),
    ],
)
def test_kernels_are_matched_to_what_follows_them(activation, expected):
    model = built(activation=activation)
    first, second, last = (x for x in model.layers if isinstance(x, keras.layers.Dense))
    assert type(first.kernel_initializer) is type(second.kernel_initializer) is expected
    assert type(last.kernel_initializer) is initializers.GlorotNormal


def test_every_kernel_is_regularized():
    model = built(regularizer=spaces.Regularizer("l2", strength=0.5), batch_norm=False)
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    penalty = sum(0.5 * np.sum(np.square(keras.ops.convert_to_numpy(k))) for k in kernels)
    assert_close(sum(model.losses), penalty)


@pytest.mark.parametrize(
    ("arguments", "activation", "units", "loss", "metric"),
    [
        ({"classes": 3}, "softmax", 3, "sparse_categorical_crossentropy", "accuracy"),
        ({"task": "binary"}, "sigmoid", 1, "binary_crossentropy", "accuracy"),
        ({"task": "one_hot", "classes": 3}, "softmax", 3, "categorical_crossentropy", "accuracy"),
        (
            {"task": "multilabel", "classes": 3},
            "sigmoid",
            3,
            "binary_crossentropy",
            "binary_accuracy",
        ),
        (
            {"task": "regression", "output_units": 2, "scale_targets": False},
            "linear",
            2,
            "mean_squared_error",
            "mean_absolute_error",
        ),
    ],
)
def test_outputs_follow_the_task(arguments, activation, units, loss, metric):
    model = HyperMLP((4,), **FIXED, **arguments).build(HyperParameters())
    assert model.layers[-1].units == units
    assert model.layers[-1].activation is keras.activations.get(activation)
    assert model.loss == loss
    x, _ = batch()
    truth = np.ones((10, units)) if "task" in arguments else np.ones(10)
    logs = model.evaluate(x, truth, return_dict=True, verbose=0)
    assert set(logs) == {"loss", metric}


def test_a_regression_has_one_output_unless_told():
    model = HyperMLP((4,), task="regression", **FIXED).build(HyperParameters())
    assert model.output_shape == (None, 1)


def test_metrics_may_be_given():
    hypermodel = fixed(metrics=[keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")])
    for _ in range(2):
        model = hypermodel.build(HyperParameters())
        assert set(model.evaluate(*batch(), return_dict=True, verbose=0)) == {"loss", "top2"}


def test_outputs_keep_full_precision_under_a_mixed_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = built()
    assert model.layers[0].compute_dtype == "float32"
    assert model.layers[1].compute_dtype == "bfloat16"
    assert keras.backend.standardize_dtype(model(batch()[0]).dtype) == "float32"


def test_trains_under_a_scaled_loss():
    keras.config.set_dtype_policy("mixed_float16")
    hypermodel = fixed(optimizer=spaces.Optimizer("adam", 0.01, "cosine"))
    model = hypermodel.build(HyperParameters())
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    history = hypermodel.fit(HyperParameters(), model, *batch(), verbose=0)
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.backend("tensorflow", "torch")
def test_outputs_have_double_precision_where_keras_has(float64):
    assert built().layers[-1].compute_dtype == "float64"


def test_flattens_inputs_of_more_than_one_axis():
    model = HyperMLP((2, 2), classes=3, **FIXED).build(HyperParameters())
    assert kinds(model)[:2] == [keras.layers.Flatten, Standardization]
    assert model.count_params() == built().count_params()


def test_takes_a_missing_input_shape_from_the_data():
    hypermodel = HyperMLP(classes=3, **FIXED)
    model = hypermodel.build(HyperParameters())
    assert not model.built
    hypermodel.fit(HyperParameters(), model, *batch(), verbose=0)
    assert model.count_params() == built().count_params()


def test_optimizer_is_built_with_the_model():
    model = built(optimizer="nag", schedule="exponential")
    assert isinstance(model.optimizer, optimizers.NAG)
    assert model.optimizer.built


@pytest.mark.parametrize(
    ("arguments", "passed", "expected"),
    [
        ({}, {}, {"batch_size": 5}),
        ({"batch_size": False}, {}, {}),
        ({"batch_size": False}, {"batch_size": 2}, {"batch_size": 2}),
        ({}, {"epochs": 3}, {"batch_size": 5}),
        ({"epochs": 4}, {}, {"batch_size": 5, "epochs": 4}),
    ],
)
def test_fit_adds_batch_size_and_epochs_and_passes_the_rest_on(arguments, passed, expected):
    recorder = Recorder()
    hypermodel = fixed(**arguments)
    passed = {"callbacks": ["callback"], **passed}
    assert hypermodel.fit(HyperParameters(), recorder, "x", "y", **passed) == "history"
    assert recorder.called == (("x", "y"), {**passed, **expected})


@pytest.mark.parametrize("name", ["batch_size", "epochs"])
def test_a_second_batch_size_or_number_of_epochs_is_an_error(name):
    with pytest.raises(keras_tuner.errors.FatalValueError) as caught:
        fixed(epochs=3).fit(HyperParameters(), Recorder(), *batch(), **{name: 2})
    assert str(caught.value) == (
        f"`{name}` must be given to HyperMLP, or be False there. Received by `search`: {name}=2"
    )


def rate_at(model, step):
    model.optimizer.iterations.assign(step)
    return float(array(model.optimizer.learning_rate))


@pytest.mark.parametrize(("optimizer", "warmup"), [("adam", False), ("sgd", "1 epoch")])
def test_a_schedule_in_percent_covers_the_training(optimizer, warmup):
    schedule = spaces.Schedule("cosine", warmup=warmup)
    hypermodel = fixed(optimizer=spaces.Optimizer(optimizer, 0.1, schedule), batch_size=2)
    model = hypermodel.build(HyperParameters())
    hypermodel.fit(HyperParameters(), model, *batch(), epochs=4, verbose=0)
    assert rate_at(model, 20) == pytest.approx(0.0, abs=1e-8)
    assert rate_at(model, 5) == pytest.approx(0.1 if warmup else 0.0853553, rel=1e-5)


def test_a_schedule_in_percent_needs_data_with_a_length():
    hypermodel = fixed(optimizer="adam", schedule="cosine", batch_size=False, scale_inputs=False)
    model = hypermodel.build(HyperParameters())
    with pytest.raises(ValueError, match="give `steps_per_epoch` to `search`"):
        hypermodel.fit(HyperParameters(), model, (batch() for _ in range(2)), shuffle=False)


def raw_table(rows=400):
    """Return inputs and targets of any scale, the latter with little that cannot be known."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(rows, 4)) * [1e-3, 1.0, 1e3, 1e5] + [1.0, 0.0, 1e4, -1e6]
    standard = (x - [1.0, 0.0, 1e4, -1e6]) / [1e-3, 1.0, 1e3, 1e5]
    return x, 5000 + 200 * standard.sum(axis=1)


REGRESSION = {
    "task": "regression",
    "classes": None,
    "hidden_layers": 1,
    "width": 32,
    "batch_norm": False,
    "dropout": False,
    "batch_size": 32,
}


def regression(**changes):
    hypermodel = fixed(**{**REGRESSION, **changes})
    return hypermodel, hypermodel.build(HyperParameters())


@pytest.mark.parametrize("optimizer", ["nag", "sgd", "adam"])
def test_a_raw_table_is_learned(optimizer):
    x, y = raw_table()
    highest = spaces.Optimizer(optimizer, 3e-2 if optimizer != "adam" else 1e-2, False)
    hypermodel, model = regression(optimizer=highest)
    hypermodel.fit(HyperParameters(), model, x, y, epochs=8, validation_split=0.25, verbose=0)
    loss, absolute = model.evaluate(x[300:], y[300:], verbose=0)
    errors = model.predict(x[300:], verbose=0)[:, 0] - y[300:]
    # In units of the variance of the targets that trained, and in their own unit.
    assert loss < 0.15
    assert loss == pytest.approx(np.mean(errors**2) / y[:300].var(), rel=1e-3)
    assert absolute == pytest.approx(np.abs(errors).mean(), rel=1e-3)


def test_a_fit_without_the_hypermodel_learns_the_scales_too():
    x, y = raw_table()
    _, model = regression()
    model.fit(x, y, epochs=5, verbose=0)
    assert np.abs(model.predict(x, verbose=0)[:, 0] - y).mean() < 0.5 * y.std()


def test_inputs_of_a_classifier_are_scaled_too():
    x, y = raw_table()
    hypermodel = fixed(classes=2, dropout=False, batch_norm=False)
    model = hypermodel.build(HyperParameters())
    labels = (y > 5000).astype("int64")
    logs = hypermodel.fit(HyperParameters(), model, x, labels, epochs=8, verbose=0).history
    assert logs["accuracy"][-1] > 0.9


@pytest.mark.parametrize(
    ("arguments", "scaled"),
    [
        ({}, True),
        ({"loss": "huber"}, True),
        ({"loss": "mean_absolute_error"}, True),
        ({"loss": keras.losses.Huber(0.5), "scale_targets": True}, True),
        ({"loss": "mean_squared_logarithmic_error"}, False),
        ({"loss": keras.losses.Huber(0.5)}, False),
        ({"scale_targets": False}, False),
    ],
)
def test_targets_are_scaled_where_the_loss_means_the_same_in_any_unit(arguments, scaled):
    _, model = regression(**arguments)
    assert isinstance(model.loss, StandardizedLoss) is scaled
    assert isinstance(model.layers[-1], Standardization) is scaled
    if not scaled:
        assert model.loss is arguments.get("loss", "mean_squared_error")
    assert np.isfinite(model.evaluate(np.ones((3, 4)), np.ones(3), verbose=0)[0])


def test_a_model_that_is_saved_predicts_in_the_same_unit(tmp_path):
    x, y = raw_table(64)
    _, model = regression()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert_close(loaded.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0))


@pytest.mark.parametrize(
    ("task", "metric"), [("one_hot", "accuracy"), ("multilabel", "binary_accuracy")]
)
def test_one_hot_and_several_labels_are_learned(task, metric):
    x, _ = batch(200)
    y = {"one_hot": np.eye(3)[x[:, :3].argmax(axis=1)], "multilabel": x[:, :3] > 0}[task]
    hypermodel = fixed(task=task, dropout=False, batch_norm=False)
    model = hypermodel.build(HyperParameters())
    logs = hypermodel.fit(HyperParameters(), model, x, y, epochs=15, verbose=0).history
    assert logs[metric][-1] > 0.85


def test_layers_may_have_width_and_dropout_by_themselves():
    hypermodel = HyperMLP(
        (4,),
        **{**FIXED, "classes": 3, "shape": None},
        per_layer=("width", "dropout"),
    )
    assert hypermodel.build(HyperParameters()).count_params() > 0
    hypermodel = HyperMLP((4,), classes=3, hidden_layers=(1, 3), per_layer=("width", "dropout"))
    hp = HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    per_layer = [f"layer_{i}/{what}" for what in ("width", "dropout") for i in (1, 2, 3)]
    assert [each.name for each in hp.space if each.name.startswith("layer")] == per_layer
    hp.values.update({"hidden_layers": 2, "layer_1/width": 40, "layer_2/width": 50})
    hp.values.update({"layer_1/dropout": 0.1, "layer_2/dropout": 0.4})
    hp.ensure_active_values()
    model = hypermodel.build(hp)
    assert [x.units for x in model.layers if isinstance(x, keras.layers.Dense)] == [40, 50, 3]
    assert [x.rate for x in model.layers if isinstance(x, layers.Dropout)] == [0.1, 0.4]
    assert hypermodel.build(HyperParameters()).built


def test_an_untunable_one_leaves_the_search_space_alone():
    hypermodel = HyperMLP((4,), classes=3, tunable=False)
    hp = HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    hypermodel.build(hp)
    recorder = Recorder()
    hypermodel.fit(hp, recorder)
    assert hp.space == []
    assert recorder.called == ((), {"batch_size": 32})


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_survives_copy_and_pickle(clone):
    original = HyperMLP((4,), classes=3, width=(8, 16), name="mlp")
    twin = clone(original)
    hp, same = HyperParameters(), HyperParameters()
    original.declare_hyperparameters(hp)
    twin.declare_hyperparameters(same)
    assert same.get_config() == hp.get_config()
    # The copy builds by itself, not through the original.
    original.outputs = 99
    assert twin.build(same).output_shape == (None, 3)


def test_two_builds_share_nothing():
    hypermodel = fixed()
    first, second = (hypermodel.build(HyperParameters()) for _ in range(2))
    assert not {id(x) for x in first.layers} & {id(x) for x in second.layers}
    assert first.optimizer is not second.optimizer
    assert not np.array_equal(*(array(model.trainable_weights[0]) for model in (first, second)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"task": "ranking"},
            "`task` must be one of 'classification', 'one_hot', 'binary', 'multilabel', "
            "'regression'. Received: task='ranking'",
        ),
        ({"classes": None}, "`classes` must be an integer >= 2. Received: classes=None"),
        ({"classes": 1}, "`classes` must be an integer >= 2. Received: classes=1"),
        (
            {"task": "regression"},
            "`classes` must be None for task='regression'. Received: classes=3",
        ),
        (
            {"output_units": 2},
            "`output_units` must be None for task='classification'. Received: output_units=2",
        ),
        (
            {"task": "regression", "classes": None, "output_units": 0},
            "`output_units` must be an integer >= 1. Received: output_units=0",
        ),
        (
            {"input_shape": 4},
            "`input_shape` must be a tuple of integers >= 1. Received: input_shape=4",
        ),
        (
            {"input_shape": (None,)},
            "`input_shape` must be a tuple of integers >= 1. Received: input_shape=(None,)",
        ),
        (
            {"activation": "relo"},
            "`activation` must be the name of an activation. Received: activation='relo'",
        ),
        (
            {"width": (64, 32)},
            "`width` must be a range (low, high) with low < high. Received: width=(64, 32)",
        ),
        ({"width": False}, "`width` must be an integer >= 1. Received: width=False"),
        (
            {"optimizer": False},
            "`optimizer` must be one of 'nag', 'adam', 'adamw', 'nadam', 'sgd', 'rmsprop', "
            "'adagrad', 'adadelta'. Received: optimizer=False",
        ),
        (
            {"schedule": "constant"},
            "`schedule` must be inside the spaces.Optimizer given. Received: schedule='constant'",
        ),
        ({"dropout": 1.2}, "`dropout` must be in [0, 1). Received: dropout=1.2"),
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1. Received: batch_size=0"),
        ({"epochs": 0}, "`epochs` must be an integer >= 1. Received: epochs=0"),
        ({"loss": "msee"}, "`loss` must be a loss of Keras, or a function. Received: loss='msee'"),
        (
            {"scale_targets": True},
            "`scale_targets` must be None for task='classification'. Received: scale_targets=True",
        ),
        ({"scale_inputs": 1}, "`scale_inputs` must be a bool. Received: scale_inputs=1"),
        (
            {"per_layer": ["depth"]},
            "`per_layer` must be one of 'width', 'dropout'. Received: per_layer='depth'",
        ),
    ],
)
def test_says_what_is_wrong_with_an_argument(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        HyperMLP(**{"input_shape": (4,), "classes": 3, **FIXED, **arguments})
    assert str(caught.value) == message
