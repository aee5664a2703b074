"""GradientMonitor: what measuring every step costs, over the number of variables and parameters.

An update by Keras's SGD with gradients in proportion to the weights, plain and measured ("full").
"cost" is the CPU time that measuring adds, as a multiple of the first line's, beside the multiple
of variables or parameters. "device" is the size of one step's statistics until they are fetched,
"host" that in the record, and "copies" that of the weights held while a step is measured.
"""

from typing import Any

import _harness
import _trainers
import keras
import numpy as np

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._gradient_monitor.reductions import REDUCTIONS
from keras_trainkit.diagnosis import STATISTICS

FLOAT = 4
KINDS = ("plain", "watched")
# Numbers of variables of 32 x 32, and sides of 4 square ones.
CASES = ("variables 10 30 100 300 1000", "parameters 50 158 500 1581 5000")


class Weights(keras.Layer):
    """Holds weights for the optimizer and gives its inputs back."""

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        """Create the weights."""
        super().__init__()
        for i in range(count):
            self.add_weight(shape=shape, initializer="ones", name=f"weight_{i}")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        return inputs


class Given(keras.Sequential):
    """Updates its weights without a forward pass."""

    def train_step(self, *arguments: Any) -> Any:
        """Apply gradients of half the weights."""
        if keras.backend.backend() == "jax":
            weights, others, optimizer, metrics = arguments[0]
            gradients = [0.5 * weight for weight in weights]
            weights, optimizer = self.optimizer.stateless_apply(optimizer, gradients, weights)
            return {"loss": 0.0}, (weights, others, optimizer, metrics)
        weights = self.trainable_variables
        self.optimizer.apply([0.5 * keras.ops.convert_to_tensor(w) for w in weights], weights)
        return {"loss": keras.ops.zeros(())}


def compare(case: str) -> None:
    """Print one line for each size."""
    kind, *numbers = case.split()
    first: tuple[int, float] | None = None
    for number in map(int, numbers):
        count, side = (number, 32) if kind == "variables" else (4, number)
        contenders = {kind: step(count, side, watched=kind == "watched") for kind in KINDS}
        seconds = _harness.measured(contenders)
        cost = float(np.median(seconds["watched"] - seconds["plain"]))
        parameters = count * side * side
        size = count if kind == "variables" else parameters
        first = first or (size, cost)
        print(
            f"{size:11,} {kind:12} {size / first[0]:10.1f} {cost / first[1]:10.1f}"
            f" {(1 + count) * len(REDUCTIONS) * FLOAT:10,} {count * len(STATISTICS) * FLOAT:10,}"
            f" {parameters * FLOAT:14,}",
            flush=True,
        )


def step(count: int, side: int, watched: bool) -> _harness.Run:
    """Return a function that takes a step."""
    model = Given([keras.Input((1,)), Weights(count, (side, side))])
    model.compile(keras.optimizers.SGD(1e-6))
    model.optimizer.build(model.trainable_variables)
    model.make_train_function()
    monitor = [GradientMonitor(every=1)] if watched else []
    called = keras.callbacks.CallbackList(monitor, add_history=True, model=model)
    called.on_train_begin()
    called.on_epoch_begin(0)
    x = np.zeros((1, 1), "float32")
    run = _trainers.DRIVERS[_harness.BACKEND](model, x, x)

    def announced() -> None:
        called.on_train_batch_begin(0)
        run()

    return announced


if __name__ == "__main__":
    columns = ("", "", "multiple", "cost", "device B", "host B", "copies B")
    head = "{:>11} {:12} {:>10} {:>10} {:>10} {:>10} {:>14}".format(*columns)
    _harness.each_alone(compare, CASES, head)
