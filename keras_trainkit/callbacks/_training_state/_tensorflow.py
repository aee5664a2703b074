"""Steps of TensorFlow that are traced and not run."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_trainkit._backend._tensorflow import operations_in

# Draws whose state is inside of the operation, or in a `tf.random.Generator`.
_DRAWS = (
    *("RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal"),
    *("RandomGamma", "RandomPoisson", "RandomPoissonV2", "RandomShuffle", "Multinomial"),
    *("ParameterizedTruncatedNormal", "NonDeterministicInts", "RngReadAndSkip", "RngSkip"),
    *("StatefulStandardNormalV2", "StatefulTruncatedNormal", "StatefulRandomBinomial"),
    *("StatefulUniform", "StatefulUniformInt", "StatefulUniformFullInt"),
)


def traced(train_function: Callable[[Any], Any], spec: Any) -> tf.Graph:
    """Return the graph of one step on data like `spec`, of which nothing has been run."""
    # Keras's train function takes a list of batches too, and keeps what it has traced of a batch.
    step = tf.function(lambda data: train_function([data]), autograph=False)
    return step.get_concrete_function(spec).graph


def draws(graph: tf.Graph) -> bool:
    """Say whether a graph, or a function that it calls, draws from a stream of its own."""
    return any(node.op in _DRAWS for node in operations_in(graph))
