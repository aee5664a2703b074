"""Guides that see time series."""

from typing import Any

import keras
import numpy as np
from keras import callbacks, layers

from benchmarks.diagnosis import datasets
from benchmarks.diagnosis.guides.guide import Guide, Training
from benchmarks.diagnosis.guides.judging import accuracy, r_squared


def _convnet() -> Training:
    """Return "Timeseries classification from scratch"."""
    data = datasets.waves(0, classes=2, rows=900, length=48)
    x = series = keras.Input((48, 1))
    for _ in range(3):
        x = layers.Conv1D(16, 3, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(series, layers.Dense(2, activation="softmax")(x))
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["sparse_categorical_accuracy"],
    )
    watched = [
        callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=20, min_lr=0.0001),
        callbacks.EarlyStopping(monitor="val_loss", patience=50),
    ]
    fit = {"batch_size": 32, "epochs": 60, "callbacks": watched, "validation_split": 0.2}
    return _fitted(model, data, **fit)


def _placed(rows: int = 900) -> datasets.Split:
    """Return waves of two frequencies that begin at almost the same phase."""
    random, time = np.random.default_rng(0), np.arange(48)
    y = random.integers(2, size=rows)
    phase = random.uniform(0, 1, (rows, 1))
    x = np.sin((0.3 + 0.1 * y[:, None]) * time + phase) + 0.3 * random.normal(size=(rows, 48))
    return datasets.split(x[..., None], y, 0, scaled=False)


def _encoder(inputs: Any, size: int, heads: int, filters: int, rate: float) -> Any:
    x = layers.MultiHeadAttention(key_dim=size, num_heads=heads, dropout=rate)(inputs, inputs)
    middle = layers.LayerNormalization(epsilon=1e-6)(layers.Dropout(rate)(x)) + inputs
    x = layers.Conv1D(filters, kernel_size=1, activation="relu")(middle)
    x = layers.Conv1D(inputs.shape[-1], kernel_size=1)(layers.Dropout(rate)(x))
    return layers.LayerNormalization(epsilon=1e-6)(x) + middle


def _transformer() -> Training:
    """Return "Timeseries classification with a Transformer model".

    The mean is taken over the channels, as in its first edition: that over time leaves one number.
    """
    data = _placed()
    x = series = keras.Input((48, 1))
    for _ in range(4):
        x = _encoder(x, 32, 4, 4, 0.25)
    x = layers.GlobalAveragePooling1D(data_format="channels_first")(x)
    x = layers.Dropout(0.4)(layers.Dense(128, activation="relu")(x))
    model = keras.Model(series, layers.Dense(2, activation="softmax")(x))
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.Adam(learning_rate=1e-4),
        metrics=["sparse_categorical_accuracy"],
    )
    watched = [callbacks.EarlyStopping(patience=10, restore_best_weights=True)]
    fit = {"batch_size": 32, "epochs": 25, "callbacks": watched, "validation_split": 0.2}
    return _fitted(model, data, **fit)


def _weather(steps: int = 24, rows: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Return windows of four standardized quantities and the first of them, some hours later."""
    random, time = np.random.default_rng(0), np.arange(rows + steps + 6)
    day, year = np.sin(2 * np.pi * time / 24), np.sin(2 * np.pi * time / 500)
    temperature = 10 + 6 * day + 8 * year + random.normal(size=len(time))
    pressure = 990 - 5 * year + 2 * random.normal(size=len(time))
    others = [0.6 * temperature + random.normal(size=len(time)), np.cos(2 * np.pi * time / 24)]
    columns = np.stack([temperature, pressure, *others], 1)
    train = columns[: rows * 7 // 10]
    columns = ((columns - train.mean(0)) / train.std(0)).astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(columns, steps, 0)[:rows]
    return windows.transpose(0, 2, 1), columns[steps + 5 :][:rows, :1]


def _forecast() -> Training:
    """Return "Timeseries forecasting for weather prediction"."""
    x, y = _weather()
    cut = len(x) * 7 // 10
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, layers.Dense(1)(layers.LSTM(32)(inputs)))
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse")
    stopping = callbacks.EarlyStopping(monitor="val_loss", min_delta=0, patience=5)
    fit = {"x": x[:cut], "y": y[:cut], "epochs": 20, "callbacks": [stopping], "shuffle": False}
    fit["validation_data"] = (x[cut:], y[cut:])
    return Training(model, fit, r_squared(x[cut:], y[cut:]))


def _anomalies() -> Training:
    """Return "Timeseries anomaly detection using an autoencoder"."""
    random = np.random.default_rng(0)
    time = np.arange(1400)
    daily = np.sin(2 * np.pi * time / 48) + 0.5 * np.sin(2 * np.pi * time / 24 + 1)
    series = daily + 0.1 * random.normal(size=time.shape)
    x = np.lib.stride_tricks.sliding_window_view(series, 48).astype("float32")[..., None]
    x = (x - x.mean()) / x.std()
    model = keras.Sequential(
        [
            layers.Input((48, 1)),
            layers.Conv1D(32, 7, padding="same", strides=2, activation="relu"),
            layers.Dropout(0.2),
            layers.Conv1D(16, 7, padding="same", strides=2, activation="relu"),
            layers.Conv1DTranspose(16, 7, padding="same", strides=2, activation="relu"),
            layers.Dropout(0.2),
            layers.Conv1DTranspose(32, 7, padding="same", strides=2, activation="relu"),
            layers.Conv1DTranspose(1, 7, padding="same"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse")
    stopping = callbacks.EarlyStopping(monitor="val_loss", patience=5, mode="min")
    fit = {"x": x, "y": x, "epochs": 50, "batch_size": 128, "callbacks": [stopping]}
    return Training(model, {**fit, "validation_split": 0.1}, r_squared(x, x))


def _fitted(model: keras.Model, data: datasets.Split, **fit: Any) -> Training:
    return Training(model, {"x": data.x, "y": data.y, **fit}, accuracy(data.x_test, data.y_test))


GUIDES = (
    Guide("time series ConvNet", 0.95, _convnet),
    Guide("time series transformer", 0.85, _transformer),
    Guide("LSTM forecasts the weather", 0.6, _forecast),
    Guide("Conv1D autoencoder for anomalies", 0.8, _anomalies),
)
