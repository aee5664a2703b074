"""The limits behind notes and findings, as data with their sources."""

from dataclasses import dataclass, field, fields

from keras_trainkit._validation import positive

_AUTOTRAINER = "Zhang et al. (2021), AUTOTRAINER, ICSE 2021"
_COMMON = "a common rule of thumb, on the safe side"
_MEASURED = "chosen on the labelled trainings in benchmarks/diagnosis"


def _limit(default: float, source: str) -> float:
    return field(default=default, metadata={"source": source})


@dataclass(frozen=True)
class Thresholds:
    """The limits behind the notes of a summary and the findings of a diagnosis.

    A gradient is vanishing if its mean norm is below both limits: small in itself, and small
    beside the largest one of the model.

    Args:
        vanishing_norm: float > 0. Limit of the mean gradient norm. Defaults to `1e-4`.
        vanishing_share: float > 0. Limit of its share of the largest one. Defaults to `1e-3`.
        working_skill: float > 0. A training works from this skill on: 0 is chance, or the mean of
            the targets; 1 is perfect. Defaults to `0.7`.
        learning_skill: float > 0. From this skill on, something is learned. Defaults to `0.5`.
        no_skill: float > 0. Below it nothing is learned. Defaults to `0.05`.
        poor_skill: float > 0. Below it little is learned. Defaults to `0.3`.
        skill_gap: float > 0. By so much validation may be below training. Defaults to `0.25`.
        flat_loss: float > 0. A loss that falls by less than this share does not fall.
            Defaults to `0.01`.
        still_falling: float > 0. A loss whose last third falls by more than this share has not
            arrived. Defaults to `0.05`.
        few_updates: float > 0. Fewer are too few for most trainings. Defaults to `100`.
        path: float > 0. The sum of all update ratios below which weights stay where they began.
            Defaults to `0.05`.
        high_update: float > 0. The update ratio from which weights are replaced rather than
            changed. Defaults to `0.1`.
        swing: float > 0. From one epoch to the next, the loss moves by this share of itself, up as
            often as down. Defaults to `0.2`.
        vanishing_depth: float > 0. The gradient of a layer, for the size of its weights, beside
            that of the layers above. Defaults to `1e-3`.
        imbalance: float > 0. The update ratio of a layer beside the network's median.
            Defaults to `1e-3`.
        dead_share: float > 0. Share of a layer's units. Defaults to `0.5`.
        saturated_share: float > 0. Share of a layer's outputs. Defaults to `0.7`.
        constant_spread: float > 0. The spread of outputs beside that of the targets, below which
            they are the same for all rows. Defaults to `1e-3`.
        behind: float > 0. What moving statistics may still hold of their first values.
            Defaults to `0.1`.
        overfitted: float > 0. So many times its lowest value is the loss on validation data at
            the end. Defaults to `1.2`.

    Raises:
        ValueError: if a limit is not a number > 0.

    Reference:
        Zhang et al. (2021), AUTOTRAINER: An Automatic DNN Training Problem Detection and Repair
        System, ICSE 2021: both values.
    """

    vanishing_norm: float = _limit(1e-4, _AUTOTRAINER)
    vanishing_share: float = _limit(1e-3, _AUTOTRAINER)

    # Of the course of a training.
    working_skill: float = _limit(0.7, _MEASURED)
    learning_skill: float = _limit(0.5, _MEASURED)
    no_skill: float = _limit(0.05, _MEASURED)
    poor_skill: float = _limit(0.3, _MEASURED)
    skill_gap: float = _limit(0.25, _MEASURED)
    flat_loss: float = _limit(0.01, _MEASURED)
    still_falling: float = _limit(0.05, _MEASURED)
    few_updates: float = _limit(100, _MEASURED)
    path: float = _limit(0.05, _MEASURED)
    high_update: float = _limit(0.1, _COMMON)
    swing: float = _limit(0.2, _MEASURED)
    vanishing_depth: float = _limit(1e-3, _AUTOTRAINER)
    imbalance: float = _limit(1e-3, _MEASURED)
    dead_share: float = _limit(0.5, _MEASURED)
    saturated_share: float = _limit(0.7, _MEASURED)
    constant_spread: float = _limit(1e-3, _MEASURED)
    behind: float = _limit(0.1, _MEASURED)
    overfitted: float = _limit(1.2, _MEASURED)

    def __post_init__(self) -> None:
        """Check the limits."""
        for limit in fields(self):
            positive(limit.name, getattr(self, limit.name))

    def source(self, name: str) -> str:
        """Return where the default of a limit comes from."""
        (found,) = [limit for limit in fields(self) if limit.name == name]
        return found.metadata["source"]
