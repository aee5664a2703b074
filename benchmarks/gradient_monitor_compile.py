"""GradientMonitor: compiling the measured training step, as a ratio to compiling the plain one.

The CPU time of the first call of a new model's train function, with its tracing and compiling, less
that of a second call. "A/A" is another new model without a monitor.
"""

import time

import _harness
import _trainers
import keras
import numpy as np

from keras_trainkit.callbacks import GradientMonitor

CASES = ("mlp-512", "cnn", "64-layer")


def compare(case: str) -> None:
    """Print the ratios for one network."""
    kinds: dict[str, tuple[str, ...] | None] = {
        "plain": None,
        "A/A": None,
        "norms": ("norms",),
        "full": ("full",),
        "full, cosine, histograms": ("full", "cosine", "histograms"),
    }
    first_calls(case, None)
    seconds = [[first_calls(case, parts) for parts in kinds.values()] for _ in range(ROUNDS)]
    ratios = np.array(seconds) / np.array(seconds)[:, :1]
    for name, values in list(zip(kinds, ratios.T, strict=True))[1:]:
        _harness.print_ratio(case, name, values)


def first_calls(case: str, statistics: tuple[str, ...] | None) -> float:
    """Return the CPU seconds by which a train function's first call exceeds its second."""
    model = _trainers.compiled(case, keras.optimizers.Adam())
    callbacks = [GradientMonitor(every=1, statistics=statistics)] if statistics else []
    called = keras.callbacks.CallbackList(callbacks, add_history=True, model=model)
    called.on_train_begin()
    called.on_epoch_begin(0)
    step = _trainers.step(model, case)
    seconds = []
    for batch in range(2):
        called.on_train_batch_begin(batch)
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)
    return seconds[0] - seconds[1]


ROUNDS = min(_harness.ROUNDS, 5)

if __name__ == "__main__":
    _harness.each_alone(compare, CASES, f"{'network':28} {'':26}  ratio  [p10 p90]")
