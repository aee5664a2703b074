"""Every rule in float64 against its paper and PyTorch, step by step and slot by slot."""

import functools

import keras
import numpy as np
import pytest
import torch
from keras import ops

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam
from tests import contracts
from tests.references import optimizers as references
from tests.selection import full_on_torch

BACKEND = keras.backend.backend()
# "general" is the rule in Keras's operations, "foreach" what PyTorch runs where there is no CPU.
PATHS = {
    "tensorflow": ["fused", "general", "xla", "eager"],
    "torch": ["fused", "general", "foreach"],
    "jax": ["general"],
}[BACKEND]

STEPS = 1000
FEWER = {("tensorflow", "eager"): 30, ("torch", "general"): 200, ("torch", "foreach"): 200}
RNG = np.random.default_rng(11)
START = [RNG.normal(size=(5, 7)), RNG.normal(size=11)]
# Of very different sizes, so that a misplaced epsilon shows.
GRADIENTS = [
    RNG.normal(size=(STEPS, *w.shape)) * 10 ** RNG.uniform(-4, 0, size=w.shape) for w in START
]
CHANGING = 10 ** RNG.uniform(-4, -1, size=STEPS)
CHANGING[[0, 17, 100, 101, 500, 501]] = 0.0
CONSTANT = np.full(STEPS, 0.05)


# By name: rule, arguments, learning rates, and whether PyTorch has the same rule.
CASES = {
    "nag": (NAG, {}, CHANGING, False),
    "nag-at-constant-rate": (NAG, {}, CONSTANT, True),
    "nag-without-momentum": (NAG, {"momentum": 0.0}, CHANGING, False),
    "heavy-ball": (NAG, {"nesterov": False}, CHANGING, False),
    "heavy-ball-at-constant-rate": (NAG, {"nesterov": False}, CONSTANT, True),
    "torch-velocity": (NAG, {"torch_velocity": True}, CHANGING, True),
    "torch-heavy-ball": (NAG, {"torch_velocity": True, "nesterov": False}, CHANGING, True),
}
for epsilon in (1e-8, 1e-4, 1e-1):
    for name, rule, arguments, peer in (
        ("adam", Adam, {}, True),
        ("amsgrad", Adam, {"amsgrad": True}, True),
        ("epsilon-hat", Adam, {"epsilon_hat": True}, False),
        ("adamw", AdamW, {"weight_decay": 0.1}, False),
        ("adamw-on-all", AdamW, {"weight_decay": 0.1, "weight_decay_min_rank": 0}, True),
        ("nadam", Nadam, {}, True),
        ("fast-nadam", Nadam, {"momentum_decay": 1.0}, True),
    ):
        CASES[f"{name}-{epsilon}"] = (rule, {"epsilon": epsilon, **arguments}, CHANGING, peer)


# The paths with all their epsilons; one is enough where only the execution differs.
EPSILONS = {"fused": (1e-8, 1e-4, 1e-1), "general": (1e-8, 1e-1)}
RUNS = [
    (name, path)
    for name in CASES
    for path in PATHS
    if CASES[name][1].get("epsilon", 1e-1) in EPSILONS.get(path, (1e-1,))
]


# On the other backends the short form has all rules by the fused path, and each kind by others.
KINDS = ("nag", "torch-velocity", "adam-0.1", "amsgrad-0.1", "adamw-0.1", "nadam-0.1")
SHORT = [
    (name, path)
    for name, path in RUNS
    if name in KINDS or (path == PATHS[0] and not name.endswith("0.0001"))
]
# The oldest Keras has each optimizer once.
OLDEST = [(name, PATHS[0]) for name in ("nag", "adam-0.1", "adamw-0.1", "nadam-0.1")]
PARAMETERS = [
    pytest.param(*run, marks=pytest.mark.oldest) if run in OLDEST else run for run in RUNS
]


class Table(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of every step."""

    def __init__(self, rates):
        self.rates = rates

    def __call__(self, step):
        return ops.take(ops.convert_to_tensor(self.rates, dtype="float64"), step)


def state(optimizer, variables):
    """Return weights and slots as one vector; NAG's slots in their units, as `velocities` are."""
    units = getattr(optimizer, "_unit", (1.0, 1.0))
    slots = [units[i] * slot for kind in optimizer._slot_lists() for i, slot in enumerate(kind)]
    return ops.concatenate([ops.reshape(x, (-1,)) for x in (*variables, *slots)])


def of_ours(optimizer, path):
    """Return the states after every step; fewer of them where each is executed by itself."""
    variables = [keras.Variable(w) for w in START]
    steps = FEWER.get((BACKEND, path), STEPS)
    gradients = [ops.convert_to_tensor(g[:steps], dtype="float64") for g in GRADIENTS]
    optimizer.build(variables)
    if BACKEND == "jax":
        return scanned_by_jax(optimizer, variables, gradients)

    def step(gradients):
        optimizer.apply(list(gradients), variables)
        return state(optimizer, variables)

    if BACKEND == "tensorflow" and path != "eager":
        return scanned_by_tensorflow(step, gradients, state(optimizer, variables), path == "xla")
    return np.stack([contracts.array(step(now)) for now in zip(*gradients, strict=True)])


def scanned_by_tensorflow(step, gradients, before, jit_compile):
    import tensorflow as tf

    @tf.function(jit_compile=jit_compile)
    def scan(*gradients):
        return tf.scan(lambda _, now: step(now), gradients, before)

    return scan(*gradients).numpy()


def scanned_by_jax(optimizer, variables, gradients):
    import jax

    def step(carried, now):
        weights, own = optimizer.stateless_apply(carried[1], now, carried[0])
        values = zip([*variables, *optimizer.variables], [*weights, *own], strict=True)
        with keras.StatelessScope(values):
            return (weights, own), state(optimizer, variables)

    before = [v.value for v in variables], [v.value for v in optimizer.variables]
    return np.asarray(jax.jit(lambda *now: jax.lax.scan(step, before, now)[1])(*gradients))


@functools.cache
def of_twins(name):
    """Return the states after every step."""
    rule, arguments, rates, _ = CASES[name]
    arguments = dict(arguments)
    torchs = arguments.pop("torch_velocity", False)
    twin = references.TorchMomentum if torchs else getattr(references, rule.__name__)
    twins, states = [twin(w, **arguments) for w in START], []
    for rate, *now in zip(rates, *GRADIENTS, strict=True):
        for one, gradient in zip(twins, now, strict=True):
            one.step(gradient, rate)
        # Without momentum ours keeps no velocities.
        held = [one.slots if arguments.get("momentum") != 0 else [] for one in twins]
        slots = [slot for kind in zip(*held, strict=True) for slot in kind]
        states.append(np.concatenate([x.ravel() for x in (*(one.held for one in twins), *slots)]))
    return np.stack(states)


def peer_of(rule, weights, arguments):
    """Return PyTorch's optimizer of the same rule, which has other names and defaults."""
    if rule is NAG:
        nesterov = arguments.get("nesterov", True)
        return torch.optim.SGD(weights, lr=0.0, momentum=0.9, nesterov=nesterov)
    theirs = {"eps" if name == "epsilon" else name: x for name, x in arguments.items()}
    theirs.pop("weight_decay_min_rank", None)
    peer = {Adam: torch.optim.Adam, AdamW: torch.optim.AdamW, Nadam: torch.optim.NAdam}[rule]
    return peer(weights, lr=0.0, **theirs)


@functools.cache
def of_torch(name):
    """Return the states after every step."""
    rule, arguments, rates, _ = CASES[name]
    weights = [torch.tensor(w) for w in START]
    peer, states = peer_of(rule, weights, arguments), []
    for rate, *now in zip(rates, *GRADIENTS, strict=True):
        peer.param_groups[0]["lr"] = rate
        for weight, gradient in zip(weights, now, strict=True):
            weight.grad = torch.tensor(gradient)
        peer.step()
        unit = rate if rule is NAG else 1.0
        kinds = [kind for kind in peer.state[weights[0]] if kind not in ("step", "mu_product")]
        slots = [unit * peer.state[weight][kind] for kind in kinds for weight in weights]
        states.append(torch.cat([x.ravel() for x in (*weights, *slots)]).numpy())
    return np.stack(states)


@pytest.fixture
def everywhere_float64(float64):
    """Have float64 also where a backend or a peer needs to be told."""
    torch.set_default_dtype(torch.float64)  # the type of a product in `torch.optim.NAdam`
    if BACKEND == "jax":
        import jax

        with jax.enable_x64(True):
            yield
    else:
        yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("everywhere_float64")
@pytest.mark.parametrize(("name", "path"), full_on_torch(PARAMETERS, keep=SHORT))
def test_every_step_equals_the_paper_and_torch(name, path, monkeypatch):
    rule, arguments, rates, peer = CASES[name]
    optimizer = rule(Table(rates), **arguments)
    if path == "general":
        monkeypatch.setattr(optimizer, "_fused_update", lambda fused: None)
    elif path == "foreach":
        monkeypatch.setattr("keras_trainkit.optimizers._torch.on_host", lambda variable: False)
    states = of_ours(optimizer, path)
    contracts.assert_close(states, of_twins(name)[: len(states)], "float64")
    if peer:
        contracts.assert_close(states, of_torch(name)[: len(states)], "float64")
