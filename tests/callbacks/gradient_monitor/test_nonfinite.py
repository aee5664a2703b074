"""Numbers that are not finite: the right cause and place, and what is done about them."""

import copy
import pickle
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_trainkit.layers
import keras_trainkit.optimizers
import keras_trainkit.schedules
from keras_trainkit._runtime_number import traced_value
from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._gradient_monitor.nonfinite import MOST_EVENTS, Response, Watch
from keras_trainkit.callbacks._gradient_monitor.rollback import MOST_CUTS, Rollback
from tests.callbacks.gradient_monitor.tables import a_step
from tests.callbacks.monitored import Subclassed, assert_same_training
from tests.contracts import array

BATCHES = 4
BROKEN = 6  # The third example of the second batch.


def net():
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(3, "tanh", name="first"),
            layers.Dense(1, name="out"),
        ],
        name="net",
    )


def compiled(make=net, optimizer=None, loss="mse", **arguments):
    keras.utils.set_random_seed(3)
    model = make()
    model.compile(optimizer or keras.optimizers.SGD(0.1), loss, **arguments)
    return model


def norms_of(every=1, **arguments):
    """Return a monitor of what compiles fastest."""
    return GradientMonitor(every, "norms", **arguments)


def examples(value=None, where="x"):
    """Return four batches of four examples, one of which holds `value`."""
    rng = np.random.default_rng(0)
    found = {"x": rng.normal(size=(16, 3)), "y": rng.uniform(1, 2, (16, 1))}
    found = {name: values.astype("float32") for name, values in found.items()}
    if value is not None:
        found[where][BROKEN] = value
    return found


def fit(model, callbacks=(), value=None, where="x", **arguments):
    arguments = {"batch_size": 4, "epochs": 2, "verbose": 0, "shuffle": False, **arguments}
    keras.utils.set_random_seed(4)
    return model.fit(**examples(value, where), callbacks=list(callbacks), **arguments).history


def warned(model, callbacks, **arguments):
    """Train with an expected trouble; return the logs and what was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        logs = fit(model, callbacks, **arguments)
    return logs, [str(warning.message) for warning in caught]


def assert_finite(model):
    for variable in (*model.variables, *model.optimizer.variables):
        if variable.path.endswith("seed_generator_state"):
            continue
        assert np.isfinite(array(variable).astype("float64")).all(), variable.path


class Plant(keras.callbacks.Callback):
    """Puts an infinity into one layer's weights before a step."""

    def __init__(self, epoch, batch, layer="out"):
        super().__init__()
        self.place, self.layer, self.epoch = (epoch, batch), layer, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.place:
            kernel = self.model.get_layer(self.layer).kernel
            values = np.array(array(kernel))
            values[0, 0] = np.inf
            kernel.assign(values)


def log_of_target(y, prediction):
    """Infinite where the target is zero."""
    return ops.mean(ops.log(y) * prediction)


def root_of_target(y, prediction):
    """Finite where the target is zero, but not so its gradient."""
    return ops.mean(ops.sqrt(y * ops.exp(prediction)))


# What the report says.


def event_of(**arguments):
    """Train with a monitor that records; return its one event, its warning's text, and `since`."""
    every = arguments.pop("every", 1)
    compile_arguments = {n: arguments.pop(n) for n in ("loss", "optimizer") if n in arguments}
    callbacks = arguments.pop("callbacks", [])
    monitor = norms_of(every)
    _, said = warned(compiled(**compile_arguments), [monitor, *callbacks], **arguments)
    (event,) = monitor.history.events
    assert said == [str(event)]
    return event


def test_infinity_planted_in_a_layers_weights():
    event = event_of(callbacks=[Plant(1, 1)])
    assert (event.cause, event.layer, event.example) == ("weights", "net/out", -1)
    assert (event.step, event.since, event.epoch, event.batch) == (5, 4, 1, 1)
    assert {"net/first/kernel", "net/out/kernel"} <= set(event.variables)
    assert str(event) == (
        f"Epoch 2, batch 2 (step 5): the gradients of {event.variables[0]} and "
        f"{len(event.variables) - 1} more are not finite. Cause: weights of net/out were not "
        "finite before the step, which an earlier one broke. Try: a lower learning rate, or "
        "`global_clipnorm=1.0` in the optimizer."
    )


def test_infinity_between_two_sampled_steps():
    event = event_of(callbacks=[Plant(1, 1)], every=4, epochs=3)
    # Two more updates have spread it over all layers: where it began is not known.
    assert (event.cause, event.layer) == ("weights", "")
    assert (event.step, event.since, event.epoch, event.batch) == (8, 4, 2, 0)
    assert str(event).startswith("Epoch 3, batch 1 (between step 4 and step 8): ")


def test_nan_in_one_example():
    event = event_of(value=np.nan)
    assert (event.cause, event.layer, event.example) == ("data", "", 2)
    assert (event.step, event.since, event.epoch, event.batch) == (1, 0, 0, 1)
    assert len(event.variables) == 4
    assert str(event) == (
        "Epoch 1, batch 2 (step 1): the gradients of net/first/kernel and 3 more are not finite. "
        "Cause: example 2 of the batch (counted from 0) holds NaN or infinity. Try: check the data "
        "for missing values."
    )


def test_loss_that_is_infinite_although_data_and_weights_are_finite():
    event = event_of(loss=log_of_target, value=0.0, where="y")
    assert (event.cause, event.layer, event.example) == ("forward", "", -1)
    assert (event.step, event.since, event.epoch, event.batch) == (1, 0, 0, 1)
    assert "Cause: the loss is not finite although data and weights are: " in str(event)


def test_finite_loss_whose_gradient_is_not():
    event = event_of(loss=root_of_target, value=0.0, where="y")
    assert (event.cause, event.layer, event.example) == ("backward", "net/out", -1)
    assert (event.step, event.since, event.epoch, event.batch) == (1, 0, 0, 1)
    assert "the loss is finite, its gradient is not, starting at net/out: " in str(event)


def test_overflow_in_half_precision_is_recorded_without_a_warning():
    keras.config.set_dtype_policy("mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), 2.0**18)
    model, monitor = compiled(optimizer=optimizer), norms_of("auto", on_nonfinite="rollback")
    fit(model, [monitor])
    history = monitor.history
    left_out = np.flatnonzero(history["update_norm"].sum(axis=1) == 0)
    assert 0 < len(left_out) < 8
    assert [event.step for event in history.events] == left_out.tolist()
    assert {(e.cause, e.layer, e.action) for e in history.events} == {
        ("overflow", "net/out", "record")
    }
    first = history.events[0]
    assert (first.step, first.since) == (0, -1)
    assert str(first).startswith("Epoch 1, batch 1 (step 0): the gradient")
    assert "overflowed in half precision, starting at net/out, and the step was skipped" in str(
        first
    )


def test_step_that_our_optimizer_leaves_out_is_recorded_without_a_warning():
    optimizer = keras_trainkit.optimizers.Adam(0.01, skip_nonfinite=True)
    model, monitor = compiled(optimizer=optimizer), norms_of(on_nonfinite="stop")
    logs = fit(model, [monitor], value=np.nan)
    events = monitor.history.events
    assert [(e.step, e.since, e.cause, e.action) for e in events] == [
        (1, 0, "data", "record"),
        (5, 4, "data", "record"),
    ]
    assert logs["skipped_updates"] == [1, 2]
    assert_finite(model)


def test_recording_leaves_a_broken_training_as_it_is_bit_for_bit():
    plain, model = compiled(), compiled()
    expected = fit(plain, value=np.nan)
    history, _ = warned(model, [norms_of()], value=np.nan)
    for name in ("loss",):
        np.testing.assert_array_equal(history.pop(name), expected.pop(name))
    assert_same_training(model, history, plain, expected)


# Watch and Response, on steps made by hand.


def watched(*steps, **arguments):
    """Return what a `Watch` says of steps, the causes and whether each was left out."""
    watch = Watch(**arguments)
    found = []
    for step in steps:
        event = watch.look(step, 0, ("a/w", "b/w"))
        if event:
            found.append((event.step, event.cause, watch.left_out))
    return found


def test_first_of_several_broken_steps_is_the_event():
    steps = [a_step(0), a_step(1, nonfinite=1), a_step(2, weights=1), a_step(3), a_step(4, 1)]
    assert watched(*steps) == [(1, "backward", False), (4, "backward", False)]


def test_loss_that_broke_before_does_not_blame_a_later_step():
    broken = {"loss_broken": 1.0}
    early = a_step(0, nonfinite=1, moved=0, facts=broken)
    late = a_step(2, nonfinite=1, moved=0, facts=broken)
    between = a_step(1, facts=broken)
    assert watched(early, between, late, loss_scaled=True) == [
        (0, "forward", True),
        (2, "overflow", True),
    ]
    next_epoch = a_step(2, nonfinite=1, moved=0, facts=broken, epoch=1)
    assert watched(early, between, next_epoch, loss_scaled=True)[1] == (2, "forward", True)


def test_accumulated_gradient_that_is_not_finite_is_not_harmless():
    step = a_step(0, nonfinite=1, moved=0)
    assert watched(step) == [(0, "backward", True)]
    assert watched(step, accumulates=True) == [(0, "backward", False)]


def test_watch_knows_what_an_optimizer_does():
    sgd = keras.optimizers.SGD
    ours = keras_trainkit.optimizers.Adam
    for optimizer, scaled, accumulates in (
        (None, False, False),
        (sgd(), False, False),
        (sgd(gradient_accumulation_steps=2), False, True),
        (ours(gradient_accumulation_steps=2), False, True),
        (ours(gradient_accumulation_steps=2, skip_nonfinite=True), False, False),
        (keras.optimizers.LossScaleOptimizer(sgd()), True, False),
    ):
        watch = Watch.of(optimizer)
        assert (watch._loss_scaled, watch._accumulates) == (scaled, accumulates)


class Host(keras.callbacks.Callback):
    """Has a model that training cannot break."""

    def __init__(self):
        super().__init__()
        self.set_model(compiled())


def respond(response, steps, host):
    """Answer each step; return what was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        for step in steps:
            response.look(step, 0, ("a/w", "b/w"))
            response.answer(host)
    return [str(warning.message) for warning in caught]


def test_recording_warns_once_and_not_of_what_is_harmless():
    response = Response("record", 8, Watch())
    harmless, harmful = a_step(0, nonfinite=1, moved=0), a_step(1, nonfinite=1)
    again = [a_step(2), a_step(3, nonfinite=1)]
    said = respond(response, [harmless, harmful, *again], Host())
    assert [event.step for event in response.events] == [0, 1, 3]
    assert said == [str(response.events[1])]


def test_harmless_events_do_not_crowd_out_the_others():
    response = Response("record", 8, Watch())
    many = [a_step(step, nonfinite=1, moved=0) for step in range(MOST_EVENTS + 5)]
    respond(response, [*many, a_step(99, nonfinite=1)], Host())
    assert [e.step for e in response.events] == [*range(MOST_EVENTS), 99]


def test_events_beyond_the_recorded_ones_are_acted_upon():
    host, response = Host(), Response("rollback", 8, Watch())
    data = {"broken_examples": 1.0, "broken_here": 1.0}
    steps = [a_step(step, nonfinite=1, facts=data) for step in range(MOST_EVENTS + 5)]
    response.begin_epoch(host)
    before = host.model.get_weights()
    for step in steps:
        host.model.layers[0].kernel.assign(np.full((3, 3), np.nan))
        respond(response, [step], host)
        np.testing.assert_array_equal(host.model.get_weights()[0], before[0])
    assert len(response.events) == MOST_EVENTS
    assert not host.model.stop_training


def test_first_look_comes_early_and_each_rollback_halves_the_time_to_the_next():
    host, response = Host(), Response("rollback", 8, Watch())
    response.begin_epoch(host)
    due = [response.due]
    for step in range(6):
        respond(response, [a_step(step, nonfinite=step > 0)], host)
        due.append(response.due)
    assert due == [1, 8, 4, 2, 1, 1, 1]


# Stopping.


def test_stop_ends_the_training_with_one_warning():
    model, monitor = compiled(), norms_of(on_nonfinite="stop", fetch_every=1)
    logs, said = warned(model, [monitor], value=np.nan, epochs=5)
    assert len(logs["loss"]) == 1
    assert monitor.history.steps.tolist() == [0, 1, 2]
    (event,) = monitor.history.events
    assert said == [str(event)]
    assert said[0].endswith(" Training was stopped.")


# Going back. A batch that is undone leaves no trace: as if it had not been there.


def full():
    """Return a model with every kind of state."""
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(3, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.5, seed=1, name="drop"),
            layers.Dense(1, name="out"),
        ],
        name="net",
    )


SGD = keras.optimizers.SGD
DECAY = keras_trainkit.schedules.ExponentialDecay(0.1, 1, 0.9)
CASES = {
    "averaging": (full, lambda: SGD(0.1, momentum=0.9, use_ema=True)),
    "accumulating": (net, lambda: SGD(0.1, gradient_accumulation_steps=2)),
    "our Adam": (net, lambda: keras_trainkit.optimizers.Adam(DECAY, weight_decay=0.1)),
    "our NAG": (net, lambda: keras_trainkit.optimizers.NAG(0.1)),
}


@pytest.mark.parametrize("case", CASES)
def test_rollback_undoes_a_batch_that_is_not_finite(case):
    make, optimizer = CASES[case]
    plain, model = (compiled(make, optimizer()) for _ in range(2))
    monitor = norms_of(on_nonfinite="rollback", fetch_every=1)
    _, said = warned(model, [monitor], value=np.nan)
    good = {n: np.delete(v, np.s_[4:8], axis=0) for n, v in examples().items()}
    keras.utils.set_random_seed(4)
    plain.fit(**good, batch_size=4, epochs=2, verbose=0, shuffle=False)
    assert_same_training(model, {}, plain, {})
    assert monitor.history.steps.tolist() == list(range(8))
    events = monitor.history.events
    assert [(e.step, e.cause, e.example, e.action) for e in events] == [
        (1, "data", 2, "rollback"),
        (5, "data", 2, "rollback"),
    ]
    assert said == list(map(str, events))
    assert said[0].endswith(" Training went back to weights that were finite.")
    names = ([v.path.partition("/")[2] for v in m.optimizer.variables] for m in (model, plain))
    assert next(names) == next(names)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.Adam(0.01),
        lambda: keras_trainkit.optimizers.Adam(0.01),
        lambda: keras.optimizers.LossScaleOptimizer(SGD(0.01)),
    ],
)
def test_rollback_halves_the_learning_rate_where_the_data_is_not_to_blame(optimizer):
    model, monitor = compiled(optimizer=optimizer()), norms_of("auto", on_nonfinite="rollback")
    _, said = warned(model, [monitor, Plant(0, 2)])
    assert_finite(model)
    np.testing.assert_allclose(array(model.optimizer.learning_rate), 0.005, rtol=1e-6)
    (event,) = monitor.history.events
    assert (event.step, event.cause, event.action) == (2, "weights", "rollback")
    assert said == [str(event)]
    assert len(monitor.history.steps) == 8


class Reduce(keras.callbacks.Callback):
    """Sets numbers while the training is broken and nobody has noticed."""

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 2:
            self.model.optimizer.learning_rate = 0.02
            self.model.optimizer.weight_decay = 0.25
            self.model.get_layer("drop").rate = 0.75


def test_rollback_keeps_what_the_user_assigned_meanwhile():
    drop = keras_trainkit.layers.Dropout(0.5, name="drop")
    optimizer = keras_trainkit.optimizers.Adam(0.01, weight_decay=0.1)
    model = compiled(lambda: keras.Sequential([*net().layers, drop]), optimizer)
    monitor = norms_of(on_nonfinite="rollback", fetch_every=3)
    warned(model, [monitor, Reduce()], value=np.nan, epochs=1)
    assert monitor.history.events[0].action == "rollback"
    for owner, name, number in ((optimizer, "weight_decay", 0.25), (drop, "rate", 0.75)):
        assert getattr(owner, name) == number
        variables = [v for v in owner.variables if v.path.endswith(name)]
        assert [float(array(v)) for v in variables] == [number] * len(variables)
    assert float(array(traced_value(optimizer, "weight_decay"))) == 0.25
    np.testing.assert_allclose(array(optimizer.learning_rate), 0.02, rtol=1e-6)


def test_rollback_at_the_end_of_an_epoch_lets_the_next_one_learn():
    model, monitor = compiled(), norms_of("auto", on_nonfinite="rollback")
    logs, said = warned(model, [monitor], value=np.nan, epochs=7)
    assert np.isfinite(logs["loss"]).tolist() == [False] * 4 + [True] * 3
    assert logs["loss"][-1] < logs["loss"][-2]
    assert len(said) == 7
    assert_finite(model)


def test_after_a_rollback_every_step_is_measured():
    model, monitor = compiled(), norms_of(4, on_nonfinite="rollback", fetch_every=1)
    warned(model, [monitor], value=np.nan, epochs=3)
    history = monitor.history
    assert [(e.step, e.since, e.cause, e.example) for e in history.events] == [
        (4, 0, "weights", -1),
        (5, 4, "data", 2),
        (9, 8, "data", 2),
    ]
    assert history.steps.tolist() == [0, 4, *range(5, 12)]


@pytest.mark.backend("tensorflow", "jax")
def test_rollback_with_several_steps_per_execution():
    model = compiled(steps_per_execution=2)
    monitor = norms_of(on_nonfinite="rollback", fetch_every=1)
    warned(model, [monitor], value=np.nan)
    assert [(e.step, e.batch, e.example) for e in monitor.history.events] == [(1, 1, 2), (5, 1, 2)]
    assert_finite(model)


def test_rollback_of_a_model_that_its_first_batch_builds():
    model = compiled(Subclassed, loss="sparse_categorical_crossentropy")
    monitor = norms_of("auto", on_nonfinite="rollback")
    with pytest.warns(UserWarning, match="went back to weights that were finite"):
        model.fit(
            examples(np.nan)["x"],
            np.zeros(16),
            batch_size=4,
            verbose=0,
            shuffle=False,
            callbacks=[monitor],
        )
    assert_finite(model)


def test_rollback_of_the_very_first_step():
    # On TensorFlow that step creates the momenta, which the way back needs.
    model = compiled(optimizer=SGD(0.1, momentum=0.9))
    monitor = norms_of(on_nonfinite="rollback", fetch_every=1)
    _, said = warned(model, [monitor, Plant(0, 0)], epochs=1)
    assert len(said) == 1
    assert_finite(model)


class Reads(keras.callbacks.Callback):
    """Looks at the record when a batch is over, as a live plot does."""

    def __init__(self, monitor):
        super().__init__()
        self.monitor, self.events = monitor, []

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(len(self.monitor.history.events))


def test_reading_the_record_meanwhile_does_not_keep_from_acting():
    model, monitor = compiled(), norms_of(on_nonfinite="rollback", fetch_every=1)
    reads = Reads(monitor)
    _, said = warned(model, [monitor, reads], value=np.nan, epochs=1)
    assert reads.events == [0, 1, 1, 1]
    assert len(said) == 1
    assert_finite(model)


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            raise KeyboardInterrupt


def test_reading_the_record_of_an_interrupted_training_leaves_the_model_alone():
    model, monitor = compiled(), norms_of(on_nonfinite="rollback")
    with pytest.raises(KeyboardInterrupt):
        fit(model, [monitor, Interrupt()], value=np.nan)
    (event,) = monitor.history.events
    assert (event.step, event.action) == (1, "record")
    assert np.isnan(array(model.layers[0].kernel)).all()


def test_rollback_stops_where_no_state_was_finite():
    model, monitor = compiled(), norms_of(on_nonfinite="rollback", fetch_every=1)
    kernel = np.array(array(model.layers[0].kernel))
    kernel[0, 0] = np.nan
    model.layers[0].kernel.assign(kernel)
    logs, said = warned(model, [monitor], epochs=5)
    assert len(logs["loss"]) == 1
    (event,) = monitor.history.events
    assert (event.step, event.since, event.cause, event.action) == (0, -1, "weights", "stop")
    assert event.layer == "net/first"
    assert said == [str(event)]


def test_rollback_stops_after_many_cuts():
    model = compiled(loss=lambda y, prediction: ops.mean(prediction) / 0.0)
    monitor = norms_of(on_nonfinite="rollback", fetch_every=1)
    _, said = warned(model, [monitor], epochs=9)
    assert [e.action for e in monitor.history.events] == ["rollback"] * MOST_CUTS + ["stop"]
    assert len(said) == MOST_CUTS + 1
    np.testing.assert_allclose(array(model.optimizer.learning_rate), 0.1 / 2**MOST_CUTS, rtol=1e-5)


def test_copies_do_not_hold_the_weights():
    host, rollback = Host(), Rollback()
    rollback.save(host.model)
    for made in (copy.deepcopy(rollback), pickle.loads(pickle.dumps(rollback))):
        assert not made.restore(host.model, cut=False)
    assert rollback.restore(host.model, cut=False)
