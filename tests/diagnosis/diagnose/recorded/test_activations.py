import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import (
    Activations,
    ArrayFacts,
    LayerFacts,
    SignalFacts,
    TrialFacts,
)
from keras_trainkit.diagnosis._diagnose.recorded import activations as rules
from tests.diagnosis.trainings import STEPS, case, classifier, found

pytestmark = pytest.mark.host

CHANCE, GOOD = {"accuracy": np.full(6, 0.5)}, {"accuracy": np.full(6, 0.98)}
LAYERS = [f"model/dense_{i}" for i in range(3)]


def probe(kind, column, values):
    table = np.full((1, 3, 5), np.nan)
    table[0, :, column] = values
    return Activations([5], LAYERS, [kind] * 3, table)


@pytest.mark.parametrize(
    ("dead", "logs", "expected"),
    [
        ([0.1, 1.0, 1.0], CHANCE, ("error", "model/dense_1")),
        ([0.1, 0.95, 0.6], CHANCE, ("error", "model/dense_1")),
        ([0.1, 0.95, 0.6], {"accuracy": np.full(6, 0.6)}, ("warning", "model/dense_1")),
        ([0.1, 0.75, 0.6], CHANCE, ("info", "model/dense_1")),
        ([0.59, 0.2, 0.1], GOOD, ("info", "model/dense_0")),
    ],
)
def test_dead_units_count_by_what_is_learned(dead, logs, expected):
    finding = found(rules.dead_units, case(activations=probe("relu", 3, dead), **logs))
    assert (finding.severity, finding.where) == expected


def test_few_dead_units_are_none():
    probed = probe("relu", 3, [0.4, 0.45, np.nan])
    assert not found(rules.dead_units, case(activations=probed, **CHANCE))
    assert not found(rules.dead_units, case(**CHANCE))


def test_units_that_die_since_the_signal_fades_from_the_start_are_no_root():
    hidden = [
        LayerFacts(f"model/dense_{i}", "Dense", 8, "relu", fan_in=8, parameters=72)
        for i in range(4)
    ]
    known = dataclasses.replace(
        classifier(),
        layers=tuple(hidden),
        inputs=(ArrayFacts("x", (640, 8), "float32", 640, scales=(1.0, 1.0, 1.0)),),
    )
    for factor, is_found in ((0.01, False), (0.9, True)):
        sizes = [factor ** (i + 1) for i in range(4)]
        made = [SignalFacts(h.path, s) for h, s in zip(hidden, sizes, strict=True)]
        facts = dataclasses.replace(known, trial=TrialFacts(8, signals=tuple(made)))
        given = case(facts, activations=probe("relu", 3, [0.1, 1.0, 1.0]), **CHANCE)
        assert bool(found(rules.dead_units, given)) is is_found


def test_a_dead_layer_shows_without_a_probe():
    norms = np.ones((STEPS, 6))
    norms[:, :5] = 0.0
    finding = found(rules.dead_units, case(columns={"norm": norms}, **CHANCE))
    assert (finding.severity, finding.where) == ("error", "model/dense_1")


def test_hidden_layers_saturate_and_heads_do_not():
    shares = [0.2, 0.9, 1.0]
    half = {"accuracy": np.full(6, 0.8)}
    assert (
        found(rules.saturated_units, case(activations=probe("tanh", 4, shares), **half)).severity
        == "warning"
    )
    finding = found(rules.saturated_units, case(activations=probe("tanh", 4, shares), **CHANCE))
    assert (finding.severity, finding.where) == ("error", "model/dense_1")
    for kind, values in (("tanh", [0.2, 0.6, 1.0]), ("softmax", shares)):
        given = case(activations=probe(kind, 4, values), **CHANCE)
        assert not found(rules.saturated_units, given)


def test_a_dead_bottleneck_is_left_to_the_rule_of_its_width():
    facts = classifier()
    narrow = dataclasses.replace(facts.layers[1], units=1, parameters=5, fan_in=4)
    facts = dataclasses.replace(facts, layers=(facts.layers[0], narrow, facts.layers[2]))
    dead = probe("relu", 3, [0.1, 1.0, 1.0])
    assert not list(rules.dead_units(case(facts, activations=dead, **CHANCE)))
    assert list(rules.dead_units(case(activations=dead, **CHANCE)))
