"""Trainings whose every optimizer step lowers one weight by exactly the learning rate."""

import keras
import numpy as np

from keras_trainkit.callbacks import LearningRate

BATCHES, BATCH = 5, 2
ROWS = BATCHES * BATCH


def line(optimizer=None, learning_rate=0.7, accumulation=None, **compile_arguments):
    """Return a model of one weight w with the loss w."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = optimizer or keras.optimizers.SGD(
        learning_rate, gradient_accumulation_steps=accumulation
    )
    model.compile(optimizer, lambda y, y_pred: keras.ops.mean(y_pred), **compile_arguments)
    return model


def weight(model):
    return model.get_weights()[0].item()


def arrays():
    return {"x": np.ones((ROWS, 1)), "y": np.ones((ROWS, 1)), "batch_size": BATCH}


class Seen(keras.callbacks.Callback):
    """Notes the weight after each epoch, and at which steps a schedule was asked."""

    def __init__(self, schedule=lambda step: 0.1):
        super().__init__()
        self.schedule = schedule
        self.steps, self.weights = [], []

    def plan(self, step):
        """Stand for the schedule."""
        self.steps.append(step)
        return self.schedule(step)

    def on_train_begin(self, logs=None):
        self.weights.append(weight(self.model))

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(weight(self.model))

    @property
    def lowered(self):
        """By how much each epoch lowered the weight."""
        return -np.diff(self.weights)


def train(model, schedule, callbacks=(), **arguments):
    """Train under `LearningRate`; return what was seen, and the history."""
    seen = Seen(schedule)
    return fit(model, [LearningRate(seen.plan), *callbacks], seen, **arguments)


def fit(model, callbacks, seen=None, **arguments):
    """Train on the arrays, or on data of another kind; return what was seen, and the history."""
    seen = seen or Seen()
    data = {} if "x" in arguments else arrays()
    defaults = {"epochs": 3, "verbose": 0, "shuffle": False}
    history = model.fit(callbacks=[*callbacks, seen], **defaults | data | arguments)
    return seen, history.history
