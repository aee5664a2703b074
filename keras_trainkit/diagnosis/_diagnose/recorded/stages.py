"""Which rules may speak while a training still runs."""

import math

import numpy as np

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.recorded import rules
from keras_trainkit.diagnosis._diagnose.recorded.works import fall, inferred_skills, log, skills

# So much of the plan a training has before it is judged.
_PATIENCE = 0.15
# Trainings begin slowly: so many times their pace up to now may they still reach.
_FASTER = 4.0


def speaking(case: Case) -> tuple[Rule, ...]:
    """Return the rules over a record that may speak by now.

    Of what no later update can set right they speak at any time, of what keeps a training from
    learning once it is stuck, and of what more updates would have set right at the end.
    """
    if case.is_over:
        return rules.RULES
    return (*rules.AT_ONCE, *(rules.IF_STUCK if is_stuck(case) else ()))


def is_stuck(case: Case) -> bool:
    """Say whether a running training is not on its way to learn its task.

    Its pace of late is drawn out to the end of the plan, and generously. A skill that is nearly
    none has not begun to rise.
    """
    course = _progress(case)
    late = course[max(len(course) - 2, 0) // 2 :]
    if len(late) < 2 or case.share_done < _PATIENCE:
        return False
    to_come = log(case, "epoch").size * (1 / case.share_done - 1)
    pace = (late[-1] - max(late[0], case.limits.no_skill)) / (len(late) - 1)
    hoped = late[-1] + _FASTER * max(pace, 0.0) * to_come
    return not hoped >= case.limits.learning_skill


def _progress(case: Case) -> np.ndarray:
    """Return the skill before the training, which is none, and after each epoch.

    Where no skill is known, by how much the loss has fallen since the first epoch.
    """
    for course in (skills(case), inferred_skills(case)):
        if course.size and not math.isnan(course[-1]):
            return np.array([0.0, *course])
    loss = log(case, "loss")
    return np.array([fall(loss[: epoch + 1]) for epoch in range(loss.size)])
