"""From the record of a training to what is wrong with it."""

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.causes import rooted
from keras_trainkit.diagnosis._diagnose.recorded.stages import speaking
from keras_trainkit.diagnosis._diagnose.recorded.works import fits, works
from keras_trainkit.diagnosis._diagnose.static import rules as static
from keras_trainkit.diagnosis._diagnose.static.one_batch import refuted
from keras_trainkit.diagnosis.diagnosis import Diagnosis
from keras_trainkit.diagnosis.facts import Facts
from keras_trainkit.diagnosis.history import History
from keras_trainkit.diagnosis.thresholds import Thresholds

STATIC: tuple[Rule, ...] = static.RULES
# What makes metrics look good, or lets them say nothing of what is to be learned.
HIDING = (
    *("metric_does_not_fit", "too_many_output_units", "loss_always_zero", "softmax_one_unit"),
    *("validation_mismatch", "unshuffled_split"),
)


def diagnose(history: History, thresholds: Thresholds | None = None) -> Diagnosis:
    """Return what is wrong with a training.

    Args:
        history: `History`, of `GradientMonitor.history` or a file.
        thresholds: `Thresholds`. Defaults to `Thresholds()`.
    """
    return _of_record(Case(history.facts or Facts(), thresholds or Thresholds(), history))


def diagnose_so_far(history: History) -> Diagnosis:
    """Return what can already be said of a training that goes on.

    Args:
        history: `History` up to now.
    """
    return _of_record(Case(history.facts or Facts(), Thresholds(), history, is_running=True))


def _of_record(case: Case) -> Diagnosis:
    return examined(case, (*STATIC, *speaking(case)))


def examined(case: Case, rules: tuple[Rule, ...]) -> Diagnosis:
    """Return what some rules find in a case: nothing above `info` in a training that works.

    What hides whether it does stays. One that fits its own data does not underfit.
    """
    found = [finding for rule in rules for finding in rule(case)]
    found = [f.milder() if refuted(case, f) else f for f in found]
    if case.history is not None and fits(case):
        found = [f.milder() if f.condition == "underfitting" else f for f in found]
    if case.history is not None and works(case):
        found = [f if f.detail in HIDING else f.milder() for f in found]
    return Diagnosis(rooted(found), history=case.history)
