import dataclasses
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_trainkit.diagnosis import (
    plot_activations,
    plot_gradient_depth,
    plot_gradient_norms,
    plot_heat_map,
    plot_histograms,
    plot_history,
    plot_update_ratios,
)
from keras_trainkit.diagnosis.plots_as_images import (
    heat_map,
    histogram_shares,
    variables_with_histograms,
)
from keras_trainkit.diagnosis.plots_by_depth import activations_by_depth, norms_by_depth
from keras_trainkit.diagnosis.plots_over_steps import isolated, layer_curves
from tests.diagnosis.samples import full_history, history, with_values

pytestmark = pytest.mark.host

LOGARITHMIC = [plot_gradient_norms, plot_update_ratios, plot_gradient_depth, plot_activations]
PLOTS = [*LOGARITHMIC, plot_heat_map, plot_histograms]


def panels(figure):
    """Return the titles of a figure's axes."""
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


@pytest.mark.parametrize("plot", PLOTS)
def test_plot_returns_the_axes_it_was_given_or_new_ones(plot):
    ax = Figure().subplots()
    assert plot(full_history(), ax=ax) is ax
    assert plt.get_fignums() == []
    assert plot(full_history()) is not ax
    assert (ax.get_yscale() == "log") is (plot in LOGARITHMIC)
    assert ax.get_title()


@pytest.mark.parametrize("steps", [1, 5, 500])
@pytest.mark.parametrize("layers", [1, 3, 40])
def test_figure_can_be_drawn(layers, steps, tmp_path):
    figure = plot_history(full_history(layers, steps, epochs=min(2, steps), decay=0.7))
    figure.savefig(tmp_path / "picture.png")
    assert len(panels(figure)) == 6


def test_figure_leaves_out_what_was_not_recorded():
    assert panels(plot_history(history())) == [
        "Gradient norm per layer",
        "Update ratio per layer (band: around 1e-3)",
        "Gradient norm by layer and step",
        "Gradient norm by depth",
    ]
    nothing = np.zeros((10, 6, 64), "uint8")
    assert len(panels(plot_history(dataclasses.replace(history(), histograms=nothing)))) == 4


@pytest.mark.parametrize(
    ("plot", "missing"), [(plot_histograms, "histograms"), (plot_activations, "activations")]
)
def test_plot_of_what_was_not_recorded_is_an_error(plot, missing):
    message = f"`history` must be one with {missing}. Received: history=<History of 10 steps, "
    with pytest.raises(ValueError, match=re.escape(message)):
        plot(history())


def test_few_layers_have_a_legend_beside_the_curves():
    ax = plot_gradient_norms(history())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "dense_0",
        "dense_1",
        "dense_2",
    ]
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x0 > ax.get_window_extent().x1


def test_legend_of_activations_is_beside_the_second_axis():
    ax = plot_activations(full_history())
    ax.figure.draw_without_rendering()
    right = ax.figure.axes[1].yaxis.get_tightbbox().x1
    assert ax.get_legend().get_window_extent().x0 > right


def test_curves_are_medians_of_blocks_of_steps():
    norms = np.repeat(np.arange(1.0, 601.0)[:, None], 2, axis=1) / np.sqrt(2)
    steps, curves = layer_curves(with_values(history(1, 600), "norm", norms), "norm")
    assert len(steps) == 100
    np.testing.assert_allclose(steps[:2], [2.5, 8.5])
    np.testing.assert_allclose(curves[:2, 0], [3.5, 9.5], rtol=1e-6)


def test_values_without_neighbours_are_dots():
    curve = np.array([1.0, np.nan, 2.0, 3.0, np.nan, np.nan, 4.0])
    np.testing.assert_array_equal(np.flatnonzero(isolated(curve)), [0, 6])
    ax = plot_gradient_norms(history(layers=1, steps=1, epochs=1))
    assert [line.get_marker() for line in ax.lines if line.get_xdata().size] == ["None", "o"]


def test_depth_holds_quantiles_of_one_epoch():
    norms = np.repeat(np.arange(1.0, 23.0)[:, None], 2, axis=1) / np.sqrt(2)
    record = with_values(history(1, 22), "norm", norms)
    np.testing.assert_allclose(norms_by_depth(record, 0)[:, 0], [2, 6, 10], rtol=1e-6)
    np.testing.assert_allclose(norms_by_depth(record, 1)[:, 0], [13, 17, 21], rtol=1e-6)


def test_layer_without_gradient_is_named_as_such(tmp_path):
    record = with_values(history(2), "norm", [0.0, 0.0, 1.0, np.inf])
    figure = plot_history(record)
    figure.savefig(tmp_path / "picture.png")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == [f"dense_{i} (no finite value > 0)" for i in (0, 1)]


def test_heat_map_holds_medians_and_marks_what_is_not_finite():
    norms, nonfinite = np.ones((200, 4)), np.zeros((200, 4))
    norms[:, :2] = np.arange(1.0, 201.0)[:, None] / np.sqrt(2)
    norms[7, 3], nonfinite[7, 3] = np.inf, 1
    norms[10:12, 2:] = 0
    record = with_values(with_values(history(2, 200), "norm", norms), "nonfinite", nonfinite)
    found = heat_map(record)
    np.testing.assert_array_equal(found.edges, np.arange(0, 201, 2) - 0.5)
    np.testing.assert_allclose(found.norms[:, 0], np.arange(1.5, 201, 2), rtol=1e-6)
    np.testing.assert_array_equal(np.argwhere(found.nonfinite), [[3, 1]])
    np.testing.assert_array_equal(np.argwhere(np.isnan(found.norms)), [[5, 1]])
    title = plot_heat_map(record).get_title()
    assert title.endswith(" step\n(red: not finite, white: zero or not recorded)")


def test_red_of_the_heat_map_covers_its_step():
    nonfinite = np.zeros((10, 6))
    nonfinite[4] = 1
    ax = plot_heat_map(with_values(history(), "nonfinite", nonfinite))
    red = ax.collections[-1]
    np.testing.assert_array_equal(
        np.argwhere(~np.ma.getmaskarray(red.get_array())), [[i, 4] for i in range(3)]
    )
    np.testing.assert_allclose(red.cmap(1.0), (1, 0, 0, 1))


def test_blocks_of_sampled_steps_are_as_wide_as_their_distance():
    record = dataclasses.replace(history(steps=4), steps=[0, 10, 20, 30])
    np.testing.assert_array_equal(heat_map(record).edges, np.array([0, 10, 20, 30, 40]) - 0.5)


def test_histogram_shares_are_of_all_elements_of_a_block():
    counts = np.zeros((200, 2, 64), "uint16")
    counts[0, 1, 40], counts[1, 1, 44] = 30, 10
    counts[2:, 1, 50] = 7
    counts[6:8] = 0
    record = dataclasses.replace(history(1, 200), histograms=counts)
    assert variables_with_histograms(record) == ("model/dense_0/bias",)
    shares = histogram_shares(record, "model/dense_0/bias")
    assert shares.shape == (100, 64)
    assert (shares[0, 40], shares[0, 44], shares[1, 50]) == (0.75, 0.25, 1.0)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(shares).any(axis=1)), [3])


def test_histograms_stand_at_their_powers_of_two():
    counts = np.zeros((10, 2, 64), "uint8")
    counts[:, 0, 48] = 1
    counts[:, 1, 0] = 1
    record = dataclasses.replace(history(1), histograms=counts)
    ax = plot_histograms(record)
    assert ax.get_title() == "Gradient of model/dense_0/kernel"
    heights = ax.collections[0].get_coordinates()[:, 0, 1]
    assert (heights[48], heights[49]) == (0, 1)
    assert ax.get_ylim() == (-1, 2)
    assert plot_histograms(record, "model/dense_0/bias").get_ylim() == (-49, -46)


def test_histogram_of_a_variable_without_one_is_an_error():
    message = "`variable` must be one of 'model/dense_0/kernel', 'model/dense_0/bias'. Received: "
    with pytest.raises(ValueError, match=re.escape(message + "variable='kernel'")):
        plot_histograms(full_history(1), "kernel")


def test_activations_show_the_share_that_the_kind_of_layer_has():
    activations = full_history().activations
    spread, share = activations_by_depth(activations, 1)
    np.testing.assert_array_equal(spread, [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(share, [0.25, 0.75, 0.25])
    ax = plot_activations(full_history())
    bars = ax.figure.axes[1].patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], [0.25, 0.75, 0.25] * 2)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["epoch 1", "epoch 2"]
