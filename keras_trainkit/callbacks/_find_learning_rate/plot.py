"""The picture of a range test."""

from typing import TYPE_CHECKING

import numpy as np

from keras_trainkit._plotting import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from keras_trainkit.callbacks.find_learning_rate import LearningRateRange


def plot_range(found: "LearningRateRange", ax: "Axes | None" = None) -> "Axes":
    """Draw the losses, the smoothed curve, the suggestion, and where the loss rises for good."""
    ax = ax or new_axes()
    ax.set_xscale("log")
    rates = found.learning_rates
    ax.plot(rates, found.losses, ".", color="tab:blue", alpha=0.3, label="loss of a step")
    ax.plot(rates, found.smoothed, color="tab:blue", linewidth=1.8, label="smoothed")
    if found.ending != "end":
        lowest = rates[np.argmin(found.smoothed)]
        ax.axvspan(lowest, rates[-1], color="tab:red", alpha=0.1, linewidth=0, label="diverging")
    if np.isfinite(found.suggestion):
        label = f"suggestion {found.suggestion:.2g}"
        ax.axvline(found.suggestion, color="tab:green", linestyle="--", label=label)
    ax.set_ylim(*_seen(found))
    ax.set(title="Learning-rate range test", xlabel="learning rate", ylabel="loss")
    ax.grid(alpha=0.3)
    ax.legend(loc="lower left", frameon=False)
    return ax


def _seen(found: "LearningRateRange") -> tuple[float, float]:
    """Return an interval of losses that shows all until the loss rises for good."""
    end = len(found.losses) if found.ending == "end" else int(np.argmin(found.smoothed)) + 1
    shown = np.concatenate([found.losses[:end], found.smoothed[:end]])
    margin = 0.1 * float(np.ptp(shown)) or 0.1
    return float(shown.min()) - margin, float(shown.max()) + margin
