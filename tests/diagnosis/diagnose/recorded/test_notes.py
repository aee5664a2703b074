"""Notes that become causes: rare classes of which nothing is learned."""

import numpy as np
import pytest

from keras_trainkit.diagnosis._diagnose.recorded import notes
from tests.diagnosis.made_facts import BITS, ROWS, training
from tests.diagnosis.trainings import case, found

pytestmark = pytest.mark.host

RARE = training("sigmoid", "binary_crossentropy", (np.arange(ROWS) % 25 == 0) * 1)
EVEN = training("sigmoid", "binary_crossentropy", BITS)


def test_rare_classes_are_a_warning_where_nothing_is_learned():
    finding = found(notes.rare_classes, case(RARE, accuracy=np.full(6, 0.96)))
    assert (finding.name, finding.severity) == ("class_imbalance", "warning")


@pytest.mark.parametrize(("facts", "accuracy"), [(RARE, 0.999), (EVEN, 0.5)])
def test_nothing_is_said_where_they_are_learned_or_not_rare(facts, accuracy):
    logs = {"accuracy": np.full(6, accuracy), "loss": np.linspace(0.2, 0.01, 6)}
    assert not list(notes.rare_classes(case(facts, **logs)))
