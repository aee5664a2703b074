"""The rule that names rare classes as the cause where little beside the frequent one is learned."""

from collections.abc import Iterator
from dataclasses import replace

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.recorded.works import learns
from keras_trainkit.diagnosis._diagnose.static import labels
from keras_trainkit.diagnosis.finding import Finding


def rare_classes(case: Case) -> Iterator[Finding]:
    """Find trainings that learn little where one class has nearly all rows."""
    if not learns(case):
        for finding in labels.imbalance(case):
            yield replace(finding, severity="warning", evidence=())


RULES: tuple[Rule, ...] = (rare_classes,)
