"""Guides that use a network again that was trained for something else."""

from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.diagnosis.guides.guide import Guide, Training
from benchmarks.diagnosis.guides.images import enlarged
from benchmarks.diagnosis.guides.judging import accuracy


def _xception(image: Any) -> Any:
    """Return what a small Xception sees: separable convolutions and residuals."""
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(image)
    x = previous = layers.Activation("relu")(layers.BatchNormalization()(x))
    for size in (24, 32):
        for _ in range(2):
            x = layers.Activation("relu")(x)
            x = layers.SeparableConv2D(size, 3, padding="same", use_bias=False)(x)
            x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(size, 1, strides=2, padding="same")(previous)
        x = previous = layers.add([x, residual])
    return x


def _trained_base(images: np.ndarray, labels: np.ndarray) -> keras.Model:
    """Return a base that knows many classes, whose inputs are of -1..1."""
    image = keras.Input((16, 16, 1))
    base = keras.Model(image, _xception(image))
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(base.output))
    model = keras.Model(base.input, outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(2 * images - 1, labels, epochs=8, batch_size=16, verbose=0)
    return base


def _frozen() -> Training:
    """Return "Transfer learning and fine-tuning": a new head on a frozen base, raw pixels."""
    data = enlarged()
    base = _trained_base(data.x, data.y)
    base.trainable = False
    image = keras.Input((16, 16, 1))
    x = layers.Rescaling(scale=1 / 127.5, offset=-1)(image)
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    model = keras.Model(image, layers.Dense(1)(layers.Dropout(0.2)(x)))
    _compile(model, keras.optimizers.Adam())
    y, y_test = (np.isin(part, (3, 5, 6, 8)).astype("int64") for part in (data.y, data.y_test))
    x, x_test = 255 * data.x, 255 * data.x_test
    fit = {"x": x, "y": y, "epochs": 30, "batch_size": 32, "validation_data": (x_test, y_test)}
    return Training(model, fit, accuracy(x_test, y_test, logits=True))


def _fine_tuned() -> Training:
    """Return its second half: the whole network, at a rate of 1e-5."""
    training = _frozen()
    training.model.fit(**training.fit, verbose=0)
    training.model.trainable = True
    _compile(training.model, keras.optimizers.Adam(1e-5))
    training.fit["epochs"] = 10
    return training


def _compile(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )


def _cats_and_dogs() -> Training:
    """Return "Image classification from scratch": raw pixels, augmented and scaled inside."""
    data = enlarged()
    y, y_test = ((part >= 5).astype("int64") for part in (data.y, data.y_test))
    image = keras.Input((16, 16, 1))
    x = layers.RandomRotation(0.05)(image)
    x = layers.GlobalAveragePooling2D()(_xception(layers.Rescaling(1.0 / 255)(x)))
    model = keras.Model(image, layers.Dense(1, activation=None)(layers.Dropout(0.25)(x)))
    model.compile(
        optimizer=keras.optimizers.Adam(3e-4),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(name="acc", threshold=0.0)],
    )
    x, x_test = 255 * data.x, 255 * data.x_test
    fit = {"x": x, "y": y, "epochs": 20, "batch_size": 32, "validation_data": (x_test, y_test)}
    return Training(model, fit, accuracy(x_test, y_test, logits=True))


GUIDES = (
    Guide("transfer learning, frozen base", 0.9, _frozen),
    Guide("transfer learning, fine-tuning at 1e-5", 0.9, _fine_tuned),
    Guide("image classification from scratch", 0.85, _cats_and_dogs),
)
