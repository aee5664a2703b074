import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_trainkit.schedules import CosineDecay, ExponentialDecay, plot_schedule


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


def test_bad_arguments_raise():
    message = "`steps` must be given, as ExponentialDecay has no end. Received: steps=None"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        plot_schedule(ExponentialDecay(0.1, 10, 0.9))
    with pytest.raises(ValueError, match=r"^`decay_steps` must be in steps where"):
        plot_schedule(CosineDecay(0.1, "100%"))
