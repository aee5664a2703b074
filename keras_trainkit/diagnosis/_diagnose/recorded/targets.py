"""The rule over outputs that have not come near to large targets."""

import math
from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.recorded.progress import last_third
from keras_trainkit.diagnosis._diagnose.recorded.works import learns, log, severity
from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.heads import learned
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.scales import (
    SCALED,
    target_scale,
    unnormalized_target,
)
from keras_trainkit.diagnosis.finding import Evidence, Finding

# The largest output beside the size of the targets, below which it is on its way there.
_FAR = 0.7


def far_targets(case: Case) -> Iterator[Finding]:
    """Find outputs that still grow towards targets much larger than those weights are drawn for."""
    outcomes = case.history.outcomes if case.history else None
    if outcomes is None or not len(outcomes.epochs) or learns(case):
        return
    if not last_third(log(case, "loss")) > case.limits.flat_loss:
        return
    for i, (output, task) in enumerate(learned(case)):
        target = output.target
        is_distance = not output.own_loss and spelled(output.loss) in names.DISTANCES
        if target is None or task.kind != tasks.REGRESSION or not is_distance:
            continue
        most = max(abs(outcomes["low"][-1, i]), abs(outcomes["high"][-1, i]))
        scale = target_scale(target)
        if scale > SCALED and math.isfinite(most) and most < _FAR * scale:
            yield unnormalized_target(
                case,
                target,
                severity(case),
                f"Targets are around {scale:.3g}, and at the end of the training the outputs are "
                f"still at {most:.3g} at most: they grow in small steps.",
                Evidence("largest output / size of the targets", most / scale, _FAR),
            )


RULES: tuple[Rule, ...] = (far_targets,)
