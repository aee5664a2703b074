"""A model whose weight tells the learning rate of each step."""

import keras
import numpy as np


def linear_model(learning_rate) -> keras.Model:
    """Return a model of one weight w whose loss is w, so that each step subtracts the rate."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(
        keras.optimizers.SGD(learning_rate), loss=lambda y, y_pred: keras.ops.mean(y_pred)
    )
    return model


def steps_taken(model: keras.Model, steps: int) -> np.ndarray:
    """Train for an epoch of `steps` steps; return by how much each lowered the weight."""
    weights = [model.get_weights()[0].item()]

    # On JAX only the callback's own `model` has the weights of the batch that just ended.
    def keep(batch, logs):
        weights.append(record.model.get_weights()[0].item())

    record = keras.callbacks.LambdaCallback(on_train_batch_end=keep)
    data = np.ones((steps, 1))
    model.fit(data, data, batch_size=1, verbose=0, callbacks=[record])
    return -np.diff(weights)
