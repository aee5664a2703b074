"""Models that several optimizers train: which of them a schedule drives, and how far."""

import copy
import re

import keras
import numpy as np
import pytest
from keras.optimizers import SGD

from keras_trainkit._training_optimizers import training_optimizers
from keras_trainkit.callbacks import LearningRate, TrainingState, find_learning_rate
from keras_trainkit.optimizers import NAG
from keras_trainkit.schedules import (
    ConstantLearningRate,
    CosineDecay,
    CyclicalLearningRate,
    ExponentialDecay,
    KerasSchedule,
    NoamDecay,
    OneCycle,
    PolynomialDecay,
    WarmupStableDecay,
)
from tests.callbacks.custom_steps import Pair
from tests.callbacks.paced import fit, line

BACKEND = keras.backend.backend()
HALVING = ExponentialDecay(0.1, "1 epoch", 0.5, staircase=True)
KERAS_COSINE = keras.optimizers.schedules.CosineDecay


def data(rows=8):
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    return {"x": x, "y": np.eye(2, dtype="float32")[np.arange(rows) % 2], "batch_size": 2}


def trained(model, callback, epochs=3, **arguments):
    """Train for epochs of four steps; return the history without the losses."""
    arguments = {"epochs": epochs, "verbose": 0, "shuffle": False} | arguments
    arguments["callbacks"] = [callback]
    history = model.fit(**data(), **arguments).history
    return {name: values for name, values in history.items() if "learning_rate" in name}


def multi(*others, default=None):
    """Return a model whose head has an Adam, and whose body the default of the optimizers."""
    keras.utils.set_random_seed(0)
    body, head = keras.layers.Dense(4, name="body"), keras.layers.Dense(2, name="head")
    model = keras.Sequential([keras.Input((3,)), body, head])
    chosen = {"head/.*": keras.optimizers.Adam(1e-3)}
    optimizers = keras.optimizers.OptimizerMap(default or SGD(0.05), chosen)
    model.compile(keras.optimizers.MultiOptimizer(optimizers), "mse")
    return model


def pair(optimizers=None):
    """Return a model that two optimizers train, one of `compile` and one in an attribute."""
    keras.utils.set_random_seed(0)
    model = Pair()
    model.compile(optimizers or [NAG(0.2), NAG(0.01)], "mse")
    return model


def trainable(model):
    return [np.array(keras.ops.convert_to_numpy(w)) for w in model.trainable_variables]


def plain_pair():
    return pair([SGD(0.2), SGD(0.01)])


class Adversaries(Pair):
    """Has both optimizers in attributes; `compile` is given none, and makes one that is not used.

    On JAX the model must hold their variables, which are those of no optimizer of `compile`.
    """

    def compile(self, d_optimizer, g_optimizer):
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        keras.Model.compile(self, loss="mse")
        self.build((None, 3))

    def build(self, shape):
        self.one.build(shape)
        self.two.build(shape)
        self.d_optimizer.build(self.one.trainable_variables)
        self.g_optimizer.build(self.two.trainable_variables)
        if BACKEND == "jax":
            self.states = [*self.d_optimizer.variables, *self.g_optimizer.variables]

    def update(self, gradients):
        self.d_optimizer.apply(gradients[:2], self.one.trainable_variables)
        self.g_optimizer.apply(gradients[2:], self.two.trainable_variables)

    def stateless_update(self, trainable, non_trainable, state, gradients):
        k = len(self.d_optimizer.variables)
        first, second = non_trainable[:k], non_trainable[k:]
        one, first = self.d_optimizer.stateless_apply(first, gradients[:2], trainable[:2])
        two, second = self.g_optimizer.stateless_apply(second, gradients[2:], trainable[2:])
        return one + two, first + second, state


def adversaries():
    keras.utils.set_random_seed(0)
    model = Adversaries()
    model.compile(SGD(0.2), SGD(0.01))
    return model


# Which optimizers train


class Inside(keras.Model):
    """Applies by a step of its own what a model inside it was compiled with."""

    def __init__(self):
        super().__init__()
        self.part = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="part")
        self.part.compile(SGD(0.3))

    def call(self, x):
        return self.part(x)

    def train_step(self, *arguments):
        raise NotImplementedError


def sequential(optimizer):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(optimizer, "mse")
    return model


def rates_of(model):
    found = training_optimizers(model).items()
    return {name: round(float(one.learning_rate), 4) for name, one in found}


def test_names_the_optimizers_that_train():
    assert rates_of(sequential(SGD(0.1))) == {"optimizer": 0.1}
    assert rates_of(sequential(keras.optimizers.LossScaleOptimizer(SGD(0.1)))) == {"optimizer": 0.1}
    assert rates_of(multi()) == {"adam": 0.001, "sgd": 0.05}
    assert rates_of(multi(default=SGD(0.2, name="slow"))) == {"adam": 0.001, "slow": 0.2}
    twice = multi(default=keras.optimizers.Adam(0.2))
    assert rates_of(twice) == {"adam": 0.001, "adam_2": 0.2}
    assert rates_of(pair()) == {"optimizer": 0.2, "second": 0.01}
    assert rates_of(adversaries()) == {"d_optimizer": 0.2, "g_optimizer": 0.01}


def test_optimizers_of_models_inside_train_where_there_is_no_other():
    model = Inside()
    model.compile(loss="mse")
    assert rates_of(model) == {"part.optimizer": 0.3}
    model.compile(SGD(0.1), "mse")
    assert rates_of(model) == {"optimizer": 0.1}
    model.kept = {"a": SGD(0.2), "b": [SGD(0.4)]}
    model.same = model.optimizer
    assert rates_of(model) == {"optimizer": 0.1, "kept_a": 0.2, "kept_b": 0.4}


def test_an_optimizer_in_an_attribute_does_not_train_in_the_step_of_keras():
    model = sequential(SGD(0.1))
    model.other = SGD(0.2)
    assert rates_of(model) == {"optimizer": 0.1}
    assert trained(model, LearningRate(HALVING), 2) == {"learning_rate": [0.1, 0.05]}


# What one schedule does to several


def test_each_optimizer_is_driven_from_its_own_rate():
    callback = LearningRate(HALVING)
    expected = {
        "sgd.learning_rate": [0.05, 0.025, 0.0125],
        "adam.learning_rate": [0.001, 0.0005, 0.00025],
    }
    model = multi()
    for _ in range(2):  # A second `fit` does not begin where the first has ended.
        found = trained(model, callback)
        assert found == {name: pytest.approx(rates) for name, rates in expected.items()}
        callback = copy.deepcopy(callback)
    assert trained(multi(), LearningRate(), 1) == {
        "sgd.learning_rate": [pytest.approx(0.05)],
        "adam.learning_rate": [pytest.approx(0.001)],
    }


@pytest.mark.parametrize(
    ("make", "names"),
    [(plain_pair, ("optimizer", "second")), (adversaries, ("d_optimizer", "g_optimizer"))],
)
def test_optimizers_in_attributes_are_driven(make, names):
    first, second = (f"{name}.learning_rate" for name in names)
    model, still = make(), make()
    before = trainable(model)
    schedule = ConstantLearningRate(0.1).then(ConstantLearningRate(1e-9), after="1 epoch")
    assert trained(model, LearningRate(schedule), 2) == {
        first: [pytest.approx(0.2), pytest.approx(2e-9)],
        second: [pytest.approx(0.01), pytest.approx(1e-10)],
    }
    # The second epoch did nothing: all that moved, moved in the first.
    trained(still, LearningRate(ConstantLearningRate(0.1)), 1)
    for start, weights, moved in zip(before, trainable(model), trainable(still), strict=True):
        assert np.any(start != weights)
        np.testing.assert_allclose(weights, moved, rtol=1e-4, atol=1e-6)


@pytest.mark.host
@pytest.mark.parametrize(
    ("schedule", "height"),
    [
        (CosineDecay(0.3, "100%").warmup("1 epoch"), 0.3),
        (CosineDecay(0.3, "100%").warmup("1 epoch", start=0.5).hold("1 epoch") * 2, 0.6),
        (OneCycle(0.3), 0.3),
        (WarmupStableDecay(0.3, warmup_steps="10%"), 0.3),
        (CyclicalLearningRate(0.1, 0.3, "1 epoch"), 0.3),
        (NoamDecay(100, 10), 100**-0.5 * 10**-0.5),
        (ConstantLearningRate(0.1).then(PolynomialDecay(0.3, "50%"), after="50%"), 0.3),
        (KerasSchedule(KERAS_COSINE(0.1, 9, warmup_target=0.3, warmup_steps=3)), 0.3),
        (KERAS_COSINE(0.3, 9), 0.3),
    ],
)
def test_a_rate_of_its_own_stands_for_the_height_of_a_schedule(schedule, height):
    callback, alone = LearningRate(schedule), LearningRate(schedule)
    trained(pair(), callback, 6)
    trained(sequential(SGD(0.1)), alone, 6)
    for name, own in (("optimizer", 0.2), ("second", 0.01)):
        found = callback.rates[f"{name}.learning_rate"]
        np.testing.assert_allclose(found, alone.rates * own / height, rtol=1e-6)
    assert max(alone.rates) <= height * (1 + 1e-6)


def test_a_mapping_drives_each_by_its_own_schedule():
    plans = {"optimizer": HALVING, "second": lambda step: 0.01 * (step + 1)}
    both = trained(pair(), LearningRate(plans), 2)
    assert both == {
        "optimizer.learning_rate": [0.1, 0.05],
        "second.learning_rate": [pytest.approx(0.04), pytest.approx(0.08)],
    }
    assert trained(pair(), LearningRate({"second": HALVING}), 2) == {
        "optimizer.learning_rate": [pytest.approx(0.2)] * 2,
        "second.learning_rate": [0.1, 0.05],
    }


def test_other_numbers_are_those_of_an_optimizer_by_name():
    also = {"second.momentum": lambda step: 0.1 * step}
    history = pair().fit(**data(), verbose=0, callbacks=[LearningRate(also=also)]).history
    assert history["second.momentum"] == [pytest.approx(0.3)]
    with pytest.raises(ValueError, match=r"which are 2$"):
        pair().fit(**data(), verbose=0, callbacks=[LearningRate(also={"momentum": abs})])


def test_the_multiplier_is_one_for_each():
    class Halving(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            optimizer = self.model.second
            optimizer.learning_rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate)) / 2

    callback = LearningRate(ConstantLearningRate(1.0))
    history = pair().fit(**data(), verbose=0, epochs=2, callbacks=[callback, Halving()]).history
    assert history["second.learning_rate"] == pytest.approx([0.01, 0.005])
    assert history["optimizer.learning_rate"] == pytest.approx([0.2, 0.2])
    multipliers = {"optimizer.learning_rate": 1.0, "second.learning_rate": pytest.approx(0.25)}
    assert callback.multiplier == multipliers


def test_a_resumed_training_knows_the_rates_of_its_beginning(tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyError

    def run(*callbacks, adopt=False):
        state = TrainingState(tmp_path / "run", adopt=adopt)
        callbacks = [LearningRate(HALVING), state, *callbacks]
        return pair().fit(**data(), verbose=0, epochs=4, callbacks=callbacks).history

    with pytest.raises(KeyError):
        run(Kill())
    assert run(adopt=True)["second.learning_rate"] == pytest.approx([0.01, 0.005, 0.0025, 0.00125])


# What cannot be done


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (lambda step: 0.1, "`schedule` must be a schedule above 0, or a dict from their names to"),
        (ConstantLearningRate(0.0), "`schedule` must be a schedule above 0, or a dict from"),
        ({"third": HALVING}, "`schedule` must be a dict with names among 'optimizer', 'second'."),
    ],
)
def test_what_cannot_be_driven_is_an_error_before_training(schedule, message):
    model = pair()
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        trained(model, LearningRate(schedule))
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_rate_of_0_or_a_schedule_in_one_of_them_cannot_be_driven():
    with pytest.raises(ValueError, match=r"^`second.learning_rate` must be above 0 where one sch"):
        trained(pair([SGD(0.1), SGD(0.0)]), LearningRate(HALVING))
    with pytest.raises(ValueError, match=r"^`learning_rate` must be a number of the optimizer"):
        trained(pair([SGD(0.1), SGD(CosineDecay(0.1, 9))]), LearningRate(HALVING))


@pytest.mark.host
def test_steps_that_differ_or_cannot_be_counted_are_an_error():
    def accumulating():
        return [SGD(0.1), SGD(0.1, gradient_accumulation_steps=2)]

    with pytest.raises(ValueError, match=r"^`gradient_accumulation_steps` must be the same in"):
        trained(pair(accumulating()), LearningRate(HALVING))
    batches = ((np.ones((2, 3)), np.ones((2, 2))) for _ in range(4))
    with pytest.raises(ValueError, match=r"^`steps_per_epoch` must be given to `fit` where the"):
        pair().fit(batches, shuffle=False, verbose=0, callbacks=[LearningRate(CosineDecay(0.1, 9))])
    trained(pair(accumulating()), LearningRate(), 1)


def test_optimizers_loaded_in_the_middle_of_a_training_have_no_rates_of_their_own():
    model = pair()
    trained(model, LearningRate({"second": HALVING}), 1)
    # An assigned rate is as good as a loaded one: nobody knows what it was.
    model.optimizer.learning_rate = 0.123
    with pytest.raises(ValueError, match=r"^`schedule` must be a dict from the optimizers' names"):
        trained(model, LearningRate(HALVING), initial_epoch=1, epochs=2)


@pytest.mark.backend("jax")
def test_an_optimizer_that_compiled_steps_do_not_read_is_an_error_on_jax():
    model = pair()
    model.third = SGD(0.1)
    with pytest.raises(ValueError, match=r"cannot be driven: on JAX compiled steps read what the"):
        trained(model, LearningRate(HALVING))
    with pytest.raises(ValueError, match=r"cannot be driven: on JAX compiled steps read what the"):
        find_learning_rate(model, **data(), optimizer="third")


@pytest.mark.backend("tensorflow", "torch")
def test_an_optimizer_that_trains_after_all_is_a_warning():
    class Both(Inside):
        def train_step(self, data):
            weights = self.part.trainable_variables
            self.optimizer.apply([keras.ops.ones_like(w) for w in weights], weights)
            self.part.optimizer.apply([keras.ops.ones_like(w) for w in weights], weights)
            return {"loss": 0.0}

    model = Both()
    model.compile(SGD(0.1), "mse")
    with pytest.warns(UserWarning, match="others train as well: part.optimizer"):
        trained(model, LearningRate(HALVING), 2)


@pytest.mark.filterwarnings("ignore:No suggestion")
def test_the_finder_sweeps_the_optimizer_that_is_named():
    for make, names in ((multi, "'adam', 'sgd'"), (adversaries, "'d_optimizer', 'g_optimizer'")):
        with pytest.raises(ValueError) as raised:  # noqa: PT011
            find_learning_rate(make(), **data())
        assert str(raised.value) == (
            f"`optimizer` must be given where several train: one of {names}. Received: "
            "optimizer=None"
        )
    model = multi()
    before = rates_of(model)
    found = find_learning_rate(model, **data(), optimizer="sgd", steps=20)
    assert len(found.losses) > 5
    assert rates_of(model) == before


@pytest.mark.host
@pytest.mark.parametrize("case", ["no variables", "not used", "frozen"])
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_the_finder_sweeps_no_optimizer_that_takes_no_step(case):
    model, name = multi(), "adam"
    if case == "no variables":
        chosen = keras.optimizers.OptimizerMap(SGD(0.05), {"of_no_layer/.*": NAG(0.1)})
        model.compile(keras.optimizers.MultiOptimizer(chosen), "mse")
        name = "nag"
    elif case == "not used":
        model, name = pair(), "third"
        model.third = NAG(0.1)
    else:
        model.compile(SGD(0.05), "mse")
        model.trainable, name = False, None
    message = r"^`optimizer` must be one that takes steps in training\. Received: optimizer="
    with pytest.raises(ValueError, match=message):
        find_learning_rate(model, **data(), optimizer=name, steps=20)


# In the history


@pytest.mark.host
def test_the_rates_of_every_step_are_kept():
    callback = LearningRate(CosineDecay(0.1, "100%").warmup("0.4 epochs"))
    _, history = fit(line(), [callback], epochs=2)
    assert callback.rates.shape == (10,)
    np.testing.assert_allclose(callback.rates[:3], [0, 0.05, 0.1])
    assert [callback.rates[4], callback.rates[9]] == history["learning_rate"]
    fit(line(), [callback], epochs=1)
    assert callback.rates.shape == (5,)
    assert len(copy.deepcopy(callback).rates) == 5
    assert len(LearningRate(HALVING).rates) == 0


@pytest.mark.host
def test_a_scheduler_of_keras_beside_it_is_a_warning():
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate)
    with pytest.warns(UserWarning, match=r"^`keras.callbacks.LearningRateScheduler` beside"):
        fit(line(), [LearningRate(HALVING), scheduler], epochs=1)
    fit(line(), [LearningRate(), scheduler], epochs=1)
