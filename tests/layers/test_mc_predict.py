"""Monte-Carlo dropout against brute force, closed forms, and the model it must leave alone."""

import random

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit import layers as ours
from keras_trainkit.layers._mc_estimates import output_distributions
from keras_trainkit.layers.mc_predict import mc_predict
from tests.contracts import array, assert_close, assert_same_weights
from tests.selection import full_on_torch

X = np.random.default_rng(0).normal(size=(10, 6)).astype("float32")
SEQUENCES = np.random.default_rng(0).normal(size=(10, 4, 6)).astype("float32")
KITS = pytest.mark.parametrize("kit", [layers, ours], ids=["keras", "ours"])


def mlp(kit=ours, rate=0.4, seed=1, activation="softmax"):
    """Return a model whose batch normalization would show at once if it left inference mode."""
    statistics = {"moving_mean_initializer": "ones", "moving_variance_initializer": "ones"}
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="relu"),
            kit.Dropout(rate, seed=seed),
            kit.BatchNormalization(**statistics),
            kit.Dropout(rate, seed=seed),
            layers.Dense(3, activation=activation),
        ]
    )


def on(layer, shape=(4, 6)):
    """Return a model that applies `layer` alone."""
    return keras.Sequential([keras.Input(shape), layer])


def sampled(model, x, samples, seed, batch_size):
    """Return all samples, stacked, from passes layer by layer with the seeds that ours takes."""
    states = [v for v in model.variables if v.name == "seed_generator_state"]
    batches = []
    for batch, start in enumerate(range(0, len(x), batch_size)):
        outputs = []
        for sample in range(samples):
            sequence = np.random.SeedSequence(seed, spawn_key=(batch, sample))
            words = sequence.generate_state(len(model.variables))
            for state, word in zip(states, words, strict=False):
                state.assign([int(word) >> 1, 0])
            y = x[start : start + batch_size]
            for layer in model.layers:
                y = layer(y, training=isinstance(layer, (ours.Dropout, layers.Dropout)))
            outputs.append(array(y).astype("float64"))
        batches.append(np.stack(outputs))
    return np.concatenate(batches, axis=1)


def entropy(p):
    return -(p * np.log(p)).sum(-1)


def binary_entropy(p):
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


def everything(model):
    """Return what a prediction must not change."""
    attributes = [dict(vars(layer)) for layer in model._flatten_layers(include_self=False)]
    return [array(variable) for variable in model.variables], attributes


def assert_untouched(model, before):
    values, attributes = everything(model)
    for value, old in zip(values, before[0], strict=True):
        np.testing.assert_array_equal(value, old)
    for own, old in zip(attributes, before[1], strict=True):
        assert own.keys() == old.keys()
        assert all(own[name] is old[name] for name in ("call", "seed_generator") if name in own)


# Contract


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 0}, "`samples` must be an integer >= 1. Received: samples=0"),
        ({"seed": -1}, "`seed` must be an integer >= 0. Received: seed=-1"),
        ({"return_samples": 1}, "`return_samples` must be a bool. Received: return_samples=1"),
        ({"shared_masks": None}, "`shared_masks` must be a bool. Received: shared_masks=None"),
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1. Received: batch_size=0"),
        ({"distribution": "normal"}, "one of 'auto', 'categorical', 'bernoulli', None. Received: "),
        ({"from_logits": True}, "False unless `distribution` is 'categorical' or 'bernoulli'. Rec"),
        ({"x": X[:0]}, "`x` must be data with at least one batch. Received: x="),
        ({"x": [X, X[:5]]}, "`x` must be arrays of one length. Received: x=[5, 10]"),
        (
            {"model": on(layers.Dense(2), (6,))},
            "a model that calls a dropout layer at inference. Received",
        ),
        ({"model": keras.Sequential([layers.Dropout(0.5)])}, "`model` must be built: call it on a"),
    ],
)
def test_refuses_what_it_cannot_do(arguments, message):
    with pytest.raises(ValueError, match="must be") as error:
        mc_predict(**{"model": mlp(), "x": X, **arguments})
    assert message in str(error.value)


def test_refuses_dropout_that_the_model_hides_at_inference():
    class Hiding(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dropout = layers.Dropout(0.5)

        def call(self, x, training=False):
            return self.dropout(x, training=training) if training else x

    with pytest.raises(ValueError, match="must be a model that calls a dropout layer at inference"):
        mc_predict(on(Hiding()), SEQUENCES)


@pytest.mark.short("torch")
def test_refuses_outputs_that_are_no_probabilities():
    with pytest.raises(ValueError, match=r"`distribution` must be None, or come with `from_logits"):
        mc_predict(mlp(activation=None), X, distribution="categorical")


@KITS
def test_training_goes_on_as_if_nothing_had_been_predicted(kit):
    models = [mlp(kit, seed=None), mlp(kit, seed=None)]
    for variable, other in zip(models[0].variables, models[1].variables, strict=True):
        other.assign(array(variable))
    for model, predicts in zip(models, (False, True), strict=True):
        keras.utils.set_random_seed(1)
        model.compile("sgd", "mse")
        model.fit(X, X[:, :3], verbose=0)
        before, function = everything(model), model.train_function
        if predicts:
            mc_predict(model, X, samples=3, batch_size=4)
        assert_untouched(model, before)
        assert model.train_function is function
        model.fit(X, X[:, :3], verbose=0)
    assert_same_weights(*models)


def test_draws_from_no_global_stream():
    model = mlp(layers)
    streams = random.getstate(), np.random.get_state()[1].tolist()
    mc_predict(model, X, samples=2)
    assert streams == (random.getstate(), np.random.get_state()[1].tolist())


def test_restores_the_model_after_an_exception():
    class Fuse(layers.Layer):
        blown = False

        def call(self, x):
            if self.blown:
                raise RuntimeError("blown")
            return x

    model = keras.Sequential([keras.Input((6,)), layers.Dropout(0.5), Fuse()])
    model.layers[-1].blown = True
    before = everything(model)
    with pytest.raises(RuntimeError, match="blown"):
        mc_predict(model, X)
    assert_untouched(model, before)


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = mlp()
    actual = mc_predict(model, X, samples=4, seed=3)
    expected = sampled(model, X, 4, seed=3, batch_size=32)
    assert actual.mean.dtype == "float64"
    assert_close(actual.mean, expected.mean(0), "bfloat16")
    assert_close(actual.variance, expected.var(0), "bfloat16")


@pytest.mark.oldest
def test_a_loaded_model_predicts_the_same(tmp_path):
    model = mlp()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = mc_predict(model, X, samples=3, seed=0)
    np.testing.assert_array_equal(mc_predict(loaded, X, samples=3, seed=0).mean, expected.mean)


# Truth


@KITS
def test_equals_all_samples_stacked(kit):
    model = mlp(kit)
    actual = mc_predict(model, X, samples=7, seed=5, batch_size=4)
    p = sampled(model, X, 7, seed=5, batch_size=4)
    assert_close(actual.mean, p.mean(0))
    assert_close(actual.variance, p.var(0))
    assert_close(actual.entropy, entropy(p.mean(0)))
    assert_close(actual.mutual_information, entropy(p.mean(0)) - entropy(p).mean(0))


def test_samples_are_those_that_the_estimates_are_of():
    model = mlp()
    plain = mc_predict(model, X, samples=7, seed=5, batch_size=4)
    actual = mc_predict(model, X, samples=7, seed=5, batch_size=4, return_samples=True)
    assert plain.samples is None
    assert actual.samples.shape == (7, 10, 3)
    assert_close(actual.samples, sampled(model, X, 7, seed=5, batch_size=4))
    np.testing.assert_array_equal(actual.mean, plain.mean)
    assert_close(actual.std, actual.samples.std(0))


@pytest.mark.short("torch")
def test_bernoulli_outputs_have_one_entropy_per_unit():
    model = mlp(activation="sigmoid")
    actual = mc_predict(model, X, samples=5, seed=5)
    p = sampled(model, X, 5, seed=5, batch_size=32)
    assert_close(actual.entropy, binary_entropy(p.mean(0)))
    information = binary_entropy(p.mean(0)) - binary_entropy(p).mean(0)
    assert_close(actual.mutual_information, information)


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    ("distribution", "activation"), [("categorical", "softmax"), ("bernoulli", "sigmoid")]
)
def test_logits_become_probabilities(distribution, activation):
    model, logits = mlp(activation=activation), mlp(activation=None)
    logits.set_weights(model.get_weights())
    expected = mc_predict(model, X, samples=3, seed=0)
    actual = mc_predict(logits, X, samples=3, seed=0, distribution=distribution, from_logits=True)
    for name in ("mean", "variance", "entropy", "mutual_information"):
        assert_close(getattr(actual, name), getattr(expected, name))


@pytest.mark.parametrize(
    ("last", "distribution"),
    [
        (layers.Dense(3), None),
        (layers.Dense(3, activation="softmax"), "categorical"),
        (layers.Dense(3, activation="sigmoid"), "bernoulli"),
        (layers.Activation("softmax"), "categorical"),
        (layers.Softmax(), "categorical"),
        (layers.Softmax(axis=1), None),
        (layers.Conv1D(3, 1, activation="softmax"), "categorical"),
        (layers.LSTM(3, activation="sigmoid"), None),
        (on(layers.Activation("sigmoid")), "bernoulli"),
    ],
)
def test_reads_the_distribution_from_the_last_layer(last, distribution):
    inputs = keras.Input((4, 6))
    for model in (on(last), keras.Model(inputs, last(inputs))):
        assert output_distributions(model, 1, "auto") == [distribution]


@pytest.mark.short("torch")
def test_outputs_keep_their_structure():
    inputs = {"a": keras.Input((6,), name="a"), "b": keras.Input((6,), name="b")}
    hidden = ours.Dropout(0.5)(layers.Add()(list(inputs.values())))
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    model = keras.Model(inputs, {"size": layers.Dense(1, name="size")(hidden), "kind": kind})
    actual = mc_predict(model, {"a": X, "b": X}, samples=3, batch_size=4)
    assert {key: value.shape for key, value in actual.mean.items()} == {
        "size": (10, 1),
        "kind": (10, 3),
    }
    assert actual.entropy["size"] is None
    assert actual.entropy["kind"].shape == (10,)
    kept = mc_predict(model, {"a": X, "b": X}, samples=3, batch_size=4, return_samples=True)
    assert kept.samples["kind"].shape == (3, 10, 3)
    for prediction in (actual, kept):
        assert "'size': (10, 1)" in repr(prediction)
        assert prediction.std["size"].shape == (10, 1)
        low, high = prediction.interval()
        assert low["kind"].shape == high["kind"].shape == (10, 3)
        assert low["kind"].min() >= 0


@pytest.mark.short("torch")
@pytest.mark.parametrize("return_samples", [True, False])
def test_an_interval_is_of_quantiles_or_of_a_normal_distribution(return_samples):
    model = mlp(activation=None)
    actual = mc_predict(model, X, samples=40, seed=5, return_samples=return_samples)
    low, high = actual.interval(0.9)
    if return_samples:
        np.testing.assert_array_equal(low, np.quantile(actual.samples, (1 - 0.9) / 2, axis=0))
        np.testing.assert_array_equal(high, np.quantile(actual.samples, (1 + 0.9) / 2, axis=0))
    else:
        assert_close(low, actual.mean - 1.6448536269514722 * actual.std)
        assert_close(high, actual.mean + 1.6448536269514722 * actual.std)
    wider = actual.interval()
    assert (wider[0] <= low).all()
    assert (wider[1] >= high).all()


@pytest.mark.short("torch")
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("return_samples", [True, False])
def test_intervals_of_probabilities_are_probabilities(activation, return_samples):
    model = mlp(activation=activation, rate=0.8)
    prediction = mc_predict(model, 30 * X, samples=20, seed=5, return_samples=return_samples)
    low, high = prediction.interval(0.99)
    assert (prediction.mean + 2.5 * prediction.std).max() > 1
    assert (low >= 0).all()
    assert (low <= prediction.mean).all()
    assert (prediction.mean <= high).all()
    assert (high <= 1).all()


@pytest.mark.host
def test_bad_levels_and_a_single_pass_have_no_interval():
    prediction = mc_predict(mlp(), X, samples=2)
    for level in (1.0, 95, -0.1, "95%"):
        message = rf"^`level` must be (?:a number )?in \[0, 1\). Received: level={level!r}$"
        with pytest.raises(ValueError, match=message):
            prediction.interval(level)
    with pytest.raises(ValueError, match=r"`samples` must be >= 2 in `mc_predict` for an inter"):
        mc_predict(mlp(), X, samples=1).interval()


def test_the_repr_is_one_line():
    text = repr(mc_predict(mlp(), X, samples=5))
    assert text.startswith("<MCPrediction of shape (10, 3) from 5 passes, mean std 0.")
    assert len(text) < 80


# Properties


class Always(layers.Dropout):
    """The dropout of many books: it has no `training` to switch."""

    def call(self, inputs):
        return super().call(inputs, training=True)


class Attention(layers.Layer):
    def __init__(self):
        super().__init__()
        self.attention = layers.MultiHeadAttention(2, 3, dropout=0.5)

    def build(self, shape):
        self.attention.build(shape, shape)

    def call(self, x):
        return self.attention(x, x)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [on(layers.Dense(6)), on(ours.Dropout(0.5))]

    def call(self, x, training=False):
        return self.blocks[1](self.blocks[0](x, training=training), training=training)


DROPOUTS = {
    "ours": ours.Dropout(0.5),
    "Dropout": layers.Dropout(0.5),
    "SpatialDropout1D": layers.SpatialDropout1D(0.5),
    "GaussianDropout": layers.GaussianDropout(0.5),
    "AlphaDropout": layers.AlphaDropout(0.5),
    "TimeDistributed": layers.TimeDistributed(layers.Dropout(0.5)),
    "Always": Always(0.5),
    "Attention": Attention(),
    "Subclassed": Subclassed(),
}
every_dropout = pytest.mark.parametrize(
    "layer",
    full_on_torch(
        [pytest.param(layer, id=name) for name, layer in DROPOUTS.items()],
        keep=("ours", "SpatialDropout1D", "Attention"),
    ),
)


@every_dropout
def test_every_kind_of_dropout_is_on_and_follows_the_seed(layer):
    model = on(layer)
    first, again = (mc_predict(model, SEQUENCES, samples=3, seed=1) for _ in range(2))
    assert (first.variance > 0).mean() > 0.5
    np.testing.assert_array_equal(first.mean, again.mean)
    np.testing.assert_array_equal(first.variance, again.variance)


@pytest.mark.short("torch")
@pytest.mark.parametrize("seed", [np.int64(4), np.uint8(4), 2**32, 2**70])
def test_takes_numpys_integers_and_any_size_for_a_seed(seed):
    model = on(layers.Dropout(0.5), (6,))
    first, second = (mc_predict(model, X, samples=2, seed=s) for s in (seed, int(seed)))
    np.testing.assert_array_equal(first.mean, second.mean)


@every_dropout
def test_shared_masks_are_the_same_for_every_row(layer):
    model = on(layer)
    arguments = {"samples": 4, "seed": 1, "return_samples": True, "shared_masks": True}
    x = np.repeat(SEQUENCES[:1], 5, axis=0)
    samples = mc_predict(model, x, batch_size=2, **arguments).samples
    for row in range(1, 5):
        np.testing.assert_allclose(samples[:, row], samples[:, 0], rtol=1e-6, atol=1e-6)
    assert (np.ptp(samples, axis=0) > 0).mean() > 0.5
    apart = mc_predict(model, x, samples=4, seed=1, return_samples=True).samples
    assert (np.abs(apart[:, 1:] - apart[:, :1]) > 1e-3).any()


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    "name", ["ours", "Dropout", "SpatialDropout1D", "GaussianDropout", "AlphaDropout"]
)
def test_shared_masks_are_masks_of_the_layer(name):
    layer = DROPOUTS[name]
    x = np.random.default_rng(1).normal(size=(1, 4, 6)).astype("float32")
    one = mc_predict(on(layer), x, samples=6, seed=3)
    shared = mc_predict(on(layer), x, samples=6, seed=3, shared_masks=True)
    assert_close(shared.mean, one.mean)
    assert_close(shared.variance, one.variance)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_shared_masks_take_what_the_layer_takes(dtype):
    # Counts first in the model; and what is dropped is zero, also where it is infinite.
    x = np.full((2, 40), 3, dtype)
    if dtype == "float32":
        x[0, 0] = np.inf
    inputs = keras.Input((40,), dtype=dtype)
    model = keras.Model(inputs, layers.ReLU(10)(ours.Dropout(0.5)(inputs)))
    arguments = {"samples": 9, "seed": 1, "return_samples": True, "shared_masks": True}
    samples = mc_predict(model, x, **arguments).samples
    np.testing.assert_array_equal(samples == 0, samples[:, [1, 1]] == 0)
    assert set(np.unique(samples)) <= {0.0, 6.0, 10.0}
    assert len(np.unique(samples[:, 0, 0])) == 2


def test_shared_masks_do_not_depend_on_the_batch_size():
    model = keras.Sequential([*mlp().layers, layers.AlphaDropout(0.2), layers.Dropout(0.3)])
    model.build((None, 6))
    arguments = {"samples": 3, "seed": 1, "shared_masks": True, "distribution": None}
    expected = mc_predict(model, X, **arguments)
    assert_close(mc_predict(model, X, batch_size=3, **arguments).mean, expected.mean)


@pytest.mark.short("torch")
def test_other_seeds_give_other_predictions():
    model = mlp()
    means = [mc_predict(model, X, samples=1, seed=seed).mean for seed in (1, 2, None, None)]
    assert len({mean.tobytes() for mean in means}) == 4


@KITS
def test_all_but_dropout_is_in_inference_mode(kit):
    model = keras.Sequential(
        [
            keras.Input((4, 6)),
            kit.Dropout(0.0),
            layers.GaussianNoise(1.0),
            kit.BatchNormalization(),
            layers.LSTM(3, dropout=0.5),
        ]
    )
    actual = mc_predict(model, SEQUENCES, samples=5)
    assert_close(actual.mean, model.predict(SEQUENCES, verbose=0))
    np.testing.assert_array_equal(actual.variance, 0)


@KITS
def test_variance_of_a_linear_model_is_the_closed_form(kit):
    rate, x = 0.3, np.repeat(X[:1], 500, axis=0)
    model = keras.Sequential([keras.Input((6,)), kit.Dropout(rate), layers.Dense(1)])
    actual = mc_predict(model, x, samples=100, seed=0, batch_size=500)
    terms = x[0] * array(model.layers[-1].kernel)[:, 0]
    # 50,000 draws: the standard errors are under 1 % of the standard deviation and the variance.
    variance = rate / (1 - rate) * (terms**2).sum()
    np.testing.assert_allclose(actual.variance.mean() * 100 / 99, variance, rtol=0.03)
    np.testing.assert_allclose(actual.mean.mean(), terms.sum(), atol=0.02 * variance**0.5)


def test_a_scheduled_rate_is_the_present_one():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([5], [0.0, 0.5])
    model = on(ours.Dropout(schedule))
    assert (mc_predict(model, SEQUENCES, samples=3).variance == 0).all()
    model.layers[0].seed_generator.state.assign([1, 6])
    assert (mc_predict(model, SEQUENCES, samples=9).variance > 0).mean() > 0.9


@pytest.mark.backend("tensorflow", "jax")
def test_is_traced_once_per_shape_of_a_batch():
    calls = []

    class Counting(layers.Layer):
        def call(self, x):
            calls.append(x.shape)
            return x

    model = keras.Sequential([keras.Input((6,)), ours.Dropout(0.5), Counting()])
    calls.clear()
    mc_predict(model, X, samples=20, batch_size=4)
    assert len(calls) == 2


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(4 * index, 4 * index + 4)
        return X[rows], X[rows]


@pytest.mark.short("torch")
def test_data_may_come_in_batches():
    import tensorflow as tf

    model = mlp()
    expected = mc_predict(model, X, samples=2, seed=0, batch_size=4).mean
    for data in (Batches(), tf.data.Dataset.from_tensor_slices(X).batch(4), iter(Batches())):
        np.testing.assert_array_equal(mc_predict(model, data, samples=2, seed=0).mean, expected)
