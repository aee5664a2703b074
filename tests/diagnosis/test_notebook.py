"""What a notebook shows: a part of a page, with text as it is, and text alone without Jinja2."""

import dataclasses
import html
import sys

import pytest

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import Diagnosis, Finding, Remedy, summarize
from keras_trainkit.diagnosis._diagnosis import html as html_of_diagnosis
from tests.diagnosis.samples import full_history, history
from tests.diagnosis.test_report import Page

pytestmark = pytest.mark.host

FINDING = Finding(
    "dead_units",
    "error",
    "The <script>units</script> are dead.",
    where="<b>dense</b>",
    remedies=(Remedy("wake & mend", "a < b"),),
)


def renamed(old, new):
    """Return a record in whose names a text stands for another."""
    names = [name.replace(old, new) for name in history().variables]
    return dataclasses.replace(history(), variables=tuple(names))


def told(view):
    """Return the page and its words."""
    found = Page(view._repr_html_())
    return found, " ".join(" ".join(found.text).split())


@pytest.mark.parametrize("view", [FINDING, Diagnosis((FINDING,))])
def test_findings_are_shown_with_text_as_it_is(view):
    page, words = told(view)
    assert page.tags.count("article") == 1
    assert page.links == []
    assert "script" not in page.tags
    for text in ("Error: dead units", "<script>units</script>", "<b>dense</b>", "& mend", "a < b"):
        assert text in words


def test_a_mild_finding_alone_is_no_verdict_on_the_training():
    assert "Nothing that is wrong" not in told(FINDING.milder())[1]
    assert "Nothing that is wrong" in told(Diagnosis((FINDING.milder(),)))[1]


def test_a_diagnosis_has_its_notes():
    assert told(Diagnosis((), ("Of <7> rows.",)))[1].endswith(
        "Nothing that is wrong was found. Of <7> rows."
    )


def test_a_summary_is_a_table_with_all_that_is_printed():
    summary = summarize(full_history())
    page, words = told(summary)
    assert page.tags.count("tr") == 1 + len(summary.rows)
    printed = [line for line in str(summary).splitlines() if not line.startswith("---")]
    assert words.split("} ")[-1].split() == " ".join(printed).split()


def test_a_summary_of_many_variables_has_a_line_for_each_layer():
    page, words = told(summarize(history(layers=25)))
    assert page.tags.count("tr") == 1 + 25
    assert "each variable: print(summary.in_full())" in words


def test_a_summary_shows_names_as_they_are():
    page, words = told(summarize(renamed("dense_1", "<i>")))
    assert "i" not in page.tags
    assert "<i>/kernel" in words


def test_a_monitor_without_a_record_says_so():
    page, words = told(GradientMonitor())
    assert words.endswith("GradientMonitor has recorded nothing: no `fit` has trained with it.")
    assert "article" not in page.tags


@pytest.mark.parametrize(
    "view", [FINDING, Diagnosis((FINDING,)), summarize(renamed("dense", "<i>")), GradientMonitor()]
)
def test_without_jinja2_the_text_is_shown(view, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    html_of_diagnosis._template.cache_clear()
    page, _ = told(view)
    assert page.tags == ["pre"]
    if not isinstance(view, GradientMonitor):
        text = Diagnosis((view,)) if isinstance(view, Finding) else view
        assert html.unescape(view._repr_html_()) == f"<pre>{text}</pre>"
