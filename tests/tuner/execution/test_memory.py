"""What a trial leaves in memory: nothing, unless somebody holds it."""

import gc
import weakref

import keras
import pytest

from keras_trainkit._backend import programs_forgotten
from keras_trainkit.tuner import RandomSearch
from tests.tuner.execution.curves import searched
from tests.tuner.searches import statuses
from tests.tuner.test_search import iris

TENSORFLOW = pytest.mark.backend("tensorflow")


class Watched(RandomSearch):
    """Knows the models of its trials for as long as they live."""

    def on_epoch_begin(self, trial, model, epoch, logs=None):
        self.models.add(model)
        self.epochs += 1


def build_model(hp):
    """Return a network whose optimizer is Keras's own."""
    hidden = keras.layers.Dense(hp.Choice("units", [8, 9, 10]), "relu")
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("diagnose", [False, True])
def test_no_trial_leaves_a_model_or_a_graph(diagnose, tmp_path):
    graphs_before = len(graphs())
    options = {"max_trials": 2, "seed": 0, "directory": tmp_path, "diagnose": diagnose}
    tuner = Watched(build_model, "val_loss", **options)
    tuner.models, tuner.epochs = weakref.WeakSet(), 0
    tuner.search(**iris(), epochs=2, verbose=0)
    assert tuner.epochs == 4
    assert statuses(tuner) == ["COMPLETED"] * 2
    keras.utils.clear_session()
    assert len(tuner.models) == 0
    assert len(graphs()) <= graphs_before


def graphs():
    """Return what TensorFlow has traced."""
    gc.collect()
    return [each for each in gc.get_objects() if type(each).__name__ == "FuncGraph"]


@pytest.mark.backend("jax")
def test_a_trial_leaves_no_compiled_programs(tmp_path):
    import jax

    program = jax.jit(lambda x: x + 1)
    program(1.0)
    assert program._cache_size() == 1
    searched(tmp_path, max_trials=1, epochs=1)
    assert program._cache_size() == 0


def tenfold(branches=False):
    """Return a function whose gradient is ten times as steep, and graphs of it."""
    import tensorflow as tf

    @tf.custom_gradient
    def steep(x):
        return x * x, lambda dy: 10 * 2 * x * dy

    def function(x):
        return tf.cond(x > 0, lambda: steep(x), lambda: x) if branches else steep(x)

    return tf.function(function, autograph=False)


@TENSORFLOW
@pytest.mark.parametrize("branches", [False, True])
def test_what_lives_on_keeps_its_gradients(branches):
    import tensorflow as tf

    function, x = tenfold(branches), tf.Variable(3.0)
    with programs_forgotten():
        function(x)
    gc.collect()
    with tf.GradientTape() as tape:
        y = function(x)
    assert tape.gradient(y, x).numpy() == 60.0
    # A trial later, in the graph of another model.
    with programs_forgotten():
        outer = tf.function(lambda: tf.gradients(function(x), x.handle)[0], autograph=False)
        assert outer().numpy() == 60.0


@TENSORFLOW
def test_a_graph_goes_with_who_held_it():
    import tensorflow as tf

    before = len(graphs())
    with programs_forgotten():
        function = tenfold(branches=True)
        function(tf.constant(3.0))
    assert len(graphs()) > before
    del function
    assert len(graphs()) == before


@TENSORFLOW
def test_gradients_of_operations_stay():
    import tensorflow as tf
    from tensorflow.python.framework import ops

    with programs_forgotten():

        @ops.RegisterGradient("OfKerasTrainkitsTest")
        def gradient(operation, dy):
            return 2 * dy

    del gradient
    gc.collect()
    with tf.Graph().as_default() as graph:
        x = tf.constant(1.0)
        with graph.gradient_override_map({"Identity": "OfKerasTrainkitsTest"}):
            y = tf.identity(x)
        (found,) = tf.gradients(y, x)
        assert tf.compat.v1.Session().run(found) == 2.0
