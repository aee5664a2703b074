"""Networks that are trained by Keras alone, and again as lanes of a stack."""

import keras
import numpy as np
from keras import layers

from keras_trainkit.tuner._stack.chain import chain_of
from keras_trainkit.tuner._stack.data import plan_of
from keras_trainkit.tuner._stack.lane import Lane
from keras_trainkit.tuner._stack.layout import Layout
from keras_trainkit.tuner._stack.rules import rule_of
from keras_trainkit.tuner._stack.scores import scores_of
from keras_trainkit.tuner._stack.stack import Stack

INPUTS, CLASSES = 8, 3
RNG = np.random.default_rng(0)
# The last batch is short.
X, Y = RNG.normal(size=(100, INPUTS)), RNG.integers(CLASSES, size=100)
FIT = {"x": X, "y": Y, "validation_split": 0.2, "batch_size": 16, "shuffle": False, "verbose": 0}
# Wider and deeper than any network here.
ROOM = Layout(INPUTS, 4, 40, CLASSES)


def network(optimizer, widths=(16, 24), act="relu", norm=None, penalty=None, rate=0.0):
    """Return a compiled classifier; a bias in front of a normalization would learn from noise."""
    body = []
    for width in widths:
        body.append(layers.Dense(width, use_bias=norm is None, kernel_regularizer=penalty))
        body += [norm()] if norm else []
        body.append(layers.Activation(act))
        body += [layers.Dropout(rate)] if rate else []
    last = layers.Dense(CLASSES, kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input((INPUTS,)), *body, last])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def lane_of(model, seed=0, epochs=1, **changed):
    """Return a model's lane, and its scores."""
    plan, chain = plan_of((), {**FIT, "epochs": epochs, **changed}), chain_of(model)
    scores = scores_of(chain, plan.x, plan.y)
    return Lane(chain, rule_of(model.optimizer), plan, seed), scores


def trained(models, epochs, layout=ROOM, **changed):
    """Train models in a stack, and return what it logs of each epoch and model."""
    pairs = [lane_of(model, seed, epochs, **changed) for seed, model in enumerate(models)]
    lanes = [lane for lane, _ in pairs]
    stack = Stack(layout, *pairs[0])
    for lane in lanes:
        lane.place(layout)
    logs = [stack.train(lanes) for _ in range(epochs)]
    for lane in lanes:
        lane.write_to_model()
    return logs
