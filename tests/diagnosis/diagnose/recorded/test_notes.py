"""Notes that become causes: rare classes of which nothing is learned."""

import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import LayerFacts
from keras_trainkit.diagnosis._diagnose.recorded import notes
from tests.diagnosis.made_facts import BITS, ROWS, training
from tests.diagnosis.trainings import case, classifier, found

pytestmark = pytest.mark.host

RARE = training("sigmoid", "binary_crossentropy", (np.arange(ROWS) % 25 == 0) * 1)
EVEN = training("sigmoid", "binary_crossentropy", BITS)


def test_rare_classes_are_a_warning_where_nothing_is_learned():
    finding = found(notes.rare_classes, case(RARE, accuracy=np.full(6, 0.96)))
    assert (finding.name, finding.severity) == ("class_imbalance", "warning")


@pytest.mark.parametrize(
    ("accuracy", "as_drawn", "severity"),
    [(0.5, True, "error"), (0.7, True, "warning"), (0.95, True, None), (0.5, False, None)],
)
def test_layers_as_they_were_drawn_are_the_cause_where_little_is_learned(
    accuracy, as_drawn, severity
):
    facts = classifier()
    embedding = LayerFacts("tokens", "Embedding", 8, parameters=800, trainable=False)
    layers = (dataclasses.replace(embedding, as_drawn=as_drawn), *facts.layers)
    given = case(dataclasses.replace(facts, layers=layers), accuracy=np.full(6, accuracy))
    finding = found(notes.layers_as_drawn, given)
    assert (finding and (finding.where, finding.severity)) == (severity and ("tokens", severity))


@pytest.mark.parametrize(("facts", "accuracy"), [(RARE, 0.999), (EVEN, 0.5)])
def test_nothing_is_said_where_they_are_learned_or_not_rare(facts, accuracy):
    logs = {"accuracy": np.full(6, accuracy), "loss": np.linspace(0.2, 0.01, 6)}
    assert not list(notes.rare_classes(case(facts, **logs)))
