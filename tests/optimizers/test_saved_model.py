"""A training step inside a SavedModel: TensorFlow alone goes on with it, as on a device."""

import keras
import numpy as np
import pytest

from keras_trainkit.layers import Dropout
from keras_trainkit.optimizers import (
    NAG,
    Adam,
    AdamW,
    AdaptiveClipping,
    Nadam,
    PercentileClipping,
)
from tests import contracts

pytestmark = pytest.mark.backend("tensorflow")

SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
CASES = {
    "nag": lambda: NAG(SCHEDULE, clipnorm=1.0, skip_nonfinite=True),
    "plain": lambda: NAG(0.1, momentum=0.0, clipvalue=0.5),
    "torch-velocity": lambda: NAG(0.1, torch_velocity=True),
    "adam": lambda: Adam(0.1, clipping=AdaptiveClipping(0.1), use_ema=True),
    "adamw": lambda: AdamW(0.1, 0.1, global_clipnorm=1.0, skip_nonfinite=True),
    "loss-scale": lambda: keras.optimizers.LossScaleOptimizer(NAG(0.1), initial_scale=4.0),
    "nadam": lambda: Nadam(0.1, clipping=PercentileClipping(50.0)),
}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 8, 4)).astype("float32")

IN_A_NEW_PROCESS = """
import sys
import numpy as np
import tensorflow as tf
x = np.load(sys.argv[1])
for folder in sys.argv[2:]:
    loaded = tf.saved_model.load(folder)
    np.save(folder + ".npy", [float(loaded.step(batch)) for batch in x])
"""


def trainer(make):
    import tensorflow as tf

    class Trainer(tf.Module):
        def __init__(self):
            super().__init__()
            keras.utils.set_random_seed(3)
            layers = [keras.layers.Dense(5), Dropout(0.3, seed=1), keras.layers.Dense(2)]
            self.model = keras.Sequential([keras.Input((4,)), *layers])
            self.optimizer = make()
            self.optimizer.build(self.model.trainable_variables)

        @tf.function(input_signature=[tf.TensorSpec((None, 4))])
        def step(self, x):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self.model(x, training=True) - x[:, :2] ** 2) ** 2)
            variables = self.model.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            return loss

    return Trainer()


@pytest.mark.parametrize(
    "names", [("nag", "nadam"), pytest.param(tuple(CASES)[1:-1], marks=pytest.mark.short())]
)
def test_a_new_process_trains_on_as_this_one(names, tmp_path):
    import tensorflow as tf

    np.save(tmp_path / "x.npy", X)
    expected = {}
    for name in names:
        module = trainer(CASES[name])
        for batch in X:
            module.step(batch)
        tf.saved_model.save(module, tmp_path / name)
        expected[str(tmp_path / name)] = [float(module.step(batch)) for batch in X]
    contracts.run_in_fresh_process(IN_A_NEW_PROCESS, tmp_path / "x.npy", *expected)
    for folder, losses in expected.items():
        np.testing.assert_array_equal(np.load(f"{folder}.npy"), losses, err_msg=folder)


def test_a_checkpoint_holds_the_state_and_no_numbers(tmp_path):
    """Those stand in the constructor; restored behind its back they would contradict it."""
    import tensorflow as tf

    module, other = (trainer(CASES["nadam"]) for _ in range(2))
    for batch in X:
        module.step(batch)
    path = tf.train.Checkpoint(module=module).save(tmp_path / "checkpoint")
    names = [name for name, _ in tf.train.list_variables(path)]
    assert any("momentum_product" in name or "_u_product" in name for name in names)
    assert not any("number_" in name or "beta_1" in name for name in names)
    tf.train.Checkpoint(module=other).restore(path).assert_existing_objects_matched()
    for mine, theirs in zip(module.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(contracts.array(mine), contracts.array(theirs))
