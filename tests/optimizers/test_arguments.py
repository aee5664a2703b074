"""The names of arguments: in signatures, for type checkers, and where one is wrong."""

import inspect
import typing

import pytest

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam
from keras_trainkit.optimizers._arguments import Arguments
from keras_trainkit.optimizers._base import Optimizer

pytestmark = pytest.mark.host
RULES = NAG, Adam, AdamW, Nadam


@pytest.mark.parametrize("cls", RULES)
def test_a_signature_names_every_argument(cls):
    parameters = inspect.signature(cls).parameters
    assert Arguments.__annotations__.keys() < parameters.keys()
    assert all(p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters.values())
    assert parameters["clipnorm"].default is None
    assert parameters["weight_decay"].default == (0.004 if cls is AdamW else None)
    given = {name: p.default for name, p in parameters.items()}
    assert cls(**given).get_config().keys() >= given.keys() - {"epsilon_hat"}


def test_type_checkers_know_what_the_base_takes():
    taken = inspect.signature(Optimizer).parameters.values()
    named = {p.name: p.annotation for p in taken if p.kind is p.KEYWORD_ONLY}
    assert named == typing.get_type_hints(Arguments)


def test_a_subclass_has_the_signature_that_it_writes():
    class Plain(AdamW):
        pass

    class Own(AdamW):
        def __init__(self, size, **arguments):
            super().__init__(size, **arguments)

    assert inspect.signature(Plain) == inspect.signature(AdamW)
    assert list(inspect.signature(Own).parameters) == ["size", "arguments"]
    assert Own(0.5, clipnorm=2.0).clipnorm == 2.0


@pytest.mark.parametrize("cls", RULES)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"typo": 3}, "`typo`. Received: typo=3"),
        ({"clip_norm": 1.0}, "`clip_norm`: did you mean `clipnorm`? Received: clip_norm=1.0"),
        ({"weightdecay": 0.1, "x": "y"}, "`weightdecay`: did you mean `weight_decay`? Received: "),
        ({"decay": None}, "`decay`. Received: decay=None"),
    ],
)
def test_a_wrong_name_is_refused_with_one_sentence(cls, wrong, said):
    with pytest.raises(ValueError, match="has no argument") as error:
        cls(0.1, **wrong)
    assert str(error.value).startswith(f"`{cls.__name__}` has no argument {said}")
