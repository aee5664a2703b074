"""Trials whose curves are given, so that what happens to them does not depend on a training."""

import keras
import keras_tuner
import numpy as np

from keras_trainkit.tuner import RandomSearch

EPOCHS = 9


class Curves(keras_tuner.HyperModel):
    """A model whose only weight is the number of epochs behind; `loss(x, epoch)` is its curve."""

    def __init__(self, loss):
        super().__init__()
        self.loss, self.seen = loss, []

    def build(self, hp):
        if "x" not in hp:
            hp.Choice("x", list(range(64)))
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        model.compile("sgd", "mse")
        return model

    def fit(self, hp, model, epochs=EPOCHS, callbacks=(), verbose=0):
        calls = keras.callbacks.CallbackList(
            callbacks, add_history=True, model=model, epochs=epochs, verbose=0, steps=1
        )
        calls.on_train_begin()
        model.stop_training = False
        for epoch in range(epochs):
            calls.on_epoch_begin(epoch)
            model.layers[0].set_weights([np.full((1, 1), epoch + 1)])
            calls.on_epoch_end(epoch, {"loss": self.loss(hp.get("x"), epoch + 1)})
            if model.stop_training:
                break
        calls.on_train_end()
        self.seen.append((hp.get("x"), epoch + 1))
        return model.history


def falling(x, epoch):
    """Return a curve that never crosses another one; the lowest `x` is the best."""
    return 1 + x / 64 - epoch / 1000


class Quick:
    """Mixed into a tuner: no garbage is collected between trials, which would take longest."""

    def _try_build(self, hp):
        return self._build_hypermodel(hp)


def searched(folder, loss=falling, kind=RandomSearch, epochs=None, **options):
    """Search, and return the tuner."""
    trials = {} if "max_epochs" in options else {"max_trials": 12}
    options = {"seed": 1, "objective": keras_tuner.Objective("loss", "min"), **trials, **options}
    quick = type(kind.__name__, (Quick, kind), {})
    made = quick(Curves(loss), directory=folder, project_name="search", **options)
    made.search(verbose=0, **({} if epochs is None else {"epochs": epochs}))
    return made


def lengths(made) -> list[int]:
    """Return how many epochs each trial has trained, in its first execution."""
    return [len(record["executions"][0]["loss"]) for _, record in made.oracle.records()]
