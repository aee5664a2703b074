"""What is worth a note before a training, and is the cause where little is learned."""

from collections.abc import Iterator
from dataclasses import replace

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.recorded.works import learns, severity
from keras_trainkit.diagnosis._diagnose.static import labels, networks, padding
from keras_trainkit.diagnosis.finding import Finding


def rare_classes(case: Case) -> Iterator[Finding]:
    """Find trainings that learn little where one class has nearly all rows."""
    return _raised(case, (labels.imbalance,), "warning")


def unseen_sequences(case: Case) -> Iterator[Finding]:
    """Find trainings that get nowhere where little of the sequences, or not all, can be seen."""
    return _raised(case, padding.RULES, severity(case))


def layers_as_drawn(case: Case) -> Iterator[Finding]:
    """Find trainings that learn little where a layer keeps the weights that were drawn for it."""
    if not any(layer.as_drawn for layer in case.facts.layers):
        return iter(())
    return _raised(case, (networks.frozen,), severity(case))


RULES: tuple[Rule, ...] = (rare_classes, unseen_sequences, layers_as_drawn)


def _raised(case: Case, rules: tuple[Rule, ...], severity: str) -> Iterator[Finding]:
    for rule in rules if not learns(case) else ():
        for finding in rule(case):
            yield replace(finding, severity=severity, evidence=())
