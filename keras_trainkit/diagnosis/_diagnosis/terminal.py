"""A diagnosis in colours, for terminals that have them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keras_trainkit.diagnosis._diagnosis.text import SOUND
from keras_trainkit.diagnosis.finding import Finding

if TYPE_CHECKING:
    from rich.console import Group

COLORS = {"error": "red", "warning": "yellow", "info": "blue"}


def of(diagnosis: Sequence[Finding]) -> "Group":
    """Return what rich prints: a panel for each finding, its code highlighted."""
    from rich.console import Group
    from rich.text import Text

    told: list[Any] = [_panel(finding) for finding in diagnosis]
    notes = [Text(note, "dim") for note in getattr(diagnosis, "notes", ())]
    return Group(*(told or [Text(SOUND, "green")]), *notes)


def _panel(finding: Finding) -> Any:
    from rich.console import Group
    from rich.panel import Panel
    from rich.syntax import Syntax
    from rich.text import Text

    parts: list[Any] = [Text(finding.text)]
    if finding.evidence:
        parts.append(Text("; ".join(map(str, finding.evidence)), "dim"))
    for remedy in finding.remedies:
        parts.append(Text(f"-> {remedy.text}"))
        if remedy.code:
            code = Syntax(remedy.brief, "python", background_color="default", word_wrap=True)
            parts.append(code)
    if finding.consequences:
        parts.append(Text(f"This explains: {finding.explained}.", "dim"))
    head = f"{finding.severity}: {finding.label}"
    title = Text(f"{head}, {finding.where}" if finding.where else head)
    color = COLORS[finding.severity]
    return Panel(Group(*parts), title=title, title_align="left", border_style=color)
