"""How a network stands beside a simple function: linear regression, or one with kernels."""

from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis._diagnose.static.tasks import is_reconstruction
from keras_trainkit.diagnosis.finding import Evidence

SKILL = "skill of kernel or linear regression"
SENTENCE = " A simple function finds more of the targets, on rows that it was not fitted to."


def is_beaten(case: Case, skill: float) -> bool:
    """Say whether a simple function knows far more of new rows than the network of its own."""
    if any(is_reconstruction(output, case.facts) for output in case.facts.outputs):
        return False  # What passes through a narrow layer is no more than that.
    return case.facts.baseline_skill - skill >= case.limits.skill_gap


def evidence_of(case: Case, skill: float) -> Evidence:
    """Return the skill of the simple function beside that of the network."""
    return Evidence(SKILL, case.facts.baseline_skill, skill)
