"""The contract of every optimizer: what Keras's base class promises, whatever the rule."""

import copy
import json

import keras
import numpy as np
import pytest
from keras import ops

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam
from tests import contracts

pytestmark = pytest.mark.oldest

CASES = [
    pytest.param(NAG, {"learning_rate": 0.05}, id="nag"),
    pytest.param(NAG, {"learning_rate": 0.05, "nesterov": False}, id="heavy-ball"),
    pytest.param(NAG, {"learning_rate": 0.05, "torch_velocity": True}, id="torch-velocity"),
    pytest.param(Adam, {"learning_rate": 0.01}, id="adam"),
    pytest.param(Adam, {"learning_rate": 0.01, "amsgrad": True}, id="amsgrad"),
    pytest.param(AdamW, {"learning_rate": 0.01}, id="adamw"),
    pytest.param(Nadam, {"learning_rate": 0.01}, id="nadam"),
]
every_optimizer = pytest.mark.parametrize(("cls", "arguments"), CASES)
every_rule = pytest.mark.parametrize(
    ("cls", "arguments"), [case for case in CASES if case.id in ("nag", "adamw", "nadam")]
)


def data(rows=64):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(rows, 4)).astype("float32")
    return x, np.tanh(x @ rng.normal(size=(4, 2))).astype("float32")


def compiled(optimizer, **compile_arguments):
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, "tanh"), keras.layers.Dense(2)]
    )
    model.compile(optimizer, "mse", **compile_arguments)
    return model


def train(model, epochs=1, batch_size=16):
    return model.fit(*data(), epochs=epochs, batch_size=batch_size, shuffle=False, verbose=0)


def apply(optimizer, variable, gradient):
    """Apply one gradient the way this backend's trainer does."""
    gradients = [ops.convert_to_tensor(gradient, dtype=variable.dtype)]
    if not optimizer.built:
        optimizer.build([variable])
    if keras.backend.backend() != "jax":
        optimizer.apply(gradients, [variable])
        return
    state = [v.value for v in optimizer.variables]
    (value,), state = optimizer.stateless_apply(state, gradients, [variable.value])
    variable.assign(value)
    for slot, value in zip(optimizer.variables, state, strict=True):
        slot.assign(value)


@every_optimizer
def test_config_round_trips_through_json(cls, arguments):
    copy_ = contracts.assert_round_trips(cls(**arguments, weight_decay=0.1, clipnorm=2.0))
    assert copy_.weight_decay == 0.1


@every_optimizer
def test_is_found_by_its_registered_name(cls, arguments):
    assert type(keras.optimizers.get(f"keras_trainkit>{cls.__name__}")) is cls


@every_optimizer
def test_a_copy_is_independent_and_equal(cls, arguments):
    optimizer = cls(**arguments)
    assert copy.deepcopy(optimizer).get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (NAG, {"momentum": 1.0}, "`momentum` must be in [0, 1). Received: momentum=1.0"),
        (NAG, {"learning_rate": -1}, "`learning_rate` must be in [0, inf). Received: learning_r"),
        (NAG, {"learning_rate": "fast"}, "Received: learning_rate='fast'"),
        (NAG, {"clipnorm": 0}, "`clipnorm` must be a number > 0. Received: clipnorm=0"),
        (Adam, {"beta_1": 1.2}, "`beta_1` must be in [0, 1). Received: beta_1=1.2"),
        (Adam, {"beta_2": float("nan")}, "`beta_2` must be in [0, 1). Received: beta_2=nan"),
        (Adam, {"epsilon": -1e-8}, "`epsilon` must be in [0, inf). Received: epsilon=-1e-08"),
        (Adam, {"amsgrad": 1}, "`amsgrad` must be a bool. Received: amsgrad=1"),
        (Adam, {"epsilon_hat": None}, "`epsilon_hat` must be a bool. Received: epsilon_hat=None"),
        (NAG, {"nesterov": 0}, "`nesterov` must be a bool. Received: nesterov=0"),
        (NAG, {"torch_velocity": 1}, "`torch_velocity` must be a bool. Received: torch_velocity"),
        (AdamW, {"weight_decay": None}, "`weight_decay` must be a number in [0, inf). Rec"),
        (Nadam, {"momentum_decay": -1}, "`momentum_decay` must be in [0, inf). Received: mom"),
        (Nadam, {"beta_1": 1}, "`beta_1` must be in [0, 1). Received: beta_1=1"),
        (Adam, {"weight_decay": -0.1}, "`weight_decay` must be in [0, inf). Received: weight"),
        (
            Adam,
            {"gradient_accumulation_steps": 1},
            "`gradient_accumulation_steps` must be an integer >= 2. Received: gradient_acc",
        ),
    ],
)
def test_bad_argument_is_refused_with_one_sentence(cls, arguments, message):
    with pytest.raises(ValueError, match="must be") as error:
        cls(**arguments)
    assert message in str(error.value)


@every_rule
def test_two_fits_follow_the_path_of_one(cls, arguments):
    once, twice = compiled(cls(**arguments)), compiled(cls(**arguments))
    train(once, epochs=4)
    train(twice, epochs=2)
    train(twice, epochs=2)
    for expected, actual in zip(once.get_weights(), twice.get_weights(), strict=True):
        contracts.assert_close(actual, expected)


@every_optimizer
def test_learning_rate_follows_a_schedule_and_can_be_assigned(cls, arguments):
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.5, 0.0])
    variable = keras.Variable([1.0])
    optimizer = cls(**{**arguments, "learning_rate": schedule})
    for _ in range(3):
        apply(optimizer, variable, [1.0])
    assert float(optimizer.learning_rate) == 0.0
    json.dumps(optimizer.get_config())

    optimizer, variable = cls(**arguments), keras.Variable([1.0])
    optimizer.learning_rate = 0.0
    apply(optimizer, variable, [1.0])
    contracts.assert_close(variable, [1.0])


@every_optimizer
@pytest.mark.parametrize("clip", [{"clipnorm": 0.1}, {"global_clipnorm": 0.1}, {"clipvalue": 0.1}])
def test_clipping_acts_on_the_gradient(cls, arguments, clip):
    clipped, plain = keras.Variable([1.0]), keras.Variable([1.0])
    optimizers = cls(**arguments, **clip), cls(**arguments)
    for _ in range(3):
        apply(optimizers[0], clipped, [40.0])
        apply(optimizers[1], plain, [0.1])
    contracts.assert_close(clipped, plain)


@every_optimizer
def test_weight_decay_is_decoupled_and_scaled_by_the_learning_rate(cls, arguments):
    variable = keras.Variable([[2.0]])
    apply(cls(**arguments, weight_decay=0.1), variable, [[0.0]])
    contracts.assert_close(variable, [[2.0 - 2.0 * 0.1 * arguments["learning_rate"]]])


@every_optimizer
def test_accumulation_equals_one_step_with_the_mean_gradient(cls, arguments):
    accumulated, plain = keras.Variable([1.0, 2.0]), keras.Variable([1.0, 2.0])
    optimizer = cls(**arguments, gradient_accumulation_steps=2)
    reference = cls(**arguments)
    for first, second in [([1.0, 0.0], [3.0, 2.0]), ([-1.0, 5.0], [0.0, 1.0])]:
        apply(optimizer, accumulated, first)
        apply(optimizer, accumulated, second)
        apply(reference, plain, np.mean([first, second], axis=0))
    assert int(optimizer.iterations) == 2
    contracts.assert_close(accumulated, plain)


@every_optimizer
def test_ema_averages_what_the_model_holds_and_ends_there(cls, arguments):
    variable = keras.Variable([1.0])
    optimizer = cls(**arguments, use_ema=True, ema_momentum=0.5)
    average = None
    for _ in range(4):
        apply(optimizer, variable, [1.0])
        held = ops.convert_to_numpy(variable.value).copy()
        average = held if average is None else 0.5 * average + 0.5 * held
    optimizer.finalize_variable_values([variable])
    contracts.assert_close(variable, average)


@every_optimizer
def test_loss_scaling_skips_overflow_and_changes_nothing_else(cls, arguments):
    scaled = keras.optimizers.LossScaleOptimizer(cls(**arguments), initial_scale=8.0)
    plain = cls(**arguments)
    variables = keras.Variable([1.0]), keras.Variable([1.0])
    apply(scaled, variables[0], [float("inf")])
    contracts.assert_close(variables[0], [1.0])
    for _ in range(3):
        scale = float(scaled.dynamic_scale)
        apply(scaled, variables[0], [0.5 * scale])
        apply(plain, variables[1], [0.5])
    contracts.assert_close(variables[0], variables[1])


@every_rule
def test_trains_in_mixed_precision(cls, arguments):
    keras.config.set_dtype_policy("mixed_float16")
    model = compiled(cls(**arguments))
    losses = train(model, epochs=8).history["loss"]
    assert losses[-1] < losses[0]
    assert {str(w.dtype) for w in model.weights} == {"float32"}


@every_optimizer
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_variables_are_updated_in_float32(cls, arguments, dtype):
    half, full = keras.Variable([1.0], dtype=dtype), keras.Variable([1.0])
    optimizers = cls(**arguments), cls(**arguments)
    for _ in range(5):
        apply(optimizers[0], half, [0.5])
        apply(optimizers[1], full, [0.5])
    contracts.assert_close(ops.cast(half, "float32"), full, dtype)


@pytest.mark.backend("tensorflow")
@every_optimizer
def test_sparse_gradient_equals_the_dense_one(cls, arguments):
    import tensorflow as tf

    sparse, full = keras.Variable(np.ones((4, 2))), keras.Variable(np.ones((4, 2)))
    slices = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([1, 1]), (4, 2))
    optimizers = cls(**arguments), cls(**arguments)
    for _ in range(2):
        optimizers[0].apply([slices], [sparse])
        apply(optimizers[1], full, [[0, 0], [4.0, 6.0], [0, 0], [0, 0]])
    contracts.assert_close(sparse, full)


@pytest.mark.backend("torch")
@every_optimizer
def test_no_python_loop_over_variables_on_torch(cls, arguments, monkeypatch):
    monkeypatch.setattr(cls, "update_step", None)
    train(compiled(cls(**arguments)))


@every_rule
def test_works_without_xla_eagerly_and_over_several_steps(cls, arguments):
    several = {} if keras.backend.backend() == "torch" else {"steps_per_execution": 2}
    reference = compiled(cls(**arguments))
    train(reference)
    for variant in {"run_eagerly": True}, {"jit_compile": False, **several}:
        model = compiled(cls(**arguments), **variant)
        train(model)
        for expected, actual in zip(reference.get_weights(), model.get_weights(), strict=True):
            contracts.assert_close(actual, expected)


@pytest.mark.backend("torch")
@pytest.mark.parametrize(("cls", "arguments"), [*CASES, (NAG, {"momentum": 0.0})])
def test_gradients_of_another_shape_are_spread_or_refused(cls, arguments):
    weights = [keras.Variable(np.ones((3, 2))) for _ in range(2)]
    for weight, shape in zip(weights, [(3, 2), (1, 2)], strict=True):
        cls(**arguments).apply([ops.ones(shape)], [weight])
    contracts.assert_close(*weights)
    with pytest.raises(RuntimeError, match="expanded size of the tensor"):
        cls(**arguments).apply([ops.ones((4, 2))], weights[:1])
