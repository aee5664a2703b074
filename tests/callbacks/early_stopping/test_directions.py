"""Which way each metric improves, several metrics in one real `fit`, and all rules in it."""

import inspect
import random
import re

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import EarlyStopping
from keras_trainkit.callbacks._early_stopping.monitored import metric_direction
from tests.callbacks.early_stopping.histories import arguments_of, random_history, random_rules
from tests.callbacks.stopped import EpochCounter, Scores, assert_holds, data, small_model
from tests.references.early_stopping import Outcome, early_stopping
from tests.selection import full_on_torch

ERRORS = {
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
}
NEITHER = {"Mean", "MeanMetricWrapper", "Metric", "Sum"}
METRICS = {
    name: kind
    for name, kind in vars(keras.metrics).items()
    if isinstance(kind, type) and issubclass(kind, keras.metrics.Metric)
}
LOSSES = [name for name, loss in vars(keras.losses).items() if inspect.isfunction(loss)]
NO_LOSSES = {"deserialize", "get", "serialize"}


class Measuring:
    def __init__(self, *metrics):
        self.metrics = metrics


def constructed(kind):
    """Return a metric, with something for each argument that has no default."""
    some = {"fn": max, "num_classes": 2, "target_class_ids": [0], "args": None, "kwargs": None}
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    needed = [p.name for p in parameters if p.default is p.empty]
    given = {name: some.get(name, 0.5) for name in needed}
    return kind(**{name: value for name, value in given.items() if value}, name="measure")


@pytest.mark.host
@pytest.mark.parametrize("name", METRICS)
def test_knows_the_direction_of_every_metric_of_keras(name):
    model = Measuring(constructed(METRICS[name]))
    expected = "min" if name in ERRORS else None if name in NEITHER else "max"
    for monitor in ("measure", "val_measure", "out_measure", "val_out_measure"):
        assert metric_direction(model, monitor) == expected


@pytest.mark.host
def test_minimises_every_loss_of_keras_that_serves_as_a_metric():
    losses = {name: getattr(keras.losses, name) for name in LOSSES if name not in NO_LOSSES}
    assert len(losses) >= 20
    wrapped = [keras.metrics.MeanMetricWrapper(loss, name) for name, loss in losses.items()]
    for metric in wrapped:
        assert metric_direction(Measuring(*wrapped), f"val_{metric.name}") == "min", metric.name
    assert (
        metric_direction(Measuring(keras.metrics.CosineSimilarity()), "cosine_similarity") == "max"
    )


def two_outputs():
    inputs = keras.Input((2,))
    a, b = (keras.layers.Dense(1, "sigmoid", name=name)(inputs) for name in "ab")
    model = keras.Model(inputs, {"a": a, "b": b})
    # "b" comes to an end of the same name as a metric of "a", which improves the other way.
    metrics = {
        "a": ["accuracy", keras.losses.huber],
        "b": ["mse", keras.metrics.AUC(name="auc"), keras.metrics.FalsePositives(name="wrong")],
    }
    model.compile(keras.optimizers.SGD(0.0), {"a": "mse", "b": "bce"}, metrics=metrics)
    return model


def test_knows_the_metrics_of_each_output_by_the_names_in_the_logs():
    model = two_outputs()
    x, y = data()
    targets = {"a": y, "b": y}
    logs = model.fit(x, targets, verbose=0, validation_data=(x, targets)).history
    expected = {
        "loss": "min",
        "a_loss": "min",
        "b_loss": "min",
        "a_accuracy": "max",
        "a_huber": "min",
        "b_mse": "min",
        "b_auc": "max",
        "b_wrong": "min",
    }
    found = {name: metric_direction(model, name) for name in logs}
    assert found == expected | {f"val_{name}": way for name, way in expected.items()}


def test_compares_each_of_several_metrics_its_own_way():
    model = two_outputs()
    logged = {
        "val_b_auc": [0.5, 0.9, 0.9, 0.9, 0.7],
        "val_a_loss": [1.0, 3.0, 2.0, 4.0, 0.1],
        "val_a_accuracy": [0.1, 0.2, 0.2, 0.2, 0.9],
    }
    weights = []

    def write(epoch, logs):
        logs.update({name: values[epoch] for name, values in logged.items()})
        model.set_weights([weight + 1 for weight in model.get_weights()])
        weights.append(model.get_weights())

    x, y = data()
    targets = {"a": y, "b": y}
    stopping = EarlyStopping(list(logged), patience=2)
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=write), stopping]
    settings = {"verbose": 0, "validation_data": (x, targets), "callbacks": callbacks}
    history = model.fit(x, targets, epochs=5, **settings)
    assert len(history.epoch) == 5
    assert stopping.best_epoch == 2
    assert stopping.report.best == {"val_b_auc": 0.9, "val_a_loss": 2.0, "val_a_accuracy": 0.2}
    assert_holds(model, weights[2])


class Replay(keras.callbacks.Callback):
    """Writes a history into the logs of a real `fit`, and the epoch into the weights."""

    def __init__(self, history):
        super().__init__()
        self.history = history

    def on_epoch_end(self, epoch, logs=None):
        measured = self.history[epoch]
        assert ("val_0" in logs) == (measured is not None)
        self.model.set_weights([np.full_like(w, epoch) for w in self.model.get_weights()])
        if measured:
            logs |= {f"val_{place}": value for place, value in enumerate(measured.values)}
            if measured.in_training is None:
                del logs["0"]
            else:
                logs["0"] = measured.in_training


# Of these seeds each rule ends a training, patience several.
@pytest.mark.parametrize("seed", full_on_torch(range(10), keep=(2, 4)))
def test_follows_the_rules_in_a_real_fit(seed):
    draw = random.Random(seed)
    rules, freq = random_rules(draw), draw.choice((1, 2, 3))
    history = random_history(draw, len(rules.modes), every=freq, missing=0)
    kinds = {"min": keras.metrics.MeanSquaredError, "max": keras.metrics.BinaryAccuracy}
    metrics = [kinds[mode](name=str(place)) for place, mode in enumerate(rules.modes)]
    model = small_model(metrics=metrics)
    stopping = EarlyStopping(**arguments_of(rules))
    x, y = data()
    done = model.fit(
        x,
        y,
        epochs=len(history),
        validation_data=(x, y),
        validation_freq=freq,
        callbacks=[Replay(history), stopping],
        verbose=0,
    )
    best, best_epoch, reason = stopping.best, stopping.best_epoch, stopping.report.reason
    (restored,) = np.unique(np.concatenate([w.ravel() for w in model.get_weights()]))
    found = Outcome(len(done.epoch), stopping.stopped_epoch, best, best_epoch, reason, restored)
    assert found == early_stopping(history, rules)


@pytest.mark.host
def test_waits_for_the_first_validated_epoch_before_it_judges_names():
    model, scores = small_model(metrics=["mae"]), Scores([1.0] * 4)
    stopping = EarlyStopping(("val_mae", "loss"), patience=9)
    x, y = data()
    settings = {"validation_data": (x, y), "validation_freq": [2, 4], "verbose": 0}
    model.fit(x, y, epochs=4, callbacks=[scores, stopping], **settings)
    assert stopping.report.checks == 2
    with pytest.raises(ValueError, match=r"^`monitor` must be among .* Received: monitor='val_x'"):
        model.fit(x, y, epochs=4, callbacks=[EarlyStopping(("loss", "val_x"))], **settings)


@pytest.mark.host
def test_takes_a_direction_for_each_metric():
    stopping = EarlyStopping(("a", "b"), mode=("max", "min"), patience=9)
    stopping.set_model(EpochCounter())
    stopping.on_train_begin()
    for epoch, (a, b) in enumerate([(1.0, 5.0), (1.0, 4.0), (2.0, 9.0), (1.0, 0.0)]):
        stopping.model.weights = [epoch]
        stopping.on_epoch_end(epoch, {"a": a, "b": b})
    assert (stopping.best_epoch, stopping.report.best) == (2, {"a": 2.0, "b": 9.0})


@pytest.mark.host
def test_refuses_another_number_of_directions_than_of_metrics():
    message = "`mode` must be one for each of 2 metrics. Received: mode=('max',)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        EarlyStopping(("a", "b"), mode=("max",))


@pytest.mark.host
def test_tells_the_metric_of_an_output_from_one_whose_name_it_ends_with():
    error = keras.metrics.MeanAbsoluteError(name="error")
    my_error = keras.metrics.Accuracy(name="my_error")

    class Custom(keras.Model):
        @property
        def metrics(self):
            return [error, my_error]

    assert metric_direction(Custom(), "val_out_my_error") == "max"
    assert metric_direction(Custom(), "val_out_error") == "min"
