import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_trainkit.diagnosis import (
    plot_gradient_depth,
    plot_gradient_norms,
    plot_history,
    plot_update_ratios,
)
from keras_trainkit.diagnosis.plots import layer_curves, norms_by_depth
from tests.diagnosis.samples import history, with_values

PLOTS = [plot_gradient_norms, plot_update_ratios, plot_gradient_depth]


@pytest.mark.parametrize("plot", PLOTS)
def test_plot_returns_the_axes_it_was_given_or_new_ones(plot):
    ax = Figure().subplots()
    assert plot(history(), ax) is ax
    assert plot(history()) is not ax
    assert ax.get_yscale() == "log"
    assert ax.get_title()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("layers", [1, 3, 40])
def test_figure_can_be_drawn(layers, tmp_path):
    figure = plot_history(history(layers=layers, steps=500, decay=0.7))
    figure.savefig(tmp_path / "picture.png")
    assert len(figure.axes) == (3 if layers < 40 else 5)


def test_few_layers_have_a_legend_beside_the_curves():
    ax = plot_gradient_norms(history())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "dense_0",
        "dense_1",
        "dense_2",
    ]
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x0 > ax.get_window_extent().x1


def test_curves_are_medians_of_blocks_of_steps():
    norms = np.repeat(np.arange(1.0, 601.0)[:, None], 2, axis=1) / np.sqrt(2)
    steps, curves = layer_curves(with_values(history(1, 600), "norm", norms), "norm")
    assert len(steps) == 100
    np.testing.assert_allclose(steps[:2], [2.5, 8.5])
    np.testing.assert_allclose(curves[:2, 0], [3.5, 9.5], rtol=1e-6)


def test_depth_holds_quantiles_of_one_epoch():
    norms = np.repeat(np.arange(1.0, 23.0)[:, None], 2, axis=1) / np.sqrt(2)
    record = with_values(history(1, 22), "norm", norms)
    np.testing.assert_allclose(norms_by_depth(record, 0)[:, 0], [2, 6, 10], rtol=1e-6)
    np.testing.assert_allclose(norms_by_depth(record, 1)[:, 0], [13, 17, 21], rtol=1e-6)


def test_layer_without_gradient_is_named_as_such(tmp_path):
    record = with_values(history(2), "norm", [0.0, 0.0, 1.0, np.inf])
    figure = plot_history(record)
    figure.savefig(tmp_path / "picture.png")
    assert "dense_0 (zero or not finite)" in figure.axes[0].get_legend().get_texts()[0].get_text()
