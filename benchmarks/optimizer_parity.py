"""Parity: how far the weights of two libraries are apart after the same training.

A network on the digits takes 1,000 steps on batches of 32 from the same weights; the learning rate
halves after each 250. All libraries are handed the gradients of one NumPy function, so that only
their optimizers differ. Distances are the largest difference of a weight over the largest way that
a weight has gone. "defaults" constructs both with the learning rate (and momentum 0.9 for NAG)
only, "switched" ours with the arguments in the last column. The second table changes one argument
of ours at a time, and prints the distance and the loss on all images before and after. Arguments
are the rules to compare; without any it is all four.
"""

import os
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
from _digits import Arrays, Digits
from _training_loops import with_keras, with_optax, with_torch

from keras_trainkit import optimizers

STEPS = int(os.environ.get("STEPS", "1000"))
BACKEND = keras.backend.backend()
RULES = sys.argv[1:] or ["NAG", "Adam", "AdamW", "Nadam"]
FIRST_RATES = {"NAG": 2.0**-5, "Adam": 2.0**-10, "AdamW": 2.0**-10, "Nadam": 2.0**-10}
# Keras has no float64 on JAX.
DTYPES = ("float32",) if BACKEND == "jax" else ("float32", "float64")


class Pair(NamedTuple):
    """A rule of ours, the library beside it, and the arguments with which ours is the same."""

    rule: str
    library: str
    theirs: Callable[..., Any]
    switches: dict[str, Any]


def pairs() -> list[Pair]:
    """Return what is compared."""
    import optax
    import torch

    hat = {"epsilon_hat": True, "epsilon": 1e-7}
    everywhere = {"weight_decay_min_rank": 0}
    sgd = keras.optimizers.SGD
    return [
        Pair("NAG", "Keras", partial(sgd, momentum=0.9, nesterov=True), {}),
        Pair(
            "NAG",
            "torch.optim",
            partial(torch.optim.SGD, momentum=0.9, nesterov=True),
            {"torch_velocity": True},
        ),
        Pair(
            "NAG",
            "optax",
            partial(optax.sgd, momentum=0.9, nesterov=True),
            {"torch_velocity": True},
        ),
        Pair("Adam", "Keras", keras.optimizers.Adam, hat),
        Pair("Adam", "torch.optim", torch.optim.Adam, {}),
        Pair("Adam", "optax", optax.adam, {}),
        Pair("AdamW", "Keras", keras.optimizers.AdamW, everywhere | hat),
        Pair("AdamW", "torch.optim", torch.optim.AdamW, everywhere | {"weight_decay": 0.01}),
        Pair("AdamW", "optax", optax.adamw, everywhere | {"weight_decay": 1e-4}),
        Pair("Nadam", "Keras", keras.optimizers.Nadam, {"momentum_decay": 1.0, "epsilon": 1e-7}),
        Pair("Nadam", "torch.optim", torch.optim.NAdam, {}),
        Pair("Nadam", "optax", optax.nadam, {"momentum_decay": 1e6}),
    ]


# A deviation from Keras in words, the rule, and what takes it back.
DEVIATIONS = [
    ("epsilon after the bias correction", "Adam", {"epsilon_hat": True}),
    ("epsilon 1e-8, not 1e-7", "Adam", {"epsilon": 1e-7}),
    ("both", "Adam", {"epsilon": 1e-7, "epsilon_hat": True}),
    ("no decay of biases", "AdamW", {"weight_decay_min_rank": 0}),
    ("momentum's warm-up", "Nadam", {"momentum_decay": 1.0}),
    ("epsilon 1e-8, not 1e-7", "Nadam", {"epsilon": 1e-7}),
]


@cache
def digits(dtype: str) -> Digits:
    """Return the network and its data."""
    return Digits(dtype)


@cache
def _trained(rule: str, dtype: str, arguments: tuple[tuple[str, Any], ...]) -> Arrays:
    make = partial(getattr(optimizers, rule), **dict(arguments))
    return with_keras(digits(dtype), make, FIRST_RATES[rule], STEPS)


def ours(rule: str, dtype: str, **arguments: Any) -> Arrays:
    """Return the weights after training with one of our rules."""
    return _trained(rule, dtype, tuple(sorted(arguments.items())))


def theirs(pair: Pair, dtype: str) -> Arrays:
    """Return the weights after training with the other library."""
    train = {"Keras": with_keras, "torch.optim": with_torch, "optax": with_optax}[pair.library]
    return train(digits(dtype), pair.theirs, FIRST_RATES[pair.rule], STEPS)


def distance(one: Arrays, other: Arrays, dtype: str) -> float:
    """Return the largest difference over the largest way gone."""
    start = digits(dtype).start
    apart, gone = (
        max(np.abs(a - b).max() for a, b in zip(one, reference, strict=True))
        for reference in (other, start)
    )
    return float(apart / gone)


def print_pairs(dtype: str) -> None:
    """Print the distances to the other libraries, by defaults in float32 only."""
    print(f"\n{dtype:8} {'':12} {'defaults':>9} {'switched':>9}")
    for pair in [pair for pair in pairs() if pair.rule in RULES]:
        other = theirs(pair, dtype)
        switched = distance(ours(pair.rule, dtype, **pair.switches), other, dtype)
        apart = ""
        if dtype == "float32":
            apart = f"{distance(ours(pair.rule, dtype), other, dtype):.0e}"
        switches = ", ".join(f"{name}={value}" for name, value in pair.switches.items())
        print(f"{pair.rule:8} {pair.library:12} {apart:>9} {switched:9.0e}  {switches}")


def print_deviations(dtype: str = "float32") -> None:
    """Print what each deviation from Keras changes."""
    print(f"\n{dtype:8} {'':34} {'distance':>9} {'loss':>9} {'taken back':>10}")
    for words, rule, arguments in DEVIATIONS:
        if rule in RULES:
            _print_change(words, rule, ours(rule, dtype), ours(rule, dtype, **arguments), dtype)
    if "NAG" not in RULES:
        return
    ended = with_keras(digits(dtype), optimizers.NAG, FIRST_RATES["NAG"], STEPS, finish=True)
    _print_change("ends at the iterate", "NAG", ended, ours("NAG", dtype), dtype)


def _print_change(words: str, rule: str, one: Arrays, other: Arrays, dtype: str) -> None:
    losses = [digits(dtype).loss(weights) for weights in (one, other)]
    apart = distance(one, other, dtype)
    print(f"{rule:8} {words:34} {apart:9.0e} {losses[0]:9.6f} {losses[1]:10.6f}")


def print_single_steps() -> None:
    """Print single float32 updates whose exact result is known."""
    print(f"\nfloat32, one update {'':29} {'exact':>9} {'ours':>10} {'Keras':>10}")
    huge = [3e25, 4e25]
    for name in ("clipnorm", "global_clipnorm"):
        moves = [_moved(kit.SGD, huge, name) for kit in (_Ours, keras.optimizers)]
        print(f"{'SGD':8} {name + '=1, gradient 3e25, 4e25':40} {-0.8:9.4f}" + _cells(moves))
    moves = [
        _moved(partial(kit.Adam, epsilon=0.0), [1.0, 1.0]) for kit in (optimizers, keras.optimizers)
    ]
    print(f"{'Adam':8} {'epsilon=0, gradient 1':40} {-1.0:9.6f}" + _cells(moves, 6))


class _Ours:
    SGD = partial(optimizers.NAG, momentum=0.0, nesterov=False)


def _cells(moves: list[float], decimals: int = 4) -> str:
    return "".join(f" {move:10.{decimals}f}" for move in moves)


def _moved(make: Callable[..., Any], gradient: list[float], clip: str | None = None) -> float:
    """Return the way of the second of two weights in one update with learning rate 1."""
    variable = keras.Variable(np.zeros(2, "float32"))
    optimizer = make(1.0, **({clip: 1.0} if clip else {}))
    optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
    return float(keras.ops.convert_to_numpy(variable)[1])


if __name__ == "__main__":
    print(f"{__doc__.strip()}\n\nKeras {keras.__version__} on {BACKEND}, {STEPS} steps")
    for dtype in DTYPES:
        keras.config.set_floatx(dtype)
        print_pairs(dtype)
    keras.config.set_floatx("float32")
    print_deviations()
    print_single_steps()
