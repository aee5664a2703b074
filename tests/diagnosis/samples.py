"""Histories with known numbers."""

import numpy as np

from keras_trainkit.diagnosis import STATISTICS, History


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
    return History(record.steps, record.epochs, record.variables, record.sizes, table, record.logs)
