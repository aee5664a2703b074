import re

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_trainkit.schedules import CosineDecay, ExponentialDecay, OneCycle, plot_schedule

pytestmark = pytest.mark.host


def drawn(ax):
    return ax.lines[-1].get_xdata(), ax.lines[-1].get_ydata()


def test_draws_every_step_of_a_short_schedule():
    schedule = CosineDecay(0.1, 100).warmup(10)
    x, y = drawn(plot_schedule(schedule))
    np.testing.assert_array_equal(x, np.arange(122))
    np.testing.assert_array_equal(y, schedule(np.arange(122)))


def test_draws_epochs_on_the_axes_that_are_given():
    ax = Figure().subplots()
    schedule = CosineDecay(0.1, "100%").warmup("1 epoch")
    assert plot_schedule(schedule, ax, steps_per_epoch=10, epochs=5) is ax
    x, y = drawn(ax)
    np.testing.assert_allclose(x, np.arange(51) / 10)
    np.testing.assert_array_equal(y, schedule.bind(10, 5)(np.arange(51)))
    assert ax.get_xlabel() == "epoch"


def test_a_long_schedule_is_thinned_out_and_ends_where_asked():
    x, _ = drawn(plot_schedule(ExponentialDecay(0.1, 10, 0.9), steps=10**6))
    assert len(x) == 2000
    assert (x[0], x[-1]) == (0, 10**6)


def test_the_axis_names_what_an_inner_schedule_drives():
    momentum = OneCycle(0.1, 100).momentum()
    for schedule in (momentum, momentum.hold(10).warmup(5) * 0.5, momentum.then(momentum)):
        assert plot_schedule(schedule).get_ylabel() == "momentum"
    assert plot_schedule(CosineDecay(0.1, 100).hold(10)).get_ylabel() == "learning rate"


def test_draws_a_schedule_of_keras():
    cosine = keras.optimizers.schedules.CosineDecay(0.1, 10)
    _, y = drawn(plot_schedule(cosine, steps=12))
    np.testing.assert_allclose(y, CosineDecay(0.1, 10)(np.arange(13)), atol=1e-8)


@pytest.mark.parametrize("steps_per_epoch", [None, 10])
def test_what_is_no_schedule_of_the_package_raises(steps_per_epoch):
    for other in (0.1, abs, [CosineDecay(0.1, 10)]):
        requirement = "a schedule of keras_trainkit or Keras"
        message = f"`schedule` must be {requirement}. Received: schedule={other!r}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            plot_schedule(other, steps=10, steps_per_epoch=steps_per_epoch)


def test_bad_arguments_raise():
    message = "`steps` must be given, as ExponentialDecay has no end. Received: steps=None"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        plot_schedule(ExponentialDecay(0.1, 10, 0.9))
    advice = "call `plot_schedule(schedule, steps_per_epoch=..., epochs=...)`"
    for arguments in ({}, {"steps": 100}, {"steps_per_epoch": 10}, {"epochs": 3}):
        with pytest.raises(ValueError, match=re.escape(advice)):
            plot_schedule(CosineDecay(0.1, "100%").warmup(5), **arguments)
