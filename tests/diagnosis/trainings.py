"""Records of trainings with one thing wrong, made by hand."""

import dataclasses

import numpy as np

from keras_trainkit.diagnosis import (
    ArrayFacts,
    Facts,
    LayerFacts,
    OptimizerFacts,
    OutputFacts,
    PlanFacts,
    Thresholds,
)
from keras_trainkit.diagnosis._diagnose.case import Case
from tests.diagnosis.samples import history, with_values

STEPS = 60


def classifier(rows=640, batch_size=32, epochs=6, loss="sparse_categorical_crossentropy", **shares):
    """Return what is known of a network of three layers for classes of equal share."""
    classes = shares or {"0": 0.5, "1": 0.5}
    y = ArrayFacts(
        "y",
        (rows,),
        "int64",
        rows,
        whole=True,
        classes={float(name.strip("c")): share for name, share in classes.items()},
    )
    layers = tuple(LayerFacts(f"model/dense_{i}", "Dense", activation="relu") for i in range(3))
    return Facts(
        layers=layers,
        outputs=(OutputFacts("model/dense_2", "softmax", (2,), loss, target=y),),
        optimizer=OptimizerFacts("SGD", 0.01),
        plan=PlanFacts(rows, batch_size, epochs, rows // batch_size),
    )


def regression(std=2.0, epochs=6):
    """Return what is known of a network for numbers of a standard deviation."""
    facts = classifier(epochs=epochs, loss="mse")
    y = ArrayFacts("y", (640, 1), "float32", 640, std=std, mean=22.0)
    output = dataclasses.replace(facts.outputs[0], target=y, shape=(1,), activation="linear")
    return dataclasses.replace(facts, outputs=(output,))


def case(facts=None, columns=None, steps=STEPS, layers=3, decay=1.0, **fields):
    """Return the case of a record; `columns` replace statistics, other keywords its logs or fields.

    A keyword of numbers, such as `accuracy`, is a log; one epoch for each number of `loss`.
    """
    known = {
        name: fields.pop(name) for name in ("activations", "outcomes", "events") if name in fields
    }
    loss = np.asarray(fields.pop("loss", np.full(6, 0.7)), float)
    record = history(layers, steps, len(loss), decay)
    for name, values in (columns or {}).items():
        record = with_values(record, name, values)
    logs = {"epoch": np.arange(len(loss)), "loss": loss}
    logs |= {name: np.asarray(values, float) for name, values in fields.items()}
    facts = classifier(epochs=len(loss)) if facts is None else facts
    record = dataclasses.replace(record, logs=logs, facts=facts, **known)
    return Case(facts, Thresholds(), record)


def found(rule, given):
    """Return the one finding of a rule, or None."""
    findings = list(rule(given))
    assert len(findings) <= 1
    return findings[0] if findings else None
