"""Guides that see images."""

from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.diagnosis import datasets
from benchmarks.diagnosis.guides.guide import Guide, Training
from benchmarks.diagnosis.guides.judging import accuracy, r_squared


def enlarged(factor: int = 2) -> datasets.Split:
    """Return the digits, of 0..1, with more pixels."""
    data = datasets.digits(0, flat=False)
    ones = np.ones((1, factor, factor, 1), "float32")
    x, x_test = (np.kron(part, ones) for part in (data.x, data.x_test))
    return data._replace(x=x, x_test=x_test)


def one_hot(classes: np.ndarray, count: int = 10) -> np.ndarray:
    """Return a row with one 1 for each class."""
    return np.eye(count, dtype="float32")[classes]


def _convnet() -> Training:
    """Return "Simple MNIST convnet"."""
    data = enlarged()
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    fit = {"x": data.x, "y": one_hot(data.y), "batch_size": 32, "epochs": 15}
    return Training(model, {**fit, "validation_split": 0.1}, accuracy(data.x_test, data.y_test))


def _autoencoder(noise: float = 0.4) -> Training:
    """Return "Convolutional autoencoder for image denoising"."""
    data, random = enlarged(), np.random.default_rng(0)
    noisy, noisy_test = (
        np.clip(x + noise * random.normal(size=x.shape), 0, 1).astype("float32")
        for x in (data.x, data.x_test)
    )
    x = pixels = keras.Input((16, 16, 1))
    for _ in range(2):
        x = layers.Conv2D(16, 3, activation="relu", padding="same")(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    for _ in range(2):
        x = layers.Conv2DTranspose(16, 3, strides=2, activation="relu", padding="same")(x)
    model = keras.Model(pixels, layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x))
    model.compile(optimizer="adam", loss="binary_crossentropy")
    fit = {"x": noisy, "y": data.x, "epochs": 15, "batch_size": 64, "shuffle": True}
    fit["validation_data"] = (noisy_test, data.x_test)
    return Training(model, fit, r_squared(noisy_test, data.x_test))


def _residual() -> Training:
    """Return the toy ResNet of "The functional API"."""
    data = enlarged()

    def block(x: Any) -> Any:
        y = layers.Conv2D(24, 3, activation="relu", padding="same")(x)
        return layers.add([layers.Conv2D(24, 3, activation="relu", padding="same")(y), x])

    image = keras.Input((16, 16, 1), name="img")
    x = layers.Conv2D(16, 3, activation="relu")(image)
    x = layers.MaxPooling2D(3)(layers.Conv2D(24, 3, activation="relu")(x))
    x = layers.Conv2D(24, 3, activation="relu", padding="same")(block(block(x)))
    x = layers.Dense(64, activation="relu")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, layers.Dense(10)(layers.Dropout(0.5)(x)), name="toy_resnet")
    model.compile(
        optimizer=keras.optimizers.RMSprop(1e-3),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["acc"],
    )
    fit = {"x": data.x, "y": one_hot(data.y), "batch_size": 32, "epochs": 20}
    return Training(model, {**fit, "validation_split": 0.2}, accuracy(data.x_test, data.y_test))


GUIDES = (
    Guide("simple MNIST convnet", 0.93, _convnet),
    Guide("convolutional autoencoder that denoises", 0.6, _autoencoder),
    Guide("toy ResNet of the functional API", 0.85, _residual),
)
