"""The page of HTML: whole in itself, its links lead somewhere, and nothing in it is run."""

import dataclasses
import html.parser
import sys

import numpy as np
import pytest
from matplotlib import pyplot

from keras_trainkit.diagnosis import Diagnosis, Finding, Remedy
from keras_trainkit.diagnosis._diagnosis import html as html_of_diagnosis
from tests.diagnosis.samples import full_history, history, with_values

pytestmark = pytest.mark.host


class Page(html.parser.HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags, self.text = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.ids += [attributes[name] for name in ("id",) if name in attributes]
        linking = ("href", "xlink:href", "src")
        self.links += [attributes[name] for name in linking if name in attributes]

    def handle_data(self, data):
        self.text.append(data)


def a_finding(condition="vanishing_gradient", text="The gradient <script>vanishes</script>."):
    return Finding(condition, "error", text, remedies=(Remedy("mend it", "a < b"),))


def page(tmp_path, diagnosis, **arguments):
    diagnosis.to_html(tmp_path / "report.html", **arguments)
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_needs_no_other_file_and_every_link_leads_somewhere(tmp_path):
    found = page(tmp_path, Diagnosis((a_finding(), a_finding("dead_units")), (), full_history()))
    inside = {link.removeprefix("#") for link in found.links if link.startswith("#")}
    assert all(link.startswith(("#", "data:")) for link in found.links)
    assert inside <= set(found.ids)
    assert {"plot-depth", "plot-activations"} <= inside
    assert len(found.ids) == len(set(found.ids))
    assert "script" not in found.tags


def test_shows_text_as_it_is(tmp_path):
    found = page(tmp_path, Diagnosis((a_finding(),), ("a & b",)), title="Run <7>")
    told = " ".join(found.text)
    assert found.tags.count("article") == 1
    for text in ("The gradient <script>vanishes</script>.", "a < b", "a & b", "Run <7>"):
        assert text in told


@pytest.mark.parametrize(
    ("record", "count"),
    [(None, 0), (history(), 4), (full_history(), 5), (dataclasses.replace(history(), logs={}), 3)],
)
def test_has_the_plots_that_the_record_has_something_for(record, count, tmp_path):
    found = page(tmp_path, Diagnosis(history=record))
    assert found.tags.count("figure") == count
    assert "Nothing that is wrong was found." in found.text


def test_is_the_same_file_for_the_same_record_in_any_style(tmp_path):
    for name, style in {"one": "default", "two": "dark_background"}.items():
        with pyplot.style.context(style):
            Diagnosis((a_finding(),), (), full_history()).to_html(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_without_gradients_the_page_says_so_and_shows_the_loss(tmp_path):
    silent = with_values(history(), "norm", 0.0)
    found = page(tmp_path, Diagnosis((a_finding(),), (), silent))
    assert found.tags.count("figure") == 1
    assert "#plot-loss" in found.links
    assert any("No layer got a gradient" in text for text in found.text)


def test_numbers_that_are_not_finite_have_a_plot(tmp_path):
    broken = with_values(history(), "nonfinite", np.arange(6) == 3)
    assert "#plot-heat" in page(tmp_path, Diagnosis((a_finding("non_finite"),), (), broken)).links


def test_what_nobody_has_to_mend_is_said_to_be_harmless(tmp_path):
    found = page(tmp_path, Diagnosis((a_finding().milder(),)))
    assert "Nothing that is wrong was found; what is unusual:" in found.text


def test_a_line_of_code_that_is_repeated_is_shown_once():
    remedy = Remedy("mend it", "a\nb\nb\nb\na")
    assert remedy.brief == "a\nb  # 3 times\na"
    assert "b\nb" in remedy.code


def test_without_jinja2_says_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    html_of_diagnosis._template.cache_clear()
    with pytest.raises(ImportError, match="pip install jinja2"):
        Diagnosis().to_html(tmp_path / "report.html")
