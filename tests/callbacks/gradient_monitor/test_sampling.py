"""Which steps are measured, what the others run, and what the arguments must be."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._gradient_monitor.sampling import Sampling

BACKEND = keras.backend.backend()


def wanted(every, until, in_pairs=False):
    sampling = Sampling(every, in_pairs)
    return [step for step in range(until) if sampling.wants(step)]


@pytest.mark.parametrize("every", [1, 3, 7])
def test_every_nth_step(every):
    assert wanted(every, 50) == list(range(0, 50, every))


def test_eight_steps_of_each_octave():
    assert wanted("log", 20) == [*range(16), 16, 18]
    assert wanted("log", 33)[-7:] == [20, 21, 23, 25, 27, 30, 32]
    for octave in range(3, 14):
        marks = [step for step in wanted("log", 2 ** (octave + 1)) if step >= 2**octave]
        assert len(marks) == 8
        assert marks[0] == 2**octave
        np.testing.assert_allclose(np.diff(np.log2(marks)), 1 / 8, atol=1.1 / marks[0])


def test_auto_is_the_same_until_the_steps_are_a_hundred_apart():
    log, auto = wanted("log", 5000), wanted("auto", 5000)
    assert [step for step in auto if step < 800] == [step for step in log if step < 800]
    assert [step for step in auto if step >= 800] == list(range(800, 5000, 100))
    assert max(np.diff(auto)) == 100


@pytest.mark.parametrize(("every", "measured"), [("auto", True), ("log", False), (100, False)])
def test_only_auto_measures_the_first_step_of_each_epoch(every, measured):
    assert Sampling(every, False).wants(1234, begins_epoch=True) is measured


@pytest.mark.parametrize("every", [5, "log", "auto"])
def test_in_pairs_the_step_before_is_measured_too(every):
    single = wanted(every, 2001)
    pairs = {0, *single, *(step - 1 for step in single if step)}
    assert wanted(every, 2000, in_pairs=True) == sorted(pairs - {2000})


@pytest.mark.parametrize(("start", "measured"), [(0, True), (1, False), (4, True), (8, False)])
def test_call_of_several_steps_is_measured_if_one_of_them_is(start, measured):
    assert Sampling(7, False).wants(start, 4) is measured


# In `fit`.


class Traced(keras.Sequential):
    """Counts how often its train step is traced."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.traces = 0

    def train_step(self, *arguments):
        self.traces += 1
        return super().train_step(*arguments)


def compiled(**arguments):
    model = Traced(
        [keras.Input((2,)), layers.Dense(2, name="first"), layers.Dense(1, name="out")], name="net"
    )
    model.compile(keras.optimizers.SGD(0.01), "mse", **arguments)
    model.optimizer.build(model.trainable_variables)
    return model


def fit(model, monitor, steps=10, **arguments):
    x = np.ones((2 * steps, 2))
    model.fit(x, x[:, :1], 2, verbose=0, callbacks=[monitor], **arguments)
    return monitor.history.steps.tolist()


def test_only_sampled_steps_are_recorded_and_later_fits_count_on():
    model, monitor = compiled(), GradientMonitor(4, "norms")
    assert fit(model, monitor) == [0, 4, 8]
    assert fit(model, monitor, epochs=2) == [12, 16, 20, 24, 28]
    assert fit(model, GradientMonitor(4, ("norms", "cosine")), steps=7) == [31, 32, 35, 36]


@pytest.mark.backend("tensorflow", "jax")
def test_calls_with_a_sampled_step_are_recorded_whole():
    model = compiled(steps_per_execution=4)
    assert fit(model, GradientMonitor(7, "norms"), steps=11) == list(range(8))
    assert fit(model, GradientMonitor(9, "norms"), steps=11) == [15, 16, 17, 18]


class Spied:
    """Stands for the model's own train function and counts its calls."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.function(*arguments)


def test_steps_that_are_not_sampled_run_the_models_own_function():
    model = compiled()
    model.make_train_function()
    spied = model.train_function = Spied(model.train_function)
    monitor = GradientMonitor(5, "norms")
    for count in (1, 2):
        fit(model, monitor)
        assert model.train_function is spied
        assert spied.calls == count * 8


@pytest.mark.backend("tensorflow", "jax")
def test_each_of_the_two_functions_is_traced_once_over_several_fits():
    model, monitor = compiled(), GradientMonitor(5, "norms")
    for _ in range(3):
        fit(model, monitor, epochs=2)
        assert model.traces == 2
    fit(model, GradientMonitor(5, "norms"))
    assert model.traces == 3


@pytest.mark.backend("tensorflow", "jax")
def test_sampling_every_step_traces_nothing_else():
    model = compiled()
    fit(model, GradientMonitor(1, "norms"))
    assert model.traces == 1


def test_only_chosen_variables_are_recorded():
    model = compiled()
    monitor = GradientMonitor(1, variables=["first", r"out/k.*"])
    fit(model, monitor, steps=1)
    history = monitor.history
    assert history.variables == ("net/first/kernel", "net/first/bias", "net/out/kernel")
    monitor = GradientMonitor(1, variables=["kernel"])
    fit(model, monitor, steps=1)
    assert monitor.history.variables == ("net/first/kernel", "net/out/kernel")
    np.testing.assert_allclose(
        monitor.history.global_norm, np.sqrt((monitor.history["norm"] ** 2).sum(axis=1))
    )


def test_pattern_that_fits_no_variable_warns():
    with pytest.warns(UserWarning, match="`variables` names 'fist', which no variable fits: net/"):
        fit(compiled(), GradientMonitor(1, variables=["fist", "out"]), steps=1)


def test_patterns_that_fit_nothing_are_not_taken_for_a_missing_optimizer():
    with (
        pytest.warns(UserWarning, match="which no variable fits") as caught,
        pytest.raises(RuntimeError, match="recorded nothing"),
    ):
        fit(compiled(), GradientMonitor(1, variables=["fist"]), steps=1)
    assert not [w for w in caught if "cannot observe" in str(w.message)]


# Arguments.

PARTS = "one of 'norms', 'full', 'cosine', 'histograms'"


@pytest.mark.parametrize(
    ("name", "value", "requirement"),
    [
        ("every", 0, "an integer >= 1"),
        ("every", 2.5, "an integer >= 1"),
        ("every", True, "an integer >= 1"),
        ("every", "often", 'an integer >= 1, "auto" or "log"'),
        ("statistics", "all", PARTS),
        ("statistics", 5, PARTS),
        ("statistics", None, PARTS),
        ("variables", "out", "a sequence of paths or regular expressions"),
        ("variables", None, "a sequence of paths or regular expressions"),
        ("probe", "last_batch", "one of 'first_batch'"),
        ("on_nonfinite", "ignore", "one of 'record', 'stop', 'rollback'"),
        ("fetch_every", 0, "an integer >= 1"),
        ("max_steps", 1, "an integer >= 2"),
    ],
)
def test_argument_outside_its_interval_is_an_error(name, value, requirement):
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        GradientMonitor(**{name: value})
    assert str(raised.value) == f"`{name}` must be {requirement}. Received: {name}={value!r}"


@pytest.mark.parametrize(
    ("name", "values", "wrong", "requirement"),
    [
        ("statistics", ("norms", "mean"), "mean", PARTS),
        ("variables", ["out", "("], "(", "made of paths or regular expressions"),
    ],
)
def test_one_wrong_member_is_an_error(name, values, wrong, requirement):
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        GradientMonitor(**{name: values})
    assert str(raised.value) == f"`{name}` must be {requirement}. Received: {name}={wrong!r}"
