"""Train monitored on two replicas of TensorFlow or two devices of JAX. Print JSON."""

import json
import os
import traceback

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import keras

from tests.callbacks.gradient_monitor.configurations import REPLICATED
from tests.callbacks.untouched import assert_untouched_and_true


def scope():
    """Return a context in which models are trained on two devices."""
    if keras.backend.backend() == "jax":
        devices = keras.distribution.list_devices("cpu")
        assert len(devices) == 2
        return keras.distribution.DataParallel(devices=devices).scope()
    import tensorflow as tf

    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()


def outcome(row):
    """Return "passed", or what is wrong."""
    try:
        assert_untouched_and_true(row)
    except Exception:
        return traceback.format_exc()
    return "passed"


def main():
    with scope():
        print(json.dumps({name: outcome(row) for name, row in REPLICATED.items()}))


if __name__ == "__main__":
    main()
