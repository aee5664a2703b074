"""A user's model whose recipe is searched: what changes, what stays, and what is refused."""

import copy
import pickle

import keras
import numpy as np
import pytest
from keras_tuner import HyperParameters
from keras_tuner.errors import FatalError, FatalValueError

from keras_trainkit import layers, optimizers
from keras_trainkit.tuner import RandomSearch, RecipeHyperModel, spaces
from tests.contracts import array

# What Keras may move, and what each backend does in its own way, runs everywhere.
everywhere = pytest.mark.oldest
on_torch = pytest.mark.short("torch")

SMALL = {"dropout": (0.1, 0.4), "regularizer": ["none", "l2"], "batch_size": [4, 8]}


@keras.saving.register_keras_serializable("test_recipe_hyper_model")
class Block(keras.layers.Layer):
    """A user's layer with a dropout and a kernel inside."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = keras.layers.Dense(4, activation="relu")
        self.drop = keras.layers.Dropout(0.0, seed=3)

    def call(self, x, training=False):
        return self.drop(self.dense(x), training=training)


def build_model():
    inner = keras.Sequential([keras.layers.Dense(4, kernel_regularizer="l1"), layers.Dropout(0.3)])
    parts = [keras.Input((6,)), inner, Block(), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(parts, name="users")
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(
        keras.optimizers.SGD(0.5),
        loss,
        metrics=["accuracy"],
        loss_weights=[0.5],
        steps_per_execution=1,
    )
    return model


def rates(model):
    return [model.layers[0].layers[1].rate, model.layers[1].drop.rate]


def kernels(model):
    return [v for v in model.trainable_variables if v.name == "kernel"]


def data(rows=24):
    generator = np.random.default_rng(1)
    x = generator.normal(size=(rows, 6)).astype("float32")
    return x, generator.integers(3, size=rows)


def built(build=build_model, **recipe):
    return RecipeHyperModel(build, **recipe).build(HyperParameters())


@on_torch
def test_leaves_loss_metrics_and_whatever_is_not_searched():
    plain = build_model()
    model = built(optimizer="adam")
    assert type(model.optimizer) is optimizers.Adam
    assert rates(model) == rates(plain) == pytest.approx([0.3, 0.0])
    penalties = [type(kernel.regularizer) for kernel in kernels(model)]
    assert penalties == [keras.regularizers.L1, type(None), type(None)]
    plain.fit(*data(), verbose=0)
    history = model.fit(*data(), verbose=0).history
    assert sorted(history) == ["accuracy", "loss"]
    assert model.get_compile_config()["loss_weights"] == [0.5]
    assert model.get_compile_config()["optimizer"]["class_name"].endswith("Adam")


@on_torch
def test_leaves_the_optimizer_of_the_model_if_told():
    model = built(optimizer=False, dropout=0.2)
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert float(model.optimizer.learning_rate) == 0.5
    assert rates(model) == pytest.approx([0.2, 0.2])


@everywhere
def test_changes_every_dropout_and_kernel_at_any_depth():
    model = built(dropout=0.25, regularizer=spaces.Regularizer("l2", strength=0.5))
    assert rates(model) == pytest.approx([0.25, 0.25])
    assert [float(kernel.regularizer.l2) for kernel in kernels(model)] == [0.5] * 3
    x, y = data()
    penalty = 0.5 * sum(np.sum(array(kernel) ** 2) for kernel in kernels(model))
    losses = (
        model.evaluate(x, y, verbose=0)[0],
        0.5 * float(model.loss(y, model.predict(x, verbose=0))),
    )
    assert losses[0] - losses[1] == pytest.approx(penalty, rel=1e-4)


@everywhere
@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Dropout(0.0),
        keras.layers.AlphaDropout(0.0),
        keras.layers.GaussianDropout(0.0),
        layers.Dropout(0.0),
    ],
)
def test_a_rate_of_zero_drops_once_it_is_raised(layer):
    def build():
        model = keras.Sequential([keras.Input((50,)), layer])
        model.compile("sgd", "mse")
        return model

    model = built(build, optimizer=False, dropout=0.5)
    ones = np.ones((4, 50), "float32")
    assert np.any(array(model(ones, training=True)) != 1)


@on_torch
def test_a_rate_of_zero_changes_nothing():
    model = built(dropout=0.0)
    x, _ = data()
    np.testing.assert_array_equal(array(model(x, training=True)), array(model(x, training=False)))


@on_torch
def test_attention_keeps_the_dropout_that_it_is_told():
    def build():
        x = keras.Input((5, 4))
        y = keras.layers.MultiHeadAttention(2, 2, dropout=0.1)(x, x)
        model = keras.Model(x, keras.layers.Dropout(0.3)(y))
        model.compile("sgd", "mse")
        return model

    model = built(build, dropout=0.2)
    attention = next(x for x in model.layers if isinstance(x, keras.layers.MultiHeadAttention))
    assert attention.get_config()["dropout"] == 0.1
    assert model.layers[-1].rate == 0.2


@everywhere
@pytest.mark.parametrize(
    ("layer", "shape", "count"),
    [
        (lambda: keras.layers.Conv2D(2, 3), (6, 6, 1), 1),
        (lambda: keras.layers.SeparableConv2D(2, 3), (6, 6, 1), 2),
        (lambda: keras.layers.LSTM(3), (6, 2), 2),
        (lambda: keras.layers.Bidirectional(keras.layers.GRU(3)), (6, 2), 4),
    ],
)
def test_the_penalty_is_kept_in_files_and_copies(layer, shape, count, tmp_path):
    def build():
        model = keras.Sequential([keras.Input(shape), layer()])
        model.compile("sgd", "mse")
        return model

    model = built(build, regularizer=spaces.Regularizer("l2", strength=0.5))
    model.save(tmp_path / "model.keras")
    for one in (model, keras.saving.load_model(tmp_path / "model.keras")):
        found = [float(v.regularizer.l2) for v in one.variables if v.name.endswith("kernel")]
        assert found == [0.5] * count


@on_torch
def test_frozen_kernels_keep_their_penalty():
    def build():
        frozen = keras.layers.Dense(3, kernel_regularizer="l1", trainable=False)
        model = keras.Sequential([keras.Input((6,)), frozen, keras.layers.Dense(2)])
        model.compile("sgd", "mse")
        return model

    frozen, trained = built(build, regularizer="l2").layers
    for one in (frozen.kernel_regularizer, frozen.kernel.regularizer):
        assert type(one) is keras.regularizers.L1
    assert trained.kernel.regularizer is trained.kernel_regularizer
    assert float(trained.kernel.regularizer.l1) == 0


@everywhere
def test_a_model_that_its_first_batch_builds():
    def build():
        model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(3)])
        model.compile("sgd", "mse")
        return model

    model = built(build, regularizer=spaces.Regularizer("l2", strength=0.5))
    model.fit(np.ones((4, 6)), np.ones((4, 3)), verbose=0)
    assert [float(kernel.regularizer.l2) for kernel in kernels(model)] == [0.5] * 2


@everywhere
def test_scales_the_loss_as_the_model_did():
    keras.config.set_dtype_policy("mixed_float16")
    assert isinstance(built().optimizer, keras.optimizers.LossScaleOptimizer)

    def build():
        model = build_model()
        model.compile("sgd", "mse", auto_scale_loss=False)
        return model

    assert type(built(build, optimizer="adam").optimizer) is optimizers.Adam


@everywhere
def test_fits_with_batch_size_epochs_and_schedule_in_steps():
    schedule = spaces.Schedule("cosine", length="100%")
    recipe = RecipeHyperModel(build_model, "adam", schedule, batch_size=4, epochs=3)
    hp = HyperParameters()
    recipe.declare_hyperparameters(hp)
    model = recipe.build(hp)
    history = recipe.fit(hp, model, *data(24), verbose=0)
    assert len(history.epoch) == 3
    assert int(model.optimizer.iterations) == 18
    assert float(array(model.optimizer.learning_rate)) == pytest.approx(0, abs=1e-8)


@on_torch
def test_declares_everything_at_once_and_nothing_untunable():
    hp = HyperParameters()
    RecipeHyperModel(build_model, ["nag", "adam"], **SMALL, epochs=(2, 4)).declare_hyperparameters(
        hp
    )
    names = [each.name for each in hp.space]
    assert names[0] == "optimizer"
    assert {"dropout", "regularizer", "batch_size", "epochs", "nag/learning_rate"} <= {*names}
    fixed, hp = RecipeHyperModel(build_model, **SMALL, tunable=False), HyperParameters()
    fixed.declare_hyperparameters(hp)
    fixed.build(hp)
    assert hp.space == []


@on_torch
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_build_what_the_original_does(copied):
    recipe = RecipeHyperModel(build_model, **SMALL)
    model = recipe.build(HyperParameters())
    assert rates(copied(recipe).build(HyperParameters())) == rates(model)


@everywhere
def test_is_searched_and_gives_the_best_model_back(tmp_path):
    recipe = RecipeHyperModel(build_model, ["nag", "adam"], **SMALL)
    tuner = RandomSearch(recipe, "val_loss", max_trials=4, seed=1, directory=tmp_path)
    x, y = data(48)
    tuner.search(x[:32], y[:32], validation_data=(x[32:], y[32:]), epochs=2, verbose=0)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED"] * 4
    best, model = tuner.oracle.get_best_trials()[0], tuner.get_best_models()[0]
    loss = model.evaluate(x[32:], y[32:], verbose=0, batch_size=16)[0]
    assert loss == pytest.approx(best.score, rel=1e-5)
    assert rates(model) == pytest.approx([best.hyperparameters["dropout"]] * 2)


def uncompiled():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


class OwnCompile(keras.Sequential):
    """A model that is compiled in its own way."""

    def compile(self, optimizer, **options):
        super().compile(optimizer, "mse", **options)


def own_compile():
    model = OwnCompile([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd")
    return model


def bare():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Flatten()])
    model.compile("sgd", "mse")
    return model


@on_torch
@pytest.mark.parametrize(
    ("build", "recipe", "message"),
    [
        (uncompiled, {}, "`build` must return a compiled model"),
        (lambda: "model", {}, "`build` must return a keras.Model. Received: 'model'"),
        (own_compile, {}, "`optimizer` must be False for a model with a `compile` of its own"),
        (bare, {"dropout": 0.5}, "`dropout` must be False for a model with no dropout layer"),
        (
            bare,
            {"regularizer": "l2"},
            "`regularizer` must be False for a model with no trainable",
        ),
    ],
)
def test_refuses_what_no_trial_could_train(build, recipe, message, tmp_path):
    with pytest.raises(FatalValueError, match=message):
        built(build, **recipe)
    with pytest.raises(FatalError, match=message):
        RandomSearch(RecipeHyperModel(build, **recipe), "loss", directory=tmp_path)


@on_torch
def test_refuses_the_model_of_the_last_trial():
    model = build_model()
    recipe = RecipeHyperModel(lambda: model)
    recipe.build(HyperParameters())
    with pytest.raises(FatalValueError, match="`build` must return a new model each time"):
        recipe.build(HyperParameters())


@on_torch
@pytest.mark.parametrize(
    ("build", "recipe", "message"),
    [
        (uncompiled(), {}, "`build` must be a function that returns a compiled model. Received"),
        (lambda hp: None, {}, "`build` must be without arguments; a function of hyperparameters"),
        (build_model, {"optimizer": False, "schedule": "cosine"}, "`schedule` must be None with"),
        (build_model, {"optimizer": "adamm"}, "`optimizer` must be one of"),
        (build_model, {"dropout": 1.2}, "`dropout` must be in"),
    ],
)
def test_refuses_at_construction(build, recipe, message):
    with pytest.raises(ValueError, match=message):
        RecipeHyperModel(build, **recipe)
