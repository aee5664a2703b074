"""Guides that see the columns of a table."""

import keras
import numpy as np
from keras import layers, metrics

from benchmarks.diagnosis import datasets
from benchmarks.diagnosis.guides.guide import Guide, Training
from benchmarks.diagnosis.guides.judging import accuracy, balanced


def _fraud() -> Training:
    """Return "Imbalanced classification: credit card fraud detection"."""
    data = datasets.rare(0, rows=24000, share=0.005, distance=4.0)
    layer = [keras.Input(data.x.shape[1:]), layers.Dense(64, activation="relu")]
    for _ in range(2):
        layer += [layers.Dense(64, activation="relu"), layers.Dropout(0.3)]
    model = keras.Sequential([*layer, layers.Dense(1, activation="sigmoid")])
    model.compile(
        optimizer=keras.optimizers.Adam(1e-2),
        loss="binary_crossentropy",
        metrics=[
            *[metrics.FalseNegatives(name="fn"), metrics.FalsePositives(name="fp")],
            *[metrics.TrueNegatives(name="tn"), metrics.TruePositives(name="tp")],
            *[metrics.Precision(name="precision"), metrics.Recall(name="recall")],
        ],
    )
    counts = np.bincount(data.y)
    fit = {"x": data.x, "y": data.y[:, None], "batch_size": 2048, "epochs": 30}
    fit["validation_data"] = (data.x_test, data.y_test[:, None])
    fit["class_weight"] = {0: 1.0 / counts[0], 1: 1.0 / counts[1]}
    return Training(model, fit, balanced(data.x_test, data.y_test))


def _patients(rows: int = 1200) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return columns of patients, some of them numbers and some kinds, and who is ill."""
    random = np.random.default_rng(0)
    columns = {
        "age": random.uniform(30, 80, rows),
        "cholesterol": random.normal(240, 50, rows),
        "pressure": random.normal(130, 18, rows),
        "pain": random.integers(1, 5, rows),
        "vessels": random.integers(0, 4, rows),
    }
    risk = 0.06 * (columns["age"] - 55) + 0.01 * (columns["cholesterol"] - 240)
    risk += (
        0.02 * (columns["pressure"] - 130) + np.array([0, 1.5, -1.5, 1.0, -1.0])[columns["pain"]]
    )
    risk += columns["vessels"] - 1.5
    y = (risk + 0.5 * random.normal(size=rows) > 0).astype("float32")[:, None]
    kinds = {"pain", "vessels"}
    return {
        name: column[:, None].astype("int64" if name in kinds else "float32")
        for name, column in columns.items()
    }, y


def _structured() -> Training:
    """Return "Structured data classification from scratch": the model prepares raw columns."""
    columns, y = _patients()
    cut = 4 * len(y) // 5
    train = {name: column[:cut] for name, column in columns.items()}
    test = {name: column[cut:] for name, column in columns.items()}
    inputs, prepared = {}, []
    for name, column in train.items():
        inputs[name] = keras.Input((1,), name=name, dtype=column.dtype.name)
        if column.dtype.kind == "i":
            lookup = layers.IntegerLookup(output_mode="one_hot")
            lookup.adapt(column)
            prepared.append(lookup(inputs[name]))
        else:
            scaling = layers.Normalization()
            scaling.adapt(column)
            prepared.append(scaling(inputs[name]))
    x = layers.Dense(32, activation="relu")(layers.concatenate(prepared))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Dropout(0.5)(x)))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    fit = {"x": train, "y": y[:cut], "epochs": 20, "validation_data": (test, y[cut:])}
    return Training(model, fit, accuracy(test, y[cut:, 0]))


GUIDES = (
    Guide("imbalanced classification of frauds", 0.9, _fraud),
    Guide("structured data from scratch", 0.85, _structured),
)
