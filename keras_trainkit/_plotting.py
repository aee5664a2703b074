"""A figure to draw on where the caller gives no axes."""

from typing import TYPE_CHECKING

from keras_trainkit._validation import wrong_type

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def axes_or_new(ax: "Axes | None") -> "Axes":
    """Return the axes, or without any those of a new figure.

    Raises:
        ValueError: if they are none, or several.
        ImportError: if matplotlib is not installed.
    """
    if ax is None:
        return new_figure(10.0, 4.0).subplots()
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise wrong_type("ax", "one axes object of matplotlib", ax)
    return ax


def new_figure(width: float, height: float) -> "Figure":
    """Return a new figure of pyplot's, of a size in inches.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install matplotlib") from error
    from matplotlib import pyplot

    from keras_trainkit._matplotlib import ShownFigure

    size = (width, height)
    return pyplot.figure(FigureClass=ShownFigure, figsize=size, layout="constrained")
