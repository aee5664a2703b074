"""The range test: its losses are those of a training, and it leaves no trace."""

import random
import signal

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit import optimizers as ours
from keras_trainkit.callbacks import LearningRateRange, find_learning_rate
from keras_trainkit.callbacks._find_learning_rate.sweep import Sweep
from tests.callbacks.custom_steps import Guide
from tests.callbacks.monitored import Subclassed, body, compiled, data, sequential, softmax
from tests.callbacks.untouched import assert_same_footprint
from tests.contracts import array, assert_close
from tests.selection import full_on_torch

# Most sweeps here are too short to find anything.
pytestmark = pytest.mark.filterwarnings("ignore:No suggestion")

BACKEND = keras.backend.backend()
STEPS = 12
SHORT = {"batch_size": 8, "steps": STEPS}
ALWAYS = {"divergence": 1e9}


def swept(*data, **arguments):
    """Return what the sweep alone finds."""
    return find_learning_rate(*data, **{"proving_steps": 0} | arguments)


def two_inputs(names=("a", "b")):
    parts = [keras.Input((3,), name=name) for name in names]
    return keras.Model(parts, layers.Dense(2, "softmax")(layers.Add()(parts)))


def state_of(model):
    """Return all variables of a model, bit for bit."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    inner = getattr(model.optimizer, "inner_optimizer", None)
    return [np.array(array(v)) for v in (*variables, *(inner.variables if inner else ()))]


def generators():
    """Return what the generators of the process will draw next."""
    states = [random.getstate(), np.random.get_state()]
    if BACKEND == "torch":
        import torch

        states.append(torch.get_rng_state().numpy().copy())
    return states


def assert_equal_states(mine, theirs):
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_equal(a, b)


# Contract


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 9}, "`steps` must be an integer >= 10. Received: steps=9"),
        ({"steps": 20.0}, "`steps` must be an integer >= 10. Received: steps=20.0"),
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1. Received: batch_size=0"),
        (
            {"min_learning_rate": 0},
            "`min_learning_rate` must be a number > 0. Received: min_learning_rate=0",
        ),
        (
            {"max_learning_rate": float("inf")},
            "`max_learning_rate` must be a number > 0. Received: max_learning_rate=inf",
        ),
        (
            {"min_learning_rate": 0.5, "max_learning_rate": 0.5},
            "`max_learning_rate` must be > min_learning_rate=0.5. Received: max_learning_rate=0.5",
        ),
        ({"smoothing": -1}, "`smoothing` must be in [0, inf). Received: smoothing=-1"),
        ({"divergence": 1}, "`divergence` must be > 1. Received: divergence=1"),
    ],
)
def test_arguments_outside_their_interval_are_refused(arguments, message):
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        find_learning_rate(compiled(softmax), *data(), **arguments)
    assert str(raised.value) == message


def test_a_model_that_is_not_compiled_is_refused():
    message = r"^`model` must be a `keras.Model` compiled with an optimizer. Received: model=<"
    with pytest.raises(ValueError, match=message):
        find_learning_rate(softmax(), *data())
    model = softmax()
    model.compile(None, "mse")
    with pytest.raises(ValueError, match=message):
        find_learning_rate(model, *data())


@pytest.mark.parametrize("wrap", [lambda o: o, keras.optimizers.LossScaleOptimizer])
def test_a_schedule_is_refused_with_what_to_do(wrap):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        find_learning_rate(compiled(softmax, wrap(ours.NAG(schedule))), *data())
    assert str(raised.value) == (
        "`learning_rate` must be a number while its range is tested: compile the model with a "
        "float, and build the schedule from the suggestion. Received: "
        "learning_rate='ExponentialDecay'"
    )


def test_a_train_step_without_a_loss_in_its_logs_is_refused():
    class Silent(Guide):
        def log(self, loss, y, y_pred):
            return {"cost": loss}

    model = compiled(Silent)
    model.build((None, 3))
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        find_learning_rate(model, *data(32), **SHORT)
    assert str(raised.value) == (
        "`logs` must be what a `train_step` returns with a \"loss\" in it. Received: logs=['cost']"
    )


def test_a_model_whose_first_loss_is_not_finite_is_refused():
    x, y = data(8)
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        find_learning_rate(compiled(softmax), x * np.nan, y, **SHORT)
    assert str(raised.value) == "`loss` must be finite before the first update. Received: loss=nan"


def test_a_generator_that_is_too_short_is_refused():
    x, y = data(64)
    batches = ((x[i : i + 8], y[i : i + 8]) for i in range(0, 64, 8))
    model = compiled(softmax)
    before = state_of(model)
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        find_learning_rate(model, batches, steps=STEPS)
    assert str(raised.value) == (
        "`x` must yield 12 batches, and a generator cannot begin anew. Received: 8 points of 12"
    )
    assert_equal_states(before, state_of(model)[: len(before)])


# Truth


def line(optimizer, weight=3.0, **arguments):
    """Return a model with one weight, y = w x."""
    start = keras.initializers.Constant(weight)
    dense = layers.Dense(1, use_bias=False, kernel_initializer=start)
    model = keras.Sequential([keras.Input((1,)), dense])
    model.compile(optimizer, "mse", **arguments)
    return model


SIZES = (4, 4, 7, 1, 4)


def ragged(count):
    """Yield batches of different sizes and scales, whose targets are zero."""
    draw = np.random.default_rng(0)
    for step in range(count):
        x = draw.uniform(0.5, 2.0, size=(SIZES[step % len(SIZES)], 1)).astype("float32")
        yield x, np.zeros_like(x)


def losses_of_the_line(rates, accumulated=1, weight=3.0):
    """Return the loss w^2 E[x^2] of every batch under gradient descent, in float64."""
    losses, gradients = [], []
    for step, (x, _) in enumerate(ragged(len(rates) * accumulated)):
        power = np.mean(x.astype("float64") ** 2)
        losses.append(weight**2 * power)
        gradients.append(2 * weight * power)
        if len(gradients) == accumulated:
            weight -= rates[step // accumulated] * np.mean(gradients)
            gradients = []
    return np.reshape(losses, (-1, accumulated)).mean(1)


@pytest.mark.parametrize("eager", [False, True])
def test_the_loss_is_that_of_every_batch_alone(eager):
    model = line(keras.optimizers.SGD(0.5), run_eagerly=eager, metrics=["mae"])
    found = swept(
        model, ragged(30), min_learning_rate=1e-3, max_learning_rate=2.0, steps=30, **ALWAYS
    )
    np.testing.assert_allclose(found.learning_rates, 1e-3 * 2000 ** (np.arange(30) / 29))
    assert_close(found.losses, losses_of_the_line(found.learning_rates))
    assert found.ending == "end"


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.5, gradient_accumulation_steps=3),
        lambda: keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.5, gradient_accumulation_steps=3), 64.0
        ),
    ],
)
def test_with_accumulation_a_point_is_an_update(optimizer):
    found = swept(line(optimizer()), ragged(60), min_learning_rate=1e-3, steps=20, **ALWAYS)
    assert_close(found.losses, losses_of_the_line(found.learning_rates, accumulated=3))


@pytest.mark.backend("tensorflow", "jax")
def test_with_several_steps_per_execution_a_point_is_an_execution():
    model = line(keras.optimizers.SGD(0.5), steps_per_execution=2)
    x = np.full((32, 1), 0.5, "float32")
    found = swept(model, x, 0 * x, batch_size=4, steps=10, **ALWAYS)
    weight, expected = 3.0, []
    for rate in found.learning_rates:
        losses = []
        for _ in range(2):
            losses.append(0.25 * weight**2)
            weight -= rate * 0.5 * weight
        expected.append(np.mean(losses))
    assert_close(found.losses, expected)


@pytest.mark.short("torch")
@pytest.mark.oldest
def test_a_custom_train_step_logs_its_loss():
    model, twin = compiled(Guide), compiled(Guide)
    x, y = data(8)
    found = swept(model, x, y, min_learning_rate=1e-9, **SHORT)
    assert_close(found.losses[0], twin.evaluate(x, y, verbose=0))


def test_the_sweep_ends_where_the_smoothed_loss_diverges():
    model = line(keras.optimizers.SGD(0.5))
    x = np.ones((64, 1), "float32")
    settings = {"batch_size": 4, "steps": 40, "min_learning_rate": 1e-2, "max_learning_rate": 1e3}
    found = swept(model, x, 0 * x, **settings)
    rates, losses = found.learning_rates, found.losses
    smoothed = []
    for n in range(1, len(losses) + 1):
        second = sorted(losses[:n])[-2:][0]
        smoothed.append(_last_of(rates[:n], np.minimum(losses[:n], second)))
    limit = max(4.0 * min(smoothed), smoothed[0])
    assert found.ending == "diverged"
    assert smoothed[-1] > limit
    assert all(s <= max(4.0 * min(smoothed[:-1]), smoothed[0]) for s in smoothed[:-1])
    np.testing.assert_allclose(found.smoothed[-1], _last_of(rates, np.minimum(losses, limit)))
    further = swept(model, x, 0 * x, divergence=1e12, **settings)
    assert len(further.losses) > len(found.losses)


def _last_of(rates, losses):
    decades = np.log10(rates)
    weights = np.exp(-0.5 * ((decades - decades[-1]) / 0.25) ** 2)
    return np.average(losses, weights=weights)


@pytest.mark.parametrize(
    ("smoothing", "steps"),
    full_on_torch([(0.0, 100), (0.25, 12), (0.25, 100), (1.0, 100)], keep=[(0.25, 12)]),
)
def test_the_sweep_ends_soon_after_training_diverges(smoothing, steps):
    x = np.ones((64, 1), "float32")
    settings = {"steps": steps, "smoothing": smoothing, "max_learning_rate": 1e3}
    found = swept(line(keras.optimizers.SGD(0.5)), x, 0 * x, min_learning_rate=1e-2, **settings)
    assert found.ending == "diverged"
    assert 2 <= np.sum(found.losses > found.losses[0]) <= 4


@pytest.mark.parametrize("seed", full_on_torch(range(6), keep=(0,)))
def test_batches_that_scatter_do_not_end_the_sweep(seed):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(100, 1)).astype("float32")
    found = swept(line(keras.optimizers.SGD(0.5)), x, 0 * x, batch_size=1)
    assert found.learning_rates[-1] > 0.1


@pytest.mark.short("torch")
def test_an_infinite_divergence_never_ends_the_sweep():
    x = np.ones((4, 1), "float32")
    model = line(keras.optimizers.SGD(0.5))
    settings = {"min_learning_rate": 1e-2, "max_learning_rate": 3.0, "divergence": np.inf}
    assert swept(model, x, 0 * x, steps=20, **settings).ending == "end"


def test_a_loss_that_is_not_finite_ends_the_sweep():
    def blown(y, y_pred):
        return keras.ops.mean(keras.ops.where(y_pred < 8.0, np.inf, y_pred))

    model = line(keras.optimizers.SGD(0.5), weight=9.0)
    model.compile(keras.optimizers.SGD(0.5), blown)
    x = np.ones((200, 1), "float32")
    found = swept(model, x, x, batch_size=4, steps=50, smoothing=0.0)
    assert found.ending == "nonfinite"
    rates = found.learning_rates
    assert len(rates) == len(found.losses) == len(found.smoothed) < 50
    assert np.isfinite(found.losses).all()
    assert rates[:-1].sum() < 1.0 < rates.sum()


# Untouched

OPTIMIZERS = {
    "NAG": lambda: ours.NAG(0.1),
    "Adam, ours": lambda: ours.Adam(0.01, clipping=ours.PercentileClipping(50.0)),
    "Adam": lambda: keras.optimizers.Adam(0.01),
    "LossScale": lambda: keras.optimizers.LossScaleOptimizer(ours.NAG(0.1), 64.0, 2),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
}


def fit(model):
    """Train from where the generators are, the data shuffled."""
    arguments = {"batch_size": 8, "epochs": 2, "verbose": 0}
    return model.fit(*data(32), **arguments).history


def unseeded():
    """Return a model whose layers take their seeds from Python's generator when they are built."""
    return keras.Sequential(
        [layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dropout(0.3), body()[-1]]
    )


@pytest.mark.oldest
@pytest.mark.parametrize(
    ("make", "optimizer"),
    full_on_torch(
        [(sequential, "NAG"), (Subclassed, "LossScale"), (unseeded, "NAG")],
        keep=[(Subclassed, "LossScale"), (unseeded, "NAG")],
    ),
)
def test_the_first_fit_is_as_without_a_range_test(make, optimizer):
    plain = compiled(make, OPTIMIZERS[optimizer](), metrics=["accuracy"])
    expected = fit(plain)
    model = compiled(make, OPTIMIZERS[optimizer](), metrics=["accuracy"])
    find_learning_rate(model, *data(32), **SHORT)
    assert fit(model) == expected
    assert_equal_states(state_of(model), state_of(plain))


@pytest.mark.parametrize("optimizer", full_on_torch(OPTIMIZERS, keep=("Adam, ours",)))
def test_a_later_fit_is_as_without_a_range_test(optimizer):
    plain = compiled(sequential, OPTIMIZERS[optimizer]())
    logs = fit(plain), fit(plain)
    model = compiled(sequential, OPTIMIZERS[optimizer]())
    assert fit(model) == logs[0]
    before, drawn, history = state_of(model), generators(), model.history
    found = find_learning_rate(model, *data(32), **SHORT)
    assert np.ptp(found.losses) > 0
    assert_equal_states(state_of(model), before)
    assert_equal_states(generators(), drawn)
    assert model.history is history
    assert not model.stop_training
    assert float(array(model.optimizer.learning_rate)) == pytest.approx(
        float(array(plain.optimizer.learning_rate))
    )
    assert fit(model) == logs[1]
    assert_equal_states(state_of(model), state_of(plain))
    assert_same_footprint(model, plain)


class BrokenError(Exception):
    pass


def press_control_c():
    signal.raise_signal(signal.SIGINT)


def fail():
    raise BrokenError


@pytest.mark.oldest
@pytest.mark.parametrize(
    ("happen", "error", "place"),
    full_on_torch(
        [
            (press_control_c, KeyboardInterrupt, "on_train_batch_begin"),
            (press_control_c, KeyboardInterrupt, "on_train_batch_end"),
            (fail, BrokenError, "on_epoch_end"),
        ],
        keep=[(press_control_c, KeyboardInterrupt, "on_train_batch_end")],
    ),
)
def test_an_interruption_leaves_no_trace(happen, error, place, monkeypatch):
    plain = compiled(sequential, ours.NAG(0.1))
    fit(plain)
    expected = fit(plain)
    model = compiled(sequential, ours.NAG(0.1))
    fit(model)
    before, drawn, history = state_of(model), generators(), model.history
    original = getattr(Sweep, place)

    def interrupted(sweep, *arguments, **keywords):
        if len(sweep.losses) >= 3:
            happen()
        return original(sweep, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(Sweep, place, interrupted)
        with pytest.raises(error):
            find_learning_rate(model, *data(32), **SHORT)
    assert_equal_states(state_of(model), before)
    assert_equal_states(generators(), drawn)
    assert model.history is history
    assert fit(model) == expected
    assert_equal_states(state_of(model), state_of(plain))


def test_an_exception_in_a_step_leaves_no_trace():
    calls = []

    def loss(y, y_pred):
        calls.append(1)
        if len(calls) == 16:
            fail()
        return keras.losses.sparse_categorical_crossentropy(y, y_pred)

    model = compiled(softmax)
    model.compile(ours.Adam(0.1), loss, run_eagerly=True)
    fit(model)
    assert len(calls) < 14
    before = state_of(model)
    with pytest.raises(BrokenError):
        find_learning_rate(model, *data(32), **SHORT)
    assert_equal_states(state_of(model), before)
    fit(model)


@pytest.mark.short("torch")
def test_the_epoch_where_a_training_is_to_resume_is_kept():
    model = compiled(softmax)
    model._initial_epoch = 10**6
    assert len(find_learning_rate(model, *data(8), **SHORT, **ALWAYS).losses) == STEPS
    assert model._initial_epoch == 10**6


@pytest.mark.short("torch")
@pytest.mark.parametrize("make", full_on_torch([sequential, unseeded], keep=(sequential,)))
def test_twice_in_a_row_finds_the_same(make):
    model = compiled(make)
    first, second = (find_learning_rate(model, *data(32), **SHORT) for _ in range(2))
    np.testing.assert_array_equal(first.losses, second.losses)


def test_the_states_of_a_recurrent_layer_are_put_back():
    recurrent = layers.SimpleRNN(4, stateful=True)
    model = compiled(
        lambda: keras.Sequential([keras.Input(batch_shape=(8, 5, 3)), recurrent, body()[-1]])
    )
    x, y = data(32)
    find_learning_rate(model, np.repeat(x[:, None], 5, 1), y, **SHORT)
    assert not any(array(state).any() for state in recurrent.states)


# Kinds of data


class Batches(keras.utils.PyDataset):
    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def batches_of(count):
    x, y = data(8 * count)
    return [(x[i : i + 8], y[i : i + 8]) for i in range(0, 8 * count, 8)]


def dataset(batches):
    import tensorflow as tf

    x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(8)


def dataset_of_unknown_length(batches):
    return dataset(batches).filter(lambda x, y: True)


def loader(batches):
    import torch

    x, y = (torch.from_numpy(np.concatenate(part)) for part in zip(*batches, strict=True))
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8)


def same(batches):
    return Batches(batches * 8)


def losses_on(x, y=None, make=softmax):
    model = compiled(make, keras.optimizers.SGD(0.1))
    found = swept(model, x, y, min_learning_rate=1e-3, max_learning_rate=1.0, **SHORT, **ALWAYS)
    assert len(found.losses) == STEPS
    return found.losses


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(dataset, marks=pytest.mark.backend("tensorflow")),
        pytest.param(dataset_of_unknown_length, marks=pytest.mark.backend("tensorflow")),
        pytest.param(loader, marks=pytest.mark.backend("torch")),
    ],
)
def test_data_that_yields_batches_is_repeated(kind):
    batches = batches_of(5)
    repeated = (batch for batch in batches * 3)
    np.testing.assert_array_equal(losses_on(kind(batches)), losses_on(repeated))


@pytest.mark.short("torch")
def test_a_dataset_of_one_batch_is_repeated():
    one = batches_of(1)
    expected = losses_on(batch for batch in one * STEPS)
    np.testing.assert_array_equal(losses_on(Batches(one)), expected)


def test_a_generator_may_go_on_for_ever():
    def for_ever():
        while True:
            yield from batches_of(5)

    np.testing.assert_array_equal(
        losses_on(for_ever()), losses_on(batch for batch in batches_of(5) * 3)
    )


def test_the_batch_that_an_unbuilt_model_is_built_on_is_trained_on_as_well():
    def unbuilt():
        return keras.Sequential([layers.Dense(2, "softmax", kernel_initializer="ones")])

    def built():
        return keras.Sequential([keras.Input((3,)), *unbuilt().layers])

    batches = batches_of(STEPS)
    expected = losses_on((batch for batch in batches), make=built)
    np.testing.assert_array_equal(losses_on((batch for batch in batches), make=unbuilt), expected)


class Shuffled(Batches):
    def on_epoch_end(self):
        self.order = np.random.permutation(len(self))

    def __getitem__(self, index):
        return self.batches[self.order[index]]


@pytest.mark.short("torch")
def test_data_that_draws_from_numpy_draws_the_same_afterwards():
    shuffled, states = Shuffled(batches_of(4)), []
    shuffled.on_epoch_end()
    for search in (False, True):
        model = compiled(softmax)
        model.fit(shuffled, verbose=0)
        if search:
            find_learning_rate(model, shuffled, steps=STEPS)
        model.fit(shuffled, verbose=0)
        states.append(state_of(model))
    assert_equal_states(*states)


@pytest.mark.short("torch")
def test_dicts_and_lists_of_arrays_are_inputs():
    x, y = data(40)
    as_list = losses_on([x, 2 * x], y, two_inputs)
    as_dict = losses_on({"a": x, "b": 2 * x}, y, two_inputs)
    np.testing.assert_array_equal(as_list, as_dict)


@pytest.mark.short("torch")
def test_sample_weights_count():
    x, y = data(8)
    model = compiled(softmax)
    weighted = swept(model, x, y, sample_weight=np.full(8, 3.0), **SHORT)
    plain = swept(model, x, y, **SHORT)
    assert_close(weighted.losses[0], 3 * plain.losses[0])


# The result


def test_no_suggestion_is_a_warning():
    x, model = np.ones((8, 1), "float32"), line(keras.optimizers.SGD(0.5), weight=0.0)
    with pytest.warns(UserWarning, match="^No suggestion: between 1e-06 and 10 the") as warned:
        found = swept(model, x, 0 * x, **SHORT)
    (warning,) = (one for one in warned if one.category is UserWarning)
    assert str(warning.message) == found.reason
    assert warning.filename == __file__


@pytest.mark.host
def test_the_result_prints_what_it_found():
    rates = np.geomspace(1e-4, 1.0, 41)
    losses = 1 + (np.log10(rates) + 1.0) ** 2
    found = LearningRateRange(rates, losses, losses, "end")
    assert str(found).splitlines()[:5] == [
        "Learning-rate range test from 0.0001 to 1 (41 points, ending: end)",
        "  steepest descent   0.0001",
        "  valley             0.00316",
        "  minimum            0.1  (a tenth: 0.01)",
        f"  suggestion         {found.suggestion:.3g}",
    ]
    assert str(found).splitlines()[5] == found.reason


@pytest.mark.host
def test_the_plot_draws_what_was_measured():
    rates = np.geomspace(1e-4, 1.0, 41)
    losses = 1 + (np.log10(rates) + 1.0) ** 2
    found = LearningRateRange(rates, losses + 0.1, losses, "diverged")
    ax = found.plot()
    raw, smoothed, suggestion = ax.lines
    np.testing.assert_array_equal(raw.get_xydata(), np.stack([rates, losses + 0.1], 1))
    np.testing.assert_array_equal(smoothed.get_xydata(), np.stack([rates, losses], 1))
    assert suggestion.get_xdata() == [found.suggestion] * 2
    assert ax.get_xscale() == "log"
    (region,) = ax.patches
    assert region.get_x() == pytest.approx(0.1)
    assert region.get_x() + region.get_width() == pytest.approx(1.0)
    low, high = ax.get_ylim()
    assert low < losses.min() < losses[0] < high


@pytest.mark.host
def test_the_plot_takes_axes_and_shows_neither_region_nor_suggestion_where_there_is_none():
    from matplotlib.figure import Figure

    rates = np.geomspace(1e-4, 1.0, 41)
    found = LearningRateRange(rates, np.ones(41), np.ones(41), "end")
    axes = Figure().subplots()
    assert found.plot(ax=axes) is axes
    assert len(axes.lines) == 2
    assert not axes.patches


@pytest.mark.host
def test_the_plot_of_one_point():
    one = np.ones(1)
    LearningRateRange(1e20 * one, one, one, "nonfinite").plot()
