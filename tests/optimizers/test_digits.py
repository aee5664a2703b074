"""Digits trained by PyTorch itself and by ours with PyTorch's numbers: one curve of the loss."""

from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise
from typing import NamedTuple

import keras
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam
from tests.selection import full_on_torch

EPOCHS, STEPS, BATCH_SIZE = 20, 45, 32
WIDTHS = (64, 64, 32, 10)


class Rule(NamedTuple):
    """What PyTorch trains with, the same for Keras's `fit`, and Keras's class of the name."""

    in_torch: Callable
    ours: Callable
    keras: Callable


RULES = {
    "adam": Rule(
        partial(torch.optim.Adam, lr=1e-3),
        partial(Adam, 1e-3),
        partial(keras.optimizers.Adam, 1e-3),
    ),
    "adamw": Rule(
        partial(torch.optim.AdamW, lr=2e-3, weight_decay=0.01),
        partial(AdamW, 2e-3, weight_decay=0.01, weight_decay_min_rank=0),
        partial(keras.optimizers.AdamW, 2e-3, weight_decay=0.01),
    ),
    "nadam": Rule(
        partial(torch.optim.NAdam, lr=2e-3),
        partial(Nadam, 2e-3),
        partial(keras.optimizers.Nadam, 2e-3),
    ),
    "nag": Rule(
        partial(torch.optim.SGD, lr=0.05, momentum=0.9, nesterov=True),
        partial(NAG, 0.05, momentum=0.9, torch_velocity=True),
        partial(keras.optimizers.SGD, 0.05, momentum=0.9, nesterov=True),
    ),
}


def decay(epoch):
    """Return the factor of the learning rate: a fall at which PyTorch's velocity shows."""
    return 0.5 ** (epoch // 2)


@cache
def data():
    """Return the training data in the order in which every epoch sees it, and the test data."""
    images, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    order = random.permutation(len(images))
    x, y = (images[order] / 16).astype("float32"), labels[order]
    seen = np.concatenate([random.permutation(STEPS * BATCH_SIZE) for _ in range(EPOCHS)])
    return (x[seen], y[seen]), (x[STEPS * BATCH_SIZE :], y[STEPS * BATCH_SIZE :])


@cache
def start():
    """Return the initial weights in Keras's order and shapes."""
    random = np.random.default_rng(1)
    weights = []
    for inputs, outputs in pairwise(WIDTHS):
        kernel = random.normal(size=(inputs, outputs)) * np.sqrt(2 / inputs)
        weights += [kernel.astype("float32"), np.zeros(outputs, "float32")]
    return weights


@cache
def trained_by_torch(rule):
    """Return the mean loss of every epoch and the accuracy on the test data."""
    linear = [torch.nn.Linear(*pair) for pair in pairwise(WIDTHS)]
    with torch.no_grad():
        for i, layer in enumerate(linear):
            layer.weight.copy_(torch.tensor(start()[2 * i].T))
            layer.bias.copy_(torch.tensor(start()[2 * i + 1]))
    layers = [part for layer in linear for part in (layer, torch.nn.ReLU())][:-1]
    model, loss_of = torch.nn.Sequential(*layers), torch.nn.CrossEntropyLoss()
    optimizer = RULES[rule].in_torch(model.parameters())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, decay)
    (x, y), (x_test, y_test) = [[torch.tensor(array) for array in pair] for pair in data()]
    losses = []
    for epoch in range(EPOCHS):
        for step in range(epoch * STEPS, (epoch + 1) * STEPS):
            rows = slice(step * BATCH_SIZE, (step + 1) * BATCH_SIZE)
            optimizer.zero_grad()
            loss = loss_of(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        schedule.step()
    accuracy = (model(x_test).argmax(1) == y_test).double().mean().item()
    return np.reshape(losses, (EPOCHS, STEPS)).mean(1), accuracy


def trained_by_fit(optimizer, epochs=EPOCHS):
    """Return the mean loss of every epoch and the accuracy on the test data."""
    hidden = [keras.layers.Dense(width, "relu") for width in WIDTHS[1:-1]]
    model = keras.Sequential([keras.Input((64,)), *hidden, keras.layers.Dense(10)])
    model.set_weights(start())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    rate = float(optimizer.learning_rate)
    training, test = data()
    history = model.fit(
        *training,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        steps_per_epoch=STEPS,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: rate * decay(epoch))],
    ).history
    return np.array(history["loss"]), model.evaluate(*test, verbose=0)[1]


@pytest.mark.parametrize("rule", full_on_torch(RULES, keep=("nadam",)))
def test_trains_as_pytorch_itself(rule):
    their_losses, their_accuracy = trained_by_torch(rule)
    losses, accuracy = trained_by_fit(RULES[rule].ours())
    np.testing.assert_allclose(losses[:5], their_losses[:5], rtol=1e-4)
    assert accuracy == pytest.approx(their_accuracy, abs=0.005)
    assert accuracy > 0.95


@pytest.mark.short("torch")
@pytest.mark.parametrize("rule", RULES)
def test_the_conventions_of_keras_would_show(rule):
    losses, _ = trained_by_fit(RULES[rule].keras(), epochs=5)
    assert np.abs(losses / trained_by_torch(rule)[0][:5] - 1).max() > 1e-3
