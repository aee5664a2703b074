"""All rules over what was recorded in a training."""

from keras_trainkit.diagnosis._diagnose.case import Rule
from keras_trainkit.diagnosis._diagnose.recorded import (
    activations,
    generalization,
    gradients,
    notes,
    progress,
    still,
    targets,
    too_short,
    update_sizes,
)

# What no later update can set right.
AT_ONCE: tuple[Rule, ...] = (gradients.non_finite, progress.wrong_loss)
# What more updates, or the rest of the plan, would have set right.
AT_THE_END: tuple[Rule, ...] = (
    *too_short.RULES,
    progress.underfitting,
    *generalization.RULES,
)
RULES: tuple[Rule, ...] = (
    *gradients.RULES,
    *still.RULES,
    *activations.RULES,
    *update_sizes.RULES,
    *targets.RULES,
    *progress.RULES,
    *too_short.RULES,
    *generalization.RULES,
    *notes.RULES,
)
IF_STUCK: tuple[Rule, ...] = tuple(rule for rule in RULES if rule not in (*AT_ONCE, *AT_THE_END))
