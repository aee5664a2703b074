"""The models that HyperMLP builds, and what it refuses."""

import copy
import pickle

import keras
import keras_tuner
import numpy as np
import pytest
from keras_tuner import HyperParameters

from keras_trainkit import initializers, layers, optimizers
from keras_trainkit.tuner import HyperMLP, spaces
from tests.contracts import assert_close

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
    assert kinds(model) == [*block, *block, keras.layers.Dense]
    dense, _, activation, dropout = model.layers[:4]
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
    model = built(hidden_layers=1, batch_norm=False, dropout=False)
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
        (
            {"task": "regression", "output_units": 2},
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
    assert model.layers[0].compute_dtype == "bfloat16"
    assert keras.backend.standardize_dtype(model(batch()[0]).dtype) == "float32"


def test_trains_under_a_scaled_loss():
    keras.config.set_dtype_policy("mixed_float16")
    model = built()
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    history = fixed().fit(HyperParameters(), model, *batch(), verbose=0)
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.backend("tensorflow", "torch")
def test_outputs_have_double_precision_where_keras_has(float64):
    assert built().layers[-1].compute_dtype == "float64"


def test_flattens_inputs_of_more_than_one_axis():
    model = HyperMLP((2, 2), classes=3, **FIXED).build(HyperParameters())
    assert kinds(model)[0] is keras.layers.Flatten
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
    ("batch_size", "passed", "expected"),
    [(5, {}, {"batch_size": 5}), (False, {}, {}), (False, {"batch_size": 2}, {"batch_size": 2})],
)
def test_fit_adds_the_batch_size_and_passes_the_rest_on(batch_size, passed, expected):
    recorder = Recorder()
    hypermodel = fixed(batch_size=batch_size)
    passed = {"callbacks": ["callback"], "epochs": 3, **passed}
    assert hypermodel.fit(HyperParameters(), recorder, "x", "y", **passed) == "history"
    assert recorder.called == (("x", "y"), {**passed, **expected})


def test_a_second_batch_size_is_an_error():
    with pytest.raises(keras_tuner.errors.FatalValueError) as caught:
        fixed().fit(HyperParameters(), Recorder(), *batch(), batch_size=2)
    assert str(caught.value) == (
        "`batch_size` must be given to HyperMLP, or be False there. "
        "Received by `search`: batch_size=2"
    )


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
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"task": "ranking"},
            "`task` must be one of 'classification', 'binary', 'regression'. "
            "Received: task='ranking'",
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
    ],
)
def test_says_what_is_wrong_with_an_argument(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        HyperMLP(**{"input_shape": (4,), "classes": 3, **FIXED, **arguments})
    assert str(caught.value) == message
