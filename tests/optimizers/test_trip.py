"""How many files of the package a reader opens to follow one step on PyTorch."""

import sys
from pathlib import Path

import keras
import pytest
from keras import ops

import keras_trainkit
from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam

ROOT = Path(keras_trainkit.__file__).parent
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
    NAG: {"optimizers/nag.py", "optimizers/_look_ahead.py"},
}


def files_of(function):
    """Call the function; return the package's files whose code it runs."""
    found = set()

    def note(frame, event, argument):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT):
            found.add(path.relative_to(ROOT).as_posix())

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return found


@pytest.mark.backend("torch")
@pytest.mark.parametrize("cls", RULE)
def test_a_step_runs_through_seven_files(cls):
    variables = [keras.Variable([[1.0, 2.0]]), keras.Variable([3.0])]
    gradients = [ops.ones((1, 2)), ops.ones((1,))]
    optimizer = cls()
    optimizer.build(variables)
    for _ in range(3):
        assert files_of(lambda: optimizer.apply(gradients, variables)) == COMMON | RULE[cls]
