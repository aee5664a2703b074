"""The report and a notebook's views in Chromium: whole, legible, quiet, and of one file."""

import itertools
import pathlib

import pytest

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import Diagnosis, Finding, Remedy
from tests import browser as browsers
from tests.diagnosis import real_trainings
from tests.diagnosis.samples import full_history

pytestmark = [pytest.mark.gate, pytest.mark.browser, pytest.mark.short("torch")]

WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
FAULTS = pathlib.Path(browsers.__file__).with_name("page_faults.js").read_text().strip()
LOGGED = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
FOUND = {
    "vanishing": "vanishing_gradient",
    "wrong_head": "softmax_one_unit",
    "overfitting": "overfitting",
    "healthy": "",
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsers.Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def faults(browser, path):
    """Return what is wrong with a page, wide and narrow, light and dark."""
    found = []
    for width, scheme in itertools.product(WIDTHS, SCHEMES):
        browser.open(path.as_uri(), width, scheme)
        seen = [
            *browser.run(f"{FAULTS}({width})"),
            *map(str, browser.told(*LOGGED)),
            *asked_for(browser, path),
        ]
        found += [f"{width}, {scheme}: {fault}" for fault in seen]
    return found


def asked_for(browser, path):
    """Return the addresses that a page wants beside itself."""
    urls = [told["request"]["url"] for told in browser.told("Network.requestWillBeSent")]
    assert path.as_uri() in urls
    return [f"asks for {url}" for url in urls if not url.startswith((path.as_uri(), "data:"))]


def written(path, *parts):
    """Write a bare page around the views of a notebook."""
    body = "\n".join(parts)
    path.write_text(f'<!DOCTYPE html><meta charset="utf-8">{PHONE}<body>{body}', encoding="utf-8")
    return path


PHONE = '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'


@pytest.mark.parametrize(("training", "name"), FOUND.items())
def test_report_and_notebook_of_a_training(training, name, browser, tmp_path):
    monitor = getattr(real_trainings, training)()
    diagnosis, path = monitor.diagnosis, tmp_path / "report.html"
    serious = [finding for finding in diagnosis if finding.severity != "info"]
    assert [finding.name for finding in serious[:1]] == ([name] if name else [])
    diagnosis.to_html(path)
    assert faults(browser, path) == []
    links, plots = browser.run(
        "['a', 'figure svg'].map(each => document.querySelectorAll(each).length)"
    )
    assert links == len(diagnosis)
    assert plots >= 2
    views = [monitor, monitor.summary(), diagnosis, *diagnosis]
    page = written(tmp_path / "cell.html", *(view._repr_html_() for view in views))
    assert faults(browser, page) == []


def test_a_monitor_before_its_fit(browser, tmp_path):
    assert faults(browser, written(tmp_path / "cell.html", GradientMonitor()._repr_html_())) == []


@pytest.fixture(scope="module")
def sound_page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    finding = Finding("dead_units", "error", "They are dead.", remedies=(Remedy("wake", "them"),))
    Diagnosis((finding,), ("A note.",), full_history()).to_html(path)
    return path


@pytest.mark.parametrize(
    ("sound", "broken", "fault"),
    [
        ("main { max-width: 60rem;", "main { width: 60rem;", "390, light: the page scrolls"),
        ('<article class="', '<article style="width: 60rem" class="', "beyond the window"),
        ("<p>", '<p style="width: 3rem; overflow: hidden; white-space: pre">', "cut off: <p>"),
        ("figure svg {", "figure svg { height: 9rem !important;", "letters of"),
        ('<text style="', '<text dx="-60" style="', "cut off by the plot"),
        ('href="#plot-', 'href="#plots-', "no plot at #plots-activations"),
        ("<path ", "<desc ", "a plot is empty"),
        ("</figure>", '<img src="data:image/png;base64,AAAA"></figure>', "no picture: data:"),
        ("</figure>", '<img src="http://localhost:9/a.png"></figure>', "asks for http://localhost"),
        ("--dim: #596273;", "--dim: #999999;", "1280, light: contrast 2."),
        ("--dim: #ababab;", "--dim: #555555;", "390, dark: contrast 2."),
        ("filter: invert(.92)", "filter: invert(.6)", "1280, dark: contrast 1."),
        ("</main>", "<script>console.warn('a sigh')</script></main>", "a sigh"),
        ("</main>", "<script>throw Error('a cry')</script></main>", "a cry"),
        ("width=device-width", "width=980", "the window is 980 wide"),
    ],
)  # fmt: skip
def test_a_broken_page_is_noticed(sound, broken, fault, sound_page, browser, tmp_path):
    text, path = sound_page.read_text(encoding="utf-8"), tmp_path / "broken.html"
    assert sound in text
    path.write_text(text.replace(sound, broken), encoding="utf-8")
    found = faults(browser, path)
    assert any(fault in each for each in found), found


def test_the_page_that_was_broken_is_sound(sound_page, browser):
    assert faults(browser, sound_page) == []
