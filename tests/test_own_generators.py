"""Generators that a layer holds: set back to where they were, and nothing else is touched."""

import random

import keras
import numpy as np
import pytest

from keras_trainkit._own_generators import restorer_of

BACKEND = keras.backend.backend()


def of_backend():
    if BACKEND == "torch":
        import torch

        yield torch.Generator().manual_seed(1), lambda rng: torch.rand(3, generator=rng).tolist()
    if BACKEND == "tensorflow":
        import tensorflow as tf

        yield tf.random.Generator.from_seed(1), lambda rng: rng.normal((3,)).numpy().tolist()


CASES = [
    (random.Random(1), lambda rng: [rng.random() for _ in range(3)]),
    (np.random.default_rng(1), lambda rng: rng.random(3).tolist()),
    (np.random.Generator(np.random.MT19937(1)), lambda rng: rng.random(3).tolist()),
    (np.random.RandomState(1), lambda rng: rng.random_sample(3).tolist()),
    *of_backend(),
]


@pytest.mark.parametrize(("generator", "draw"), CASES)
def test_a_generator_goes_on_from_where_it_was(generator, draw):
    draw(generator)
    restore = restorer_of(generator)
    first = draw(generator)
    assert draw(generator) != first
    restore()
    assert draw(generator) == first


@pytest.mark.parametrize("other", [None, 1, "text", np.ones(3), [random.Random(0)]])
def test_anything_else_is_none(other):
    assert restorer_of(other) is None
