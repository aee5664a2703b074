"""One page of pictures of a history; they restyle nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from keras_trainkit._plotting import new_figure
from keras_trainkit.diagnosis import _axes
from keras_trainkit.diagnosis.history import History
from keras_trainkit.diagnosis.plots_as_images import (
    plot_heat_map,
    plot_histograms,
    variables_with_histograms,
)
from keras_trainkit.diagnosis.plots_by_depth import plot_activations, plot_gradient_depth
from keras_trainkit.diagnosis.plots_over_steps import plot_gradient_norms, plot_update_ratios

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_history(history: History) -> "Figure":
    """Return a new figure of the gradients over steps and depth, and of what else was recorded.

    It is one of pyplot's, which a notebook shows once, and a script with its `show()`.

    Args:
        history: `History` with at least one step.
    """
    plots: list[Callable[..., Axes]] = [
        plot_gradient_norms,
        plot_update_ratios,
        plot_heat_map,
        plot_gradient_depth,
    ]
    if variables_with_histograms(_axes.recorded(history)):
        plots.append(plot_histograms)
    if history.activations is not None and history.activations.table.size:
        plots.append(plot_activations)
    figure = new_figure(10.0, 3.7 * len(plots))
    for plot, ax in zip(plots, figure.subplots(len(plots)), strict=True):
        plot(history, ax=ax)
    return figure
