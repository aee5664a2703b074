"""The figure that plots are drawn on; imported when the first one is."""

from io import BytesIO

import matplotlib
from matplotlib import pyplot
from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure of pyplot's that a notebook shows once, and that a script shows with `show()`."""

    def show(self, warn: bool = True) -> None:
        """Show it now: in a notebook below the cell, elsewhere until its window is closed.

        Args:
            warn: not used; pyplot says where it has no windows.
        """
        if _is_inline():
            from IPython.display import display

            display(self)
        else:
            pyplot.show()

    def _repr_png_(self) -> bytes:
        """Return the picture for a notebook that has no way of its own to make one."""
        picture = BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()

    def _ipython_display_(self) -> None:
        """Leave pyplot, all of whose figures a notebook shows when the cell ends: shown again."""
        if _is_inline():
            pyplot.close(self)
        raise NotImplementedError  # IPython takes this for: go on and show it as usual.


def _is_inline() -> bool:
    return "inline" in matplotlib.get_backend()
