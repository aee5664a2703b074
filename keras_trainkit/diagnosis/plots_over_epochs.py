"""Curves of what `fit` logged at the end of each epoch."""

from typing import TYPE_CHECKING

import numpy as np

from keras_trainkit._plotting import axes_or_new
from keras_trainkit._validation import invalid
from keras_trainkit.diagnosis import _axes
from keras_trainkit.diagnosis.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOSSES = ("loss", "val_loss")


def plot_losses(history: History, ax: "Axes | None" = None) -> "Axes":
    """Draw the loss of each epoch, on the training data and, where there is one, in validation.

    Args:
        history: `History` with at least one epoch.
        ax: matplotlib axes. Defaults to those of a new figure of pyplot's.
    """
    curves = losses(history)
    if not curves:
        raise invalid("history", "a History with the logs of an epoch", history)
    ax = axes_or_new(ax)
    for name, (epochs, values) in curves.items():
        ax.plot(epochs + 1, values, "o-", linewidth=1.2, markersize=3, label=name)
    values = np.concatenate([values for _, values in curves.values()])
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() > 0 and finite.max() > 10 * finite.min():
        ax.set_yscale("log")
    ax.set(title="Loss per epoch", ylabel="loss", xlabel="epoch")
    _axes.count_in_whole_numbers(ax)
    ax.grid(alpha=0.3)
    _axes.place_legend(ax)
    return ax


def losses(history: History) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return epochs and values of each loss that was logged and is not NaN throughout."""
    found = {}
    for name in LOSSES:
        values = np.asarray(history.logs.get(name, ()), "float64")
        if values.size and not np.isnan(values).all():
            found[name] = (np.asarray(history.logs["epoch"]), values)
    return found
