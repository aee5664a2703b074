"""The plots of a report, as SVG that takes the page's colour of text."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keras_trainkit.diagnosis.history import History
from keras_trainkit.diagnosis.plots_as_images import plot_heat_map
from keras_trainkit.diagnosis.plots_by_depth import plot_activations, plot_gradient_depth
from keras_trainkit.diagnosis.plots_over_epochs import losses, plot_losses
from keras_trainkit.diagnosis.plots_over_steps import plot_gradient_norms, plot_update_ratios

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The colour that stands for the text's while matplotlib draws.
_INK = "#010203"
_OF_TEXT = ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color")
# Small, so that the letters are large where the page is narrow.
_WIDTH, _HEIGHT = 4.6, 3.4
# Inches that letters may reach beyond the axes: a browser's are not measured here.
_PADDING = 0.1
_KEYS_IN_A_ROW = 3
# Which plot shows a finding of a condition; of the others the loss tells most.
SHOWN_BY = {
    "vanishing_gradient": "depth",
    "exploding_gradient": "norms",
    "non_finite": "heat",
    "imbalanced_updates": "ratios",
    "frozen_layer": "ratios",
    "learning_rate_too_high": "ratios",
    "learning_rate_too_low": "ratios",
    "dead_units": "activations",
    "saturated_units": "activations",
    "symmetric_weights": "depth",
}
HOW_TO_READ = {
    "loss": "Both curves should fall. Where only that of the training does, it learns by heart.",
    "norms": "A curve far below the others is a layer that hardly learns; one that shoots up has "
    "exploded.",
    "ratios": "How far a step moves the weights, in parts of them. Most trainings that work pass "
    "through the green band.",
    "depth": "A line that falls towards the input, on the left: there the gradient has vanished.",
    "heat": "Red: the gradient has numbers that are not finite. White: it is zero, or was not "
    "recorded.",
    "activations": "What each layer puts out. A line near 0 carries no signal. A bar near 1 is a "
    "layer that is dead or saturated, or a softmax that is sure.",
}


@dataclass(frozen=True)
class Picture:
    """One plot: its name in the page's links, its title, how to read it, and the SVG."""

    name: str
    title: str
    text: str
    svg: str


def pictures(history: History) -> tuple[Picture, ...]:
    """Return the plots that a record has something for."""
    return tuple(_picture(history, *plot) for plot in _plots(history))


def left_out(history: History) -> tuple[str, ...]:
    """Return why plots of gradients are missing, where they are."""
    if _has_gradients(history) or not len(history.steps):
        return ()
    return ("No layer got a gradient above 0 at any step, so there are no plots of gradients.",)


def shown_by(condition: str, known: Sequence[Picture]) -> Picture | None:
    """Return the plot that shows a finding, `None` if there is none."""
    by_name = {picture.name: picture for picture in known}
    return by_name.get(SHOWN_BY.get(condition, "loss"), by_name.get("loss"))


def _plots(history: History) -> Iterator[tuple[str, Callable[..., "Axes"]]]:
    """Yield the name of each plot and what draws it."""
    if losses(history):
        yield "loss", plot_losses
    if _has_gradients(history):
        yield "norms", plot_gradient_norms
        yield "ratios", plot_update_ratios
        yield "depth", plot_gradient_depth
    if len(history.steps) and (history.by_layer("nonfinite") > 0).any():
        yield "heat", plot_heat_map
    if history.activations is not None and history.activations.table.size:
        yield "activations", plot_activations


def _has_gradients(history: History) -> bool:
    return bool(len(history.steps) and (history.by_layer("norm") > 0).any())


def _picture(history: History, name: str, plot: Callable[..., "Axes"]) -> Picture:
    """Return one plot, drawn on no figure of pyplot's and in no style of the user's."""
    from matplotlib import style
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    ours = dict.fromkeys(_OF_TEXT, _INK)
    ours |= {"axes.facecolor": "none", "svg.fonttype": "none", "svg.hashsalt": name}
    with style.context(["default", ours]):
        layout = ConstrainedLayoutEngine(h_pad=_PADDING)
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout=layout, facecolor="none")
        ax = plot(history, ax=figure.subplots())
        title = ax.get_title().partition("\n")[0]
        ax.set_title("")
        _put_legend_below(ax)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()
    return Picture(name, title, HOW_TO_READ[name], _unique(svg[svg.index("<svg") :], name))


def _put_legend_below(ax: "Axes") -> None:
    """Give the plot the width that its legend has beside it."""
    legend = ax.get_legend()
    if legend is None:
        return
    legend.remove()
    keys = ax.get_legend_handles_labels()
    ax.figure.legend(*keys, loc="outside lower center", ncols=_KEYS_IN_A_ROW, frameon=False)


def _unique(svg: str, name: str) -> str:
    """Return an SVG whose marks no other of the page has, and whose ink is the page's."""
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'((?:xlink:)?href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'^<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'^<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    return svg.replace(_INK, "currentColor")
