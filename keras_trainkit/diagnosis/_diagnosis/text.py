"""A diagnosis in plain text and in Markdown."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

WIDTH = 88
SOUND = "Nothing that is wrong was found."


def of(diagnosis: Sequence[Any]) -> str:
    """Return the findings, numbered, each with its evidence and remedies."""
    lines = [line for number, finding in enumerate(diagnosis, 1) for line in _told(finding, number)]
    return "\n".join([*(lines or [SOUND]), *getattr(diagnosis, "notes", ())])


def as_markdown(diagnosis: Sequence[Any]) -> str:
    """Return the findings as sections, remedies as code blocks."""
    parts = []
    for finding in diagnosis:
        parts.append(f"### {finding.name} ({finding.severity})\n\n{_place(finding)}{finding.text}")
        if finding.evidence:
            parts.append("; ".join(map(str, finding.evidence)))
        for remedy in finding.remedies:
            block = f"\n\n```python\n{remedy.brief}\n```" if remedy.code else ""
            parts.append(f"- {remedy.text}{block}")
        if finding.consequences:
            parts.append(f"Explains: {', '.join(each.name for each in finding.consequences)}.")
    return "\n\n".join([*(parts or [SOUND]), *getattr(diagnosis, "notes", ())]) + "\n"


def _told(finding: Any, number: int) -> Iterator[str]:
    head = f"{number}. {finding.severity}: {finding.label}"
    yield head + (f", {finding.where}" if finding.where else "")
    yield from _indented(finding.text)
    if finding.evidence:
        yield from _indented("; ".join(map(str, finding.evidence)))
    for remedy in finding.remedies:
        yield from _indented(f"-> {remedy.text}")
        yield from (f"      {line}" for line in remedy.brief.splitlines())
    if finding.consequences:
        yield from _indented(f"This explains: {finding.explained}.")


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="   ", subsequent_indent="   ")


def _place(finding: Any) -> str:
    return f"`{finding.where}`: " if finding.where else ""
