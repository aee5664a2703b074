"""Pictures of a history: each takes axes and returns axes, shows nothing and restyles nothing."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from keras_trainkit.diagnosis.history import History, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 100
NAMED_LAYERS = 12
LABELLED_LAYERS = 24
HEALTHY_RATIO = (3e-4, 3e-3)


def plot_gradient_norms(history: History, ax: "Axes | None" = None) -> "Axes":
    """Draw the gradient norm of each layer over the steps, dark at the input, bright at the output.

    Args:
        history: `History` with at least one step.
        ax: matplotlib axes. Defaults to those of a new figure.
    """
    ax = _draw_over_steps(history, "norm", ax)
    ax.set(title="Gradient norm per layer", ylabel="norm of gradient")
    return ax


def plot_update_ratios(history: History, ax: "Axes | None" = None) -> "Axes":
    """Draw the update ratio of each layer over the steps, and the band around 1e-3.

    Args:
        history: `History` with at least one step.
        ax: matplotlib axes. Defaults to those of a new figure.
    """
    ax = _draw_over_steps(history, "update_ratio", ax)
    ax.axhspan(*HEALTHY_RATIO, color="tab:green", alpha=0.2, linewidth=0, zorder=0)
    ax.set(title="Update ratio per layer (band: around 1e-3)", ylabel="norm of step / of weights")
    return ax


def plot_gradient_depth(history: History, ax: "Axes | None" = None) -> "Axes":
    """Draw each layer's gradient norm in the first and last epoch: median, 10 % to 90 % shaded.

    Args:
        history: `History` with at least one step.
        ax: matplotlib axes. Defaults to those of a new figure.
    """
    ax = ax or _new_axes()
    depth = np.arange(len(history.layers))
    epochs = {int(history.epochs[0]): "tab:blue", int(history.epochs[-1]): "tab:orange"}
    for epoch, color in epochs.items():
        low, middle, high = norms_by_depth(history, epoch)
        ax.fill_between(depth, low, high, color=color, alpha=0.2, linewidth=0)
        ax.plot(depth, middle, "o-", color=color, markersize=4, label=f"epoch {epoch + 1}")
    ax.set(title="Gradient norm by depth", xlabel="layer, input to output")
    ax.set_ylabel("norm of gradient")
    _set_log_scale(ax, _positive(history.by_layer("norm")))
    shown = depth[:: -(-len(depth) // LABELLED_LAYERS)]
    names = short_names(history.layers)
    ax.set_xticks(shown, [names[i] for i in shown], rotation=40, ha="right", fontsize="small")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, frameon=False)
    return ax


def plot_history(history: History) -> "Figure":
    """Return a new figure of gradient norms and update ratios over the steps, and by depth.

    Args:
        history: `History` with at least one step.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 11.0), layout="constrained")
    norms, ratios, depth = figure.subplots(3)
    plot_gradient_norms(history, norms)
    plot_update_ratios(history, ratios)
    plot_gradient_depth(history, depth)
    return figure


def layer_curves(history: History, statistic: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and `(points, layers)` values, at most `POINTS`: medians of equal blocks."""
    blocks = np.array_split(np.arange(len(history.steps)), min(POINTS, len(history.steps)))
    values = _positive(history.by_layer(statistic))
    medians = np.stack([_quantiles(values[block], 0.5)[0] for block in blocks])
    return np.array([np.median(history.steps[block]) for block in blocks]), medians


def norms_by_depth(history: History, epoch: int) -> np.ndarray:
    """Return the 10 %, 50 % and 90 % quantiles of each layer's gradient norm, `(3, layers)`."""
    values = _positive(history.by_layer("norm")[history.epochs == epoch])
    return _quantiles(values, 0.1, 0.5, 0.9)


def _draw_over_steps(history: History, statistic: str, ax: "Axes | None") -> "Axes":
    import matplotlib

    ax = ax or _new_axes()
    steps, curves = layer_curves(history, statistic)
    names = short_names(history.layers)
    marker = "o" if len(steps) < 3 else None
    colors = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.92, len(names)))
    for name, color, curve in zip(names, colors, curves.T, strict=True):
        label = name if np.isfinite(curve).any() else f"{name} (zero or not finite)"
        ax.plot(steps, curve, color=color, marker=marker, linewidth=1.2, label=label)
    ax.set_xlabel("step")
    _set_log_scale(ax, curves)
    if len(names) <= NAMED_LAYERS:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, frameon=False)
    else:
        _add_color_bar(ax, names, colors)
    return ax


def _add_color_bar(ax: "Axes", names: list[str], colors: np.ndarray) -> None:
    """Stand in for a legend when there are many layers."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    scale = ScalarMappable(Normalize(-0.5, len(names) - 0.5), ListedColormap(colors))
    ticks = np.arange(len(names))[:: -(-len(names) // NAMED_LAYERS)]
    bar = ax.figure.colorbar(scale, ax=ax, pad=0.01, ticks=ticks)
    bar.ax.set_yticklabels([names[i] for i in ticks], fontsize="small")
    bar.ax.invert_yaxis()


def _new_axes() -> "Axes":
    from matplotlib.figure import Figure

    return Figure(figsize=(10.0, 4.0), layout="constrained").subplots()


def _set_log_scale(ax: "Axes", values: np.ndarray) -> None:
    """Make the vertical axis logarithmic, which matplotlib cannot draw without a value."""
    if np.isfinite(values).any():
        ax.set_yscale("log")
    ax.grid(alpha=0.3)


def _positive(values: np.ndarray) -> np.ndarray:
    """Leave out what a logarithmic axis cannot show."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _quantiles(values: np.ndarray, *levels: float) -> np.ndarray:
    """Return quantiles along the first axis, of what is not NaN."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        return np.nanquantile(values, levels, axis=0)
