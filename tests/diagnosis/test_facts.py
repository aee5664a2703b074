"""Facts as nested dicts, as files hold them."""

import pytest

from keras_trainkit.diagnosis import Facts
from tests.diagnosis.made_facts import BITS, training

pytestmark = pytest.mark.host

# Some of what facts got after files with facts had been written.
ADDED = ("arguments", "reached", "key", "loss_code", "compiled", "weight", "weighted", "learned")
FACTS = training("sigmoid", "binary_crossentropy", BITS, metrics=("accuracy",))


def without(facts, names):
    """Return nested dicts without some keys."""
    if isinstance(facts, dict):
        return {key: without(each, names) for key, each in facts.items() if key not in names}
    return tuple(without(each, names) for each in facts) if isinstance(facts, tuple) else facts


def test_the_same_facts_come_back():
    assert Facts.from_dict(FACTS.to_dict()) == FACTS


def test_what_was_added_since_is_not_known():
    assert Facts.from_dict(without(FACTS.to_dict(), ADDED)) == FACTS


@pytest.mark.parametrize("name", ["path", "kind", "dtype"])
def test_what_was_always_there_must_be(name):
    with pytest.raises(ValueError, match="the facts of"):
        Facts.from_dict(without(FACTS.to_dict(), (name,)))
