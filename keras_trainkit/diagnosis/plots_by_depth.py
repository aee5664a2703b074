"""How gradients and activations change from the first to the last layer."""

from typing import TYPE_CHECKING

import numpy as np

from keras_trainkit._plotting import axes_or_new
from keras_trainkit._validation import invalid
from keras_trainkit.diagnosis import _axes
from keras_trainkit.diagnosis.history import Activations, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("tab:blue", "tab:orange")


def plot_gradient_depth(history: History, ax: "Axes | None" = None) -> "Axes":
    """Draw each layer's gradient norm in the first and last epoch: median, 10 % to 90 % shaded.

    Args:
        history: `History` with at least one step.
        ax: matplotlib axes. Defaults to those of a new figure of pyplot's.
    """
    epochs = _first_and_last(_axes.recorded(history).epochs)
    ax = axes_or_new(ax)
    depth = np.arange(len(history.layers))
    for epoch, color in zip(epochs, COLORS, strict=False):
        low, middle, high = norms_by_depth(history, epoch)
        ax.fill_between(depth, low, high, color=color, alpha=0.2, linewidth=0)
        ax.plot(depth, middle, "o-", color=color, markersize=4, label=f"epoch {epoch + 1}")
    ax.set(title="Gradient norm by depth", ylabel="norm of gradient")
    _axes.label_depth(ax, history.layers)
    _axes.set_log_scale(ax, _axes.positive(history.by_layer("norm")))
    _axes.place_legend(ax)
    return ax


def plot_activations(history: History, ax: "Axes | None" = None) -> "Axes":
    """Draw how the signal passes through the layers in the first and last probed epoch.

    Lines are the standard deviation of each layer's output, bars on a second axis the share of
    its units that are dead (relu) or of its outputs that are saturated (tanh, sigmoid, softmax).

    Args:
        history: `History` with activations.
        ax: matplotlib axes. Defaults to those of a new figure of pyplot's.

    Raises:
        ValueError: if no activations were recorded.
    """
    activations = _axes.recorded(history).activations
    if activations is None or not activations.table.size:
        raise invalid("history", "one with activations", history)
    ax = axes_or_new(ax)
    bars = ax.twinx()
    depth = np.arange(len(activations.layers))
    epochs = _first_and_last(activations.epochs)
    width = 0.8 / len(epochs)
    for i, (epoch, color) in enumerate(zip(epochs, COLORS, strict=False)):
        spread, share = activations_by_depth(activations, epoch)
        ax.plot(depth, spread, "o-", color=color, markersize=4, label=f"epoch {epoch + 1}")
        left = depth - 0.4 + i * width
        bars.bar(left, share, width, align="edge", color=color, alpha=0.25, linewidth=0)
    ax.set(title="Activations by depth", ylabel="standard deviation (lines)")
    bars.set(ylim=(0.0, 1.0), ylabel="share dead or saturated (bars)")
    ax.set_zorder(bars.get_zorder() + 1)
    ax.patch.set_visible(False)
    _axes.label_depth(ax, activations.layers)
    _axes.set_log_scale(ax, _axes.positive(activations["std"]))
    _axes.place_legend(ax, inches=0.65)
    return ax


def norms_by_depth(history: History, epoch: int) -> np.ndarray:
    """Return the 10 %, 50 % and 90 % quantiles of each layer's gradient norm, `(3, layers)`."""
    values = _axes.positive(history.by_layer("norm")[history.epochs == epoch])
    return _axes.quantiles(values, 0.1, 0.5, 0.9)


def activations_by_depth(activations: Activations, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each layer's standard deviation, and share of dead units or saturated outputs."""
    row = activations.epochs == epoch
    dead, saturated = activations["dead"][row][0], activations["saturated"][row][0]
    share = np.where(np.isnan(dead), saturated, dead)
    return _axes.positive(activations["std"][row][0]), share


def _first_and_last(epochs: np.ndarray) -> list[int]:
    return list(dict.fromkeys((int(epochs[0]), int(epochs[-1]))))
