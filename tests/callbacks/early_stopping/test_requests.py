"""What users of Keras and its peers asked of early stopping, each as a test.

Resuming keeps patience and the best value (keras-team/keras#14862, #9462, #17012, #19179,
keras-team/tf-keras#430, Lightning-AI/pytorch-lightning#1463, huggingface/transformers#28544,
ultralytics/ultralytics#868): see `test_training_state.py`.
How to choose a patience (keras-team/keras#2116): a question of advice, nothing to test.
A first trial of NaN that stays the best of a search (keras-team/autokeras#1758): the search's own
record, not a callback's; `test_a_first_epoch_of_nan_is_not_the_best` is the same for epochs.
"""

import math

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import EarlyStopping
from keras_trainkit.callbacks._early_stopping.best_state import BEST_FILE
from tests.callbacks.stopped import (
    BEST,
    SCORES,
    EpochCounter,
    Failing,
    Scores,
    assert_holds,
    data,
    fit,
    kept_in,
    simulate,
    small_model,
)

pytestmark = pytest.mark.short("torch")

NAN = math.nan


def stopping(**arguments):
    return EarlyStopping("score", mode="min", **{"patience": 2, **arguments})


# What is restored


def test_gives_the_best_model_in_place_of_the_last():
    """keras-team/keras#2611: stopping returned the last model."""
    model, scores = small_model(), Scores(SCORES)
    fit(model, scores, stopping())
    assert len(scores.weights) == 4
    assert_holds(model, scores.weights[BEST])


def test_restores_without_being_told():
    """keras-team/keras#11371: patience otherwise guarantees an overfit model."""
    model, scores = small_model(), Scores(SCORES)
    fit(model, scores, EarlyStopping("score", mode="min", patience=2))
    assert_holds(model, scores.weights[BEST])


@pytest.mark.parametrize(
    "thread", ["keras-team/keras#12511", "tensorflow/tensorflow#35634", "keras-team/keras#16876"]
)
def test_gives_back_the_best_model_also_when_it_did_not_stop_the_training_itself(thread):
    class StopsTraining(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 2

    model, scores = small_model(), Scores(SCORES)
    others = [StopsTraining()] if thread == "keras-team/keras#16876" else []
    fit(model, scores, stopping(patience=9), *others)
    assert len(scores.weights) == (3 if others else 6)
    assert_holds(model, scores.weights[BEST])


def test_a_percentage_of_a_negative_value_is_a_gain_too():
    model, scores = small_model(), Scores([-10.0, -10.5, -11.5])
    found = stopping(min_delta="10%", patience=9)
    fit(model, scores, found, epochs=2)
    assert (found.best, found.best_epoch) == (-10.0, 0)
    fit(model, scores, found, epochs=3)
    assert (found.best, found.best_epoch) == (-11.5, 2)


def test_restores_the_end_of_the_epoch_whose_training_loss_was_best():
    """keras-team/keras#20323: weights seemed off by one epoch.

    A training loss is the mean over the epoch's steps, each before its update. The weights are
    those at the end of that epoch, and evaluate better than its loss.
    """
    losses, scores = [], Scores(SCORES)
    model = small_model()
    model.compile(keras.optimizers.SGD(0.1), loss="mse")

    def rise(epoch, logs):
        losses.append(logs["loss"])
        if epoch == 2:
            model.optimizer.learning_rate = 1.5

    after = keras.callbacks.LambdaCallback(on_epoch_end=rise)
    fit(model, scores, after, EarlyStopping("loss", patience=9))
    best = losses.index(min(losses))
    assert 0 < best < len(losses) - 1
    assert_holds(model, scores.weights[best])


@pytest.mark.parametrize(
    ("thread", "values", "arguments"),
    [
        ("keras-team/keras#13658", [NAN, NAN, NAN], {}),
        ("tensorflow/tensorflow#45187", [NAN, NAN, NAN], {"verbose": 1}),
        ("keras-team/keras#13658", [5.0, 6.0, 7.0], {"baseline": 1.0, "start_from_epoch": 9}),
    ],
)
def test_ends_in_good_order_where_there_is_nothing_to_restore(thread, values, arguments, capsys):
    model, scores = small_model(), Scores(values)
    callback = stopping(**arguments)
    fit(model, scores, callback, epochs=3)
    assert_holds(model, scores.weights[-1])
    assert callback.best_weights is None
    assert not callback.report.restored
    assert "Restored" not in capsys.readouterr().out


def test_restores_the_best_also_where_none_beats_the_baseline():
    """tensorflow/tensorflow#45187: a baseline that is never beaten left no weights."""
    model, scores = small_model(), Scores(SCORES)
    callback = stopping(baseline=1.0)
    fit(model, scores, callback)
    assert len(scores.weights) == 3
    assert_holds(model, scores.weights[BEST])
    # There were gains.
    assert callback.report.message.endswith("3 checks without a gain that also beats baseline=1.")


def test_keeps_the_best_without_ever_stopping():
    """keras-team/keras#12792: an in-memory "keep best" on its own."""
    model, scores = small_model(), Scores(SCORES)
    callback = stopping(patience=len(SCORES))
    history = fit(model, scores, callback)
    assert len(history.epoch) == len(SCORES)
    assert callback.report.reason == "end"
    assert_holds(model, scores.weights[BEST])


def test_survives_ctrl_c_with_its_results():
    """keras-team/keras#122: Ctrl-C lost what was trained."""
    model, scores, callback = small_model(), Scores(SCORES), stopping(patience=9)
    with pytest.raises(KeyboardInterrupt):
        fit(model, scores, callback, Failing("on_train_batch_end", KeyboardInterrupt()))
    assert_holds(model, scores.weights[BEST])
    assert model.history.history["score"] == SCORES[:3]
    assert callback.report.best == {"score": SCORES[BEST]}
    assert callback.report.reason == "interrupted"


# Which way is better


@pytest.mark.parametrize(
    ("thread", "metric", "best"),
    [
        ("tensorflow/tensorflow#59036", lambda: keras.metrics.Precision(name="score"), "max"),
        ("keras-team/keras#18798", lambda: keras.metrics.F1Score(name="score"), "max"),
        ("keras-team/tf-keras#253", lambda: keras.metrics.R2Score(name="score"), "max"),
        ("tensorflow/tensorflow#44509", lambda: keras.metrics.AUC(name="score"), "max"),
        ("keras-team/keras#15138", lambda: keras.metrics.AUC(name="score", curve="PR"), "max"),
        ("tensorflow/tensorflow#40604", lambda: keras.metrics.Recall(name="score"), "max"),
        ("keras-team/keras#18798", lambda: keras.metrics.FalseNegatives(name="score"), "min"),
    ],
)
def test_knows_that_a_score_is_maximised_and_an_error_minimised(thread, metric, best):
    class Instead(Scores):
        def on_epoch_end(self, epoch, logs=None):
            assert "score" in logs
            super().on_epoch_end(epoch, logs)

    values = [0.5, 0.7, 0.2, 0.6]
    model, scores = small_model(metrics=[metric()]), Instead(values)
    fit(model, scores, EarlyStopping("score", patience=9), epochs=4)
    assert_holds(model, scores.weights[1 if best == "max" else 2])


@pytest.mark.parametrize("metric", ["AUC", "MeanSquaredError"])
def test_agrees_with_model_checkpoint(metric, tmp_path):
    """keras-team/keras#21118: the two callbacks took different directions for one metric."""
    model = small_model(metrics=[getattr(keras.metrics, metric)(name="score")])
    path = str(tmp_path / "best.weights.h5")
    checkpoint = keras.callbacks.ModelCheckpoint(
        path, "score", save_best_only=True, save_weights_only=True
    )
    callback = EarlyStopping("score", patience=9)
    fit(model, Scores([0.5, 0.7, 0.2, 0.6]), checkpoint, callback, epochs=4)
    model.load_weights(path)
    assert_holds(model, callback.best_weights)


@pytest.mark.parametrize("thread", ["keras-team/keras#10863", "keras-team/keras#11440"])
def test_asks_which_way_a_metric_of_the_users_own_improves(thread):
    def f1(y, y_pred):
        return keras.ops.mean(y_pred)

    with pytest.raises(ValueError, match=r'^`mode` must be "min" or "max" for monitor=\'f1\''):
        fit(small_model(metrics=[f1]), EarlyStopping("f1", patience=2))
    fit(small_model(metrics=[f1]), EarlyStopping("f1", patience=2, mode="max"))


# State


@pytest.mark.parametrize(
    "thread",
    [
        "keras-team/keras#20256",
        "keras-team/keras#20521",
        "keras-team/keras#22967",
        "keras-team/keras#20533",
        "keras-team/keras#3000",
    ],
)
def test_a_second_fit_starts_anew(thread):
    callback = stopping()
    for values, best in ((SCORES, 1), ([9.0, 8.0, 7.0, 8.0, 8.0, 8.0], 2)):
        model, scores = small_model(), Scores(values)
        fit(model, scores, callback)
        assert len(scores.weights) == best + 3
        assert callback.best == values[best]
        assert_holds(model, scores.weights[best])


# Counting


@pytest.mark.parametrize("thread", ["keras-team/keras#13239", "keras-team/keras#13241"])
def test_patience_counts_validated_epochs_and_nothing_is_warned_of(thread):
    model = small_model()
    model.optimizer.learning_rate = 0.0
    callback = EarlyStopping(patience=2)
    history = fit(model, callback, epochs=20, validation_data=data(), validation_freq=2)
    assert len(history.epoch) == 6
    assert (callback.report.checks, callback.best_epoch) == (3, 1)


@pytest.mark.parametrize("patience", [0, 1])
def test_no_patience_is_to_stop_at_the_first_check_without_a_gain(patience):
    """keras-team/keras#16393: why does the default stop after two epochs?"""
    assert simulate([5.0, 4.0, 3.0, 3.0, 2.0], stopping(patience=patience)) == 4


@pytest.mark.parametrize("thread", ["keras-team/keras#13689", "keras-team/keras#2159"])
def test_a_misspelt_metric_is_an_error_that_names_the_others(thread):
    with pytest.raises(ValueError, match=r"loss, mae, val_loss, val_mae. Received: monitor='val_"):
        fit(small_model(metrics=["mae"]), EarlyStopping("val_mea"), validation_data=data())


def test_patience_is_checked_and_only_a_gain_on_the_baseline_resets_it():
    """keras-team/keras#23559."""
    with pytest.raises(ValueError, match=r"^`patience` must be an integer >= 0"):
        stopping(patience=-1)
    callback = stopping(baseline=4.0)
    callback.set_model(EpochCounter())
    callback.on_train_begin()
    waits = []
    for epoch, score in enumerate((6.0, 5.0, 3.0)):
        callback.on_epoch_end(epoch, {"score": score})
        waits.append(callback.wait)
    assert waits == [1, 2, 0]


# NaN


@pytest.mark.parametrize("thread", ["keras-team/keras#4848", "keras-team/keras#4849"])
def test_stops_at_nan_and_gives_good_weights_back(thread):
    model, scores = small_model(), Scores([5.0, 3.0, NAN, 1.0])
    callback = stopping(stop_on_nonfinite=True)
    fit(model, scores, callback, epochs=4)
    assert callback.report.reason == "nonfinite"
    assert len(scores.weights) == 3
    assert_holds(model, scores.weights[BEST])


def test_stops_in_the_very_step_that_yields_nan():
    """keras-team/keras#6747: training went on after a NaN."""
    steps = []
    callback = EarlyStopping("loss", patience=9, stop_on_nonfinite=True, every=1)
    model = small_model()
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(1))
    x, y = data(8)
    y[4] = NAN
    model.fit(x, y, 1, 3, 0, callbacks=[count, callback], shuffle=False)
    assert len(steps) == 5
    assert callback.report.reason == "nonfinite"
    assert np.isfinite(model.get_weights()[0]).all()


@pytest.mark.parametrize(
    "thread", ["Bjarten/early-stopping-pytorch#16", "ultralytics/ultralytics#19357"]
)
def test_nan_is_no_improvement_and_never_in_the_best_file(thread, tmp_path):
    class Breaks(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.set_weights([w * NAN for w in self.model.get_weights()])

    model, scores = small_model(), Scores([5.0, 3.0, NAN, NAN])
    fit(model, Breaks(), scores, stopping(directory=tmp_path), epochs=4)
    assert_holds(model, scores.weights[BEST])
    assert_holds(model, kept_in(tmp_path / BEST_FILE))


def test_a_first_epoch_of_nan_is_not_the_best():
    """keras-team/autokeras#1758: a first NaN froze the best so far."""
    model, scores = small_model(), Scores([NAN, 5.0, 6.0, 6.0])
    fit(model, scores, stopping(), epochs=4)
    assert_holds(model, scores.weights[1])
