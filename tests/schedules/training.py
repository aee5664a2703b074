"""The learning rate of each step, read from the weight of `tests.callbacks.paced.line`."""

import keras
import numpy as np


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
