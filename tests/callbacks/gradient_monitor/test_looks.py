"""Facts, trial and probe of a running `fit`: what they see; the training stays the same."""

import random

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._gradient_monitor import looks
from keras_trainkit.diagnosis._preflight.trials import trial_of
from tests.callbacks.monitored import assert_same_training, compiled, data, fit, softmax

BACKEND = keras.backend.backend()
X, Y = data()


class Mixing(layers.Layer):
    """Takes the mean of the batch from each row, as a mistaken axis does."""

    def call(self, x):
        return x - ops.mean(x, axis=0, keepdims=True)


def mixing():
    return keras.Sequential([keras.Input((3,)), Mixing(), layers.Dense(2, "softmax")])


def built_later():
    return keras.Sequential([layers.Dense(4, "relu"), Mixing(), layers.Dense(2, "softmax")])


class Later(keras.Model):
    def __init__(self):
        super().__init__()
        self.mixing, self.out = Mixing(), layers.Dense(2, "softmax")

    def call(self, x):
        return self.out(self.mixing(x))


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]


def generator():
    yield from (Batches()[i % 3] for i in range(6))


def trained(model, monitor, source=None, **arguments):
    """Fit for two epochs; return what was logged."""
    keras.utils.set_random_seed(4)
    given = {"x": source} if source is not None else {"x": X, "y": Y, "batch_size": 8}
    arguments = {"epochs": 2, "verbose": 0, "shuffle": False, **arguments}
    if source is not None:
        arguments["steps_per_epoch"] = 3
    return model.fit(**given, callbacks=monitor and [monitor], **arguments).history


SOURCES = {"arrays": lambda: None, "generator": generator, "PyDataset": Batches}
MAKES = [mixing, built_later, Later]


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_rows_that_depend_on_each_other_are_found_in_training(make, source):
    plain, model, monitor = compiled(make), compiled(make), GradientMonitor()
    expected = trained(plain, None, source())
    assert_same_training(model, trained(model, monitor, source()), plain, expected)
    assert "dependent_examples" in [finding.name for finding in monitor.diagnosis]


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("convert", ["tensor", "ragged", "sparse"])
def test_a_tf_dataset_loses_no_batch(convert):
    import tensorflow as tf

    kinds = {
        "tensor": tf.constant,
        "ragged": lambda x: tf.RaggedTensor.from_tensor(x, ragged_rank=1),
        "sparse": tf.sparse.from_dense,
    }

    def dense(x):
        return x if isinstance(x, tf.Tensor) else x.to_tensor(shape=(None, 3))

    def source():
        return tf.data.Dataset.from_tensor_slices((kinds[convert](X), Y)).batch(8).repeat()

    def make():
        inputs = keras.Input((3,), sparse=convert == "sparse", ragged=convert == "ragged")
        turned = inputs if convert != "ragged" else layers.Lambda(dense, output_shape=(3,))(inputs)
        return keras.Model(inputs, layers.Dense(2, "softmax")(turned))

    plain, model, monitor = compiled(make), compiled(make), GradientMonitor()
    expected = trained(plain, None, source())
    assert_same_training(model, trained(model, monitor, source()), plain, expected)
    assert len(monitor.history.outcomes.epochs) == 2


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_the_trial_is_that_of_the_weights_before_the_first_update(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model, monitor = compiled(), GradientMonitor()
    finally:
        keras.config.set_dtype_policy("float32")
    expected = trial_of(model, X[:8])
    trained(model, monitor)
    assert monitor.history.facts.trial == expected
    after = trial_of(model, X[:8])
    assert (after.low, after.high) != (expected.low, expected.high)
    trained(model, monitor)
    assert monitor.history.facts.trial == after


@pytest.mark.short("torch")
def test_a_network_that_is_too_loud_from_the_start_is_seen():
    loud = keras.initializers.RandomNormal(stddev=1e4)
    model = compiled(
        lambda: keras.Sequential([keras.Input((3,)), layers.Dense(2, None, True, loud)])
    )
    monitor = GradientMonitor()
    trained(model, monitor)
    assert monitor.history.facts.trial.high > 1e3


@pytest.mark.short("torch")
def test_without_a_probe_nothing_passes_through_the_model():
    calls = []

    class Counting(layers.Layer):
        def call(self, x, training=False):
            calls.append(training)
            return x

    def make():
        return keras.Sequential([keras.Input((3,)), Counting(), layers.Dense(2, "softmax")])

    def inference_passes(monitor):
        model = compiled(make)
        calls.clear()
        trained(model, monitor)
        return calls.count(False)

    of_fit = inference_passes(None)
    for probe, passes in ((None, 0), ("first_batch", 4), (X, 4)):
        monitor = GradientMonitor(probe=probe)
        # Two of the trial, and one after each epoch.
        assert inference_passes(monitor) == of_fit + passes
        assert (monitor.history.facts.trial is None) == (probe is None)
        assert (monitor.history.activations is None) == (probe is None)


def generators():
    """Return generators of the user's own, and how each draws a number."""
    yield random.Random(0), lambda rng: rng.random()
    yield np.random.default_rng(0), lambda rng: rng.random()
    yield np.random.RandomState(0), lambda rng: rng.random_sample()
    if BACKEND == "torch":
        import torch

        yield torch.Generator().manual_seed(0), lambda rng: torch.rand((), generator=rng).item()
    if BACKEND == "tensorflow":
        import tensorflow as tf

        yield tf.random.Generator.from_seed(0), lambda rng: rng.normal(())


class Drawing(layers.Layer):
    """Draws in each pass from all generators that there are, also from those without a seed."""

    def __init__(self):
        super().__init__()
        made = list(generators())
        self.draws = [draw for _, draw in made]
        for i, (generator, _) in enumerate(made):
            setattr(self, f"generator_{i}", generator)

    def call(self, x):
        drawn = [draw(getattr(self, f"generator_{i}")) for i, draw in enumerate(self.draws)]
        drawn += [np.random.normal(), random.random()]
        if BACKEND != "jax":  # There, draws without a seed are an error.
            drawn.append(keras.random.normal(()))
        if BACKEND == "tensorflow":
            import tensorflow as tf

            drawn.append(tf.random.normal(()))
        return x + 0.1 * sum(ops.cast(number, "float32") for number in drawn)

    def compute_output_shape(self, shape):
        return shape


def drawing():
    return keras.Sequential([keras.Input((3,)), Drawing(), layers.Dense(2, "softmax")])


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_training_that_draws_at_inference_is_the_same_bit_for_bit(run_eagerly):
    plain, model = (compiled(drawing, run_eagerly=run_eagerly) for _ in range(2))
    monitor = GradientMonitor()
    states = []
    expected = trained(plain, None)
    states.append((random.getstate(), np.random.get_state()[1].tolist()))
    history = trained(model, monitor)
    states.append((random.getstate(), np.random.get_state()[1].tolist()))
    assert_same_training(model, history, plain, expected)
    assert states[0] == states[1]
    assert len(monitor.history.outcomes.epochs) == 2
    assert monitor.history.facts.trial is not None


class WithoutCall(keras.Model):
    """Trains a network by a step of its own and cannot be called."""

    def __init__(self):
        super().__init__()
        self.net = layers.Dense(2, name="net")
        self.net.build((None, 3))
        self.built = True

    def loss_of(self, x):
        return ops.mean(ops.square(self.net(x) - 1.0))

    def train_step(self, batch):
        (x, _), variables = batch, self.trainable_variables
        if BACKEND == "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                loss = self.loss_of(x)
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return {"loss": loss}
        import torch

        self.zero_grad()
        loss = self.loss_of(x)
        loss.backward()
        with torch.no_grad():
            self.optimizer.apply([v.value.grad for v in variables], variables)
        return {"loss": loss.detach()}


def without_call():
    keras.utils.set_random_seed(3)
    model = WithoutCall()
    model.compile(keras.optimizers.Adam(0.01))
    return model


@pytest.mark.backend("torch", "tensorflow")
def test_a_model_that_cannot_be_called_is_left_alone_without_a_word():
    plain, model, monitor = without_call(), without_call(), GradientMonitor()
    expected = trained(plain, None)
    assert_same_training(model, trained(model, monitor), plain, expected)
    assert len(monitor.history.steps) == 6
    assert monitor.history.activations is None
    assert monitor.history.facts.trial is None
    with pytest.warns(UserWarning, match="cannot probe the activations: ") as all_:
        trained(model, GradientMonitor(probe=X))
    assert sum("cannot probe" in str(one.message) for one in all_) == 1


@pytest.mark.short("torch")
@pytest.mark.parametrize("part", ["tried", "built_copy", "looked_at", "facts_of"])
def test_a_fault_in_a_look_disturbs_no_training(monkeypatch, part):
    def fails(*_, **__):
        np.random.normal()
        raise ValueError("a fault")

    plain, model, monitor = compiled(softmax), compiled(softmax), GradientMonitor()
    expected = fit(plain)
    monkeypatch.setattr(looks, part, fails)
    assert_same_training(model, fit(model, [monitor]), plain, expected)
    facts = monitor.history.facts
    assert facts is None or facts.trial is None


@pytest.mark.short("torch")
def test_the_trial_of_a_resumed_training_is_that_of_its_beginning():
    monitor, model = GradientMonitor(), compiled(softmax)
    trained(model, monitor)
    first, state = monitor.history.facts.trial, monitor.get_state()

    class Resumes(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            monitor.set_state(state)

    for known in (first, None):
        record = state["record"]
        record["facts"]["trial"] = record["facts"]["trial"] if known else None
        model.fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=[monitor, Resumes()])
        assert monitor.history.facts.trial == known


@pytest.mark.short("torch")
def test_nothing_of_the_batch_and_the_copy_goes_into_a_copied_monitor():
    look = looks.Looks("first_batch")
    look.meet(compiled(softmax), GradientMonitor()._record, (X, Y))
    assert look._inputs is X
    assert look.__getstate__()["_inputs"] is None
