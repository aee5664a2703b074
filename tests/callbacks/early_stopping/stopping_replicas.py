"""Train with early stopping on two replicas of TensorFlow or two devices of JAX. Print JSON."""

import contextlib
import json
import traceback

import numpy as np

from tests.callbacks.replicas import scope  # It asks for two devices before Keras is imported.

import keras  # isort: skip

from keras_trainkit import layers
from keras_trainkit.callbacks import EarlyStopping
from tests.callbacks.stopped import BEST, SCORES, Failing, Scores, assert_holds

EPOCHS = len(SCORES)
OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(0.05),
    "average": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
}


def model(optimizer):
    keras.utils.set_random_seed(3)
    hidden = [keras.layers.Dense(4, "tanh"), layers.Dropout(0.2, seed=1)]
    made = keras.Sequential([keras.Input((3,)), *hidden, keras.layers.Dense(1)])
    made.compile(OPTIMIZERS[optimizer](), "mse")
    return made


def fit(trained, *callbacks, epochs=EPOCHS):
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    settings = {"batch_size": 4, "shuffle": False, "verbose": 0}
    return trained.fit(x, x[:, :1], epochs=epochs, callbacks=list(callbacks), **settings).history


def compare(optimizer, restore, ends):
    """Return "passed", or what is wrong."""
    try:
        trained, twin = model(optimizer), model(optimizer)
        fit(twin, epochs=BEST + 1)
        failing = [Failing("on_epoch_end", RuntimeError("now"))] if ends == "by an error" else []
        stopping = EarlyStopping("score", mode="min", patience=2, restore=restore)
        with contextlib.suppress(RuntimeError):
            fit(trained, Scores(SCORES), stopping, *failing)
        assert stopping.report.reason == ("interrupted" if failing else "patience")
        assert_holds(trained, twin.get_weights())
        if restore == "state":
            assert fit(trained, epochs=1) == fit(twin, epochs=1)
            assert_holds(trained, twin.get_weights())
    except Exception:
        return traceback.format_exc()
    return "passed"


def main():
    rows = [("Adam", "state", "by an error"), ("average", "weights", "early")]
    with scope():
        print(json.dumps({" ".join(row): compare(*row) for row in rows}))


if __name__ == "__main__":
    main()
