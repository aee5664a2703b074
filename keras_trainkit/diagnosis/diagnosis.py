"""What is wrong with a training, most important first, to read, to keep and to send."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, overload

from keras_trainkit.diagnosis._diagnosis import html, terminal, text
from keras_trainkit.diagnosis.finding import Finding
from keras_trainkit.diagnosis.history import History

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True, repr=False)
class Diagnosis(Sequence[Finding]):
    """Findings, the root causes in order of importance, each with what it explains beneath it.

    `print` shows plain sentences, `rich.print` the same in colours. A training that works has
    nothing above `info`.

    Args:
        findings: `Finding` objects, most important first.
        notes: strings. What the reader should know of how it was found, as "of a sample of 512
            rows".
        history: `History` whose plots stand in the report, or `None`. Defaults to `None`.
    """

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    history: History | None = field(default=None, compare=False)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        """Return a finding."""
        return self.findings[index]

    def __len__(self) -> int:
        """Return the number of root causes."""
        return len(self.findings)

    @property
    def worst(self) -> str:
        """The worst severity, `""` if nothing was found."""
        return self.findings[0].severity if self.findings else ""

    def __str__(self) -> str:
        """Return the findings as text."""
        return text.of(self)

    __repr__ = __str__

    def __rich__(self) -> "Group":
        """Return the findings in colours, for `rich.print`."""
        return terminal.of(self)

    def to_markdown(self) -> str:
        """Return the findings as Markdown."""
        return text.as_markdown(self)

    def to_html(self, path: str | os.PathLike, title: str = "Diagnosis of a training") -> None:
        """Write one HTML file that needs no other, with plots of the record if there is one.

        Args:
            path: path of the file.
            title: string. The heading.

        Raises:
            ImportError: if Jinja2 is not installed, or matplotlib where there is a record.
        """
        report = html.report(self, self.history, title)
        Path(path).write_text(report, encoding="utf-8")

    def _repr_html_(self) -> str:
        """Return the findings for a notebook."""
        return html.fragment(str(self), self.findings, self.notes, html.verdict_of(self))

    def to_json(self) -> str:
        """Return the findings as JSON."""
        findings = [finding.to_dict() for finding in self.findings]
        return json.dumps({"findings": findings, "notes": list(self.notes)}, indent=2)
