"""Histories with known numbers."""

import dataclasses

import numpy as np

from keras_trainkit.diagnosis import (
    STATISTICS,
    Activations,
    ArrayFacts,
    DuplicateFacts,
    Facts,
    History,
    LayerFacts,
    NonFinite,
    OneBatchFacts,
    OptimizerFacts,
    Outcomes,
    OutputFacts,
    PlanFacts,
)


def history(layers=3, steps=10, epochs=2, decay=0.1):
    """Return a record whose gradient norms fall by `decay` per layer, counted from the output."""
    names = [f"model/dense_{i}/{kind}" for i in range(layers) for kind in ("kernel", "bias")]
    table = np.zeros((steps, 2 * layers, len(STATISTICS)), "float32")
    depth = np.repeat(np.arange(layers)[::-1], 2)
    table[:, :, STATISTICS.index("norm")] = decay**depth
    table[:, :, STATISTICS.index("max_abs")] = decay**depth / 2
    table[:, :, STATISTICS.index("zero_fraction")] = 0.25
    table[:, :, STATISTICS.index("weight_norm")] = 2.0
    table[:, :, STATISTICS.index("update_norm")] = 0.002
    table[:, :, STATISTICS.index("clipped_norm")] = np.nan
    return History(
        steps=np.arange(steps),
        epochs=np.arange(steps) * epochs // steps,
        variables=tuple(names),
        sizes=np.tile([6, 2], layers),
        table=table,
        logs={"epoch": np.arange(epochs), "loss": np.linspace(1.0, 0.5, epochs)},
    )


def with_values(record, statistic, values):
    """Return a copy of `record` with one column replaced."""
    table = record.table.copy()
    table[:, :, STATISTICS.index(statistic)] = values
    return dataclasses.replace(record, table=table)


def event(**changes):
    """Return an event of the data."""
    facts = {"step": 36, "since": 35, "epoch": 1, "batch": 4, "cause": "data"}
    return NonFinite(**{**facts, **changes})


def facts():
    """Return what is known of a small classifier, its data and its plan."""
    scales = (0.5, 1.0, 1.5)
    y = ArrayFacts("y", (40,), "int64", 40, 0.8, 0.4, 0.0, 1.0, scales, classes={0.0: 1, 1.0: 3})
    return Facts(
        layers=(LayerFacts("dense_0", "Dense", 2, "relu", (2,), 8, fan_in=3, rate=0, momentum=0),),
        outputs=(OutputFacts("dense_0", "relu", (2,), "mse", metrics=("mae",), target=y),),
        optimizer=OptimizerFacts("Adam", 0.001, adaptive=True, lasts=0.5),
        inputs=(ArrayFacts("x", (40, 3), "float32", 40, 0.0, 1.0, -2.0, 2.0, scales),),
        plan=PlanFacts(rows=40, batch_size=8, epochs=2, steps=5),
        one_batch=(OneBatchFacts(32, 60, 0.001, 2.0, 0.5, 2.1, 0.9, 12, ("net/dense",)),),
        linear_skill=0.25,
        curved_skill=0.5,
        class_advantage=0.125,
        duplicates=DuplicateFacts(40, 0.1, 0.75),
    )


def full_history(layers=3, steps=10, epochs=2, decay=0.1):
    """Return a record in which nothing is left out."""
    record = history(layers, steps, epochs, decay)
    record = with_values(record, "clipped_norm", np.minimum(record["norm"], 0.5))
    variables = len(record.variables)
    counts = np.arange(steps * variables * 64, dtype="uint32").reshape(steps, variables, 64)
    table = np.full((epochs, layers, 5), np.nan, "float32")
    table[:, :, 1] = 1 / (1 + np.arange(epochs))[:, None]
    table[:, ::2, 3], table[:, 1::2, 4] = 0.25, 0.75
    return dataclasses.replace(
        record,
        facts=facts(),
        outcomes=Outcomes(np.arange(epochs), ["dense_0"], np.full((epochs, 1, 5), 0.5)),
        signal=np.linspace(1.0, 2.0, steps),
        noise=np.linspace(30.0, 60.0, steps),
        histograms=counts,
        activations=Activations(
            np.arange(epochs), record.layers, (["relu", "tanh"] * layers)[:layers], table
        ),
        events=(event(variables=record.variables[:2], example=17), event(step=40, cause="forward")),
    )


def assert_same_history(loaded, record):
    """Assert that two records hold the same, down to the types of arrays."""
    for field in dataclasses.fields(History):
        mine, theirs = getattr(loaded, field.name), getattr(record, field.name)
        if field.name in ("activations", "outcomes") and theirs is not None:
            mine, theirs = vars(mine), vars(theirs)
        assert_same(mine, theirs)


def assert_same(mine, theirs):
    """Assert that two fields hold the same, down to the types of arrays."""
    if isinstance(theirs, dict):
        assert mine.keys() == theirs.keys()
        for name in theirs:
            assert_same(mine[name], theirs[name])
    elif isinstance(theirs, np.ndarray):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype
    else:
        assert mine == theirs
