"""Two real networks whose layers die: the printed summary names step and layer, and what to do."""

import re

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.callbacks import GradientMonitor

RNG = np.random.default_rng(0)
OUTLIER_STEP = 2


def shown(model, x, y, **arguments):
    monitor = GradientMonitor(probe=arguments.pop("probe", None))
    model.fit(x, y, verbose=0, shuffle=False, callbacks=[monitor], **arguments)
    return str(monitor.summary())


def line_of(variable, text):
    return next(line for line in text.splitlines() if line.startswith(variable))


def assert_ends_with_verdict_and_next_step(text):
    assert re.search(
        r"\nVerdict: \w.*\n(    .*\n)*((Also|Next): .*\n)*Next: \w.*(\n    .+)*\Z", text
    )


def thrown_off():
    """Return a network that one outlier throws so far that no unit is ever on again."""
    keras.utils.set_random_seed(0)
    positive = keras.initializers.RandomUniform(0.1, 0.3)
    hidden = layers.Dense(16, "relu", kernel_initializer=positive, name="hidden")
    head = layers.Dense(1, kernel_initializer=positive, name="head")
    model = keras.Sequential([keras.Input((4,)), hidden, head])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


@pytest.mark.parametrize("probe", [None, "first_batch"])
def test_exploded_in_one_step_and_dead_from_the_next_on(probe):
    x = RNG.uniform(0.5, 1.5, (80, 4))
    y = x.sum(axis=1)
    y[8 * OUTLIER_STEP] = -1e8
    text = shown(thrown_off(), x, y, batch_size=8, epochs=2, probe=probe)
    note = line_of("hidden/kernel", text)
    assert f"exploded at step {OUTLIER_STEP}" in note
    assert f"dead since step {OUTLIER_STEP + 1}" in note
    assert_ends_with_verdict_and_next_step(text)


def with_dead_second(units):
    """Return a CNN in whose second layer so many of 16 units have a bias of -3."""
    keras.utils.set_random_seed(0)
    first, second, third = (
        layers.Conv2D(filters, 3, activation="relu", name=name)
        for filters, name in ((8, "first"), (16, "second"), (16, "third"))
    )
    head = layers.Dense(2, "softmax", name="head")
    stack = [first, second, third, layers.GlobalAveragePooling2D(), head]
    model = keras.Sequential([keras.Input((10, 10, 1)), *stack])
    bias = np.zeros(16)
    bias[:units] = -3
    second.bias.assign(bias)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def bars():
    """Return images with a bright row or column."""
    x, y = 0.1 * RNG.uniform(size=(160, 10, 10, 1)), np.arange(160) % 3 == 0
    for image, kind in zip(x, y, strict=True):
        place = RNG.integers(1, 9)
        image[(place,) if kind else (slice(None), place)] = 1
    return x, y


@pytest.mark.parametrize("probe", [None, "first_batch"])
def test_a_dead_second_convolution_is_named(probe):
    text = shown(with_dead_second(16), *bars(), epochs=3, probe=probe)
    assert "units dead: 100 %" in line_of("second/kernel", text)
    assert_ends_with_verdict_and_next_step(text)
    assert "Verdict: dead units" in text
    assert "second" in text.partition("Verdict:")[2].splitlines()[0]


@pytest.mark.parametrize("probe", [None, "first_batch"])
def test_a_convolution_with_three_quarters_dead_is_named(probe):
    text = shown(with_dead_second(12), *bars(), epochs=3, probe=probe)
    share = float(re.search(r"units dead: (\d+) %", line_of("second/kernel", text)).group(1))
    assert 75 <= share < 100
    assert_ends_with_verdict_and_next_step(text)
    assert "second" in text.partition("Verdict:")[2]
