"""The plots of a report, as SVG that takes the page's colour of text."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
_WIDTH, _HEIGHT = 6.4, 3.4
# Which plot shows a finding of a condition; of the others the loss tells most.
SHOWN_BY = {
    "vanishing_gradient": "depth",
    "exploding_gradient": "norms",
    "non_finite": "norms",
    "imbalanced_updates": "ratios",
    "frozen_layer": "ratios",
    "learning_rate_too_high": "ratios",
    "learning_rate_too_low": "ratios",
    "dead_units": "activations",
    "saturated_units": "activations",
    "symmetric_weights": "depth",
}


@dataclass(frozen=True)
class Picture:
    """One plot: its name in the page's links, what is said beneath it, and the SVG."""

    name: str
    text: str
    svg: str


def pictures(history: History) -> tuple[Picture, ...]:
    """Return the plots that a record has something for."""
    return tuple(Picture(name, told, _svg(plot, history)) for name, told, plot in _plots(history))


def shown_by(condition: str, known: tuple[Picture, ...]) -> str:
    """Return the name of the plot that shows a finding, `""` where none does."""
    names = [picture.name for picture in known]
    wanted = (SHOWN_BY.get(condition, "loss"), "loss")
    return next((name for name in wanted if name in names), "")


def _plots(history: History) -> Iterator[tuple[str, str, Callable[..., "Axes"]]]:
    if losses(history):
        yield "loss", "The loss at the end of each epoch.", plot_losses
    if not len(history.steps):
        return
    yield "norms", "How long each layer's gradient is, step by step.", plot_gradient_norms
    yield (
        "ratios",
        "How far a step moves the weights.",
        plot_update_ratios,
    )
    yield "depth", "How long the gradients are from input to output.", plot_gradient_depth
    yield "heat", "Each layer's gradient over the steps.", plot_heat_map
    if history.activations is not None and history.activations.table.size:
        yield "activations", "What each layer puts out, from input to output.", plot_activations


def _svg(plot: Callable[..., "Axes"], history: History) -> str:
    """Return one plot, without a background, drawn on no figure of pyplot's."""
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = dict.fromkeys(_OF_TEXT, _INK)
    style |= {"axes.facecolor": "none", "svg.fonttype": "none", "svg.hashsalt": plot.__name__}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained", facecolor="none")
        plot(history, ax=figure.subplots())
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return _unique(drawn.getvalue()[drawn.getvalue().index("<svg") :], plot.__name__)


def _unique(svg: str, name: str) -> str:
    """Return an SVG whose marks no other of the page has, and whose ink is the page's."""
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'((?:xlink:)?href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'^<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'^<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    return svg.replace(_INK, "currentColor")
