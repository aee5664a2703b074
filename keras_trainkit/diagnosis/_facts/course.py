"""What is known of how a network is to be trained: optimizer and plan."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class OptimizerFacts:
    """The optimizer and its numbers.

    Args:
        kind: string. The name of its class.
        learning_rate: float. The first rate; NaN if not known.
        scheduled: bool. Whether the rate is a schedule's.
        momentum: float. 0 for none.
        weight_decay: float. 0 for none.
        clips: bool. Whether it clips gradients.
        adaptive: bool. Whether a step's length is the rate's, whatever the gradient's scale is.
        arguments: dict of argument to code. What its constructor was given other than defaults;
            empty if it is not known.
        place: string. How a script calls its class, `""` if it is not known.
        lasts: float. The share of the planned updates at which a schedule's rate is at least a
            hundredth of its highest; NaN without a schedule, or if it is not known.
    """

    kind: str
    learning_rate: float = math.nan
    scheduled: bool = False
    momentum: float = 0.0
    weight_decay: float = 0.0
    clips: bool = False
    adaptive: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict, hash=False)
    place: str = ""
    lasts: float = math.nan


@dataclass(frozen=True)
class PlanFacts:
    """What `fit` was asked for. `None` is what is not known.

    Args:
        rows: integer. The number of training examples.
        batch_size: integer.
        epochs: integer. How many epochs are to be trained.
        steps: integer. Batches in an epoch.
        shuffle: bool.
        split: float. `validation_split`; 0 for none.
        sampled: bool. Whether the data was looked at in a sample, not in full.
        weighted: bool. Whether the rows or classes were given weights, which scale the loss.
        class_weight: dict of class to weight, as `fit` was given it.
    """

    rows: int | None = None
    batch_size: int | None = None
    epochs: int | None = None
    steps: int | None = None
    shuffle: bool = True
    split: float = 0.0
    sampled: bool = False
    weighted: bool = False
    class_weight: Mapping[float, float] = field(default_factory=dict, hash=False)

    @property
    def updates(self) -> int | None:
        """How many updates are planned."""
        return None if self.epochs is None or self.steps is None else self.epochs * self.steps
