"""The picture of a range test."""

from typing import TYPE_CHECKING

import numpy as np

from keras_trainkit._plotting import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_range(
    learning_rates: np.ndarray,
    losses: np.ndarray,
    smoothed: np.ndarray,
    *,
    diverged: bool,
    suggestion: float,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the losses, the smoothed curve, the suggestion, and where the loss rises for good.

    Args:
        learning_rates: array of shape `(points,)`.
        losses: array of shape `(points,)`.
        smoothed: array of shape `(points,)`.
        diverged: bool. Whether the loss rises for good from the lowest smoothed point on.
        suggestion: float. NaN draws none.
        ax: matplotlib axes. Defaults to those of a new figure of pyplot's.
    """
    ax = axes_or_new(ax)
    ax.set_xscale("log")
    ax.plot(learning_rates, losses, ".", color="tab:blue", alpha=0.3, label="loss of a step")
    ax.plot(learning_rates, smoothed, color="tab:blue", linewidth=1.8, label="smoothed")
    end = len(losses)
    if diverged:
        end = int(np.argmin(smoothed)) + 1
        region = learning_rates[end - 1], learning_rates[-1]
        ax.axvspan(*region, color="tab:red", alpha=0.1, linewidth=0, label="diverging")
    if np.isfinite(suggestion):
        label = f"suggestion {suggestion:.2g}"
        ax.axvline(suggestion, color="tab:green", linestyle="--", label=label)
    ax.set_ylim(*_interval(np.concatenate([losses[:end], smoothed[:end]])))
    ax.set(title="Learning-rate range test", xlabel="learning rate", ylabel="loss")
    ax.grid(alpha=0.3)
    ax.legend(loc="lower left", frameon=False)
    return ax


def _interval(shown: np.ndarray) -> tuple[float, float]:
    """Return an interval that holds these losses; those that rise for good leave it."""
    margin = 0.1 * float(np.ptp(shown)) or 0.1
    return float(shown.min()) - margin, float(shown.max()) + margin
