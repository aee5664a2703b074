"""What LearningRate sets, and when: every step's rate, its place in the training, the logs."""

import copy
import json
import re

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_trainkit.callbacks import GradientMonitor, LearningRate
from keras_trainkit.layers import Dropout
from keras_trainkit.optimizers import NAG
from keras_trainkit.schedules import ConstantLearningRate, CosineDecay, ExponentialDecay, OneCycle
from tests.callbacks.paced import BATCH, BATCHES, ROWS, Seen, arrays, fit, line, train, weight
from tests.contracts import assert_same_weights, run_in_fresh_process


def rising(step):
    return 0.01 * (step + 1)


def lowered_by(plan, epochs, steps=BATCHES, first=0):
    """Return by how much each epoch lowers the weight."""
    rates = [plan(step) for step in range(first, first + epochs * steps)]
    return np.sum(np.reshape(rates, (epochs, steps)), axis=1)


# Contract


@pytest.mark.host
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schedule": 0.1}, "`schedule` must be a schedule, a function, a dict of them or None."),
        ({"schedule": {}}, "`schedule` must be a schedule, a function, a dict of them or None."),
        ({"also": 3}, "`also` must be a dict from names to schedules, or None. Received: also=3"),
        ({"also": {"momentum": 0.9}}, "`also` must be a dict from names to schedules, or None."),
    ],
)
def test_bad_arguments_raise_at_construction(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        LearningRate(**arguments)


def test_refuses_an_optimizer_with_a_schedule_of_its_own():
    model = line(learning_rate=CosineDecay(0.1, 10))
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        train(model, rising)
    assert str(raised.value) == (
        "`learning_rate` must be a number of the optimizer where `LearningRate` drives it: move "
        "the schedule from the optimizer to the callback. Received: learning_rate='CosineDecay'"
    )


@pytest.mark.parametrize("name", ["momentum", "nesterov", "dense.rate"])
def test_refuses_numbers_that_compiled_steps_do_not_read(name):
    model = line(keras.optimizers.SGD(0.1, momentum=0.9))
    model.layers[0].name = "dense"
    with pytest.raises(
        ValueError, match=r"^`also` must name numbers that steps read when they run"
    ):
        model.fit(**arrays(), verbose=0, callbacks=[LearningRate(also={name: rising})])


def test_negative_rates_raise():
    with pytest.raises(ValueError, match=re.escape("`learning_rate` must be in [0, inf).")):
        train(line(), lambda step: 1.0 - step)


@pytest.mark.parametrize("value", [None, np.ones(2), "high"])
def test_what_is_no_number_raises(value):
    message = f"`learning_rate` must be a number at each step. Received: learning_rate={value!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        train(line(), lambda step: value)


def test_refuses_a_second_schedule():
    model = line()
    with pytest.raises(ValueError, match=r"^`learning_rate` must follow one plan of one `Learning"):
        fit(model, [LearningRate(rising), LearningRate(rising)])
    assert "assign" not in vars(model.optimizer.learning_rate)
    fit(model, [LearningRate(rising), LearningRate()])


@pytest.mark.host
@pytest.mark.parametrize(
    "plans",
    [
        [{"momentum": rising}, {"momentum": rising}],
        [{"momentum": rising, "optimizer.momentum": rising}],
    ],
)
def test_refuses_a_second_plan_for_a_number(plans):
    model = line(NAG(0.1, momentum=0.5))
    with pytest.raises(ValueError, match=r"momentum` must follow one plan of one `LearningRate`"):
        fit(model, [LearningRate(also=also) for also in plans])
    fit(model, [LearningRate(also={"momentum": rising})])


def test_data_without_a_length_needs_steps_for_epochs_and_percent():
    def batches():
        for _ in range(BATCHES):
            yield np.ones((BATCH, 1)), np.ones((BATCH, 1))

    for schedule in (CosineDecay(0.1, "2 epochs"), OneCycle(0.1)):
        for joined in (schedule, 0.5 * schedule.warmup(2).hold(2)):
            with pytest.raises(ValueError, match="must be in steps where the length of") as raised:
                fit(line(), [LearningRate(joined)], x=batches())
            advice = "give `steps_per_epoch` to `fit`, as the data has no length, or durations in"
            assert advice in str(raised.value)


@pytest.mark.oldest
def test_leaves_nothing_behind_even_after_an_exception():
    model = line()

    def failing(step):
        if step == 3:
            raise KeyError(step)
        return 0.1

    def attributes():
        return [set(vars(x)) for x in (model, model.optimizer, model.optimizer.learning_rate)]

    fit(model, [])
    before = attributes()
    with pytest.raises(KeyError):
        train(model, failing)
    assert attributes() == before
    fit(model, [LearningRate(rising), LearningRate()])
    assert attributes() == before


@pytest.mark.backend("jax")
def test_a_trainer_whose_state_is_out_of_reach_raises():
    class Reticent(keras.Sequential):
        def __setattr__(self, name, value):
            if name != "_jax_state" or not value:
                super().__setattr__(name, value)

    model = Reticent([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match=r"^Keras's `fit` on JAX holds its variables elsewhere"):
        train(model, rising)


@pytest.mark.oldest
def test_can_be_copied():
    callback = copy.deepcopy(LearningRate(CosineDecay(0.1, "100%")))
    history = line().fit(**arrays(), epochs=2, verbose=0, callbacks=[callback])
    assert len(history.history["learning_rate"]) == 2


# Truth


@pytest.mark.oldest
@pytest.mark.parametrize(
    "make",
    [
        line,
        lambda: line(jit_compile=False),
        lambda: line(run_eagerly=True),
        lambda: line(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.7))),
        lambda: line(NAG(0.7, momentum=0.0)),
    ],
    ids=["compiled", "not compiled", "eager", "loss scaling", "NAG"],
)
def test_every_step_takes_the_planned_rate_and_the_history_holds_it(make):
    seen, history = train(make(), rising)
    np.testing.assert_allclose(seen.lowered, lowered_by(rising, 3), rtol=1e-5)
    assert history["learning_rate"] == [rising(4), rising(9), rising(14)]
    assert seen.steps == list(range(15))


def test_compiled_step_is_compiled_once():
    traces = []

    class Counting(keras.Sequential):
        def compute_loss(self, *args, **kwargs):
            traces.append(0)
            return super().compute_loss(*args, **kwargs)

    model = Counting([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=keras.backend.backend() != "torch")
    model.fit(**arrays(), epochs=3, verbose=0)
    plain = len(traces)
    model = Counting([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=keras.backend.backend() != "torch")
    train(model, rising)
    assert len(traces) == 2 * plain


def test_second_fit_begins_the_schedule_anew():
    model = line()
    train(model, rising)
    seen, _ = train(model, rising)
    assert seen.steps == list(range(15))


def test_a_fit_that_goes_on_keeps_what_others_made_of_the_schedule():
    class Halving(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rate = self.model.optimizer.learning_rate
            self.model.optimizer.learning_rate = float(rate.numpy()) / 2

    def rates(callback, **arguments):
        return fit(model, [callback, Halving()], **arguments)[1]["learning_rate"]

    model = line()
    through = rates(LearningRate(rising), epochs=4)
    callback = LearningRate(rising)
    assert rates(callback, epochs=2) + rates(callback, initial_epoch=2, epochs=4) == through
    assert rates(callback, epochs=1) == through[:1]


def test_works_beside_the_monitor():
    monitor = GradientMonitor(every=2)
    seen, _ = train(line(), rising, [monitor])
    np.testing.assert_allclose(seen.lowered, lowered_by(rising, 3), rtol=1e-5)
    assert len(monitor.history.steps)


@pytest.mark.backend("tensorflow", "jax")
def test_two_replicas():
    code = """
import json
from tests.callbacks.replicas import scope  # It asks for two devices before Keras is imported.
from tests.callbacks.paced import line, train
with scope():
    seen, history = train(line(), lambda step: 0.01 * (step + 1))
print(json.dumps([seen.lowered.tolist(), history["learning_rate"]]))
"""
    lowered, rates = json.loads(run_in_fresh_process(code).splitlines()[-1])
    # TensorFlow adds up the gradients of the replicas.
    expected = lowered_by(rising, 3)
    np.testing.assert_allclose(lowered / expected, lowered[0] / expected[0], rtol=1e-5)
    assert rates == [rising(4), rising(9), rising(14)]


def test_only_logs_without_a_schedule():
    for rate, expected in ((0.25, 0.25), (ExponentialDecay(0.5, BATCHES, 0.5), 0.125)):
        model = line(learning_rate=rate)
        history = model.fit(**arrays(), epochs=2, verbose=0, callbacks=[LearningRate()])
        assert history.history["learning_rate"][-1] == pytest.approx(expected)


# Units: the place in the training


def pairs(rows):
    return np.ones((rows, 1)), np.ones((rows, 1))


def many(rows):
    x, y = pairs(rows)
    return {"x": x, "y": y}


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return BATCHES

    def __getitem__(self, index):
        return pairs(BATCH)


def endless():
    while True:
        yield pairs(BATCH)


def of_tensorflow(rows=ROWS, batch=BATCH):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(pairs(rows)).batch(batch)


def of_torch():
    import torch

    dataset = torch.utils.data.TensorDataset(*map(torch.tensor, pairs(ROWS)))
    return torch.utils.data.DataLoader(dataset, batch_size=BATCH)


DATA = {
    "arrays": arrays,
    "uneven arrays": lambda: arrays() | {"x": np.ones((ROWS - 1, 1)), "y": np.ones((ROWS - 1, 1))},
    "split arrays": lambda: {
        "x": np.ones((2 * ROWS, 1)),
        "y": np.ones((2 * ROWS, 1)),
        "batch_size": BATCH,
        "validation_split": 0.5,
    },
    "PyDataset": lambda: {"x": Batches()},
    "generator": lambda: {"x": endless(), "steps_per_epoch": BATCHES},
    "tf.data": lambda: {"x": of_tensorflow()},
    "endless tf.data": lambda: {"x": of_tensorflow().repeat(), "steps_per_epoch": BATCHES},
    "DataLoader": lambda: {"x": of_torch()},
}


@pytest.mark.parametrize("kind", DATA)
def test_epochs_and_percent_are_exact_for_every_kind_of_data(kind):
    schedules = [
        ConstantLearningRate(0.1).then(ConstantLearningRate(0.01), after="2 epochs"),
        ConstantLearningRate(0.1).then(ConstantLearningRate(0.01), after="50%"),
        ConstantLearningRate(0.1).then(ConstantLearningRate(0.01), after=2 * BATCHES),
    ]
    for schedule in schedules:
        seen, _ = fit(line(), [LearningRate(schedule)], epochs=4, **DATA[kind]())
        expected = BATCHES * np.array([0.1, 0.1, 0.01, 0.01])
        np.testing.assert_allclose(seen.lowered, expected, rtol=1e-5)


def test_epochs_are_updates_under_accumulation():
    schedule = ConstantLearningRate(0.1).then(ConstantLearningRate(0.01), after="2 epochs")
    seen, _ = fit(line(accumulation=4), [LearningRate(schedule)], epochs=4)
    # Updates come after batches 4, 8, 12, 16 and 20; two epochs are 2.5 updates.
    np.testing.assert_allclose(seen.lowered, [0.1, 0.1, 0.1, 0.02], rtol=1e-5)


def resumed(make, epochs, **arguments):
    """Train whole; then to epoch 3 and on, with a copy of the weights only and with the model."""
    whole, _ = train(make(), rising, epochs=epochs, **arguments)
    model = make()
    first, _ = train(model, rising, epochs=3, **arguments)
    second, _ = train(model, rising, epochs=epochs, initial_epoch=3, **arguments)
    fresh = make()
    fresh.set_weights(model.get_weights())
    third, _ = train(fresh, rising, epochs=epochs, initial_epoch=3, **arguments)
    return whole, first, second, third


@pytest.mark.oldest
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(line, id="plain"),
        pytest.param(lambda: line(accumulation=4), id="accumulation"),
        pytest.param(
            lambda: line(steps_per_execution=8),
            id="steps_per_execution",
            marks=pytest.mark.backend("tensorflow", "jax"),
        ),
    ],
)
def test_resumed_at_an_epoch_follows_the_same_curve(make):
    data = {"x": np.ones((24, 1)), "y": np.ones((24, 1)), "batch_size": 2}
    whole, first, second, third = resumed(make, 10, **data)
    assert first.steps + second.steps == whole.steps
    assert second.steps == third.steps
    if make is line:
        assert whole.steps == list(range(120))


@pytest.mark.oldest
@pytest.mark.parametrize("accumulation", [None, 4])
def test_a_loaded_model_goes_on_as_if_never_stopped(accumulation, tmp_path):
    def train_on(model, *callbacks, **arguments):
        schedule = CosineDecay(0.1, "90%").warmup("10%")
        fit(model, [LearningRate(schedule), *callbacks], epochs=10, **data, **arguments)

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 2

    x = np.linspace(-1, 1, 24)[:, np.newaxis]
    data = {"x": x, "y": 2 * x, "batch_size": 4}
    whole, part = line(accumulation=accumulation), line(accumulation=accumulation)
    part.set_weights(whole.get_weights())
    for model in (whole, part):
        model.compile(model.optimizer, "mse")
    train_on(whole)
    train_on(part, Stop())
    part.save(tmp_path / "part.keras")
    loaded = keras.saving.load_model(tmp_path / "part.keras")
    train_on(loaded, initial_epoch=3)
    assert_same_weights(loaded, whole)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_data_without_a_length_counts_with_the_optimizer():
    def batches():
        return of_tensorflow().filter(lambda x, y: True)

    model = line()
    with pytest.raises(ValueError, match=r"^`steps_per_epoch` must be given to `fit`"):
        train(model, rising, x=batches(), initial_epoch=1, epochs=2)
    first, _ = train(model, rising, x=batches(), epochs=1)
    second, _ = train(model, rising, x=batches(), initial_epoch=1, epochs=2)
    again, _ = train(model, rising, x=batches(), epochs=1)
    # Keras begins one batch more before it learns that the data has ended; on TensorFlow its
    # optimizers count that one.
    counted = int(keras.backend.backend() == "tensorflow")
    asked = [seen.steps[0] for seen in (first, second, again)]
    assert asked == [0, BATCHES + counted, 0]
    assert all(np.all(np.diff(seen.steps) == 1) for seen in (first, second, again))


class Reading(keras.callbacks.Callback):
    """Lets Keras on JAX bring the variables up to date in a hook."""

    def __init__(self, hook):
        super().__init__()
        setattr(self, hook, lambda *args, **kwargs: self.model.optimizer.learning_rate)


HOOKS = ["on_train_batch_begin", "on_train_batch_end", "on_epoch_begin", "on_epoch_end"]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("hook", HOOKS)
def test_the_end_of_data_without_a_length_is_no_assignment(hook):
    callback = LearningRate(rising)
    data = of_tensorflow().filter(lambda x, y: True)
    fit(line(), [callback, Reading(hook)], x=data)
    assert callback.multiplier == 1.0


def test_tensorboard_shows_every_step_of_short_epochs(tmp_path):
    callbacks = [LearningRate(rising, log_dir=tmp_path)]
    fit(line(), callbacks)
    shown = EventAccumulator(str(tmp_path)).Reload().Scalars("learning_rate")
    assert [event.step for event in shown] == list(range(15))
    np.testing.assert_allclose([e.value for e in shown], [rising(t) for t in range(15)], rtol=1e-6)


def test_tensorboard_gets_a_bounded_number_of_points(tmp_path):
    fit(line(), [LearningRate(rising, log_dir=tmp_path)], epochs=1, batch_size=1, **many(450))
    shown = EventAccumulator(str(tmp_path)).Reload().Scalars("learning_rate")
    assert [event.step for event in shown] == list(range(0, 450, 3))


def test_tensorboard_has_what_an_interrupted_epoch_has_set(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(line(accumulation=2), [LearningRate(rising, log_dir=tmp_path), Stop()])
    shown = EventAccumulator(str(tmp_path)).Reload().Scalars("learning_rate")
    assert [event.step for event in shown] == [0, 1]


@pytest.mark.short("torch")
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_tensorboard_gets_fewer_points_once_the_length_of_an_epoch_is_known(tmp_path):
    data = of_tensorflow(450, batch=1).filter(lambda x, y: True)
    fit(line(), [LearningRate(rising, log_dir=tmp_path)], x=data, epochs=2)
    shown = EventAccumulator(str(tmp_path)).Reload().Scalars("learning_rate")
    steps = [event.step for event in shown]
    assert steps[:450] == list(range(450))
    assert set(np.diff(steps[-150:])) == {3}


def test_tensorboard_shows_the_rate_of_each_epoch_without_a_schedule(tmp_path):
    fit(line(learning_rate=0.25), [LearningRate(log_dir=tmp_path)])
    shown = EventAccumulator(str(tmp_path)).Reload().Scalars("learning_rate")
    assert [(event.step, event.value) for event in shown] == [(4, 0.25), (9, 0.25), (14, 0.25)]


@pytest.mark.parametrize(
    ("dtype", "precision"),
    [
        ("bfloat16", 2**-8),
        ("float16", 2**-11),
        pytest.param("float64", 1e-15, marks=pytest.mark.backend("tensorflow", "torch")),
    ],
)
def test_the_rate_is_as_precise_as_its_variable(dtype, precision):
    keras.config.set_floatx(dtype)
    model = line()
    train(model, rising, epochs=1)
    rate = model.optimizer.learning_rate
    assert keras.backend.standardize_dtype(rate.dtype) == dtype
    assert float(keras.ops.convert_to_numpy(rate)) == pytest.approx(rising(4), rel=precision)


# On top of the schedule


def test_plateau_reduces_the_schedule_from_then_on():
    plateau = keras.callbacks.ReduceLROnPlateau(
        "flat", mode="min", factor=0.5, patience=1, min_lr=0
    )
    flat = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(flat=1.0))
    seen, history = train(line(), rising, [flat, plateau], epochs=4)
    factors = np.array([1, 1, 0.5, 0.25])
    np.testing.assert_allclose(seen.lowered, factors * lowered_by(rising, 4), rtol=1e-5)
    expected = factors * [rising(step) for step in (4, 9, 14, 19)]
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-6)


@pytest.mark.parametrize("through_callback", [True, False])
def test_an_assignment_in_an_epoch_scales_the_rest(through_callback):
    model = line()

    class Halving(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                reached = self.model if through_callback else model
                reached.optimizer.learning_rate = rising(2) / 2

    seen, _ = train(model, rising, [Halving()], epochs=1)
    rates = [rising(step) for step in range(5)]
    np.testing.assert_allclose(seen.lowered, [sum(rates[:3]) + sum(rates[3:]) / 2], rtol=1e-5)


@pytest.mark.short("torch")
def test_an_assignment_scales_every_later_step_of_a_long_schedule():
    epochs, halved = 60, 25
    schedule = CosineDecay(0.1, epochs * BATCHES)

    def halve(epoch, logs):
        if epoch == halved - 1:
            model.optimizer.learning_rate = schedule(halved * BATCHES - 1) / 2

    model, seen = line(), Seen()
    halving = keras.callbacks.LambdaCallback(on_epoch_end=halve)
    fit(model, [LearningRate(schedule), halving], seen, epochs=epochs)
    factors = np.where(np.arange(epochs) < halved, 1, 0.5)
    np.testing.assert_allclose(seen.lowered, factors * lowered_by(schedule, epochs), atol=1e-5)


def test_an_assignment_where_the_schedule_is_0_is_lost():
    class Raising(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:
                self.model.optimizer.learning_rate = 1.0

    seen, _ = train(line(), lambda step: 0.1 * step, [Raising()], epochs=1)
    np.testing.assert_allclose(seen.lowered, [1.0], rtol=1e-5)


@pytest.mark.parametrize("hook", HOOKS)
def test_what_is_written_by_keras_itself_is_no_assignment(hook):
    callback = LearningRate(rising)
    model = line()
    start = weight(model)
    model.fit(**arrays(), epochs=2, verbose=0, callbacks=[callback, Reading(hook)])
    assert callback.multiplier == 1.0
    assert start - weight(model) == pytest.approx(sum(lowered_by(rising, 2)), rel=1e-5)


# Other numbers


@pytest.mark.oldest
def test_drives_momentum_and_dropout_with_the_rate():
    schedule = OneCycle(0.1)
    model = keras.Sequential([keras.Input((1,)), Dropout(0.5, name="drop"), keras.layers.Dense(1)])
    model.compile(NAG(0.1, momentum=0.5), "mse")
    also = {"momentum": schedule.momentum(), "drop.rate": lambda step: step / 100}
    callback = LearningRate(schedule, also=also)
    history = model.fit(**arrays(), epochs=3, verbose=0, callbacks=[callback]).history
    bound, momentum = schedule.bind(BATCHES, 3), schedule.momentum().bind(BATCHES, 3)
    assert history["learning_rate"] == [bound(step) for step in (4, 9, 14)]
    assert history["momentum"] == [momentum(step) for step in (4, 9, 14)]
    assert history["drop.rate"] == [0.04, 0.09, 0.14]
    assert model.optimizer.momentum == momentum(14)
    assert model.get_layer("drop").rate == 0.14


@pytest.mark.oldest
def test_drives_a_layer_of_an_inner_model():
    inner = keras.Sequential([keras.Input((1,)), Dropout(0.5, name="drop")], name="inner")
    model = keras.Sequential([keras.Input((1,)), inner, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(**arrays(), verbose=0, callbacks=[LearningRate(also={"drop.rate": lambda _: 0.25})])
    assert inner.layers[0].rate == 0.25


@pytest.mark.parametrize(("name", "interval"), [("momentum", "[0, 1)"), ("drop.rate", "[0, 1]")])
def test_numbers_outside_their_own_interval_raise_and_are_not_set(name, interval):
    model = keras.Sequential([keras.Input((1,)), Dropout(0.5, name="drop"), keras.layers.Dense(1)])
    model.compile(NAG(0.1, momentum=0.5), "mse")
    message = f"`{name}` must be in {interval}. Received: {name}=1.5"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model.fit(**arrays(), verbose=0, callbacks=[LearningRate(also={name: lambda _: 1.5})])
    assert (model.optimizer.momentum, model.get_layer("drop").rate) == (0.5, 0.5)


def test_compiled_steps_read_the_other_numbers():
    model = line(NAG(0.1, momentum=0.0))
    seen, _ = train(model, lambda step: 0.1, epochs=1)
    plain = seen.lowered
    model = line(NAG(0.1, momentum=0.5))
    callback = LearningRate(also={"momentum": lambda step: 0.5 if step else 0.0})
    start = weight(model)
    model.fit(**arrays(), verbose=0, callbacks=[callback])
    assert start - weight(model) > 1.3 * plain[0]
