"""What the pictures share: axes, scales, names of layers, and blocks of steps."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_trainkit._validation import invalid
from keras_trainkit.diagnosis.history import History, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar

POINTS = 100
LABELS = 24


def recorded(history: Any) -> History:
    """Return the history if there is something to draw, or raise."""
    if not (isinstance(history, History) and history.steps.size):
        requirement = "a History with at least one step, such as `GradientMonitor.history`"
        raise invalid("history", requirement, history)
    return history


def blocks(history: History) -> list[np.ndarray]:
    """Return the positions of all steps in at most `POINTS` blocks of equal length."""
    count = len(history.steps)
    return np.array_split(np.arange(count), min(POINTS, count))


def block_edges(history: History) -> np.ndarray:
    """Return where the blocks begin and the last one ends, half a step before their first one."""
    begins = [history.steps[block[0]] for block in blocks(history)]
    gap = np.median(np.diff(history.steps)) if len(history.steps) > 1 else 1
    return np.array([*begins, history.steps[-1] + gap]) - 0.5


def positive(values: np.ndarray) -> np.ndarray:
    """Leave out what a logarithmic axis cannot show."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def quantiles(values: np.ndarray, *levels: float) -> np.ndarray:
    """Return quantiles along the first axis, of what is not NaN."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        return np.nanquantile(values, levels, axis=0)


def set_log_scale(ax: "Axes", values: np.ndarray) -> None:
    """Make the vertical axis logarithmic, which matplotlib cannot draw without a value."""
    if np.isfinite(values).any():
        ax.set_yscale("log")
    ax.grid(alpha=0.3)


def label_steps(ax: "Axes") -> None:
    """Count the horizontal axis in whole steps."""
    ax.set_xlabel("step")
    count_in_whole_numbers(ax)


def count_in_whole_numbers(ax: "Axes") -> None:
    """Let no tick of the horizontal axis stand between two whole numbers."""
    from matplotlib.ticker import MaxNLocator

    whole = MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    ax.xaxis.set_major_locator(whole)


def label_depth(ax: "Axes", layers: Sequence[str]) -> None:
    """Name the layers along the horizontal axis."""
    ax.set_xlabel("layer, input to output")
    shown = thinned(len(layers), LABELS)
    names = short_names(layers)
    labels = [names[i] for i in shown]
    ax.set_xticks(shown, labels, rotation=40, ha="right", rotation_mode="anchor", fontsize="small")


def thinned(count: int, limit: int) -> np.ndarray:
    """Return every n-th of `count` positions, at most `limit`."""
    return np.arange(count)[:: max(1, -(-count // limit))]


def add_color_bar(ax: "Axes", image: "ScalarMappable", **kwargs: Any) -> "Colorbar":
    """Put a colour bar beside the axes, which a legend of axes above does not push away."""
    return ax.figure.colorbar(image, cax=ax.inset_axes((1.01, 0.0, 0.02, 1.0)), **kwargs)


def place_legend(ax: "Axes", inches: float = 0.1) -> None:
    """Put the legend to the right of the axes, `inches` away."""
    from matplotlib.transforms import ScaledTranslation

    away = ScaledTranslation(inches, 0.0, ax.figure.dpi_scale_trans)
    ax.legend(
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        bbox_transform=ax.transAxes + away,
        borderaxespad=0.0,
        frameon=False,
    )
