"""Curves of each layer over the steps of a history."""

from typing import TYPE_CHECKING

import numpy as np

from keras_trainkit._plotting import axes_or_new
from keras_trainkit.diagnosis import _axes
from keras_trainkit.diagnosis.history import History, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED_LAYERS = 12
# How far up the colours go; brighter ones are lost on white.
BRIGHTEST = 0.75
HEALTHY_RATIO = (3e-4, 3e-3)


def plot_gradient_norms(history: History, ax: "Axes | None" = None) -> "Axes":
    """Draw the gradient norm of each layer over the steps, dark at the input, bright at the output.

    Args:
        history: `History` with at least one step.
        ax: matplotlib axes. Defaults to those of a new figure of pyplot's.
    """
    ax = _draw(history, "norm", ax)
    ax.set(title="Gradient norm per layer", ylabel="norm of gradient")
    return ax


def plot_update_ratios(history: History, ax: "Axes | None" = None) -> "Axes":
    """Draw the update ratio of each layer over the steps, and the band around 1e-3.

    Args:
        history: `History` with at least one step.
        ax: matplotlib axes. Defaults to those of a new figure of pyplot's.
    """
    ax = _draw(history, "update_ratio", ax)
    ax.axhspan(*HEALTHY_RATIO, color="tab:green", alpha=0.2, linewidth=0, zorder=0)
    ax.set(title="Update ratio per layer (band: around 1e-3)", ylabel="norm of step / of weights")
    return ax


def layer_curves(history: History, statistic: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and `(points, layers)` values: medians of the blocks of steps."""
    blocks, values = _axes.blocks(history), _axes.positive(history.by_layer(statistic))
    medians = np.stack([_axes.quantiles(values[block], 0.5)[0] for block in blocks])
    return np.array([np.median(history.steps[block]) for block in blocks]), medians


def isolated(curve: np.ndarray) -> np.ndarray:
    """Return where a value has no neighbour, so that no line leads to it."""
    known = np.isfinite(np.concatenate(([np.nan], curve, [np.nan])))
    return known[1:-1] & ~known[:-2] & ~known[2:]


def _draw(history: History, statistic: str, ax: "Axes | None") -> "Axes":
    steps, curves = layer_curves(_axes.recorded(history), statistic)
    ax = axes_or_new(ax)
    import matplotlib

    names = short_names(history.layers)
    colors = matplotlib.colormaps["viridis"](np.linspace(0.0, BRIGHTEST, len(names)))
    for name, color, curve in zip(names, colors, curves.T, strict=True):
        label = name if np.isfinite(curve).any() else f"{name} (no finite value > 0)"
        ax.plot(steps, curve, color=color, linewidth=1.2, label=label)
        alone = isolated(curve)
        ax.plot(steps[alone], curve[alone], "o", color=color, markersize=3)
    _axes.label_steps(ax)
    _axes.set_log_scale(ax, curves)
    if len(names) <= NAMED_LAYERS:
        _axes.place_legend(ax)
    else:
        _add_color_bar(ax, names, colors)
    return ax


def _add_color_bar(ax: "Axes", names: list[str], colors: np.ndarray) -> None:
    """Stand in for a legend when there are many layers."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    scale = ScalarMappable(Normalize(-0.5, len(names) - 0.5), ListedColormap(colors))
    ticks = _axes.thinned(len(names), NAMED_LAYERS)
    bar = _axes.add_color_bar(ax, scale, ticks=ticks)
    bar.ax.set_yticklabels([names[i] for i in ticks], fontsize="small")
    bar.ax.invert_yaxis()
