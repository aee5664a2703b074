"""Guides of the first steps, of custom training steps, and of mixed precision."""

from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.diagnosis import datasets
from benchmarks.diagnosis.guides.guide import Guide, Training
from benchmarks.diagnosis.guides.judging import r_squared, validated
from tests.guides import models


def _built_in() -> Training:
    """Return "Training and evaluation with the built-in methods"."""
    data = datasets.digits(0)
    inputs = keras.Input((64,), name="digits")
    x = layers.Dense(64, activation="relu", name="dense_1")(inputs)
    x = layers.Dense(64, activation="relu", name="dense_2")(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax", name="predictions")(x))
    model.compile(
        optimizer=keras.optimizers.RMSprop(),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    return validated(model, data, batch_size=64, epochs=10)


def _mixed() -> Training:
    """Return "Mixed precision": float16 inside, float32 at the end."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    data = datasets.digits(0)
    inputs = keras.Input((64,), name="digits")
    x = layers.Dense(128, activation="relu", name="dense_1")(inputs)
    x = layers.Dense(128, activation="relu", name="dense_2")(x)
    x = layers.Dense(10, name="dense_logits")(x)
    outputs = layers.Activation("softmax", dtype="float32", name="predictions")(x)
    model = keras.Model(inputs, outputs)
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.RMSprop(),
        metrics=["accuracy"],
    )
    return validated(model, data, batch_size=64, epochs=10)


def _monte_carlo() -> Training:
    """Return Monte Carlo dropout: units are dropped in inference too."""
    data = datasets.digits(0)
    inputs = x = keras.Input((64,))
    for _ in range(2):
        x = layers.Dense(64, activation="relu")(x)
        x = layers.Dropout(0.2)(x, training=True)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return validated(model, data, batch_size=32, epochs=15)


def _custom_step() -> Training:
    """Return "Customizing what happens in fit()": a step of its own with two metrics."""
    data = datasets.planes(0, targets=1)
    inputs = keras.Input((6,))
    outputs = layers.Dense(1)(layers.Dense(32, activation="relu")(inputs))
    model = OwnStep(inputs, outputs)
    model.compile(optimizer="adam")
    fit = {"x": data.x, "y": data.y, "epochs": 30}
    return Training(model, fit, r_squared(data.x_test, data.y_test))


class OwnStep(keras.Model):
    """Trains by its own step, with a loss and metrics that `compile` does not know."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")
        self.loss_fn = keras.losses.MeanSquaredError()

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The two that the step renews."""
        return [self.loss_tracker, self.mae_metric]

    def train_step(self, data: Any) -> dict[str, Any]:
        """Update the weights once."""
        x, y = data
        minimize = models.dialect().minimize
        loss = minimize(self, self.optimizer, self, lambda: self.loss_fn(y, self(x, training=True)))
        self.loss_tracker.update_state(loss)
        self.mae_metric.update_state(y, keras.ops.stop_gradient(self(x, training=True)))
        return {metric.name: metric.result() for metric in self.metrics}


def _images() -> np.ndarray:
    return datasets.digits(0, flat=False).x


def _encoder() -> keras.Model:
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, activation="relu", strides=2, padding="same")(image)
    x = layers.Conv2D(32, 3, activation="relu", padding="same")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    mean = layers.Dense(models.LATENT, name="z_mean")(x)
    log_deviation = layers.Dense(models.LATENT, name="z_log_deviation")(x)
    deviation = keras.ops.exp(log_deviation)
    z = models.Sampling()([mean, deviation])
    return keras.Model(image, [mean, log_deviation, deviation, z])


def _decoder() -> keras.Model:
    drawn = keras.Input((models.LATENT,))
    x = layers.Dense(4 * 4 * 32, activation="relu")(drawn)
    x = layers.Reshape((4, 4, 32))(x)
    x = layers.Conv2DTranspose(32, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Conv2DTranspose(16, 3, activation="relu", padding="same")(x)
    outputs = layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x)
    return keras.Model(drawn, outputs)


def _vae() -> Training:
    """Return "Variational autoencoder"."""
    images = _images()

    def score(model: keras.Model) -> float:
        shown = np.asarray(model.decoder.predict(model.encoder.predict(images, verbose=0)[0]))
        return float(1 - np.mean((shown - images) ** 2) / np.var(images - images.mean(0)))

    model = models.VAE(_encoder(), _decoder())
    model.compile(optimizer=keras.optimizers.Adam())
    return Training(model, {"x": images, "epochs": 40, "batch_size": 32}, score)


def _wgan() -> Training:
    """Return "WGAN-GP overriding train_step"."""
    images = _images()
    return Training(
        models.wgan(), {"x": images, "epochs": 8, "batch_size": 64}, _looks_like(images)
    )


def _dcgan() -> Training:
    """Return "DCGAN to generate face images"."""
    images = _images()
    return Training(
        models.dcgan(), {"x": images, "epochs": 15, "batch_size": 64}, _looks_like(images)
    )


def _looks_like(images: np.ndarray) -> Any:
    """Return the score that is how far the mean image explains that of what is generated."""

    def score(model: keras.Model) -> float:
        draws = np.random.default_rng(0).normal(size=(500, models.LATENT)).astype("float32")
        fakes = np.asarray(model.generator.predict(draws, verbose=0)).mean(0)
        real = images.mean(0)
        return float(1 - np.mean((fakes - real) ** 2) / np.var(real))

    return score


GUIDES = (
    Guide("the built-in methods", 0.93, _built_in),
    Guide("mixed precision", 0.93, _mixed),
    Guide("Monte Carlo dropout", 0.93, _monte_carlo),
    Guide("a custom training step", 0.8, _custom_step),
    Guide("variational autoencoder", 0.2, _vae),
    Guide("WGAN with a penalty", 0.5, _wgan),
    Guide("DCGAN", 0.5, _dcgan),
)
