import pytest

from keras_trainkit.diagnosis import CAUSES
from tests.diagnosis.samples import event

pytestmark = pytest.mark.host


def test_the_repr_does_not_name_all_variables():
    variables = [f"block_{i}/kernel" for i in range(200)]
    assert len(repr(event(variables=variables))) < 200


SENTENCES = [
    (
        {"cause": "data", "example": 17, "variables": ["a/kernel", "a/bias", "b", "c"]},
        "Epoch 2, batch 5 (step 36): the gradients of a/kernel and 3 more are not finite. "
        "Cause: example 17 of the batch (counted from 0) holds NaN or infinity. "
        "Try: check the data for missing values.",
    ),
    (
        {"cause": "data", "variables": ["a/kernel"], "action": "stop"},
        "Epoch 2, batch 5 (step 36): the gradient of a/kernel is not finite. "
        "Cause: the batch holds NaN or infinity. "
        "Try: check the data for missing values. Training was stopped.",
    ),
    (
        {"cause": "weights", "layer": "dense", "since": 31, "action": "rollback"},
        "Epoch 2, batch 5 (between step 31 and step 36): the loss or its gradients are not finite. "
        "Cause: weights of dense were not finite before the step, which an earlier one broke. "
        "Try: a lower learning rate, or `global_clipnorm=1.0` in the optimizer. "
        "Training went back to weights that were finite.",
    ),
    (
        {"cause": "weights", "layer": "dense", "step": 0, "since": -1, "epoch": 0, "batch": 0},
        "Epoch 1, batch 1 (step 0): the loss or its gradients are not finite. "
        "Cause: weights of dense were not finite before the first step. "
        "Try: load or initialize them again.",
    ),
    (
        {"cause": "forward", "layer": "dense", "since": -1},
        "Epoch 2, batch 5 (step 36 or before): the loss or its gradients are not finite. "
        "Cause: the loss is not finite although data and weights are, starting at dense: "
        "an overflow, log(0) or 0/0. "
        "Try: a loss with `from_logits=True`; an epsilon inside `log` and `/`.",
    ),
    (
        {"cause": "forward", "example": 0},
        "Epoch 2, batch 5 (step 36): the loss or its gradients are not finite. "
        "Cause: the loss of example 0 of the batch (counted from 0) is not finite although data "
        "and weights are: an overflow, log(0) or 0/0. "
        "Try: a loss with `from_logits=True`; an epsilon inside `log` and `/`.",
    ),
    (
        {"cause": "backward", "layer": "norm", "variables": ("dense/kernel",)},
        "Epoch 2, batch 5 (step 36): the gradient of dense/kernel is not finite. "
        "Cause: the loss is finite, its gradient is not, starting at norm: "
        "an overflow, or the slope of sqrt or of a norm at 0. "
        "Try: an epsilon inside `sqrt`, `norm` and `/`.",
    ),
    (
        {"cause": "overflow", "step": 0, "since": -1, "epoch": 0, "batch": 0},
        "Epoch 1, batch 1 (step 0): the loss or its gradients are not finite. "
        "Cause: a gradient overflowed in half precision, and the step was skipped. "
        'Try: nothing if it is rare; else the policy "mixed_bfloat16".',
    ),
]


@pytest.mark.parametrize(("facts", "sentence"), SENTENCES)
def test_event_reads_as_plain_words(facts, sentence):
    assert str(event(**facts)) == sentence


def test_every_cause_has_a_sentence():
    assert {facts["cause"] for facts, _ in SENTENCES} == set(CAUSES)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            {"cause": "fate"},
            "`cause` must be one of 'data', 'weights', 'forward', 'backward', 'overflow'. "
            "Received: cause='fate'",
        ),
        (
            {"action": "pray"},
            "`action` must be one of 'record', 'stop', 'rollback'. Received: action='pray'",
        ),
    ],
)
def test_unknown_choice_is_an_error(choice, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        event(**choice)
    assert str(caught.value) == message
