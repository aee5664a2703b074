"""Every space: what it declares, what it builds, what it refuses."""

import copy
import math
import pickle

import keras
import pytest
from keras_tuner import HyperParameters

from keras_trainkit import initializers, layers, optimizers
from keras_trainkit.tuner import spaces
from tests.contracts import assert_close

# (space, what its build needs besides hp, names of its hyperparameters)
CASES = {
    "hidden_units": (spaces.HiddenUnits, (), ["hidden_layers", "width", "shape"]),
    "initializer": (spaces.Initializer, ("relu",), []),
    "batch_norm": (spaces.BatchNormalization, (), ["batch_norm"]),
    "dropout": (spaces.Dropout, (), ["dropout"]),
    "regularizer": (spaces.Regularizer, (), ["regularizer", "l1/strength", "l2/strength"]),
    "schedule": (spaces.Schedule, (0.1,), ["schedule", "half_life"]),
    "optimizer": (
        spaces.Optimizer,
        (),
        [
            "optimizer",
            "nag/learning_rate",
            "adam/learning_rate",
            "sgd/learning_rate",
            "rmsprop/learning_rate",
            "schedule",
            "half_life",
        ],
    ),
    "batch_size": (spaces.BatchSize, (), ["batch_size"]),
}
every_space = pytest.mark.parametrize(("space", "context", "names"), CASES.values(), ids=CASES)


def names_of(hp):
    return [each.name for each in hp.space]


def sampled(space, times=40):
    """Yield hyperparameters of `space` with random values."""
    known = HyperParameters()
    space.declare(known)
    for _ in range(times):
        hp = known.copy()
        hp.values.clear()
        hp.ensure_active_values()
        yield hp


@every_space
def test_declares_everything_at_once_whatever_the_values(space, context, names):
    for hp in sampled(space()):
        assert names_of(hp) == names
        space().build(hp, *context)
        assert names_of(hp) == names


@every_space
def test_build_alone_declares_the_same(space, context, names):
    hp = HyperParameters()
    space().build(hp, *context)
    assert names_of(hp) == names


@every_space
def test_two_name_scopes_hold_two_spaces(space, context, names):
    hp = HyperParameters()
    for scope in ("first", "second"):
        with hp.name_scope(scope):
            space().build(hp, *context)
    assert names_of(hp) == [f"{scope}/{name}" for scope in ("first", "second") for name in names]


@pytest.mark.host
@every_space
def test_survives_copy_and_pickle(space, context, names):
    original = space()
    for other in (copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        hp = HyperParameters()
        other.declare(hp)
        assert names_of(hp) == names


@pytest.mark.host
@every_space
def test_passes_a_space_on_and_wraps_an_argument(space, context, names):
    own = space()
    assert space.of(own) is own
    assert isinstance(space.of(None), space)


@pytest.mark.host
@pytest.mark.parametrize(
    "space", [spaces.BatchNormalization, spaces.Dropout, spaces.Regularizer, spaces.BatchSize]
)
def test_false_builds_nothing(space):
    hp = HyperParameters()
    assert space(False).build(hp) is None
    assert hp.space == []


@pytest.mark.host
@pytest.mark.parametrize(
    ("shape", "units"),
    [("constant", [100, 100, 100]), ("halving", [100, 50, 25]), ("linear", [100, 67, 34])],
)
def test_widths_follow_their_shape(shape, units):
    assert spaces.HiddenUnits(3, 100, shape).build(HyperParameters()) == units


@pytest.mark.host
@pytest.mark.parametrize("layers", [2, 3])
def test_a_shape_acts_at_both_ends_of_a_range_of_layers(layers):
    hp = HyperParameters()
    hp.values["hidden_layers"] = layers
    space = spaces.HiddenUnits((2, 3), width=100, shape="halving")
    assert space.build(hp) == [100, 50, 25][:layers]


@pytest.mark.host
def test_no_layer_is_left_without_units():
    for shape in ("constant", "halving", "linear"):
        assert spaces.HiddenUnits(4, 1, shape).build(HyperParameters()) == [1, 1, 1, 1]


@pytest.mark.host
@pytest.mark.parametrize(
    ("hidden_layers", "names"),
    [(1, []), (2, ["shape"]), ([1, 4], ["hidden_layers", "shape"])],
)
def test_a_shape_exists_only_for_several_layers(hidden_layers, names):
    hp = HyperParameters()
    assert spaces.HiddenUnits(hidden_layers, width=8).build(hp)[0] == 8
    assert names_of(hp) == names


@pytest.mark.host
@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("relu", initializers.HeNormal),
        ("selu", initializers.LecunNormal),
        ("tanh", initializers.GlorotNormal),
    ],
)
def test_the_initializer_matches_the_activation(activation, expected):
    assert type(spaces.Initializer().build(HyperParameters(), activation)) is expected


@pytest.mark.host
def test_an_initializer_may_be_named():
    named = spaces.Initializer("he_uniform").build(HyperParameters(), "tanh")
    assert isinstance(named, keras.initializers.HeUniform)
    hp = HyperParameters()
    spaces.Initializer(["matched", "he_uniform"]).build(hp, "tanh")
    assert names_of(hp) == ["initializer"]


def test_layers_are_ours_and_new_at_each_call():
    hp = HyperParameters()
    for space, layer in (
        (spaces.BatchNormalization(True), layers.BatchNormalization),
        (spaces.Dropout(0.4), layers.Dropout),
    ):
        first, second = space.build(hp), space.build(hp)
        assert type(first) is type(second) is layer
        assert first is not second
    assert first.rate == 0.4


def test_a_rate_of_zero_keeps_the_layer():
    assert spaces.Dropout(0.0).build(HyperParameters()).rate == 0.0


@pytest.mark.parametrize(
    ("kind", "penalty"),
    [("l1", 0.5 * 4), ("l2", 0.5 * 10), ("l1l2", 0.5 * 4 + 0.5 * 10)],
)
def test_a_regularizer_charges_its_strength(kind, penalty):
    regularizer = spaces.Regularizer(kind, strength=0.5).build(HyperParameters())
    assert_close(regularizer(keras.ops.convert_to_tensor([-1.0, 3.0])), penalty)


def test_a_fixed_strength_needs_a_kind():
    space = spaces.Regularizer(("none", "l2"), strength=0.5)
    hp = HyperParameters()
    assert space.build(hp) is None
    hp.values["regularizer"] = "l2"
    assert_close(space.build(hp)(keras.ops.ones((2,))), 1.0)


def test_both_norms_have_a_strength_of_their_own():
    hp = HyperParameters()
    hp.values.update({"l1/strength": 1e-3, "l2/strength": 1e-2})
    assert_close(spaces.Regularizer("l1l2").build(hp)(keras.ops.ones((2,))), 0.022)


@pytest.mark.host
@pytest.mark.parametrize("name", ["exponential", "inverse_time", "inverse_sqrt"])
def test_a_decay_halves_the_learning_rate_at_its_half_life(name):
    schedule = spaces.Schedule(name, half_life=70).build(HyperParameters(), 0.4)
    assert schedule(0) == pytest.approx(0.4, rel=1e-12)
    assert schedule(70) == pytest.approx(0.2, rel=1e-12)


@pytest.mark.host
@pytest.mark.parametrize(
    ("name", "share"),
    [("exponential", 1 / 8), ("inverse_time", 1 / 4), ("inverse_sqrt", 1 / math.sqrt(10))],
)
def test_a_decay_follows_its_formula(name, share):
    schedule = spaces.Schedule(name, half_life=10).build(HyperParameters(), 1.0)
    assert schedule(30) == pytest.approx(share, rel=1e-12)


@pytest.mark.host
@pytest.mark.parametrize("off", [False, "constant"])
def test_no_schedule_is_the_learning_rate_itself(off):
    hp = HyperParameters()
    assert spaces.Schedule(off).build(hp, 0.3) == 0.3
    assert hp.space == []


@pytest.mark.parametrize(
    ("name", "expected", "interval"),
    [
        ("nag", optimizers.NAG, (1e-3, 1e-1)),
        ("adam", optimizers.Adam, (1e-4, 1e-2)),
        ("sgd", keras.optimizers.SGD, (1e-2, 1.0)),
        ("rmsprop", keras.optimizers.RMSprop, (1e-4, 1e-2)),
        ("adagrad", keras.optimizers.Adagrad, (1e-3, 1e-1)),
        ("adadelta", keras.optimizers.Adadelta, (0.05, 2.0)),
    ],
)
def test_an_optimizer_has_a_learning_rate_of_its_own_range(name, expected, interval):
    space = spaces.Optimizer(name, schedule=False)
    for hp in sampled(space, times=5):
        optimizer = space.build(hp)
        assert isinstance(optimizer, expected)
        assert_close(optimizer.learning_rate, hp.values[f"{name}/learning_rate"])
        assert interval[0] <= hp.values[f"{name}/learning_rate"] <= interval[1]
    assert spaces.optimizer.RULES[name].learning_rate == interval


def test_the_chosen_optimizer_takes_the_chosen_schedule():
    space = spaces.Optimizer(
        ("adam", "nag"), learning_rate=0.2, schedule=("constant", "exponential")
    )
    hp = HyperParameters()
    hp.values.update({"optimizer": "nag", "schedule": "exponential", "half_life": 200})
    optimizer = space.build(hp)
    assert isinstance(optimizer, optimizers.NAG)
    assert names_of(hp) == ["optimizer", "schedule", "half_life"]
    optimizer.build([])
    optimizer.iterations.assign(200)
    assert_close(optimizer.learning_rate, 0.1)


@pytest.mark.host
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: spaces.Optimizer("adamm"),
            "`optimizer` must be one of 'nag', 'adam', 'sgd', 'rmsprop', 'adagrad', 'adadelta'. "
            "Received: optimizer='adamm'",
        ),
        (
            lambda: spaces.Optimizer("adam", learning_rate=(0, 0.1)),
            "`learning_rate` must be a number > 0. Received: learning_rate=0",
        ),
        (
            lambda: spaces.Schedule("cosine"),
            "`schedule` must be one of 'constant', 'exponential', 'inverse_time', 'inverse_sqrt'. "
            "Received: schedule='cosine'",
        ),
        (
            lambda: spaces.Schedule(half_life=0),
            "`half_life` must be an integer >= 1. Received: half_life=0",
        ),
        (
            lambda: spaces.Regularizer("l3"),
            "`regularizer` must be one of 'none', 'l1', 'l2', 'l1l2'. Received: regularizer='l3'",
        ),
        (
            lambda: spaces.Regularizer(strength=-1),
            "`strength` must be a number > 0. Received: strength=-1",
        ),
        (lambda: spaces.Dropout(1.0), "`dropout` must be in [0, 1). Received: dropout=1.0"),
        (
            lambda: spaces.BatchNormalization("yes"),
            "`batch_norm` must be a bool. Received: batch_norm='yes'",
        ),
        (
            lambda: spaces.BatchSize((0, 8)),
            "`batch_size` must be an integer >= 1. Received: batch_size=0",
        ),
        (
            lambda: spaces.Initializer("hee"),
            "`initializer` must be 'matched' or the name of an initializer. "
            "Received: initializer='hee'",
        ),
        (
            lambda: spaces.Initializer(1.0),
            "`initializer` must be 'matched' or the name of an initializer. "
            "Received: initializer=1.0",
        ),
        (
            lambda: spaces.HiddenUnits(hidden_layers=0),
            "`hidden_layers` must be an integer >= 1. Received: hidden_layers=0",
        ),
        (
            lambda: spaces.HiddenUnits(shape="round"),
            "`shape` must be one of 'constant', 'halving', 'linear'. Received: shape='round'",
        ),
    ],
)
def test_says_what_is_wrong_with_an_argument(make, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make()
    assert str(caught.value) == message
