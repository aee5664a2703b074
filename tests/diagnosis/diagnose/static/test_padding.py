"""What is said of padding, how loudly, and what mends it."""

import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import ArrayFacts, Facts, LayerFacts, PaddingFacts, TrialFacts
from keras_trainkit.diagnosis._diagnose.recorded import notes
from keras_trainkit.diagnosis._diagnose.static import padding as rules
from tests.diagnosis.trainings import case, classifier, found

pytestmark = pytest.mark.host

EMBEDDING = LayerFacts(
    "net/embedding", "Embedding", 8, parameters=160, place="keras.layers.Embedding"
)
SCALE = LayerFacts("net/scale", "Scale", 8, shape=(30, 8), reached='model.get_layer("scale")')
GRU = LayerFacts("net/gru", "GRU", 8, shape=(8,))
MASKING = LayerFacts("masking", "Masking", place="keras.layers.Masking")
TOKENS, SERIES = ArrayFacts("x", (50, 30), "int64", 50), ArrayFacts("x", (50, 30, 3), "float32", 50)
LOST = PaddingFacts(after=0.8, value=0.0, row=3, kept=0.0, reader="net/gru")
STOPPED = {"mask": "net/embedding", "hides": 1.0, "barrier": "net/scale"}


def given(padding, layers=(EMBEDDING, GRU), x=TOKENS, **logs):
    facts = dataclasses.replace(
        classifier() if logs else Facts(),
        layers=layers,
        inputs=(x,),
        trial=TrialFacts(8, padding=padding),
        unknown=tuple(layer.path for layer in layers if layer is SCALE),
    )
    return case(facts, **logs)


def lost(**changes):
    return dataclasses.replace(LOST, **changes)


def codes(finding):
    return [remedy.code for remedy in finding.remedies]


@pytest.mark.parametrize(
    ("kept", "severity"), [(0.0, "warning"), (1e-4, "info"), (0.1, None), (np.nan, None)]
)
def test_what_the_padding_leaves_decides(kept, severity):
    finding = found(rules.forgotten_sequences, given(lost(kept=kept)))
    assert (finding and finding.severity) == severity


@pytest.mark.parametrize(
    ("changes", "is_found"),
    [
        ({"after": 0.75}, True),
        ({"after": 0.2}, False),
        ({"after": 0.75, "kept": 1e-4}, False),
        ({"after": 0.75, "mask": "net/embedding", "is_masked": True}, False),
    ],
)
def test_a_state_behind_more_padding_than_sequence_is_worth_a_note(changes, is_found):
    finding = found(rules.read_padding, given(lost(**{"kept": 0.5, **changes})))
    assert bool(finding) == is_found
    if finding:
        assert (finding.name, finding.severity) == ("padding_not_masked", "info")
        assert codes(finding)[0] == "keras.layers.Embedding(20, 8, mask_zero=True)"


def test_tokens_get_a_mask_or_other_padding():
    finding = found(rules.forgotten_sequences, given(LOST))
    assert finding.name == "padding_not_masked"
    mask, moved = codes(finding)
    assert mask == "keras.layers.Embedding(20, 8, mask_zero=True)"
    script = {"np": np, "x": np.array([[1, 2, 0], [3, 0, 0], [1, 2, 3], [4, 4, 0]])}
    exec(moved, script)
    assert script["x"].tolist() == [[0, 1, 2], [0, 0, 3], [1, 2, 3], [0, 4, 4]]


def test_steps_of_numbers_get_a_layer_or_other_padding():
    finding = found(rules.forgotten_sequences, given(lost(value=-2.0), (GRU,), SERIES))
    mask, moved = codes(finding)
    assert mask == "keras.layers.Masking(-2.0)"
    x = np.array([[[1, 2], [0, 9]], [[3, 4], [5, 6]]])
    script = {"np": np, "x": x[[0, 0, 1, 0]]}
    exec(moved, script)
    assert script["x"][0].tolist() == [[0, 9], [1, 2]]
    assert script["x"][2].tolist() == x[1].tolist()


def test_padding_of_another_token_than_0_cannot_be_masked_by_an_embedding():
    assert len(codes(found(rules.forgotten_sequences, given(lost(value=1.0))))) == 1


def test_a_mask_that_is_stopped_is_let_through():
    finding = found(
        rules.forgotten_sequences,
        given(lost(**STOPPED), (dataclasses.replace(EMBEDDING, shape=(30, 8)), SCALE, GRU)),
    )
    assert (finding.name, finding.severity) == ("mask_lost", "warning")
    assert codes(finding)[0] == 'model.get_layer("scale").supports_masking = True'
    assert "net/scale passes none on" in finding.text


def test_a_mask_that_is_lost_where_it_is_not_missed_is_unusual():
    seen = given(lost(kept=1.0, **STOPPED))
    assert found(rules.lost_mask, seen).severity == "info"
    assert not found(rules.forgotten_sequences, seen)
    assert not found(rules.lost_mask, given(lost(kept=1.0, mask="net/embedding", is_masked=True)))


def test_a_mask_of_another_value_gets_that_of_the_padding_or_the_other_way_round():
    masked = {"mask": "masking", "is_masked": True}
    one = given(lost(value=-0.5, **masked), (MASKING, GRU), SERIES)
    assert (
        codes(found(rules.forgotten_sequences, one))[0] == "keras.layers.Masking(mask_value=-0.5)"
    )
    several = given(lost(value=np.nan, **masked), (MASKING, GRU), SERIES)
    script = {"x": np.array([[[1.0, 2.0], [7.0, 8.0]]] * 4)}
    exec(codes(found(rules.forgotten_sequences, several))[0], script)
    assert script["x"][0].tolist() == [[1.0, 2.0], [0.0, 0.0]]


@pytest.mark.parametrize(("share", "severity"), [(0.5, "warning"), (0.1, "warning"), (0.04, None)])
def test_a_mask_of_real_tokens_is_seen_and_names_its_remedy(share, severity):
    hiding = {"mask": "net/embedding", "is_masked": True, "kept": 1.0, "after": 0.1, "hides": 0.0}
    findings = list(rules.masked_values(given(lost(hides_others=share, **hiding))))
    assert [finding.severity for finding in findings] == [severity] * (severity is not None)
    assert [codes(f) for f in findings] == [
        ["keras.layers.Embedding(20, 8, mask_zero=False)"] for _ in findings
    ]


def test_a_mask_of_padding_may_hide_some_tokens_too_and_one_of_values_more():
    most = {"mask": "net/embedding", "is_masked": True, "kept": 1.0, "after": 0.7, "hides": 1.0}
    assert not found(rules.masked_values, given(lost(hides_others=0.1, **most)))
    missing = {"mask": "masking", "is_masked": True, "kept": 1.0, "hides": 0.0}
    finding = found(
        rules.masked_values, given(lost(hides_others=0.5, **missing), (MASKING, GRU), SERIES)
    )
    assert (finding.name, finding.severity) == ("values_masked", "info")


@pytest.mark.parametrize(
    "padding",
    [
        lost(kept=1e-4),
        lost(kept=0.5, after=0.75),
        lost(kept=1.0, mask="net/embedding", is_masked=True, hides_others=0.5),
    ],
)
def test_it_is_the_cause_where_nothing_is_learned(padding):
    stands = {"loss": np.full(6, 0.693), "accuracy": np.full(6, 0.5)}
    assert found(notes.unseen_sequences, given(padding, **stands)).severity == "error"
    learns = {"loss": np.linspace(0.7, 0.1, 6), "accuracy": np.linspace(0.5, 0.95, 6)}
    assert not found(notes.unseen_sequences, given(padding, **learns))
