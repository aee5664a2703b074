"""Train on one device and on two, replicas of TensorFlow or devices of JAX. Print JSON."""

import contextlib
import json
import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import keras
import numpy as np

from keras_trainkit.optimizers import NAG, AdamW, Nadam, PercentileClipping

RULES = {
    "nag": lambda: NAG(0.1, clipnorm=0.5),
    "adamw": lambda: AdamW(
        0.05, 0.5, epsilon=1e-2, learning_rate_multipliers={"head": 0.5}, skip_nonfinite=True
    ),
    "nadam": lambda: Nadam(0.05, epsilon=1e-2, clipping=PercentileClipping(30.0)),
    "torch-velocity": lambda: NAG(0.1, torch_velocity=True, skip_nonfinite=True),
}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4)).astype("float32")
Y = np.tanh(X @ RNG.normal(size=(4, 2))).astype("float32")
SPOILT = X.copy()
SPOILT[13] = np.nan  # The second of four batches, on the second device alone.


def trained(name):
    """Return what two fits make of a model, with a number assigned in between."""
    keras.utils.set_random_seed(4)
    layers = [keras.layers.Dense(6, "tanh", name="body"), keras.layers.Dense(2, name="head")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    optimizer = RULES[name]()
    model.compile(optimizer, "mse")
    for _ in range(2):
        x = SPOILT if optimizer.skip_nonfinite else X
        model.fit(x, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        setattr(optimizer, "momentum" if isinstance(optimizer, NAG) else "beta_1", 0.6)
    return {
        "devices": devices_of(layers[0].kernel.value),
        "weights": [weight.tolist() for weight in model.get_weights()],
        "skipped": optimizer.skipped_updates,
        "frequency": optimizer.clipping.frequency if optimizer.clipping else None,
    }


def devices_of(value):
    if keras.backend.backend() == "jax":
        return len(value.sharding.device_set)
    return len(getattr(value, "values", [value]))


def main():
    scope = contextlib.nullcontext()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
        scope = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()
    found = {name: [trained(name)] for name in RULES}
    if keras.backend.backend() == "jax":
        devices = keras.distribution.list_devices("cpu")
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    with scope:
        for name in RULES:
            found[name].append(trained(name))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
