"""A figure to draw on where the caller gives no axes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def new_axes() -> "Axes":
    """Return the axes of a new figure that pyplot does not know."""
    # pyplot would keep the figure until somebody closes it, show it in the next `plt.show()`, and
    # ask for a display where there is none.
    from matplotlib.figure import Figure

    return Figure(figsize=(10.0, 4.0), layout="constrained").subplots()
