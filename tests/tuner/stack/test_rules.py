"""The numbers of a step are those of the papers: a NumPy twin takes the same steps."""

import keras
import numpy as np
import pytest
from keras import optimizers as of_keras

from keras_trainkit import optimizers, schedules
from keras_trainkit.tuner._stack.chain import NotStackable
from keras_trainkit.tuner._stack.rules import COLUMNS, rule_of

pytestmark = pytest.mark.host

STEPS = 50
GRADIENTS = np.random.default_rng(0).normal(size=(STEPS, 4))
RATE, MU, B1, B2 = 0.01, 0.9, 0.9, 0.999


def sgd(w, g, t, s, lr):
    return w - lr * g


def momentum(w, g, t, s, lr):
    s["v"] = MU * s["v"] + lr * g
    return w - s["v"]


def nesterov(w, g, t, s, lr):
    s["v"] = MU * s["v"] + lr * g
    return w - MU * s["v"] - lr * g


def adam(w, g, t, s, lr, epsilon=1e-8, decay=0.0, hat=False):
    s["m"], s["v"] = B1 * s["m"] + (1 - B1) * g, B2 * s["v"] + (1 - B2) * g**2
    m, v = s["m"] / (1 - B1**t), s["v"] / (1 - B2**t)
    root = np.sqrt(1 - B2**t) if hat else 1.0
    return w * (1 - lr * decay) - lr * m / (np.sqrt(v) + epsilon / root)


def nadam(w, g, t, s, lr):
    def mu(step):
        return B1 * (1 - 0.5 * 0.96 ** (step * 0.004))

    s["m"], s["v"] = B1 * s["m"] + (1 - B1) * g, B2 * s["v"] + (1 - B2) * g**2
    s["product"] = s.get("product", 1.0) * mu(t)
    ahead = s["product"] * mu(t + 1)
    m = mu(t + 1) * s["m"] / (1 - ahead) + (1 - mu(t)) * g / (1 - s["product"])
    return w - lr * m / (np.sqrt(s["v"] / (1 - B2**t)) + 1e-8)


def rmsprop(w, g, t, s, lr):
    s["v"] = 0.9 * s["v"] + 0.1 * g**2
    return w - lr * g / np.sqrt(s["v"] + 1e-7)


def adagrad(w, g, t, s, lr):
    s["v"] = (s["v"] if t > 1 else 0.1) + g**2
    return w - lr * g / np.sqrt(s["v"] + 1e-7)


HALVED = schedules.ExponentialDecay(RATE, 10, 0.5)
TWINS = {
    "sgd": (lambda rate: of_keras.SGD(rate), sgd),
    "momentum": (lambda rate: of_keras.SGD(rate, MU), momentum),
    "nesterov": (lambda rate: of_keras.SGD(rate, MU, nesterov=True), nesterov),
    "nag": (lambda rate: optimizers.NAG(rate), nesterov),
    "heavy ball": (lambda rate: optimizers.NAG(rate, nesterov=False), momentum),
    "adam": (lambda rate: optimizers.Adam(rate), adam),
    "keras's adam": (
        lambda rate: of_keras.Adam(rate),
        lambda *a: adam(*a, epsilon=1e-7, hat=True),
    ),
    "adamw": (
        lambda rate: optimizers.AdamW(rate, weight_decay=0.1),
        lambda *a: adam(*a, decay=0.1),
    ),
    "nadam": (lambda rate: optimizers.Nadam(rate), nadam),
    "rmsprop": (lambda rate: of_keras.RMSprop(rate), rmsprop),
    "adagrad": (lambda rate: of_keras.Adagrad(rate), adagrad),
}


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("rate", [RATE, HALVED])
def test_the_update_is_the_rule_of_the_paper(name, rate):
    make, twin = TWINS[name]
    rule = rule_of(make(rate))
    # In two epochs, as a stack asks for them.
    table = np.concatenate([rule.table(0, 20), rule.table(20, STEPS)])
    w, m, v = np.ones(4), np.zeros(4), np.full(4, rule.first)
    expected, slots = np.ones(4), {"m": 0.0, "v": 0.0}
    for t, g in enumerate(GRADIENTS, start=1):
        n = dict(zip(COLUMNS, table[t - 1], strict=True))
        m, v = n["A"] * m + n["B"] * g, n["C"] * v + n["D"] * g**2
        w = n["K"] * w - (n["E"] * m + n["F"] * g) / (np.sqrt(n["G"] * v + n["H"]) + n["I"])
        lr = rate if rate is RATE else HALVED(t - 1)
        expected = twin(expected, g, t, slots, lr)
        np.testing.assert_allclose(w, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: of_keras.Adadelta(), "Adadelta"),
        (lambda: of_keras.RMSprop(momentum=0.5), "momentum"),
        (lambda: of_keras.RMSprop(centered=True), "centered"),
        (lambda: of_keras.Adam(amsgrad=True), "amsgrad"),
        (lambda: of_keras.SGD(clipnorm=1.0), "clipnorm"),
        (lambda: of_keras.SGD(clipvalue=1.0), "clipvalue"),
        (lambda: of_keras.SGD(use_ema=True), "use_ema"),
        (lambda: of_keras.SGD(gradient_accumulation_steps=2), "gradient_accumulation_steps"),
        (lambda: optimizers.NAG(torch_velocity=True), "torch_velocity"),
        (lambda: optimizers.Adam(skip_nonfinite=True), "skip_nonfinite"),
        (lambda: optimizers.Adam(clipping=optimizers.AdaptiveClipping()), "clipping"),
        (lambda: optimizers.Adam(learning_rate_multipliers={"bias": 2.0}), "multipliers"),
        (lambda: optimizers.AdamW(weight_decay_exclude=["bias"]), "weight_decay_exclude"),
        (lambda: optimizers.AdamW(weight_decay_min_rank=2), "weight_decay_min_rank"),
    ],
)
def test_what_the_numbers_cannot_say_is_refused(make, why):
    with pytest.raises(NotStackable, match=why):
        rule_of(make())


def test_what_was_excluded_from_decay_by_hand_is_seen():
    optimizer = of_keras.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    with pytest.raises(NotStackable, match="exclude_from_weight_decay"):
        rule_of(optimizer)


def test_an_optimizer_that_has_taken_steps_is_refused():
    optimizer = of_keras.SGD(momentum=0.5)
    variable = keras.Variable([1.0])
    optimizer.apply([keras.ops.ones((1,))], [variable])
    with pytest.raises(NotStackable, match="taken steps"):
        rule_of(optimizer)


def test_an_optimizer_of_the_users_own_is_refused():
    class Mine(of_keras.SGD):
        pass

    with pytest.raises(NotStackable, match="Mine"):
        rule_of(Mine())
