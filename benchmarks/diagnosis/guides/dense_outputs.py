"""Guides that answer for each pixel or character, and those that write or draw."""

from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.diagnosis.guides.guide import Guide, Training
from benchmarks.diagnosis.guides.images import enlarged, one_hot
from benchmarks.diagnosis.guides.judging import accuracy


def _shapes(rows: int = 400, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images of a disc and its rim, and for each pixel what it belongs to."""
    random = np.random.default_rng(0)
    row, column = np.mgrid[:size, :size]
    middle = random.uniform(10, size - 10, (2, rows, 1, 1))
    distance = np.hypot(row - middle[0], column - middle[1])
    radius = random.uniform(5, 9, (rows, 1, 1))
    y = np.where(distance < radius - 2, 0, np.where(distance < radius, 2, 1))
    colours = np.array([[200, 80, 60], [60, 120, 90], [220, 220, 90]])[y]
    x = np.clip(colours + 25 * random.normal(size=colours.shape), 0, 255)
    return x.astype("float32"), y.astype("uint8")


def _normalized(layer: layers.Layer, x: Any) -> Any:
    return layers.BatchNormalization()(layer(layers.Activation("relu")(x)))


def _u_net() -> Training:
    """Return "Image segmentation with a U-Net-like architecture": raw pixels, as there.

    The pixels stand in a row at the end: on PyTorch, Keras 3.15 cannot train images of labels.
    """
    x_all, y_all = _shapes()
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same")(image)
    previous = x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for filters in (24, 32):
        x = _normalized(layers.SeparableConv2D(filters, 3, padding="same"), x)
        x = _normalized(layers.SeparableConv2D(filters, 3, padding="same"), x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(filters, 1, strides=2, padding="same")(previous)
        previous = x = layers.add([x, residual])
    for filters in (32, 24, 16):
        x = _normalized(layers.Conv2DTranspose(filters, 3, padding="same"), x)
        x = _normalized(layers.Conv2DTranspose(filters, 3, padding="same"), x)
        x = layers.UpSampling2D(2)(x)
        residual = layers.Conv2D(filters, 1, padding="same")(layers.UpSampling2D(2)(previous))
        previous = x = layers.add([x, residual])
    x = layers.Conv2D(3, 3, activation="softmax", padding="same")(x)
    model = keras.Model(image, layers.Reshape((-1, 3))(x))
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="sparse_categorical_crossentropy")
    y_all = y_all.reshape(len(y_all), -1)
    fit = {"x": x_all[:320], "y": y_all[:320], "epochs": 15, "batch_size": 8}
    fit["validation_data"] = (x_all[320:], y_all[320:])
    return Training(model, fit, accuracy(x_all[320:], y_all[320:]))


CHARACTERS = "0123456789+ "


def _coded(texts: list[str]) -> np.ndarray:
    return one_hot(np.array([[CHARACTERS.index(c) for c in text] for text in texts]), 12)


def _addition() -> Training:
    """Return "Sequence to sequence learning for performing number addition"."""
    random = np.random.default_rng(0)
    left, right = random.integers(100, size=(2, 6000))
    pairs = sorted({tuple(sorted(pair)) for pair in zip(left, right, strict=True)})
    order = random.permutation(len(pairs))
    pairs = [pairs[i] for i in order]
    x = _coded([f"{a}+{b}".ljust(5)[::-1] for a, b in pairs])
    y = _coded([str(a + b).ljust(3) for a, b in pairs])
    model = keras.Sequential(
        [
            keras.Input((5, 12)),
            layers.LSTM(64),
            layers.RepeatVector(3),
            layers.LSTM(64, return_sequences=True),
            layers.Dense(12, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    cut = 9 * len(x) // 10
    fit = {"x": x[:cut], "y": y[:cut], "batch_size": 32, "epochs": 40}
    fit["validation_data"] = (x[cut:], y[cut:])
    return Training(model, fit, accuracy(x[cut:], y[cut:].argmax(-1)))


TALE = "the old sea was calm and a young wind sang to the small red boat near some far shore"


def _prose(words: int = 900) -> str:
    """Return text in which each word is followed by one of three."""
    random, text, i, known = np.random.default_rng(0), [], 0, TALE.split()
    for _ in range(words):
        text.append(known[i])
        i = (3 * i + random.integers(1, 4)) % len(known)
    return " ".join(text)


def _characters() -> Training:
    """Return "Character-level text generation with LSTM": no metric, a rate of 0.01."""
    text = _prose()
    letters = sorted(set(text))
    coded = one_hot(np.array([letters.index(c) for c in text]), len(letters))
    windows = np.lib.stride_tricks.sliding_window_view(coded, 20, 0)[:-1:3].transpose(0, 2, 1)
    following = coded[20::3]
    model = keras.Sequential(
        [
            keras.Input((20, len(letters))),
            layers.LSTM(64),
            layers.Dense(len(letters), activation="softmax"),
        ]
    )
    model.compile(
        loss="categorical_crossentropy", optimizer=keras.optimizers.RMSprop(learning_rate=0.01)
    )
    x, y = windows[: len(following)], following
    fit = {"x": x, "y": y, "batch_size": 128, "epochs": 20}
    return Training(model, fit, accuracy(x, y.argmax(-1)))


class PixelConvolution(layers.Layer):
    """A convolution that sees only the pixels above and to the left, of type B also its own."""

    def __init__(self, mask_type: str, filters: int, size: int, **rest: Any) -> None:
        super().__init__()
        self.mask_type = mask_type
        self.conv = layers.Conv2D(filters, size, padding="same", **rest)

    def build(self, input_shape: Any) -> None:
        """Build the kernel and its mask."""
        self.conv.build(input_shape)
        height, width = self.conv.kernel.shape[:2]
        mask = np.zeros(self.conv.kernel.shape, "float32")
        mask[: height // 2] = 1.0
        mask[height // 2, : width // 2 + (self.mask_type == "B")] = 1.0
        self.mask = mask

    def call(self, inputs: Any) -> Any:
        """Return the convolution with the masked kernel."""
        self.conv.kernel.assign(self.conv.kernel * self.mask)
        return self.conv(inputs)


def _pixels() -> Training:
    """Return "PixelCNN": black and white pixels, each foretold from those before it."""
    data = enlarged()
    x, x_test = ((part > 0.33).astype("float32") for part in (data.x, data.x_test))
    image = keras.Input((16, 16, 1))
    hidden = PixelConvolution("A", 32, 7, activation="relu")(image)
    for _ in range(2):
        y = layers.Conv2D(16, 1, activation="relu")(hidden)
        y = PixelConvolution("B", 16, 3, activation="relu")(y)
        hidden = layers.add([hidden, layers.Conv2D(32, 1, activation="relu")(y)])
    for _ in range(2):
        hidden = PixelConvolution("B", 32, 1, activation="relu")(hidden)
    outputs = layers.Conv2D(1, 1, activation="sigmoid", padding="valid")(hidden)
    model = keras.Model(image, outputs)
    model.compile(keras.optimizers.Adam(learning_rate=0.0005), "binary_crossentropy")
    fit = {"x": x, "y": x, "batch_size": 64, "epochs": 12, "validation_split": 0.1}
    return Training(model, fit, accuracy(x_test, x_test[..., 0]))


GUIDES = (
    Guide("U-Net-like segmentation", 0.9, _u_net),
    Guide("addition from sequence to sequence", 0.75, _addition),
    Guide("character-level text generation", 0.6, _characters),
    Guide("PixelCNN", 0.85, _pixels),
)
