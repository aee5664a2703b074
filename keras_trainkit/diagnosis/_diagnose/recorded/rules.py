"""All rules over what was recorded in a training."""

from keras_trainkit.diagnosis._diagnose.case import Rule
from keras_trainkit.diagnosis._diagnose.recorded import (
    activations,
    generalization,
    gradients,
    progress,
    still,
    targets,
    too_short,
    update_sizes,
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
)
