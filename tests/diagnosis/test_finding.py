"""Findings, what explains what, and how a diagnosis reads."""

import dataclasses
import json
from dataclasses import replace

import pytest
from rich.console import Console

from keras_trainkit.diagnosis import CONDITIONS, Diagnosis, Evidence, Finding, Remedy
from keras_trainkit.diagnosis._diagnose.causes import EXPLAINS, rooted
from keras_trainkit.diagnosis.finding import BEFORE_TRAINING

pytestmark = pytest.mark.host

SIGMOID = Remedy("use a sigmoid", 'keras.layers.Dense(1, activation="sigmoid")')
SOFTMAX = Finding(
    "wrong_output_activation",
    "error",
    "The output is 1 whatever the input is.",
    detail="softmax_one_unit",
    where="head",
    evidence=(Evidence("units", 1, 2),),
    remedies=(SIGMOID,),
)


def finding(condition, severity="error", detail=""):
    return Finding(condition, severity, f"There is {condition}.", detail)


def names(findings):
    return [each.name for each in findings]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bad_luck", "error", ""), "`condition` must be one of"),
        (("bad_data", "fatal", ""), "`severity` must be one of"),
        (("bad_data", "error", "", "softmax_one_unit"), "`detail` must be one of"),
    ],
)
def test_names_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        Finding(*arguments)


def test_causes_name_what_findings_can_be():
    known = {name for condition, details in CONDITIONS.items() for name in (condition, *details)}
    explained = {name for effects in EXPLAINS.values() for name in effects}
    assert (set(EXPLAINS) | explained) - known == set()


def test_the_cause_is_shown_and_beneath_it_what_it_explains():
    effects = [finding("no_learning"), finding("constant_predictions"), finding("dead_units")]
    (root,) = rooted([*effects, SOFTMAX])
    assert root.name == "softmax_one_unit"
    assert sorted(names(root.consequences)) == sorted(names(effects))


def test_roots_stand_side_by_side_the_worst_first():
    found = [finding("learning_rate_too_high", "warning"), finding("bad_data"), SOFTMAX]
    assert names(rooted(found)) == ["bad_data", "softmax_one_unit", "learning_rate_too_high"]


def test_a_mild_finding_explains_no_grave_one():
    found = [finding("dead_units", "info"), finding("no_learning")]
    assert names(rooted(found)) == ["no_learning", "dead_units"]


def test_labels_coded_otherwise_explain_a_loss_that_does_not_fit_them():
    negative = Finding("wrong_loss", "error", "-3", "regression_with_classification_loss")
    coded = Finding("bad_data", "error", "1 and 2", "label_encoding")
    (root,) = rooted([negative, coded])
    assert (root.name, names(root.consequences)) == ("label_encoding", [negative.name])


def test_what_was_there_before_the_training_is_no_consequence_of_its_course():
    fading = replace(finding("vanishing_gradient"), when=BEFORE_TRAINING)
    course = replace(finding("saturated_units"), when="epoch 5")
    assert names(rooted([course, fading])) == ["vanishing_gradient", "saturated_units"]
    later = replace(fading, when="steps 0-9")
    assert names(rooted([course, later])) == ["saturated_units"]
    assert names(rooted([SOFTMAX, fading])) == ["softmax_one_unit"]


def test_a_cause_is_as_grave_as_what_it_explains():
    (root,) = rooted([finding("no_learning"), finding("unnormalized_input", "warning")])
    assert (root.name, root.severity) == ("unnormalized_input", "error")
    assert names(root.consequences) == ["no_learning"]


def test_what_is_seen_twice_in_one_place_is_one_finding():
    recorded = Finding(
        SOFTMAX.condition,
        "warning",
        "All outputs are 1.",
        detail=SOFTMAX.detail,
        where=SOFTMAX.where,
        when="epoch 3",
        evidence=(Evidence("outputs", 1),),
        remedies=(Remedy(SIGMOID.text, "another code"), Remedy("look at it")),
    )
    elsewhere = dataclasses.replace(SOFTMAX, where="side")
    both, other = rooted([SOFTMAX, elsewhere, recorded])
    assert (both.text, both.severity, both.when) == (SOFTMAX.text, "error", "epoch 3")
    assert [each.name for each in both.evidence] == ["units", "outputs"]
    assert both.remedies == (SIGMOID, recorded.remedies[1])
    assert other == elsewhere


def test_each_finding_is_there_once():
    found = [finding(condition) for condition in CONDITIONS]
    roots = rooted(found)
    everything = [*names(roots), *(n for root in roots for n in names(root.consequences))]
    assert sorted(everything) == sorted(names(found))


def test_text_says_what_where_how_badly_and_what_mends_it():
    (root,) = rooted([SOFTMAX, finding("no_learning")])
    assert str(Diagnosis((root,), ("Of a sample of 512 rows.",))) == (
        "1. error: softmax one unit, head\n"
        "   The output is 1 whatever the input is.\n"
        "   units 1 (limit 2)\n"
        "   -> use a sigmoid\n"
        '      keras.layers.Dense(1, activation="sigmoid")\n'
        "   This explains: no learning.\n"
        "Of a sample of 512 rows."
    )


def test_a_sound_training_is_said_to_be_sound():
    sound = Diagnosis()
    assert (len(sound), sound.worst) == (0, "")
    assert str(sound) == "Nothing that is wrong was found."
    assert sound.to_markdown() == "Nothing that is wrong was found.\n"


def test_markdown_has_the_code_in_a_block():
    assert Diagnosis((SOFTMAX,)).to_markdown() == (
        "### softmax_one_unit (error)\n\n`head`: The output is 1 whatever the input is.\n\n"
        "units 1 (limit 2)\n\n"
        '- use a sigmoid\n\n```python\nkeras.layers.Dense(1, activation="sigmoid")\n```\n'
    )


def test_json_holds_everything():
    (root,) = rooted([SOFTMAX, finding("no_learning")])
    (told,) = json.loads(Diagnosis((root,)).to_json())["findings"]
    assert told["condition"] == "wrong_output_activation"
    assert told["evidence"] == [{"name": "units", "value": 1, "limit": 2, "source": ""}]
    assert told["remedies"] == [{"text": SIGMOID.text, "code": SIGMOID.code}]
    assert told["consequences"][0]["condition"] == "no_learning"


def test_a_remedy_for_people_cannot_be_applied():
    with pytest.raises(ValueError, match="only the person who wrote the script can do this: sort"):
        Remedy("sort the labels").apply(None)


@pytest.mark.parametrize("color_system", [None, "truecolor"])
def test_rich_prints_the_same_in_colours(color_system):
    console = Console(width=60, color_system=color_system, force_terminal=bool(color_system))
    (root,) = rooted([SOFTMAX, finding("no_learning")])
    with console.capture() as capture:
        console.print(Diagnosis((root,)))
        console.print(Diagnosis())
    told = capture.get()
    assert ("\x1b[" in told) is bool(color_system)
    for text in ("softmax one unit, head", "units 1 (limit 2)", "no learning", "Nothing that"):
        assert text in told
