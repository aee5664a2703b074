"""What every configuration must satisfy: training untouched, record true, model clean."""

import keras
import numpy as np

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import STATISTICS
from tests.callbacks.monitored import assert_same_training
from tests.callbacks.witness import Witness, expected_of
from tests.contracts import TOLERANCE

EVERYTHING = ("full", "cosine", "histograms")


def assert_untouched_and_true(row):
    """Train a model plain and its twin monitored; compare them, and the record with a witness's."""
    witness = Witness()
    monitor = GradientMonitor(row.every, EVERYTHING, probe=row.probe, fetch_every=2)
    plain, model, watchers = row.model(), row.model(), [witness]
    seen = plain
    # Nobody can look between the steps of one execution, or at a model without weights.
    if "steps_per_execution" in row.compile or not plain.built:
        seen, watchers = row.model(steps_per_execution=1), []
        seen.build((None, 3))
        list(row.train(row, seen, [witness]))
    fits = row.train(row, plain, watchers), row.train(row, model, [monitor])
    for expected, logs in zip(*fits, strict=True):
        assert_same_training(model, logs, plain, expected)
        assert_same_footprint(model, plain)
        assert_record(monitor.history, witness, seen, row)
        assert (monitor.history.activations is None) == (row.probe is None)


def assert_record(history, witness, model, row):
    """Compare a record with what a witness of a plain twin saw."""
    looks = [look for look in witness.looks if look.step - witness.first in row.steps]
    expected = expected_of(looks, model, *row.data(), row.clips)
    kinds = [variable.path.split("/")[-1] for variable in model.trainable_variables]
    assert [name.split("/")[-1] for name in history.variables] == kinds
    assert history.sizes.tolist() == [np.prod(v.shape) for v in model.trainable_variables]
    assert history.steps.tolist() == expected.steps
    assert history.epochs.tolist() == expected.epochs
    table = np.array(expected.table)
    for column, name in enumerate(STATISTICS):
        close(history[name], table[:, :, column], row, name)
    close(history.signal, expected.signal, row, "signal")
    close(history.noise, expected.noise, row, "noise")
    if row.policy == "float32":
        np.testing.assert_array_equal(history.histograms, expected.histograms)
    else:
        np.testing.assert_array_equal(history.histograms.sum(-1), np.sum(expected.histograms, -1))


def close(actual, expected, row, name):
    """Compare under the tolerance of the type that the gradients are computed in."""
    tolerance = TOLERANCE["float16" if "float16" in row.policy else "float32"]
    np.testing.assert_allclose(actual, expected, **tolerance, err_msg=name)


def assert_same_footprint(model, twin):
    """Compare the attributes of two models and of all their parts."""
    for mine, theirs in zip(footprint(model), footprint(twin), strict=True):
        names = [n for n in mine | theirs if mine.get(n) != theirs.get(n)]
        assert not names, [(n, mine.get(n), theirs.get(n)) for n in names]


def footprint(model):
    """Return the attributes of a model and its parts, and how much is in those that hold many."""
    optimizers = [v for v in vars(model).values() if isinstance(v, keras.optimizers.Optimizer)]
    inner = [o.inner_optimizer for o in optimizers if hasattr(o, "inner_optimizer")]
    variables = [v for o in optimizers for v in o.variables] + model.variables
    return [
        {name: contents(value) for name, value in vars(owner).items()}
        for owner in (model, *model.layers, *optimizers, *inner, *variables)
    ]


def contents(value):
    """Return the type of an attribute, and its length if it is a container."""
    sized = isinstance(value, list | tuple | dict | set)
    return type(value), len(value) if sized else None
