"""Images over the steps of a history, where a colour shows the value."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_trainkit._plotting import axes_or_new
from keras_trainkit._validation import invalid, one_of
from keras_trainkit.diagnosis import _axes
from keras_trainkit.diagnosis.history import BINS, LOWEST_EXPONENT, History, short_names
from keras_trainkit.diagnosis.plots_over_steps import layer_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 24
SHOWN_SHARE = 1e-3


class HeatMap(NamedTuple):
    """Gradient norms of the layers in blocks of steps."""

    edges: np.ndarray
    norms: np.ndarray
    nonfinite: np.ndarray


def plot_heat_map(history: History, ax: "Axes | None" = None) -> "Axes":
    """Draw the gradient norm of each layer at each step as a colour.

    What is not finite is red, what is zero or was not recorded is white.

    Args:
        history: `History` with at least one step.
        ax: matplotlib axes. Defaults to those of a new figure of pyplot's.
    """
    edges, norms, nonfinite = heat_map(_axes.recorded(history))
    ax = axes_or_new(ax)
    from matplotlib.colors import ListedColormap, LogNorm

    names = short_names(history.layers)
    rows = np.arange(len(names) + 1) - 0.5
    if np.isfinite(norms).any():
        scale = LogNorm(np.nanmin(norms), np.nanmax(norms))
        image = ax.pcolormesh(edges, rows, norms.T, cmap="viridis", norm=scale)
        _axes.add_color_bar(ax, image, label="norm of gradient")
    red = np.ma.masked_where(~nonfinite.T, nonfinite.T)
    ax.pcolormesh(edges, rows, red, cmap=ListedColormap(["red"]))
    shown = _axes.thinned(len(names), ROWS)
    ax.set_yticks(shown, [names[i] for i in shown], fontsize="small")
    ax.invert_yaxis()
    red_and_white = {
        "red: not finite": nonfinite,
        "white: zero or not recorded": np.isnan(norms) & ~nonfinite,
    }
    meanings = ", ".join(text for text, cells in red_and_white.items() if cells.any())
    ax.set_title("Gradient norm by layer and step" + (f"\n({meanings})" if meanings else ""))
    _axes.label_steps(ax)
    return ax


def plot_histograms(
    history: History, variable: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw how the elements of one variable's gradient spread over the powers of two.

    Args:
        history: `History` with histograms.
        variable: string, path of a variable with a histogram. Defaults to the first.
        ax: matplotlib axes. Defaults to those of a new figure of pyplot's.

    Raises:
        ValueError: if no histogram was recorded, or none of this variable.
    """
    recorded = variables_with_histograms(_axes.recorded(history))
    if not recorded:
        raise invalid("history", "one with histograms", history)
    variable = one_of("variable", recorded[0] if variable is None else variable, recorded)
    shares = histogram_shares(history, variable)
    ax = axes_or_new(ax)
    exponents = LOWEST_EXPONENT + np.arange(BINS + 1)
    edges = _axes.block_edges(history)
    image = ax.pcolormesh(edges, exponents, shares.T, cmap="Blues", vmin=0.0)
    _axes.add_color_bar(ax, image, label="share of elements")
    filled = np.flatnonzero((shares >= SHOWN_SHARE).any(axis=0))
    ax.set_ylim(exponents[filled[0]] - 1, exponents[filled[-1]] + 2)
    ax.locator_params("y", integer=True)
    ax.set(title=f"Gradient of {variable}", ylabel="log2 of |g_i|")
    _axes.label_steps(ax)
    return ax


def heat_map(history: History) -> HeatMap:
    """Return the medians and what was not finite, both `(points, layers)`, and the edges."""
    found = history.by_layer("nonfinite") > 0
    nonfinite = np.stack([found[block].any(axis=0) for block in _axes.blocks(history)])
    return HeatMap(_axes.block_edges(history), layer_curves(history, "norm")[1], nonfinite)


def variables_with_histograms(history: History) -> tuple[str, ...]:
    """Return the variables of whose gradients something was counted."""
    if history.histograms is None:
        return ()
    found = np.flatnonzero(history.histograms.any(axis=(0, 2)))
    return tuple(history.variables[i] for i in found)


def histogram_shares(history: History, variable: str) -> np.ndarray:
    """Return the share of elements in each bin, `(points, 64)`; NaN where nothing was counted."""
    index = history.variables.index(variable)
    counts = np.asarray(history.histograms)[:, index].astype("float64")
    sums = np.stack([counts[block].sum(axis=0) for block in _axes.blocks(history)])
    totals = sums.sum(axis=1, keepdims=True)
    return np.divide(sums, totals, out=np.full_like(sums, np.nan), where=totals > 0)
