"""Every space: what it declares, what it builds, what it refuses."""

import copy
import json
import math
import pickle

import keras
import numpy as np
import pytest
from keras_tuner import HyperParameters

from keras_trainkit import initializers, layers, optimizers
from keras_trainkit.tuner import spaces
from keras_trainkit.tuner.spaces._optimizer import RULES
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
            "nag/momentum",
            "sgd/momentum",
            "schedule",
            "half_life",
        ],
    ),
    "batch_size": (spaces.BatchSize, (), ["batch_size"]),
    "epochs": (spaces.Epochs, (), ["epochs"]),
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
        assert repr(other) == repr(original)


class OwnSpace(spaces.Dropout):
    def __init__(self, rate):
        super().__init__(rate)


@pytest.mark.host
def test_a_space_of_ones_own_with_a_required_argument_survives_copy_and_pickle():
    original = OwnSpace([0.1, 0.2])
    for other in (copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        assert repr(other) == "OwnSpace(rate=[0.1, 0.2])"
        assert other.parameters() == {"dropout": "runtime"}


@every_space
def test_one_call_builds_what_the_space_does(space, context, names):
    hp = HyperParameters()
    one_call = getattr(spaces, space.__module__.rpartition("._")[2])
    built = one_call(hp, *context, prefix="mine")
    assert names_of(hp) == [f"mine/{name}" for name in names]
    assert type(built) is type(space().build(HyperParameters(), *context))


@pytest.mark.host
@every_space
def test_a_prefix_stands_before_all_names(space, context, names):
    hp = HyperParameters()
    for prefix in ("a", "b"):
        space(prefix=prefix).build(hp, *context)
    assert names_of(hp) == [f"{prefix}/{name}" for prefix in "ab" for name in names]
    assert list(space(prefix="a").parameters()) == [f"a/{name}" for name in names]


@pytest.mark.host
def test_a_prefix_stands_before_that_of_a_space_inside():
    space = spaces.Optimizer("adam", 0.1, spaces.Schedule(prefix="in"), prefix="out")
    assert list(space.parameters()) == ["out/in/schedule", "out/in/half_life"]


@pytest.mark.host
@pytest.mark.parametrize(
    ("space", "kinds"),
    [
        (spaces.HiddenUnits(), ["structural"] * 3),
        (spaces.Initializer(["matched", "he_uniform"]), ["structural"]),
        (spaces.BatchNormalization(), ["structural"]),
        (spaces.Dropout(), ["runtime"]),
        (spaces.Regularizer(), ["structural", "runtime", "runtime"]),
        (
            spaces.Schedule(length=["50%", "100%"], choices=["cosine", "exponential"]),
            ["structural", "runtime", "runtime"],
        ),
        (
            spaces.Optimizer(["nag", "adamw"], schedule=False),
            ["structural", *["runtime"] * 4],
        ),
        (spaces.BatchSize(), ["data"]),
        (spaces.Epochs(), ["data"]),
    ],
)
def test_every_hyperparameter_has_a_kind(space, kinds):
    assert list(space.parameters().values()) == kinds


@pytest.mark.host
@pytest.mark.parametrize(
    "space",
    [
        spaces.HiddenUnits((1, 4), width=[8, 16], per_layer=True),
        spaces.Dropout((0.0, 0.5), prefix="drop"),
        spaces.Regularizer(False),
        spaces.Optimizer(
            ("nag", "adamw"), (1e-3, 1e-2), spaces.Schedule(["cosine"], warmup="2 epochs")
        ),
        spaces.Schedule(half_life=["10%", "2 epochs"]),
        spaces.BatchSize(None),
    ],
)
def test_a_config_in_json_and_the_code_shown_make_the_same_space(space):
    config = json.loads(json.dumps(space.get_config()))
    for twin in (type(space).from_config(config), eval(repr(space), vars(spaces))):
        hp, same = HyperParameters(), HyperParameters()
        space.declare(hp)
        twin.declare(same)
        assert same.get_config() == hp.get_config()
        assert repr(twin) == repr(space)


@pytest.mark.host
def test_the_code_shown_has_the_arguments_that_were_given():
    assert repr(spaces.Dropout()) == "Dropout()"
    assert repr(spaces.Regularizer("l2", strength=(1e-4, 1e-2))) == (
        "Regularizer(choices='l2', strength=(0.0001, 0.01))"
    )


@pytest.mark.host
@every_space
def test_passes_a_space_on_and_wraps_an_argument(space, context, names):
    own = space()
    assert space.of(own) is own
    assert isinstance(space.of(None), space)


@pytest.mark.host
@pytest.mark.parametrize(
    "space",
    [
        spaces.BatchNormalization,
        spaces.Dropout,
        spaces.Regularizer,
        spaces.BatchSize,
        spaces.Epochs,
    ],
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
def test_a_width_for_each_layer_is_searched_where_the_layer_exists():
    space, hp = spaces.HiddenUnits((1, 3), width=(8, 64), per_layer=True), HyperParameters()
    space.declare(hp)
    assert names_of(hp) == ["hidden_layers", "layer_1/width", "layer_2/width", "layer_3/width"]
    hp.values.update({"hidden_layers": 2, "layer_1/width": 9, "layer_2/width": 60})
    hp.ensure_active_values()
    assert space.build(hp) == [9, 60]
    assert not hp.is_active("layer_3/width")


@pytest.mark.host
@pytest.mark.parametrize(("hidden_layers", "most"), [(2, 2), ((1, 3), 3), ([2, 4], 4)])
def test_each_layer_has_a_part_of_its_own(hidden_layers, most):
    hidden, rate = spaces.HiddenUnits(hidden_layers, prefix="mlp"), spaces.Dropout([0.1, 0.2])
    hp = HyperParameters()
    hidden.declare(hp)
    hidden.each(hp, rate)
    known = names_of(hp)
    most = {2: 2, (1, 3): 3}.get(hidden_layers if hidden_layers != [2, 4] else None, 4)
    assert [f"mlp/layer_{i}/dropout" for i in range(1, most + 1)] == known[-most:]
    hp.values.update(
        {"mlp/hidden_layers": 2, "mlp/layer_1/dropout": 0.2, "mlp/layer_2/dropout": 0.1}
    )
    hp.ensure_active_values()
    assert [layer.rate for layer in hidden.each(hp, rate)] == [0.2, 0.1]
    assert names_of(hp) == known
    assert not hp.is_active(f"mlp/layer_{most}/dropout") or most == 2


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
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("exponential", "ExponentialDecay(0.4, '30%', 0.5).warmup('1 epoch')"),
        ("inverse_time", "InverseTimeDecay(0.4, '30%', 1.0).warmup('1 epoch')"),
        ("inverse_sqrt", "InverseSqrtDecay(0.4, '10.000000%', 1.0).warmup('1 epoch')"),
        ("cosine", "CosineDecay(0.4, '3 epochs').warmup('1 epoch')"),
        ("one_cycle", "OneCycle(0.4, total_steps='3 epochs')"),
        ("constant", "ConstantLearningRate(0.4).warmup('1 epoch')"),
    ],
)
def test_durations_may_be_epochs_and_percent(name, code):
    space = spaces.Schedule(name, half_life="30%", length="3 epochs", warmup="1 epoch")
    assert repr(space.build(HyperParameters(), 0.4)) == code


@pytest.mark.host
@pytest.mark.parametrize("half_life", [3, "3 steps", "1 epoch", "30%", "1.5 epochs"])
def test_every_decay_halves_at_its_half_life_in_any_unit(half_life):
    for name in ("exponential", "inverse_time", "inverse_sqrt"):
        schedule = spaces.Schedule(name, half_life=half_life).build(HyperParameters(), 0.4)
        steps = {"1 epoch": 4, "30%": 6, "1.5 epochs": 6}.get(half_life, 3)
        assert schedule.bind(4, epochs=5)(steps) == pytest.approx(0.2, rel=1e-6)


@pytest.mark.host
def test_a_duration_matters_only_to_its_schedules():
    texts = ["10%", "50%"]
    space = spaces.Schedule(["exponential", "cosine", "one_cycle"], texts, texts, texts)
    active = {
        "exponential": {"half_life", "warmup"},
        "cosine": {"length", "warmup"},
        "one_cycle": {"length"},
    }
    for hp in sampled(space):
        names = {name for name in names_of(hp) if hp.is_active(name)} - {"schedule"}
        assert names == active[hp["schedule"]]
        assert {name for name, value in space.declare(hp).items() if value} - {"schedule"} == names


@pytest.mark.host
@pytest.mark.parametrize("off", [False, "constant"])
def test_no_schedule_is_the_learning_rate_itself(off):
    hp = HyperParameters()
    assert spaces.Schedule(off).build(hp, 0.3) == 0.3
    assert hp.space == []


@pytest.mark.parametrize(
    ("name", "expected", "interval"),
    [
        ("nag", optimizers.NAG, (1e-3, 3e-2)),
        ("adam", optimizers.Adam, (1e-4, 1e-2)),
        ("adamw", optimizers.AdamW, (1e-4, 1e-2)),
        ("nadam", optimizers.Nadam, (1e-4, 1e-2)),
        ("sgd", keras.optimizers.SGD, (1e-3, 3e-2)),
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
    assert RULES[name].learning_rate == interval


def test_numbers_reach_the_optimizers_that_have_them():
    space = spaces.Optimizer(
        list(RULES), learning_rate=0.1, momentum=0.7, weight_decay=0.01, schedule=False
    )
    for name in RULES:
        hp = HyperParameters()
        hp.values["optimizer"] = name
        config = space.build(hp).get_config()
        assert config["weight_decay"] == pytest.approx(0.01)
        assert config["global_clipnorm"] == 1.0
        momenta = {key: config[key] for key in ("momentum", "beta_1") if key in config}
        assert list(momenta.values()) == ([] if name.startswith("ada") and len(name) > 5 else [0.7])


def test_gradients_may_have_no_limit_or_one_that_is_searched():
    hp = HyperParameters()
    assert spaces.Optimizer("nag", clipnorm=False).build(hp).global_clipnorm is None
    assert spaces.Optimizer("nag", clipnorm=(0.1, 10.0)).build(hp).global_clipnorm == 1.0
    assert names_of(hp)[-1] == "clipnorm"


@pytest.mark.short("torch")
@pytest.mark.parametrize("name", RULES)
def test_the_highest_rate_and_momentum_learn_on_standardized_data(name):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(320, 10)).astype("float32")
    y = x[:, :1] + generator.normal(size=(320, 1)).astype("float32") / 2
    highest = {"learning_rate": RULES[name].learning_rate[1], "schedule": False}
    if RULES[name].momentum:
        highest["momentum"] = RULES[name].momentum[1]
    hidden = keras.layers.Dense(256, "relu", kernel_initializer="he_normal")
    model = keras.Sequential([keras.Input((10,)), hidden, keras.layers.Dense(1)])
    model.compile(spaces.optimizer(HyperParameters(), name, **highest), "mse")
    losses = model.fit(x, y / y.std(), epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.8


@pytest.mark.parametrize(("name", "decay"), [("adamw", 0.0), ("adam", None), ("sgd", None)])
def test_no_weight_decay_is_none(name, decay):
    optimizer = spaces.Optimizer(name, weight_decay=False).build(HyperParameters())
    assert optimizer.weight_decay == decay


@pytest.mark.host
def test_momentum_and_weight_decay_are_searched_where_they_matter_most():
    names = spaces.Optimizer(list(RULES), schedule=False).parameters()
    assert [name for name in names if "momentum" in name] == ["nag/momentum", "sgd/momentum"]
    assert [name for name in names if "decay" in name] == ["adamw/weight_decay"]
    names = spaces.Optimizer(
        list(RULES), momentum=(0.5, 0.9), weight_decay=(1e-5, 1e-2)
    ).parameters()
    assert len([name for name in names if name.endswith("/momentum")]) == len(RULES) - 2
    assert len([name for name in names if name.endswith("/weight_decay")]) == len(RULES)


def test_a_schedule_is_in_steps_where_the_length_is_told():
    options = {"learning_rate": 0.2, "schedule": "cosine"}
    optimizer = spaces.optimizer(HyperParameters(), "adam", **options, steps_per_epoch=10, epochs=4)
    optimizer.build([])
    optimizer.iterations.assign(20)
    assert_close(optimizer.learning_rate, 0.1)
    untold = spaces.optimizer(HyperParameters(), "adam", **options)
    with pytest.raises(ValueError, match="in steps where the length of the training is unknown"):
        untold.learning_rate  # noqa: B018


def test_the_chosen_optimizer_takes_the_chosen_schedule():
    curves = ("constant", "exponential")
    space = spaces.Optimizer(("adam", "nag"), learning_rate=0.2, schedule=curves, momentum=0.9)
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
            "`optimizer` must be one of 'nag', 'adam', 'adamw', 'nadam', 'sgd', 'rmsprop', "
            "'adagrad', 'adadelta'. Received: optimizer='adamm'",
        ),
        (
            lambda: spaces.Optimizer("adam", learning_rate=(0, 0.1)),
            "`learning_rate` must be a number > 0. Received: learning_rate=0",
        ),
        (
            lambda: spaces.Optimizer("adadelta", momentum=0.9),
            "`momentum` must be None where no optimizer has one. Received: momentum=0.9",
        ),
        (
            lambda: spaces.Optimizer(momentum=(0.5, 1.0)),
            "`momentum` must be in [0, 1). Received: momentum=1.0",
        ),
        (
            lambda: spaces.Optimizer(weight_decay=0),
            "`weight_decay` must be a number > 0. Received: weight_decay=0",
        ),
        (
            lambda: spaces.Schedule("cosin"),
            "`schedule` must be one of 'constant', 'exponential', 'inverse_time', 'inverse_sqrt', "
            "'cosine', 'one_cycle'. Received: schedule='cosin'",
        ),
        (
            lambda: spaces.Schedule(half_life=0),
            '`half_life` must be a number of steps > 0, or a text like "5 epochs" or "10%". '
            "Received: half_life=0",
        ),
        (
            lambda: spaces.Schedule(warmup=[100, "10%"]),
            "`warmup` must be values of one type. Received: warmup=[100, '10%']",
        ),
        (
            lambda: spaces.Epochs(0),
            "`epochs` must be an integer >= 1. Received: epochs=0",
        ),
        (lambda: spaces.Dropout(prefix=1), "`prefix` must be a string. Received: prefix=1"),
        (
            lambda: spaces.HiddenUnits(shape="linear", per_layer=True),
            "`shape` must be None with `per_layer`. Received: shape='linear'",
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
