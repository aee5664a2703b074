"""A lane of a stack is the training of its network by itself.

On PyTorch Keras multiplies matrices in float32, whatever their type: there `test_peer` compares.
"""

import keras
import numpy as np
import pytest
from keras import layers, regularizers
from keras import optimizers as of_keras

from keras_trainkit import optimizers, schedules
from keras_trainkit.layers import BatchNormalization
from keras_trainkit.tuner._stack.stack import Stack
from tests.tuner.stack.networks import FIT, ROOM, lane_of, network, trained

IN_KERAS = pytest.mark.backend("tensorflow", "jax")
EPOCHS = 20  # 100 steps
DECAY = of_keras.schedules.ExponentialDecay(0.125, 16, 0.5)
# Numbers that float32 holds, as which Keras takes them on some backends.
KERAS_ADAM = {"beta_1": 0.875, "beta_2": 0.96875, "epsilon": 2**-20}
OPTIMIZERS = {
    "sgd": lambda: of_keras.SGD(0.125),
    "sgd with a schedule": lambda: of_keras.SGD(DECAY),
    "sgd with momentum": lambda: of_keras.SGD(2**-4, 0.875, weight_decay=2**-7),
    "sgd with nesterov": lambda: of_keras.SGD(2**-4, 0.875, nesterov=True),
    "sgd, clipped": lambda: of_keras.SGD(0.125, global_clipnorm=0.25),
    "keras's adam": lambda: of_keras.Adam(2**-7, **KERAS_ADAM),
    "keras's adamw": lambda: of_keras.AdamW(2**-7, weight_decay=2**-5, **KERAS_ADAM),
    "rmsprop": lambda: of_keras.RMSprop(2**-8, rho=0.875, epsilon=2**-20),
    "adagrad": lambda: of_keras.Adagrad(2**-4, 0.125, epsilon=2**-20),
    "nag": lambda: optimizers.NAG(0.05, global_clipnorm=1.0),
    "heavy ball": lambda: optimizers.NAG(0.05, nesterov=False),
    "nag without momentum": lambda: optimizers.NAG(0.05, 0.0),
    "adam": lambda: optimizers.Adam(schedules.CosineDecay(0.01, 80)),
    "adam, epsilon hat": lambda: optimizers.Adam(0.01, epsilon_hat=True),
    "adamw": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "nadam": lambda: optimizers.Nadam(schedules.ExponentialDecay(0.01, 20, 0.5)),
}
NETWORKS = {
    "two blocks": {},
    "none": {"widths": ()},
    "three, elu": {"widths": (30, 10, 12), "act": "elu"},
    "normalized": {"norm": BatchNormalization, "act": "tanh"},
    "normalized by Keras": {"norm": layers.BatchNormalization, "widths": (20,)},
    "no scale": {"norm": lambda: layers.BatchNormalization(scale=False)},
    "l1": {"penalty": regularizers.L1(2**-10), "act": "selu"},
    "l2": {"penalty": regularizers.L2(2**-7), "act": "gelu"},
    "both": {"penalty": regularizers.L1L2(2**-10, 2**-8), "widths": (40,)},
}


@pytest.fixture
def precise(request):
    """Return how far weights may differ, in float64 but for JAX."""
    if keras.backend.backend() == "jax":
        return 2e-5
    request.getfixturevalue("float64")
    return 1e-10


def alone(model):
    """Train a model by `fit`, and leave it where the last step was taken."""
    history = model.fit(**FIT, epochs=EPOCHS).history
    getattr(model.optimizer, "resume", lambda: None)()
    return history


def pair(seed, optimizer, **options):
    """Return two equal models."""
    keras.utils.set_random_seed(seed)
    one, other = (network(optimizer(), **options) for _ in range(2))
    other.set_weights(one.get_weights())
    return one, other


def check(pairs, precise):
    logs = trained([other for _, other in pairs], EPOCHS, layout_of(pairs))
    for lane, (one, other) in enumerate(pairs):
        history = alone(one)
        for mine, its in zip(other.get_weights(), one.get_weights(), strict=True):
            np.testing.assert_allclose(mine, its, rtol=0, atol=precise)
        for name, values in history.items():
            seen = [epoch[lane][name] for epoch in logs]
            np.testing.assert_allclose(seen, values, rtol=1e-4, atol=1e-6)


def layout_of(pairs):
    lane, _ = lane_of(pairs[0][1])
    return ROOM if lane.layout.depth else lane.layout


@IN_KERAS
@pytest.mark.parametrize("names", [list(OPTIMIZERS)[:8], list(OPTIMIZERS)[8:]])
def test_optimizers_take_their_own_steps(names, precise):
    check([pair(i, OPTIMIZERS[name]) for i, name in enumerate(names)], precise)


@IN_KERAS
def test_networks_of_all_kinds_share_a_stack(precise):
    kinds = [options for name, options in NETWORKS.items() if name != "none"]
    check([pair(i, OPTIMIZERS["nag"], **kind) for i, kind in enumerate(kinds)], precise)


@IN_KERAS
def test_a_network_without_a_hidden_block_is_one_too(precise):
    check([pair(i, OPTIMIZERS[name], widths=()) for i, name in enumerate(["sgd", "nag"])], precise)


def test_no_lane_changes_a_bit_of_another():
    def weights(rate, options):
        keras.utils.set_random_seed(0)
        first = network(of_keras.SGD(0.1), rate=0.25)
        second = network(optimizers.Adam(rate), act="tanh", norm=BatchNormalization, **options)
        logs = trained([first, second], 3, shuffle=True)
        return first.get_weights(), [epoch[0] for epoch in logs]

    # What the stack can do is the same in all of them; else it would be another program.
    (same, logs), *others = (
        weights(*each)
        for each in [(0.01, {}), (1e9, {}), (0.01, {"widths": (8,)}), (0.01, {"rate": 0.5})]
    )
    for other, of_other in others:
        assert of_other == logs
        for mine, its in zip(same, other, strict=True):
            np.testing.assert_array_equal(mine, its)


def test_dropout_lets_pass_what_it_should_and_keeps_the_mean():
    lane, _ = lane_of(network(of_keras.SGD(0.1), widths=(32, 16), rate=0.2), batch_size=64)
    lane.place(ROOM)
    keep = lane.keep(0, 500)
    assert keep.shape == (500, 64, 32)
    # One standard deviation of the mean is 4e-4.
    assert keep.mean() * lane.settings["gain"][0] == pytest.approx(1, abs=2e-3)
    # Of all positions and steps alike, and not of the other block or lane.
    assert np.ptp(keep.mean(axis=(0, 1))) < 0.02
    other, _ = lane_of(network(of_keras.SGD(0.1), widths=(32, 16), rate=0.2), seed=1)
    agreement = (keep[:, :16] == other.keep(0, 500)).mean()
    assert agreement == pytest.approx(0.8**2 + 0.2**2, abs=0.01)


def test_masks_do_not_depend_on_how_many_are_drawn_at_a_time():
    one, two = (lane_of(network(of_keras.SGD(0.1), rate=0.2))[0] for _ in range(2))
    together = one.keep(1, 6)
    np.testing.assert_array_equal(together, np.concatenate([two.keep(1, 2), two.keep(1, 4)]))


def test_each_lane_sees_every_row_once_an_epoch_in_its_own_order():
    lanes = [lane_of(network(of_keras.SGD(0.1)), seed, shuffle=True)[0] for seed in (0, 0, 1)]
    orders = [lane.order() for lane in lanes]
    assert all(sorted(order) == list(range(80)) for order in orders)
    assert (orders[0] == orders[1]).all()
    assert (orders[0] != orders[2]).any()
    assert (lanes[0].order() != orders[0]).any()


def test_units_that_fill_up_stay_zero():
    model = network(optimizers.AdamW(0.01), act="sigmoid", penalty=regularizers.L2(0.01))
    lane, scores = lane_of(model)
    stack = Stack(ROOM, lane, scores)
    lane.place(ROOM)
    for _ in range(3):
        stack.train([lane])
    assert not lane.state.weights[lane.settings["present"] == 0].any()
    assert model.count_params() == lane.settings["present"].sum()
