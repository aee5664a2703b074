"""What a summary ends with: whether anything is wrong, and the next step to take."""

import textwrap
from collections.abc import Sequence

from keras_trainkit.diagnosis.finding import Finding

_WIDTH, _LISTED = 100, 3
SOUND = "Verdict: nothing that is wrong was found."


def verdict(found: Sequence[Finding]) -> tuple[str, ...]:
    """Return the lines for findings, most important first."""
    if not found:
        return (SOUND,)
    first, *others = found
    if first.severity == "info":
        names = "; ".join(_named(finding) for finding in found[:_LISTED])
        lines = _wrapped(f"{SOUND[:-1]}; worth a look: {names}.")
        hints = first.remedies[:1]
        return (
            *lines,
            *(f"Next: nothing has to be done; what may help: {hint.text}" for hint in hints),
        )
    lines = _wrapped(f"Verdict: {_named(first)}. {first.text}")
    mild = [finding for finding in others if finding.severity == "info"]
    serious = [finding for finding in others if finding not in mild]
    for title, named in (("Also", serious), ("Worth a look", mild)):
        if named:
            names = "; ".join(_named(finding) for finding in named[:_LISTED])
            lines += _wrapped(f"{title}: {names}.")
    for remedy in first.remedies[:1]:
        lines += _wrapped(f"Next: {remedy.text}{':' if remedy.code else '.'}")
        lines += [f"    {line}" for line in remedy.brief.splitlines()]
    return tuple(lines)


def _named(finding: Finding) -> str:
    is_told = finding.where not in ("", "learning_rate")
    return f"{finding.label} ({finding.where})" if is_told else finding.label


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="    ", break_long_words=False)
