"""A diagnosis as a page of HTML that needs nothing else, and as the part for a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from keras_trainkit.diagnosis._diagnosis.pictures import Picture, left_out, pictures, shown_by
from keras_trainkit.diagnosis._diagnosis.text import SOUND
from keras_trainkit.diagnosis.history import History

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True)
class Table:
    """A table of text, what is said above and below it, and the last lines."""

    above: Sequence[str]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    below: Sequence[str]
    closing: Sequence[str] = ()


def report(diagnosis: Any, history: History | None, title: str) -> str:
    """Return the page.

    Args:
        diagnosis: `Diagnosis`.
        history: `History` for the plots, or `None`.
        title: string.
    """
    drawn = pictures(history) if history is not None else ()
    missing = left_out(history) if history is not None else ()
    plots = {"pictures": drawn, "left_out": missing}
    told = _told(diagnosis, diagnosis.notes, drawn)
    return _template("report.html").render(
        told, title=title, verdict=verdict_of(diagnosis), **plots
    )


def fragment(
    text: str,
    findings: Sequence[Any] = (),
    notes: Sequence[str] = (),
    verdict: str = "",
    table: Table | None = None,
) -> str:
    """Return what a notebook shows; without Jinja2 it is the text.

    Args:
        text: string. The same as text.
        findings: `Finding` objects.
        notes: strings, see `Diagnosis`.
        verdict: string. What is said in front of the findings.
        table: `Table`, or `None`.
    """
    try:
        template = _template("fragment.html")
    except ImportError:
        return f"<pre>{escape(text)}</pre>"
    return template.render(_told(findings, notes, ()), verdict=verdict, table=table)


def verdict_of(findings: Sequence[Any]) -> str:
    """Return what is said of a training in which nothing has to be mended, `""` of others."""
    if not findings:
        return SOUND
    only_info = all(finding.severity == "info" for finding in findings)
    return f"{SOUND[:-1]}; what is unusual:" if only_info else ""


def _told(
    findings: Sequence[Any], notes: Sequence[str], drawn: Sequence[Picture]
) -> dict[str, Any]:
    links = [shown_by(finding.condition, drawn) for finding in findings]
    return {"findings": list(zip(findings, links, strict=True)), "notes": notes}


@cache
def _template(name: str) -> "Template":
    try:
        import jinja2
    except ImportError as error:
        raise ImportError("Reports need Jinja2: pip install jinja2") from error
    folder = resources.files(__package__)
    loader = jinja2.FunctionLoader(lambda file: (folder / file).read_text(encoding="utf-8"))
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True).get_template(name)
