"""The limits behind notes and findings, as data with their sources."""

from dataclasses import dataclass, field, fields

from keras_trainkit._validation import positive

_AUTOTRAINER = "Zhang et al. (2021), AUTOTRAINER, ICSE 2021"
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
        leak: float > 0. How far the outputs of rows may move when another row's input changes, in
            parts of how far they differ. Defaults to `1e-3`.

    Raises:
        ValueError: if a limit is not a number > 0.

    Reference:
        Zhang et al. (2021), AUTOTRAINER: An Automatic DNN Training Problem Detection and Repair
        System, ICSE 2021: both values.
    """

    vanishing_norm: float = _limit(1e-4, _AUTOTRAINER)
    vanishing_share: float = _limit(1e-3, _AUTOTRAINER)
    leak: float = _limit(1e-3, "rounding moves them less in half precision")

    def __post_init__(self) -> None:
        """Check the limits."""
        for limit in fields(self):
            positive(limit.name, getattr(self, limit.name))

    def source(self, name: str) -> str:
        """Return where the default of a limit comes from."""
        (found,) = [limit for limit in fields(self) if limit.name == name]
        return found.metadata["source"]
