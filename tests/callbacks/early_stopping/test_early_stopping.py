import collections
import copy
import functools
import inspect
import itertools
import math
import os
import pickle
import random
import re
import signal

import keras
import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit.callbacks import EarlyStopping
from keras_trainkit.callbacks._early_stopping.monitored import metric_direction
from keras_trainkit.optimizers import NAG
from tests.callbacks.early_stopping.histories import arguments_of, random_history, random_rules
from tests.callbacks.stopped import (
    BEST,
    FAILING_EPOCH,
    SCORES,
    EpochCounter,
    Failing,
    Scores,
    assert_holds,
    data,
    fit,
    run,
    simulate,
    small_model,
)
from tests.references.early_stopping import Measured, Outcome, Rules, early_stopping
from tests.selection import full_on_torch

pytestmark = pytest.mark.oldest


def outcome_of(history, rules) -> Outcome:
    """Let the callback go through a history; the metrics are `val_0`, `val_1`, ..."""
    callback = EarlyStopping(**arguments_of(rules))
    metrics = [metric(mode, str(place)) for place, mode in enumerate(rules.modes)]
    epochs = run([logs_of(measured) for measured in history], callback, metrics)
    best, best_epoch = callback.best, callback.best_epoch
    reason = callback.report.reason
    (restored,) = callback.model.weights
    return Outcome(epochs, callback.stopped_epoch, best, best_epoch, reason, restored)


@functools.cache
def metric(mode, name):
    kind = keras.metrics.MeanSquaredError if mode == "min" else keras.metrics.BinaryAccuracy
    return kind(name=name)


def logs_of(measured):
    if measured is None:
        return {}
    logs = {f"val_{place}": value for place, value in enumerate(measured.values)}
    return logs if measured.in_training is None else {"0": measured.in_training, **logs}


# Contract


@pytest.mark.host
def test_takes_the_arguments_of_keras_in_their_order():
    mine = inspect.signature(EarlyStopping.__init__).parameters.values()
    theirs = inspect.signature(keras.callbacks.EarlyStopping.__init__).parameters.values()
    by_place = [p for p in mine if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in by_place] == [p.name for p in theirs]
    changed = {p.name for p, q in zip(by_place, theirs, strict=True) if p.default != q.default}
    assert changed == {"restore_best_weights"}


@pytest.mark.host
@pytest.mark.parametrize(
    ("argument", "value", "requirement"),
    [
        ("monitor", None, "the name of a metric, or several"),
        ("monitor", (), "the name of a metric, or several"),
        ("min_delta", -0.1, "in [0, inf)"),
        ("min_delta", "1", 'a number >= 0 or a percentage like "1%"'),
        ("min_delta", "-1%", 'a number >= 0 or a percentage like "1%"'),
        ("patience", -1, "an integer >= 0"),
        ("patience", 1.5, "an integer >= 0"),
        ("verbose", "yes", "one of 0, 1"),
        ("mode", "minimum", "one of 'auto', 'min', 'max'"),
        ("mode", None, "one of 'auto', 'min', 'max'"),
        ("baseline", math.nan, "in (-inf, inf)"),
        ("restore_best_weights", 1, "a bool"),
        ("start_from_epoch", -1, "an integer >= 0"),
        ("restore", "all", "one of 'weights', 'state'"),
        ("smoothing", 1.0, "in [0, 1)"),
        ("target", math.nan, "in (-inf, inf)"),
        ("divergence", "high", "a number in (-inf, inf)"),
        ("max_gap", -1, "in [0, inf)"),
        ("stop_on_nonfinite", 1, "a bool"),
        ("every", 0, "an integer >= 1"),
        ("reset_on_fit", None, "a bool"),
        ("improvement", "all", "one of 'first', 'any'"),
    ],
)
def test_bad_arguments_raise_at_construction(argument, value, requirement):
    message = f"`{argument}` must be {requirement}. Received: {argument}={value!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        EarlyStopping(**{argument: value})


@pytest.mark.host
def test_can_be_copied_and_pickled_before_and_after_fit():
    callback = EarlyStopping("score", mode="min", patience=2)
    for copied in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        assert simulate(SCORES, copied) == 4
        assert copy.deepcopy(copied).best_epoch == BEST
        assert pickle.loads(pickle.dumps(copied)).best_epoch == BEST
    assert callback.best is None


@pytest.mark.short("torch")
def test_starts_anew_at_each_fit():
    model = small_model()
    callback = EarlyStopping("score", mode="min", patience=2)
    fit(model, Scores(SCORES), callback)
    assert (callback.stopped_epoch, callback.best_epoch) == (3, BEST)
    second = fit(model, Scores([9.0, 8.0, 7.0, 6.0, 5.0, 4.0]), callback)
    assert len(second.epoch) == 6
    assert (callback.stopped_epoch, callback.best_epoch, callback.best) == (0, 5, 4.0)


@pytest.mark.host
def test_says_what_it_does_when_verbose(capsys):
    simulate(SCORES, EarlyStopping("score", mode="min", patience=2, verbose=1))
    assert capsys.readouterr().out == (
        "Epoch 4: stopped, 2 checks without a gain\nRestored the weights of epoch 2: score 3\n"
    )
    simulate(SCORES, EarlyStopping("score", mode="min", patience=2))
    assert capsys.readouterr().out == ""


def test_refuses_a_metric_that_no_epoch_logs_and_names_those_that_exist():
    message = "`monitor` must be among what an epoch logs: loss, mae. Received: monitor='val_loss'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fit(small_model(metrics=["mae"]), EarlyStopping())


def test_asks_for_a_mode_where_keras_knows_no_direction():
    message = (
        '`mode` must be "min" or "max" for monitor=\'score\', whose direction Keras does not '
        "know (the epoch's metrics are loss, score). Received: mode='auto'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fit(small_model(), Scores(SCORES), EarlyStopping("score"))


@pytest.mark.host
def test_refuses_a_metric_that_is_not_a_scalar():
    callback = EarlyStopping("score", mode="min")
    callback.set_model(EpochCounter())
    with pytest.raises(ValueError, match=r"^`monitor` must be the name of a scalar\."):
        callback.on_epoch_end(0, {"score": np.array([1.0, 2.0])})


# Truth


@pytest.mark.host
def test_follows_the_rules_on_random_histories():
    draw = random.Random(1)
    reasons = collections.Counter()
    for _ in range(440):
        rules = random_rules(draw)
        history = random_history(draw, len(rules.modes))
        expected = early_stopping(history, rules)
        assert outcome_of(history, rules) == expected, (history, rules)
        reasons[expected.reason] += 1
    assert min(reasons.values()) >= 20
    assert set(reasons) == {"end", "patience", "target", "divergence", "gap", "nonfinite"}


NAN, INF = math.nan, math.inf


@pytest.mark.host
@pytest.mark.parametrize(
    ("values", "changes", "expected"),
    [
        ([3.0, 2.0, 2.0, 2.0, 1.0], {}, (4, 3, 2.0, 1, "patience", 1)),
        ([1.0, 1.0, 1.0, 2.0, 3.0], {"modes": ("max",)}, (3, 2, 1.0, 0, "patience", 0)),
        ([3.0, 2.9, 2.8, 1.0], {"min_delta": 0.5}, (3, 2, 3.0, 0, "patience", 0)),
        ([4.0, 3.5, 3.0, 2.9], {"min_delta": "20%"}, (4, 0, 3.0, 2, "end", 2)),
        ([NAN, 2.0, NAN, 1.0], {}, (4, 0, 1.0, 3, "end", 3)),
        ([NAN, NAN, NAN], {}, (2, 1, None, 0, "patience", 1)),
        ([-INF, 2.0, 3.0, 4.0], {}, (4, 3, 2.0, 1, "patience", 1)),
        ([9.0, 8.0, 7.0, 7.5, 1.0], {"baseline": 5.0}, (4, 3, 7.0, 2, "patience", 2)),
        ([1.0, 9.0, 9.0, 3.0, 4.0, 5.0], {"start_from_epoch": 3}, (6, 5, 3.0, 3, "patience", 3)),
        ([2.0, None, None, None, 3.0, None, 3.0], {}, (7, 6, 2.0, 0, "patience", 0)),
        ([4.0, 2.0, 3.0, 1.0], {"smoothing": 0.5}, (4, 0, 28 / 15, 3, "end", 3)),
        ([3.0, 2.0, 1.0], {"target": 2.0}, (2, 1, 2.0, 1, "target", 1)),
        ([3.0, 2.0, 9.0, 1.0], {"divergence": 5.0}, (3, 2, 2.0, 1, "divergence", 1)),
        ([3.0, NAN, 1.0], {"divergence": 5.0}, (2, 1, 3.0, 0, "divergence", 0)),
        ([3.0, INF, 1.0], {"stop_on_nonfinite": True}, (2, 1, 3.0, 0, "nonfinite", 0)),
        ([NAN, 1.0], {"stop_on_nonfinite": True}, (1, 0, None, 0, "nonfinite", 0)),
        (
            [(5.0, 5.0), (4.0, 2.0), (3.5, 3.5), (3.0, 1.0), (3.5, 0.5), (1.0, 1.0)],
            {"max_gap": 1.0},
            (5, 4, 3.0, 3, "gap", 3),
        ),
        ([(3.0, 0.0), (2.0, None), (1.0, 0.5)], {"max_gap": 1.0}, (3, 0, 1.0, 2, "end", 2)),
    ],
)
def test_decides_these_histories_as_worked_out_by_hand(values, changes, expected):
    rules = Rules(**{"patience": 2, **changes})
    history = [measured(value) for value in values]
    assert early_stopping(history, rules) == Outcome(*expected)
    assert outcome_of(history, rules) == Outcome(*expected)


def measured(value) -> Measured | None:
    """Return an epoch with one metric, from `value` or from `(value, in training)`."""
    value, in_training = value if isinstance(value, tuple) else (value, None)
    return None if value is None else Measured((value,), in_training)


@pytest.mark.host
@pytest.mark.parametrize(
    ("values", "changes", "expected"),
    [
        # The second decides as long as the first is as good as before, give or take the margin.
        ([(5.0, 0.5), (5.0, 0.6), (5.0, 0.4)], {}, (3, 0, 5.0, 1, "end", 1)),
        ([(5.0, 0.5), (6.0, 0.9), (7.0, 0.9)], {}, (3, 2, 5.0, 0, "patience", 0)),
        ([(5.0, 0.5), (4.0, 0.1), (4.0, 0.2)], {}, (3, 0, 4.0, 2, "end", 2)),
        # Small losses in the first do not add up: its best of the three was 4, and 6 is worse.
        ([(4.0, 1.0), (5.0, 3.0), (6.0, 5.0)], {"min_delta": 1.0}, (3, 0, 5.0, 1, "end", 1)),
        ([(5.0, NAN), (6.0, 0.5), (6.0, 0.6)], {}, (3, 0, 6.0, 2, "end", 2)),
    ],
)
def test_decides_by_several_metrics_as_worked_out_by_hand(values, changes, expected):
    rules = Rules(("min", "max"), **{"patience": 2, **changes})
    history = [Measured(each) for each in values]
    assert early_stopping(history, rules) == Outcome(*expected)
    assert outcome_of(history, rules) == Outcome(*expected)


@pytest.mark.host
@pytest.mark.parametrize(
    ("values", "changes", "expected"),
    [
        # A loss that rises, with an accuracy that rises too: trained on; the best is the first's.
        ([(1.0, 0.5), (2.0, 0.6), (3.0, 0.7), (4.0, 0.8)], {}, (4, 0, 1.0, 0, "end", 0)),
        ([(1.0, 0.5), (2.0, 0.6), (3.0, 0.6), (4.0, 0.6)], {}, (4, 3, 1.0, 0, "patience", 0)),
        # Each is compared with its own best, not with its value at the best of the other.
        ([(3.0, 0.9), (2.0, 0.1), (2.0, 0.2), (2.0, 0.3)], {}, (4, 3, 2.0, 3, "patience", 3)),
        ([(3.0, 0.5), (3.0, 0.75), (3.0, 0.7)], {"min_delta": 0.25}, (3, 2, 3.0, 0, "patience", 0)),
        ([(3.0, 0.5), (4.0, NAN), (4.0, NAN)], {}, (3, 2, 3.0, 0, "patience", 0)),
        ([(3.0, 0.5), (4.0, 0.6), (4.0, 0.6)], {"baseline": 2.0}, (3, 2, 3.0, 0, "patience", 0)),
    ],
)
def test_stops_when_none_improves_as_worked_out_by_hand(values, changes, expected):
    rules = Rules(("min", "max"), **{"patience": 2, "improvement": "any", **changes})
    history = [Measured(each) for each in values]
    assert early_stopping(history, rules) == Outcome(*expected)
    assert outcome_of(history, rules) == Outcome(*expected)


@pytest.mark.host
@pytest.mark.parametrize("cut", range(1, 8))
def test_waits_for_all_also_when_resumed(cut, tmp_path):
    values = [(1.0, 0.9), (0.5, 0.1), (0.7, 0.3), (0.7, 0.95), (0.7, 0.2), (0.7, 0.94), (0.7, 0.9)]
    arguments = {"monitor": ("val_0", "val_1"), "mode": ("min", "max"), "patience": 3}
    arguments |= {"improvement": "any", "restore_best_weights": False, "reset_on_fit": False}
    waits = []
    callback = EarlyStopping(**arguments)
    for epoch, each in enumerate(values):
        if epoch == cut:
            archive.write(str(tmp_path / "state.npz"), callback.get_state())
            callback = EarlyStopping(**arguments)
            callback.set_state(archive.read(str(tmp_path / "state.npz")))
        callback.set_model(keras.Sequential())
        callback.on_epoch_end(epoch, dict(zip(("val_0", "val_1"), each, strict=True)))
        waits.append(callback.wait)
    assert waits == [0, 0, 1, 0, 1, 2, 3]
    assert callback.report.message == (
        "Stopped in epoch 7 (val_0): 3 checks without a gain in any of val_0, val_1."
    )


@pytest.mark.host
def test_says_why_nothing_was_compared():
    model, given = small_model(), data()

    def trained(**arguments):
        callback = EarlyStopping(patience=1, **arguments)
        model.fit(
            *given,
            epochs=3,
            validation_data=given,
            validation_freq=5 if not arguments else 1,
            callbacks=[callback],
            verbose=0,
        )
        return str(callback.report)

    rest = "No value was compared, so there is no best epoch."
    why = "None of its epochs (3) logged val_loss, with validation_freq=5."
    message = f"^EarlyStopping compared nothing in this training. {re.escape(why)}$"
    with pytest.warns(UserWarning, match=message):
        assert trained() == f"Training ran to its end. {why} {rest}"
    assert trained(start_from_epoch=3) == (
        f"Training ran to its end. It ended before start_from_epoch=3. {rest}"
    )
    why = "It ended before every=9 steps."
    with pytest.warns(UserWarning, match=f"{why}$"):
        assert trained(every=9) == f"Training ran to its end. {why} {rest}"


@pytest.mark.short("torch")
def test_takes_the_direction_that_keras_gives_a_metric():
    # Red here means that Keras has moved the private attribute of its metrics.
    model = small_model(metrics=["mse", "acc", keras.metrics.AUC(), keras.metrics.F1Score()])
    fit(model, epochs=1)
    for monitor in ("loss", "val_loss", "mse", "val_mse"):
        assert metric_direction(model, monitor) == "min"
    for monitor in ("acc", "val_acc", "auc", "f1_score"):
        assert metric_direction(model, monitor) == "max"
    assert metric_direction(model, "score") is None


def test_finds_the_metrics_of_a_model_with_its_own_step():
    class Custom(keras.Model):
        def __init__(self):
            super().__init__()
            self.accuracy = keras.metrics.Accuracy(name="hits")

    assert metric_direction(Custom(), "val_hits") == "max"


# Peers


@pytest.mark.host
def test_decides_finite_histories_as_keras_does():
    draw = random.Random(2)
    for _ in range(60):
        values = [draw.randint(0, 8) / 4 for _ in range(draw.randint(1, 25))]
        arguments = {
            "mode": draw.choice(["min", "max"]),
            "min_delta": draw.choice([0.0, 0.25]),
            "patience": draw.randint(0, 5),
            "baseline": draw.choice([None, 1.5]),
            "start_from_epoch": draw.choice([0, 3]),
            "restore_best_weights": draw.choice([True, False]),
        }
        mine = EarlyStopping("score", **arguments)
        keras_own = keras.callbacks.EarlyStopping("score", **arguments)
        assert simulate(values, mine) == simulate(values, keras_own)
        assert mine.model.weights == keras_own.model.weights
        for name in ("best", "best_epoch", "wait", "stopped_epoch"):
            assert getattr(mine, name) == getattr(keras_own, name)


# Properties of a real fit


def test_restores_the_best_weights_at_the_normal_end_and_at_an_early_stop():
    for patience, epochs in ((10, 6), (2, 4)):
        model, scores = small_model(), Scores(SCORES)
        callback = EarlyStopping("score", mode="min", patience=patience)
        history = fit(model, scores, callback)
        assert history.history["score"] == SCORES[:epochs]
        assert_holds(model, scores.weights[BEST])


def test_keeps_the_last_weights_when_told_so():
    model, scores = small_model(), Scores(SCORES)
    fit(model, scores, EarlyStopping("score", mode="min", patience=2, restore_best_weights=False))
    assert_holds(model, scores.weights[-1])


def test_counts_checks_where_validation_is_not_run_every_epoch():
    model = small_model()
    model.optimizer.learning_rate = 0.0
    callback = EarlyStopping(patience=2)
    fit(model, callback, epochs=20, validation_data=data(), validation_freq=3)
    assert (callback.best_epoch, callback.stopped_epoch) == (2, 8)


def test_restores_what_fit_would_leave_at_the_best_epoch():
    for optimizer in (
        lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
        lambda: NAG(0.05, momentum=0.9),
        lambda: NAG(0.05, use_ema=True, ema_momentum=0.5),
    ):
        for restore in ("weights", "state"):
            keras.utils.set_random_seed(0)
            model, twin = small_model(), small_model()
            twin.set_weights(model.get_weights())
            model.compile(optimizer(), loss="mse")
            twin.compile(optimizer(), loss="mse")
            stopping = EarlyStopping("score", mode="min", patience=2, restore=restore)
            fit(model, Scores(SCORES), stopping)
            fit(twin, epochs=BEST + 1)
            assert_holds(model, twin.get_weights())
            # On JAX a second `fit` under `use_ema` fails in Keras, also without this callback.
            fails = keras.backend.backend() == "jax" and model.optimizer.use_ema
            if restore == "state" and not fails:
                fit(model, epochs=2)
                fit(twin, epochs=2)
                assert_holds(model, twin.get_weights())


FAILING_HOOKS = [
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_end",
    "on_epoch_end",
]


@pytest.mark.parametrize(
    ("hook", "before"),
    full_on_torch(
        itertools.product(FAILING_HOOKS, (True, False)),
        keep=[("on_train_batch_end", True), ("on_epoch_end", False)],
    ),
)
def test_restores_when_a_callback_raises(hook, before):
    model, scores = small_model(), Scores(SCORES)
    for error in (KeyboardInterrupt("now"), RuntimeError("now")):
        callback = EarlyStopping("score", mode="min", patience=10)
        failing = Failing(hook, error)
        order = [scores, failing, callback] if before else [scores, callback, failing]
        with pytest.raises(type(error), match="now"):
            fit(model, *order, validation_data=data(), batch_size=4)
        assert_holds(model, scores.weights[BEST])
    assert model.evaluate(*data(), verbose=0) >= 0


def broken_batches(spoil):
    """Yield two batches per epoch for ever; let `spoil` have its way in the failing epoch."""
    batch = 0
    while True:
        x, y = data(4)
        yield spoil(x, y) if batch >= 2 * FAILING_EPOCH else (x, y)
        batch += 1


def raise_in_generator(x, y):
    raise RuntimeError("no more data")


def press_ctrl_c(x, y):
    os.kill(os.getpid(), signal.SIGINT)
    return x, y


def drop_a_feature(x, y):
    return x[:, :1], y


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (raise_in_generator, Exception),
        (press_ctrl_c, KeyboardInterrupt),
        (drop_a_feature, Exception),
    ],
)
def test_restores_when_the_data_or_the_compiled_step_fails(spoil, error):
    model, scores = small_model(), Scores(SCORES)
    callback = EarlyStopping("score", mode="min", patience=10, verbose=1)
    with pytest.raises(error):
        fit(model, scores, callback, x=broken_batches(spoil), steps_per_epoch=2)
    assert callback.best_epoch == BEST
    assert_holds(model, scores.weights[BEST])
    assert model.evaluate(*data(), verbose=0) >= 0


def test_restores_when_the_loss_raises_inside_the_step():
    calls = []

    def loss(y, y_pred):
        calls.append(1)
        if len(calls) > FAILING_EPOCH:
            raise RuntimeError("inside the step")
        return keras.ops.mean((y - y_pred) ** 2)

    model, scores = small_model(run_eagerly=True), Scores(SCORES)
    model.compile("adam", loss=loss, run_eagerly=True)
    with pytest.raises(RuntimeError, match="inside the step"):
        fit(model, scores, EarlyStopping("score", mode="min", patience=10))
    assert_holds(model, scores.weights[BEST])


def test_leaves_the_weights_alone_when_fit_fails_before_the_first_check():
    model = small_model()
    fit(model, epochs=1)
    before = model.get_weights()
    failing = Failing("on_train_batch_begin", RuntimeError("now"))
    callback = EarlyStopping("score", mode="min", start_from_epoch=9)
    with pytest.raises(RuntimeError, match="now"):
        fit(model, Scores(SCORES), callback, failing, initial_epoch=FAILING_EPOCH)
    assert_holds(model, before)


def test_a_later_failure_of_another_fit_restores_nothing():
    model, scores = small_model(), Scores(SCORES)
    fit(model, scores, EarlyStopping("score", mode="min", patience=2))
    trained = small_model()
    trained.set_weights([weight + 1 for weight in model.get_weights()])
    model.set_weights(trained.get_weights())
    with pytest.raises(RuntimeError, match="now"):
        fit(model, Failing("on_epoch_begin", RuntimeError("now")), initial_epoch=FAILING_EPOCH)
    assert_holds(model, trained.get_weights())


def test_an_inner_fit_restores_its_own_model_only():
    inner, outer = small_model(), small_model()
    inner_scores, outer_scores = Scores(SCORES), Scores(SCORES)

    def fail_inside(epoch, logs):
        if epoch == FAILING_EPOCH:
            fit(
                inner,
                inner_scores,
                EarlyStopping("score", mode="min", patience=10),
                Failing("on_epoch_end", RuntimeError("now")),
            )

    with pytest.raises(RuntimeError, match="now"):
        fit(
            outer,
            outer_scores,
            EarlyStopping("score", mode="min", patience=10),
            keras.callbacks.LambdaCallback(on_epoch_end=fail_inside),
        )
    assert_holds(inner, inner_scores.weights[BEST])
    assert_holds(outer, outer_scores.weights[BEST])


def test_leaves_a_model_alone_that_another_models_fit_trains_in_a_loop_of_its_own():
    looped = small_model()
    later = [weight + 1 for weight in looped.get_weights()]

    def loop(epoch, logs):
        callback = EarlyStopping("score", mode="min")
        callback.set_model(looped)
        callback.on_train_begin()
        callback.on_epoch_end(0, {"score": 1.0})
        looped.set_weights(later)
        raise RuntimeError("now")

    with pytest.raises(RuntimeError, match="now"):
        fit(small_model(), keras.callbacks.LambdaCallback(on_epoch_end=loop))
    assert_holds(looped, later)
