"""How many files of the package a reader opens to follow one step on PyTorch."""

import keras
import pytest
from keras import ops

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam
from tests.trips import files_run

COMMON = {
    "optimizers/_base.py",
    "optimizers/_update_groups.py",
    "optimizers/_hyperparameters.py",
    "_runtime_number.py",
    "optimizers/_torch.py",
}
RULE = {
    Adam: {"optimizers/adam.py", "optimizers/_adam_family.py"},
    AdamW: {"optimizers/adam.py", "optimizers/_adam_family.py"},
    Nadam: {"optimizers/nadam.py", "optimizers/_adam_family.py"},
    NAG: {"optimizers/nag.py", "optimizers/_look_ahead.py", "optimizers/_velocity_units.py"},
}


@pytest.mark.backend("torch")
@pytest.mark.parametrize("cls", RULE)
def test_a_step_runs_through_seven_files_and_that_of_nag_through_eight(cls):
    variables = [keras.Variable([[1.0, 2.0]]), keras.Variable([3.0])]
    gradients = [ops.ones((1, 2)), ops.ones((1,))]
    optimizer = cls()
    optimizer.build(variables)
    for _ in range(3):
        with files_run() as files:
            optimizer.apply(gradients, variables)
        assert files == COMMON | RULE[cls]
