"""Pictures are shown: by pyplot, in a script, and once in a notebook."""

import pickle
import sys
import types

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from keras_trainkit import diagnosis
from keras_trainkit.callbacks.find_learning_rate import LearningRateRange
from keras_trainkit.schedules import CosineDecay, plot_schedule
from tests.diagnosis.samples import full_history, history, with_values

pytestmark = pytest.mark.host

OF_HISTORIES = [
    diagnosis.plot_gradient_norms,
    diagnosis.plot_update_ratios,
    diagnosis.plot_heat_map,
    diagnosis.plot_gradient_depth,
    diagnosis.plot_histograms,
    diagnosis.plot_activations,
    diagnosis.plot_history,
]


def plot_range():
    rates = np.geomspace(1e-4, 1.0, 41)
    losses = 1 + np.log10(rates) ** 2
    return LearningRateRange(rates, losses, losses, "end").plot()


PLOTS = {
    **{plot.__name__: lambda plot=plot: plot(full_history()) for plot in OF_HISTORIES},
    "plot_schedule": lambda: plot_schedule(CosineDecay(0.1, 100)),
    "plot_range": plot_range,
}
every_plot = pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)


class Notebook:
    """What IPython does to what a cell returns, and at its end; with its inline backend or not."""

    def __init__(self, monkeypatch, is_inline):
        self.shown = []
        self.is_inline = is_inline
        if is_inline:
            name = "module://matplotlib_inline.backend_inline"
            monkeypatch.setattr(matplotlib, "get_backend", lambda: name)
            module = types.SimpleNamespace(display=self.display)
            monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(display=module))
            monkeypatch.setitem(sys.modules, "IPython.display", module)

    def display(self, value):
        """Show a value as `DisplayFormatter.format` does."""
        if hasattr(value, "_ipython_display_"):
            try:
                value._ipython_display_()
            except NotImplementedError:
                pass
            else:
                return
        if isinstance(value, Figure) and self.is_inline:
            self.shown.append("by the inline backend")
        elif hasattr(value, "_repr_png_"):
            assert value._repr_png_().startswith(b"\x89PNG")
            self.shown.append("by itself")

    def run(self, cell):
        """Return how the pictures of a cell are shown."""
        self.shown.clear()
        value = cell()
        if value is not None:
            self.display(value)
        if self.is_inline:
            for number in pyplot.get_fignums():
                self.display(pyplot.figure(number))
            pyplot.close("all")
        return self.shown


@every_plot
def test_pyplot_saves_and_shows_what_was_drawn_last(plot, tmp_path):
    pyplot.figure()  # An empty one of the user.
    drawn = plot()
    assert pyplot.gcf() is (drawn if isinstance(drawn, Figure) else drawn.figure)
    pyplot.savefig(tmp_path / "picture.png")
    assert matplotlib.image.imread(tmp_path / "picture.png").std() > 0.02
    pyplot.show()


@every_plot
def test_nothing_but_the_figure_is_new_in_pyplot(plot):
    before = dict(matplotlib.rcParams)
    plot()
    assert len(pyplot.get_fignums()) == 1
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("is_inline", [True, False])
def test_a_notebook_shows_a_returned_figure_once(monkeypatch, is_inline):
    notebook = Notebook(monkeypatch, is_inline)
    way = "by the inline backend" if is_inline else "by itself"
    assert notebook.run(PLOTS["plot_history"]) == [way]
    kept = PLOTS["plot_history"]()
    assert notebook.run(lambda: kept) == [way]
    assert notebook.run(lambda: kept) == [way]


@every_plot
def test_the_inline_backend_shows_what_a_cell_does_not_return(monkeypatch, plot):
    notebook = Notebook(monkeypatch, is_inline=True)

    def cell():
        plot()

    assert notebook.run(cell) == ["by the inline backend"]
    assert notebook.run(plot) == ["by the inline backend"]


def test_show_shows(monkeypatch):
    figure = PLOTS["plot_history"]()
    calls = []
    monkeypatch.setattr(pyplot, "show", lambda: calls.append(pyplot.gcf()))
    figure.show()
    assert calls == [figure]


def test_show_shows_once_in_a_notebook(monkeypatch):
    notebook = Notebook(monkeypatch, is_inline=True)
    assert notebook.run(lambda: PLOTS["plot_history"]().show()) == ["by the inline backend"]
    figure = PLOTS["plot_history"]()
    pyplot.close("all")  # As at the end of an earlier cell.
    assert notebook.run(figure.show) == ["by the inline backend"]


def test_a_figure_can_be_pickled():
    figure = pickle.loads(pickle.dumps(PLOTS["plot_history"]()))
    assert len(figure.axes) > 6


@pytest.mark.parametrize("ax", [1, np.array([1, 2]), pyplot], ids=["int", "array", "module"])
def test_axes_are_one_of_matplotlibs(ax):
    for plot, shown in (
        (diagnosis.plot_heat_map, full_history()),
        (plot_schedule, CosineDecay(0.1, 100)),
    ):
        with pytest.raises(ValueError, match=r"^`ax` must be one axes object of matplotlib"):
            plot(shown, ax)


@every_plot
def test_one_sentence_says_that_matplotlib_is_missing(plot, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError) as error:
        plot()
    assert str(error.value) == "Plots need matplotlib: pip install matplotlib"


@pytest.mark.parametrize("plot", OF_HISTORIES, ids=lambda plot: plot.__name__)
def test_what_cannot_be_drawn_is_an_error_and_leaves_no_figure(plot):
    empty = history(steps=0, epochs=1)
    for other in (empty, types.SimpleNamespace(history={"loss": [1.0]}), None):
        message = "^`history` must be a History with at least one step, such as `GradientMonitor.h"
        with pytest.raises(ValueError, match=message):
            plot(other)
    assert pyplot.get_fignums() == []
    without = with_values(history(), "norm", np.nan)
    if plot in (diagnosis.plot_histograms, diagnosis.plot_activations):
        with pytest.raises(ValueError, match="must be one with"):
            plot(without)
        assert pyplot.get_fignums() == []
