import copy
import inspect
import json
import pickle
import re

import keras
import numpy as np
import pytest

from keras_trainkit import schedules
from keras_trainkit.schedules import (
    ConstantLearningRate,
    CosineDecay,
    CosineDecayRestarts,
    CyclicalLearningRate,
    ExponentialDecay,
    InverseSqrtDecay,
    InverseTimeDecay,
    KerasSchedule,
    NaturalExponentialDecay,
    NoamDecay,
    OneCycle,
    OneCycleMomentum,
    PolynomialDecay,
    Scaled,
    Then,
    Warmup,
    WarmupStableDecay,
)
from tests import contracts
from tests.callbacks.paced import line
from tests.schedules.examples import ARGUMENTS, CLASSES, COMBINED, DURATIONS, chain, example
from tests.schedules.training import steps_taken

STEPS = np.arange(100)
DECAYS = [NaturalExponentialDecay, ExponentialDecay, InverseTimeDecay, InverseSqrtDecay]

each_class = pytest.mark.parametrize("cls", CLASSES)


def raises(message: str):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


def assert_same_config(schedule, other) -> None:
    assert type(schedule) is type(other)
    assert schedule.get_config() == other.get_config()


def assert_same(schedule, other) -> None:
    assert_same_config(schedule, other)
    np.testing.assert_array_equal(schedule(STEPS), other(STEPS))


# Contract


@pytest.mark.host
def test_every_public_class_is_among_the_examples():
    public = {value for value in vars(schedules).values() if inspect.isclass(value)}
    assert public == set(CLASSES)


@pytest.mark.host
@pytest.mark.oldest
@each_class
def test_config_holds_every_argument_of_the_constructor(cls):
    config = example(cls, name="mine").get_config()
    assert set(config) == set(inspect.signature(cls).parameters)
    assert config["name"] == "mine"
    assert example(cls).get_config()["name"] == cls.__name__
    plain = {name: value for name, value in config.items() if not isinstance(value, dict)}
    assert plain == {name: (ARGUMENTS[cls] | {"name": "mine"})[name] for name in plain}


@pytest.mark.host
@pytest.mark.oldest
@each_class
def test_config_round_trips(cls):
    schedule = example(cls, name="mine")
    assert_same(contracts.assert_round_trips(schedule), schedule)
    assert_same(cls.from_config(schedule.get_config()), schedule)


@pytest.mark.host
@pytest.mark.parametrize(("cls", "argument", "zero"), DURATIONS)
def test_config_keeps_a_duration_as_it_was_written(cls, argument, zero):
    schedule = example(cls, **{argument: " 2.5 epochs"})
    assert schedule.get_config()[argument] == " 2.5 epochs"
    contracts.assert_round_trips(schedule)


@pytest.mark.host
@pytest.mark.oldest
def test_config_of_all_of_them_joined_round_trips():
    schedule = chain().warmup("10%", "exponential", start=0.5).hold("1 epoch") * 0.5
    copied = contracts.assert_round_trips(schedule)
    assert_same(copied.bind(10, 20), schedule.bind(10, 20))


@pytest.mark.host
@pytest.mark.oldest
@each_class
def test_can_be_copied_and_pickled(cls):
    schedule = example(cls)
    for copied in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert_same(copied, schedule)


@pytest.mark.host
@each_class
def test_repr_is_the_code_that_makes_it(cls):
    names = {**vars(schedules), "keras": keras}
    for schedule in (example(cls), example(cls, name="mine"), 2 * example(cls).warmup("5%")):
        for whole in (schedule, schedule.hold("1 epoch"), schedule.then(schedule, after=3) / 4):
            assert_same_config(eval(repr(whole), names), whole)


@pytest.mark.host
def test_repr_leaves_defaults_out():
    schedule = 0.5 * CosineDecay(1e-3, "100%").warmup("5%").then(ConstantLearningRate(0.1), 40)
    assert repr(schedule) == (
        "(0.5 * CosineDecay(0.001, '100%').warmup('5%').then(ConstantLearningRate(0.1), after=40))"
    )


@pytest.mark.oldest
def test_saved_model_continues_training_identically_in_a_fresh_process(tmp_path):
    schedule = chain()
    model = line(learning_rate=schedule)
    model.compile(keras.optimizers.SGD(schedule), loss="mae")
    steps_taken(model, 11)
    model.save(tmp_path / "model.keras")
    expected = steps_taken(model, 80)
    code = """
import json, sys, keras
import keras_trainkit
from tests.schedules.training import steps_taken
model = keras.saving.load_model(sys.argv[1])
config = model.optimizer.get_config()["learning_rate"]
print(json.dumps([config, list(steps_taken(model, 80))]))
"""
    printed = contracts.run_in_fresh_process(code, tmp_path / "model.keras")
    config, taken = json.loads(printed.splitlines()[-1])
    assert config == keras.optimizers.schedules.serialize(schedule)
    assert taken == list(expected)


@pytest.mark.host
@pytest.mark.oldest
@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (ExponentialDecay, (0.1, 7, 0.9, True)),
        (InverseTimeDecay, (0.1, 7, 0.9, True)),
        (PolynomialDecay, (0.1, 7, 0.01, 2.0, True)),
        (CosineDecay, (0.1, 7, 0.1)),
        (CosineDecayRestarts, (0.1, 7, 3.0, 0.5, 0.1)),
    ],
)
def test_takes_the_arguments_of_its_keras_namesake(cls, arguments):
    namesake = getattr(keras.optimizers.schedules, cls.__name__)
    needed = 3 if cls in DECAYS else 2
    for given in (arguments, arguments[:needed]):
        theirs = namesake(*given).get_config()
        mine = cls(*given).get_config()
        del mine["name"]
        assert mine == {name: theirs[name] for name in mine}


@pytest.mark.host
@pytest.mark.oldest
def test_a_config_of_keras_is_read_unless_it_warms_up():
    namesake = keras.optimizers.schedules.CosineDecay
    read = CosineDecay.from_config(namesake(0.1, 7, 0.2, name="mine").get_config())
    assert_same(read, CosineDecay(0.1, 7, 0.2, name="mine"))
    with raises(
        "`warmup_target` must be None, as `.warmup(...)` puts a warm-up in front. Received: "
        "warmup_target=0.5"
    ):
        CosineDecay.from_config(namesake(0.1, 7, warmup_target=0.5, warmup_steps=3).get_config())


POSITIVE = "a number > 0"
SHARE = "in [0, 1]"
OURS = "a schedule of keras_trainkit or Keras"
BAD = [
    *[(cls, "initial_learning_rate", 0, POSITIVE) for cls in DECAYS],
    *[(cls, "initial_learning_rate", "0.1", POSITIVE) for cls in DECAYS],
    *[(cls, "staircase", 1, "a bool") for cls in DECAYS],
    (NaturalExponentialDecay, "decay_rate", -0.5, "in [0, inf)"),
    (ExponentialDecay, "decay_rate", 0, POSITIVE),
    (InverseTimeDecay, "decay_rate", -0.5, "in [0, inf)"),
    (InverseSqrtDecay, "decay_rate", 0, POSITIVE),
    (ConstantLearningRate, "learning_rate", -0.1, "in [0, inf)"),
    (ConstantLearningRate, "learning_rate", float("nan"), "in [0, inf)"),
    (PolynomialDecay, "initial_learning_rate", 0.0, POSITIVE),
    (PolynomialDecay, "end_learning_rate", -1e-9, "in [0, inf)"),
    (PolynomialDecay, "power", 0, POSITIVE),
    (PolynomialDecay, "cycle", None, "a bool"),
    (CosineDecay, "initial_learning_rate", -1, POSITIVE),
    (CosineDecay, "alpha", 1.1, SHARE),
    (CosineDecayRestarts, "initial_learning_rate", True, POSITIVE),
    (CosineDecayRestarts, "t_mul", 0.5, "in [1, inf)"),
    (CosineDecayRestarts, "m_mul", 0, POSITIVE),
    (CosineDecayRestarts, "alpha", -0.1, SHARE),
    (OneCycle, "max_learning_rate", 0, POSITIVE),
    (OneCycle, "pct_start", 30, SHARE),
    (OneCycle, "div_factor", 0, POSITIVE),
    (OneCycle, "final_div_factor", float("inf"), POSITIVE),
    (OneCycle, "anneal", "cosine", "one of 'cos', 'linear'"),
    (OneCycleMomentum, "low", -0.1, "in [0, 1)"),
    (OneCycleMomentum, "high", 1.0, "in [0, 1)"),
    (OneCycleMomentum, "pct_start", -0.1, SHARE),
    (OneCycleMomentum, "anneal", None, "one of 'cos', 'linear'"),
    (CyclicalLearningRate, "initial_learning_rate", 0, POSITIVE),
    (CyclicalLearningRate, "max_learning_rate", 0, POSITIVE),
    (CyclicalLearningRate, "mode", "sine", "one of 'triangular', 'triangular2', 'exp_range'"),
    (CyclicalLearningRate, "gamma", 1.5, SHARE),
    (WarmupStableDecay, "learning_rate", 0, POSITIVE),
    (WarmupStableDecay, "kind", "cos", "one of 'linear', 'cosine', 'sqrt'"),
    (WarmupStableDecay, "alpha", 2, SHARE),
    (WarmupStableDecay, "total_steps", 21, "at least that of warm-up and decay, 22"),
    (NoamDecay, "d_model", 0, "an integer >= 1"),
    (NoamDecay, "d_model", 16.0, "an integer >= 1"),
    (NoamDecay, "factor", 0, POSITIVE),
    *[(cls, "schedule", 0.1, OURS) for cls in COMBINED if cls is not Then],
    (Warmup, "kind", "sqrt", "one of 'linear', 'cosine', 'exponential'"),
    (Warmup, "start", 1.0, "in [0, 1)"),
    (Scaled, "factor", 0, POSITIVE),
    (Then, "first", None, OURS),
    (Then, "second", 0.1, OURS),
    (KerasSchedule, "schedule", CosineDecay(0.1, 10), "a schedule of Keras"),
]


@pytest.mark.host
@pytest.mark.parametrize(("cls", "argument", "value", "requirement"), BAD)
def test_bad_arguments_raise_at_construction(cls, argument, value, requirement):
    with raises(f"`{argument}` must be {requirement}. Received: {argument}={value!r}"):
        example(cls, **{argument: value})


@pytest.mark.host
@each_class
def test_every_argument_has_an_error_to_test(cls):
    tested = {(c, argument) for c, argument, *_ in BAD} | {(c, a) for c, a, _ in DURATIONS}
    assert {(cls, argument) for argument in ARGUMENTS[cls]} <= tested


@pytest.mark.host
def test_an_integer_that_no_float_holds_raises_at_construction():
    for cls, argument, requirement in (
        (CosineDecay, "initial_learning_rate", POSITIVE),
        (ConstantLearningRate, "learning_rate", "in [0, inf)"),
    ):
        with raises(f"`{argument}` must be {requirement}. Received: {argument}={10**400}"):
            example(cls, **{argument: 10**400})


@pytest.mark.host
def test_arguments_that_exclude_each_other_raise_at_construction():
    with raises("`start` must be above 0 for an exponential warm-up. Received: start=0.0"):
        CosineDecay(0.1, 10).warmup(5, "exponential")
    with raises("`after` must be given, as NoamDecay has no end. Received: after=None"):
        NoamDecay(16).then(CosineDecay(0.1, 10))


# Truth


@each_class
def test_a_number_gives_a_float_an_array_an_array_and_a_tensor_a_tensor(cls):
    schedule = example(cls)
    for step in (3, 3.0, np.int64(3), np.float32(3)):
        assert type(schedule(step)) is float
        assert schedule(step) == schedule(np.array([3]))[0]
    assert schedule(STEPS.reshape(4, 25)).dtype == "float64"
    assert schedule(STEPS.reshape(4, 25)).shape == (4, 25)
    tensor = keras.ops.convert_to_tensor(STEPS.astype("int32").reshape(4, 25))
    for steps, shape in ((tensor, (4, 25)), (keras.Variable(3, dtype="int", trainable=False), ())):
        rates = schedule(steps)
        assert keras.ops.is_tensor(rates)
        assert keras.backend.standardize_dtype(rates.dtype) == "float32"
        assert tuple(rates.shape) == shape


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not KerasSchedule])
@pytest.mark.backend("tensorflow")
def test_computes_in_float64_when_that_is_the_float_type(float64, cls):
    schedule = example(cls)
    rates = schedule(keras.ops.convert_to_tensor(STEPS))
    assert keras.backend.standardize_dtype(rates.dtype) == "float64"
    contracts.assert_close(rates, schedule(STEPS), "float64")


@pytest.mark.oldest
def test_all_of_them_joined_are_the_steps_that_a_compiled_fit_takes():
    schedule = 0.1 * chain()
    taken = steps_taken(line(learning_rate=schedule), steps=90)
    np.testing.assert_allclose(taken, schedule(np.arange(90)), atol=1e-6)
