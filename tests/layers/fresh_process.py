"""Load a model and go on training it; on TensorFlow, train on two replicas. Print JSON."""

import json
import sys

import keras
import numpy as np

from keras_trainkit.layers import BatchNormalization, Dropout

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
X_AND_MASK = np.where(np.arange(32)[:, None] % 8 == 0, 0, 1000 + X)[:, None].astype("float32")


def after_one_step():
    model = keras.Sequential(
        [
            keras.Input((1, 4)),
            keras.layers.Masking(),
            BatchNormalization(synchronized=True, momentum=None, unbiased=True),
            keras.layers.Dense(4, kernel_initializer="identity"),
            BatchNormalization(synchronized=True, momentum=0.0),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(X_AND_MASK, X[:, None], batch_size=32, shuffle=False, verbose=0)
    return [weight.tolist() for weight in model.get_weights()]


def means_after_an_empty_replica(strategy):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            BatchNormalization(momentum_warmup=True),
            BatchNormalization(ghost_batch_size=2, unbiased=True),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(X[:9], X[:9], batch_size=8, shuffle=False, verbose=0)
    return [
        [mean.numpy().tolist() for mean in strategy.experimental_local_results(mean.value)]
        for mean in (layer.moving_mean for layer in model.layers)
    ]


def dropped_per_replica(strategy):
    with strategy.scope():
        layer = Dropout(0.0)
    layer.rate = 0.5
    outputs = strategy.run(lambda: layer(np.ones((100, 100), "float32"), training=True))
    return [float((y.numpy() == 0).mean()) for y in strategy.experimental_local_results(outputs)]


def main():
    found = {}
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
        found["one_device"] = after_one_step()
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            found["synchronized"] = after_one_step()
            found["means_after_an_empty_replica"] = means_after_an_empty_replica(strategy)
        found["dropped_per_replica"] = dropped_per_replica(strategy)

    model = keras.models.load_model(sys.argv[1])
    found["predictions"] = model.predict(X, verbose=0).tolist()
    model.fit(X, X, batch_size=8, epochs=2, shuffle=False, verbose=0)
    found["weights"] = [weight.tolist() for weight in model.get_weights()]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
