"""A diagnosis as a page of HTML that needs nothing else, and as the part for a notebook."""

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from keras_trainkit.diagnosis._diagnosis.pictures import Picture, pictures, shown_by
from keras_trainkit.diagnosis._diagnosis.text import SOUND
from keras_trainkit.diagnosis.history import History

if TYPE_CHECKING:
    from jinja2 import Template


def report(diagnosis: Any, history: History | None, title: str) -> str:
    """Return the page.

    Args:
        diagnosis: `Diagnosis`.
        history: `History` for the plots, or `None`.
        title: string.
    """
    drawn = pictures(history) if history is not None else ()
    return _template("report.html").render(_told(diagnosis, drawn), title=title, pictures=drawn)


def fragment(diagnosis: Any) -> str:
    """Return the findings alone."""
    return _template("fragment.html").render(_told(diagnosis, ()))


def _told(diagnosis: Any, drawn: tuple[Picture, ...]) -> dict[str, Any]:
    links = [shown_by(finding.condition, drawn) for finding in diagnosis]
    return {
        "findings": list(zip(diagnosis, links, strict=True)),
        "notes": diagnosis.notes,
        "sound": SOUND,
    }


@cache
def _template(name: str) -> "Template":
    try:
        import jinja2
    except ImportError as error:
        raise ImportError("Reports need Jinja2: pip install jinja2") from error
    folder = resources.files(__package__)
    loader = jinja2.FunctionLoader(lambda file: (folder / file).read_text(encoding="utf-8"))
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True).get_template(name)
