"""Facts of small trainings, made by hand."""

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
from keras_trainkit.diagnosis.diagnose import STATIC, examined

ROWS = 400
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 8))
BITS = RNG.integers(0, 2, ROWS)
LABELS = RNG.integers(0, 5, ROWS)
ONE_HOT = np.eye(5)[LABELS]
MULTI_HOT = RNG.integers(0, 2, (ROWS, 5))
NUMBERS = RNG.normal(size=ROWS)
PIXELS = RNG.uniform(size=(ROWS, 6, 6, 1))
TOKENS = RNG.integers(0, 50, (ROWS, 7))
ADAM = OptimizerFacts("Adam", 0.01, adaptive=True)
SGD = OptimizerFacts("SGD", 0.01)
PLAN = PlanFacts(rows=ROWS, batch_size=20, epochs=50, steps=20)


def array(name, values):
    """Return the facts of an array, the obvious way."""
    values = np.asarray(values)
    numbers = values.reshape(-1, values.shape[-1] if values.ndim > 1 else 1).astype("float64")
    finite = numbers[np.isfinite(numbers)]
    whole = bool((finite == np.round(finite)).all())
    scales = np.sqrt(np.nanmean(np.where(np.isfinite(numbers), numbers, np.nan) ** 2, axis=0))
    several = numbers.shape[1] > 1
    sums = np.isclose(numbers.sum(axis=1), 1).all() and finite.min() >= 0
    one_hot = bool(several and sums and set(np.unique(finite)) <= {0, 1})
    labels = numbers[:, 0] if not several and whole else numbers.argmax(1) if one_hot else []
    classes, counts = np.unique(labels, return_counts=True)
    runs = 1 + np.count_nonzero(np.diff(labels)) if len(labels) else 0
    return ArrayFacts(
        name=name,
        shape=values.shape,
        dtype=str(values.dtype),
        seen=len(values),
        mean=float(finite.mean()),
        std=float(finite.std()),
        low=float(finite.min()),
        high=float(finite.max()),
        scales=(float(scales.min()), float(np.median(scales)), float(scales.max())),
        largest=int(scales.argmax()),
        constant=int((numbers == numbers[0]).all(axis=0).sum()),
        nonfinite=numbers.size - finite.size,
        whole=whole,
        distinct=min(len(np.unique(finite)), 1001),
        classes={float(k): float(n) / len(numbers) for k, n in zip(classes, counts, strict=True)},
        one_hot=one_hot,
        binary=whole and set(np.unique(finite)) <= {0, 1},
        sums_to_one=bool(several and sums),
        ordered=bool(1 < len(classes) == runs),
    )


def dense(path, units, fan_in, activation="relu", **changes):
    """Return the facts of a dense layer."""
    fields = {
        "parameters": (fan_in + 1) * units,
        "initializer": "GlorotUniform",
        "fan_in": fan_in,
        "shape": (units,),
        **changes,
    }
    return LayerFacts(path, "Dense", units, activation, **fields)


def mlp(units, activation, hidden=("relu",), width=16, fan_in=8):
    """Return the layers of a perceptron."""
    fans = [fan_in, *[width] * len(hidden)]
    inside = [dense(f"dense_{i}", width, fans[i], each) for i, each in enumerate(hidden)]
    return (*inside, dense("head", units, fans[-1], activation))


def training(
    activation,
    loss,
    y,
    units=1,
    x=X,
    hidden=("relu",),
    layers=None,
    metrics=(),
    optimizer=ADAM,
    plan=PLAN,
    validation=None,
    shape=None,
    inputs=None,
    **output,
):
    """Return the facts of a training with one output."""
    x_validation, y_validation = validation or (None, None)
    fan_in = np.shape(x)[-1]
    made = OutputFacts(
        layer="head",
        activation=activation,
        shape=(units,) if shape is None else shape,
        loss=loss,
        metrics=metrics,
        target=None if y is None else array("y", y),
        validation_target=None if y_validation is None else array("validation y", y_validation),
        **output,
    )
    return Facts(
        layers=mlp(units, activation, hidden, fan_in=fan_in) if layers is None else layers,
        outputs=(made,),
        optimizer=optimizer,
        inputs=(array("x", x),) if inputs is None else inputs,
        validation_inputs=() if x_validation is None else (array("validation x", x_validation),),
        plan=plan,
    )


def diagnosed(facts):
    """Return what the static rules find."""
    return examined(Case(facts, Thresholds()), STATIC)


def alarms(facts):
    """Return the names of all findings above `info`, consequences too."""
    found = list(diagnosed(facts))
    for finding in found:
        found.extend(finding.consequences)
    return {finding.name for finding in found if finding.severity != "info"}


def roots(facts):
    """Return the names of the root causes above `info`, most important first."""
    return [finding.name for finding in diagnosed(facts) if finding.severity != "info"]


def found(facts, name):
    """Return the one finding of a name, among causes and consequences."""
    listed = list(diagnosed(facts))
    for finding in listed:
        listed.extend(finding.consequences)
    (finding,) = [finding for finding in listed if finding.name == name]
    return finding


def one(facts):
    """Return the only finding."""
    (finding,) = diagnosed(facts)
    return finding
