"""What is known of a network that was tried on a few rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SignalFacts:
    """What one layer makes of the rows of a trial.

    Args:
        layer: string. Its path.
        size: float. The root mean square of its outputs.
        dead: float. The share of units that are 0 for all rows; NaN for other kinds than ReLU.
        saturated: float. The share of outputs at the ends of tanh, sigmoid or softmax; NaN for
            other kinds.
    """

    layer: str
    size: float = math.nan
    dead: float = math.nan
    saturated: float = math.nan


@dataclass(frozen=True)
class PaddingFacts:
    """What the network makes of padding: steps of one content at the ends of its sequences.

    Args:
        before, after: floats. Which shares of all steps are padding at the beginnings and the ends.
        value: float. The number that the padding holds; NaN for different ones in a step.
        row: integer. A row with padding at its end, if there is one.
        kept: float. What is left of the rows behind the padding at their ends: how far outputs are
            from those of padding alone, in parts of how far they are if it stands at the
            beginnings, over all rows; at most 1. NaN where it cannot be told.
        mask: string. The path of the layer that makes a mask, `""` if none does.
        hides, hides_others: floats. Which shares of the padding and of the other steps it hides.
        reader: string. The path of the layer that could leave out steps.
        is_masked: bool. Whether that layer is told which ones.
        barrier: string. The path of the first layer in front of it that passes no mask on, `""` if
            each of them does.
    """

    before: float = 0.0
    after: float = 0.0
    value: float = math.nan
    row: int = 0
    kept: float = math.nan
    mask: str = ""
    hides: float = 0.0
    hides_others: float = 0.0
    reader: str = ""
    is_masked: bool = False
    barrier: str = ""


@dataclass(frozen=True)
class TrialFacts:
    """What the network makes of a few rows before its first update, in inference mode.

    Args:
        rows: integer. How many rows.
        kept_rows: bool. Whether each output has one row for each row of the input.
        leak: float. How far the outputs of rows move when the input of another row changes, in
            parts of how far they differ at all; 0 if the rows are independent, NaN if an output is
            not finite.
        low, high: floats. The lowest and the highest output.
        spread: float. How far the outputs of the rows differ, in parts of the largest output; 0 if
            all rows have the same, NaN if an output is not finite.
        signals: `SignalFacts` of the layers, in the order of their calls.
        broadcasts: bool. Whether a loss class of the user's compares each row with all rows, since
            targets have another shape than outputs; `None` where that is not known.
        padding: `PaddingFacts`, `None` for a network that reads no padded sequences.
        penalties: dict of a layer's path to what its regularizers, those of its activities too, add
            to the loss.
    """

    rows: int
    kept_rows: bool = True
    leak: float = 0.0
    low: float = math.nan
    high: float = math.nan
    spread: float = math.nan
    signals: tuple[SignalFacts, ...] = ()
    broadcasts: bool | None = None
    padding: PaddingFacts | None = None
    penalties: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class OneBatchFacts:
    """How a copy of the network learns a few rows by heart.

    Args:
        rows: integer. How many rows.
        updates: integer. How many updates, all with these rows.
        rate: float. The learning rate.
        first, last, highest: floats. The loss before the first update, at the end, and the highest.
        skill: float. That of `Outcomes`, at the end: 1 if all is learned, NaN if it is not known.
        halved: integer. After how many updates the loss is half of the first one; `None` if never.
        unreached: paths of layers with a bias of 0 that are as they were, while others moved.
    """

    rows: int
    updates: int
    rate: float = math.nan
    first: float = math.nan
    last: float = math.nan
    highest: float = math.nan
    skill: float = math.nan
    halved: int | None = None
    unreached: tuple[str, ...] = ()

    def has_skill(self, enough: float) -> bool:
        """Say whether so much is learned, and at a loss that is a number."""
        return math.isfinite(self.last) and self.skill >= enough

    @property
    def fall(self) -> float:
        """Which share of itself the loss falls by; NaN for a loss that is not finite."""
        return (
            1 - self.last / self.first if self.first > 0 and math.isfinite(self.last) else math.nan
        )

    @property
    def is_calm(self) -> bool:
        """Whether the loss never rises far above where it begins."""
        return self.highest <= self.first + abs(self.first)
