import dataclasses
import math

import numpy as np
import pytest

from keras_trainkit.diagnosis import ArrayFacts, Facts, LayerFacts, Outcomes, diagnose
from keras_trainkit.diagnosis._diagnose.recorded.works import (
    learns,
    severity,
    skill,
    validation_skill,
    works,
)
from tests.diagnosis.trainings import case, classifier, regression

pytestmark = pytest.mark.host


def probed(value):
    return Outcomes([0], ["out"], [[[0, 1, 0.5, 0.5, value]]])


@pytest.mark.parametrize(
    ("facts", "logs", "expected"),
    [
        (None, {"accuracy": [0.5, 0.98]}, 0.96),
        (classifier(c0=0.9, c1=0.1), {"accuracy": [0.5, 0.9]}, 0.0),
        (classifier(c0=0.9, c1=0.1), {"sparse_categorical_accuracy": [0.5, 0.95]}, 0.5),
        (classifier(c0=0.9, c1=0.1), {"accuracy": [0.5, 0.93], "loss": [0.8, 0.05]}, 0.846),
        (classifier(c0=0.9, c1=0.1), {"accuracy": [0.5, 0.9], "loss": [0.8, 0.0]}, 0.0),
        (regression(std=2.0), {"mse": [4.0, 0.4], "mae": [1, 1]}, 0.9),
        (regression(std=2.0), {"root_mean_squared_error": [2.0, 1.0]}, 0.75),
        (regression(std=2.0), {"r2_score": [0.1, 0.3]}, 0.3),
        (regression(std=0.5), {}, 1 - 0.7 / 0.25),
        (None, {}, 1 - 0.7 / np.log(2)),
        (Facts(), {"accuracy": [0.5, 0.95]}, 0.9),
        (Facts(), {"accuracy": [0.5, 0.45]}, np.nan),
        (Facts(), {}, np.nan),
    ],
)
def test_skill_is_what_metrics_are_above_chance(facts, logs, expected):
    given = case(facts, **{"loss": [0.8, 0.7], **logs})
    assert skill(given) == pytest.approx(expected, nan_ok=True, rel=1e-3)


def test_of_several_outputs_the_worst_counts():
    facts = classifier()
    outputs = (facts.outputs[0], dataclasses.replace(facts.outputs[0], layer="model/b"))
    logs = {"dense_2_accuracy": [0.9], "b_accuracy": [0.6], "accuracy": [1.0]}
    given = case(dataclasses.replace(facts, outputs=outputs), loss=[1.0], **logs)
    assert skill(given) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ({"accuracy": [0.9]}, True),
        ({"accuracy": [0.8]}, False),
        ({"accuracy": [0.99], "val_accuracy": [0.95]}, True),
        ({"accuracy": [0.99], "val_accuracy": [0.86]}, False),
        ({"accuracy": [0.9], "val_accuracy": [0.97]}, True),
        ({"accuracy": [0.9], "loss": [np.nan]}, False),
    ],
)
def test_a_training_works_by_its_metrics_on_both_data(logs, expected):
    assert works(case(**{"loss": [0.69], **logs})) is expected


def test_where_fit_logged_no_metric_the_probe_tells():
    assert works(case(regression(), loss=[0.1], outcomes=probed(0.9)))
    assert works(case(Facts(), loss=[1.0], outcomes=probed(0.9)))
    assert not works(case(Facts(), loss=[1.0], outcomes=probed(0.5)))


def test_without_a_metric_a_loss_with_penalties_says_the_least():
    assert works(case(loss=[0.7, 0.4], outcomes=probed(0.9)))
    assert not works(case(loss=[0.7, 0.4], outcomes=probed(0.5)))
    assert not works(case(loss=[0.7, 0.65], outcomes=probed(0.9)))
    assert not works(case(loss=[0.7, 0.4], accuracy=[0.5, 0.7], outcomes=probed(0.9)))


def test_batch_normalization_must_work_in_inference_mode():
    facts = classifier()
    layers = (*facts.layers, LayerFacts("model/bn", "BatchNormalization", momentum=0.99))
    normalizing = dataclasses.replace(facts, layers=layers)
    logs = {"loss": [0.1], "accuracy": [0.99], "outcomes": probed(0.1)}
    assert not works(case(normalizing, **logs))
    assert works(case(**logs))


def test_an_accuracy_of_the_largest_column_tells_nothing_of_several_labels():
    columns = ArrayFacts("y", (640, 3), "int64", 640, 0.5, 0.5, 0, 1, whole=True, distinct=2)
    facts = classifier(loss="binary_crossentropy")
    output = dataclasses.replace(
        facts.outputs[0],
        activation="sigmoid",
        shape=(3,),
        metrics=("accuracy",),
        target=dataclasses.replace(columns, binary=True),
    )
    facts = dataclasses.replace(facts, outputs=(output,))
    logs = {"loss": np.linspace(0.7, 0.05, 6), "accuracy": np.full(6, 0.4)}
    assert math.isnan(skill(case(facts, **logs)))
    assert learns(case(facts, **logs))


def test_low_accuracy_says_nothing_where_rows_are_weighted():
    facts = classifier(**{"0": 0.99, "1": 0.01})
    weighted = dataclasses.replace(facts, plan=dataclasses.replace(facts.plan, weighted=True))
    logs = {"accuracy": np.full(6, 0.95), "loss": np.linspace(1.0, 0.1, 6)}
    assert not learns(case(facts, **logs))
    assert learns(case(weighted, **logs))


@pytest.mark.parametrize(
    ("baseline", "expected"), [(0.44, True), (0.9, False), (0.2, False), (np.nan, False)]
)
def test_as_much_as_a_simple_function_finds_is_learned(baseline, expected):
    facts = dataclasses.replace(classifier(), curved_skill=baseline)
    assert learns(case(facts, loss=np.linspace(1, 0.6, 6), accuracy=np.full(6, 0.7))) == expected


def test_a_penalty_is_not_in_excess_where_the_training_data_is_fitted():
    facts = classifier()
    layers = (dataclasses.replace(facts.layers[0], l2=1.0), *facts.layers[1:])
    output = dataclasses.replace(facts.outputs[0], activation="softmax", shape=(2,))
    facts = dataclasses.replace(facts, layers=layers, outputs=(output,))
    logs = {"loss": np.linspace(1, 0.2, 6), "val_accuracy": np.full(6, 0.7)}
    for accuracy, expected in ((0.6, "warning"), (0.95, "info")):
        given = case(facts, **logs, accuracy=np.full(6, accuracy))
        named = [f for f in diagnose(given.history) if f.name == "excess_regularization"]
        assert [finding.severity for finding in named] == [expected]


def test_targets_of_whole_numbers_have_a_variance():
    facts = regression(std=2.0)
    whole = {"whole": True, "low": 15.0, "high": 60.0, "distinct": 40}
    whole["classes"] = {float(year): 1 / 40 for year in range(40)}
    target = dataclasses.replace(facts.outputs[0].target, **whole)
    output = dataclasses.replace(facts.outputs[0], target=target)
    assert skill(case(dataclasses.replace(facts, outputs=(output,)), loss=[4.0, 1.0])) == 0.75


def test_a_cross_entropy_alone_tells_of_validation_data_only_what_is_worse_than_chance():
    assert np.isnan(validation_skill(case(loss=[0.1], val_loss=[0.5])))
    assert validation_skill(case(loss=[0.1], val_loss=[0.9])) < 0
    measured = case(loss=[0.1], val_loss=[0.9], accuracy=[0.9], val_accuracy=[0.8])
    assert validation_skill(measured) == pytest.approx(0.6)
    assert works(case(loss=[0.1], val_loss=[0.5]))
    assert not works(case(loss=[0.1], val_loss=[0.9]))


def test_validation_is_measured_against_its_own_classes():
    facts = classifier()
    other = ArrayFacts("validation y", (10,), "int64", 10, classes={0.0: 0.9, 1.0: 0.1})
    output = dataclasses.replace(facts.outputs[0], validation_target=other)
    given = case(dataclasses.replace(facts, outputs=(output,)), loss=[0.1], val_accuracy=[0.95])
    assert skill(given, "val_") == pytest.approx(0.5)


def test_a_loss_that_falls_by_half_learns_only_where_nothing_better_is_known():
    assert learns(case(Facts(), loss=[1.0, 0.4]))
    assert not learns(case(Facts(), loss=[1.0, 0.6]))
    assert not learns(case(loss=[1.0, 0.1], accuracy=[0.5, 0.6]))


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ({"accuracy": [0.5, 0.9], "loss": [1, 1]}, "info"),
        ({"accuracy": [0.5, 0.6], "loss": [1, 1]}, "warning"),
        ({"accuracy": [0.5, 0.5], "loss": [1, 0.9]}, "error"),
        ({"accuracy": [0.5, 0.6], "loss": [1, np.inf]}, "error"),
    ],
)
def test_what_hinders_counts_by_what_was_learned(logs, expected):
    assert severity(case(**logs)) == expected


def test_rows_of_one_class_to_validate_with_are_judged_by_the_chance_of_the_training():
    facts = classifier()
    alone = dataclasses.replace(facts.outputs[0].target, name="validation y", classes={1.0: 1.0})
    output = dataclasses.replace(facts.outputs[0], validation_target=alone)
    given = dataclasses.replace(facts, outputs=(output,))
    logs = {"loss": [0.1], "accuracy": [0.99]}
    assert not works(case(given, val_accuracy=[0.05], **logs))
    assert works(case(given, val_accuracy=[0.97], **logs))
