"""What `dir` shows of an optimizer: Keras's names, and ours that the docstrings explain."""

import keras
import pytest

from keras_trainkit.optimizers import (
    NAG,
    Adam,
    AdamW,
    AdaptiveClipping,
    Nadam,
    PercentileClipping,
)

THRESHOLDS = {"clipnorm", "clipvalue", "global_clipnorm"}
SHARED = THRESHOLDS | {"weight_decay", "skipped_updates", "counters"}
MOMENTS = SHARED | {"beta_1", "beta_2", "epsilon"}
POSITION = {"at_iterate", "holds_iterate", "resume"}
OURS = {
    Adam: MOMENTS,
    AdamW: MOMENTS,
    Nadam: MOMENTS,
    NAG: SHARED | POSITION | {"momentum", "velocities"},
    AdaptiveClipping: {"name", "factor", "frequency"},
    PercentileClipping: {"name", "percentile", "frequency"},
}
# Attributes of an instance; those of Keras's base class are left out.
ARGUMENTS = {
    "weight_decay_exclude",
    "weight_decay_min_rank",
    "learning_rate_multipliers",
    "clipping",
    "skip_nonfinite",
}
OF_THE_RULE = {
    Adam: {"amsgrad", "epsilon_hat"},
    AdamW: {"amsgrad", "epsilon_hat"},
    Nadam: {"momentum_decay"},
    NAG: {"nesterov", "torch_velocity", "end_at_iterate"},
}
# Hooks of Keras that an update goes through; every other private name must be new.
OVERRIDDEN = {"_apply_weight_decay", "_backend_update_step", "_clip_gradients"}
KERAS = set(dir(keras.optimizers.Optimizer))
OVERRIDDEN |= {"_trackable_children"} & KERAS  # on TensorFlow


def public(names):
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("cls", OURS)
def test_a_class_shows_what_a_user_needs(cls):
    assert public(dir(cls)) - KERAS == OURS[cls]


@pytest.mark.parametrize("cls", OF_THE_RULE)
def test_an_instance_adds_its_arguments(cls):
    optimizer, base = cls(), keras.optimizers.Optimizer(0.1)
    for each in (optimizer, base):
        each.build([keras.Variable([1.0])])
    found = public(dir(optimizer)) - set(dir(base)) - OURS[cls]
    assert found == ARGUMENTS | OF_THE_RULE[cls]


@pytest.mark.parametrize("cls", OF_THE_RULE)
def test_no_private_name_hides_one_of_keras(cls):
    classes = [c for c in cls.__mro__ if c.__module__.startswith("keras_trainkit.")]
    names = {name for c in classes for name in vars(c) if not name.startswith("__")}
    assert {name for name in names if name.startswith("_")} & KERAS == OVERRIDDEN
