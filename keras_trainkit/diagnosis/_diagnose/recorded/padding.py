"""The rule that names padding as the cause where nothing is learned."""

from collections.abc import Iterator
from dataclasses import replace

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.recorded.works import learns, severity
from keras_trainkit.diagnosis._diagnose.static import padding
from keras_trainkit.diagnosis.finding import Finding


def unseen_sequences(case: Case) -> Iterator[Finding]:
    """Find trainings that get nowhere where little of the sequences, or not all, can be seen."""
    if learns(case):
        return
    for rule in padding.RULES:
        for finding in rule(case):
            yield replace(finding, severity=severity(case), evidence=())


RULES: tuple[Rule, ...] = (unseen_sequences,)
