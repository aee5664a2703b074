"""Trials that are stopped early because their gradients show that they cannot learn."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import Diagnosis, Finding
from keras_trainkit.tuner._execution.callbacks import Check
from keras_trainkit.tuner._execution.notes import Notes

# What hyperparameters bring about. Data and loss are the same in all trials.
CONDITIONS = (
    *("vanishing_gradient", "exploding_gradient", "non_finite", "no_learning"),
    *("dead_units", "saturated_units", "symmetric_weights", "constant_predictions"),
    *("learning_rate_too_high", "learning_rate_too_low"),
)
HOPELESS = "Stopped after epoch {epoch} by its gradients: {label}{where}. {text}"


def monitor_among(callbacks: Iterable[keras.callbacks.Callback]) -> GradientMonitor | None:
    """Return the user's own monitor; a training cannot have two."""
    return next((each for each in callbacks if isinstance(each, GradientMonitor)), None)


def hopelessness(notes: Notes, monitor: GradientMonitor) -> Check:
    """Return the check that asks the diagnosis of a training that goes on."""

    def check(epoch: int, logs: dict[str, Any]) -> None:
        finding = next(_grave(monitor.diagnosis), None)
        if finding is not None:
            where = f", {finding.where}" if finding.where else ""
            text = HOPELESS.format(epoch=epoch, label=finding.label, where=where, text=finding.text)
            notes.stop(text)

    return check


def _grave(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Yield the errors of these conditions, roots and what they explain."""
    for root in diagnosis:
        for finding in (root, *root.consequences):
            if finding.severity == "error" and finding.condition in CONDITIONS:
                yield finding
