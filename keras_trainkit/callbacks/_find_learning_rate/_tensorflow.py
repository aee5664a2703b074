"""TensorFlow: the variables of a step before it runs."""

from typing import Any

import keras
import tensorflow as tf


def make_variables(model: keras.Model, iterator: Any) -> None:
    """Trace a step: whatever it makes is made, with its initial value, and nothing runs."""

    @tf.function
    def step(iterator: Any) -> Any:
        return model.distribute_strategy.run(model.train_step, args=(next(iterator),))

    step.get_concrete_function(iterator)
