"""How a training goes so far, and what early stopping says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

REASONS = (
    *("patience", "target", "divergence", "gap", "nonfinite"),  # Early stopping ended it.
    *("end", "interrupted", "running"),
)


@dataclass(frozen=True, repr=False)
class StoppingReport:
    """What early stopping can say about a training.

    Attributes:
        reason: string. `"patience"`, `"target"`, `"divergence"`, `"gap"` or `"nonfinite"` if early
            stopping ended the training; else `"end"`, `"interrupted"` or `"running"`.
        message: string. The same in a sentence.
        checks: integer. How many values were compared.
        wait: integer. Checks since the last improvement.
        best_epoch: integer or None. Epoch (0-based) of the best value; None without any.
        best_step: integer or None. Training steps of the `fit` up to the best value.
        best: dict. Value of every monitored metric there.
        restored: bool. Whether the model holds the weights of the best value.
    """

    reason: str
    message: str
    checks: int
    wait: int
    best_epoch: int | None
    best_step: int | None
    best: dict[str, float] = field(default_factory=dict)
    restored: bool = False

    def __repr__(self) -> str:
        """Return the whole in one line."""
        return f"<StoppingReport: {self}>"

    def __str__(self) -> str:
        """Return the whole in two or three sentences."""
        parts = [self.message]
        if self.best_epoch is None:
            seen = "finite" if self.checks else "compared"
            parts.append(f"No value was {seen}, so there is no best epoch.")
        else:
            values = ", ".join(f"{name} {value:.6g}" for name, value in self.best.items())
            parts.append(f"Best: {values} in epoch {self.best_epoch + 1}.")
        if self.restored:
            parts.append("The model holds the weights of that moment.")
        return " ".join(parts)


@dataclass
class Progress:
    """What early stopping counts and remembers; a resumed training continues from it.

    Attributes:
        wait: checks since the last improvement.
        checks: how many values were compared.
        stopped_epoch: epoch (0-based) at which early stopping ended the training, else 0.
        best: best value of the first metric, smoothed if asked for; None without any.
        best_epoch, best_step: when it was reached.
        best_logs: the value of every metric then, not smoothed.
        references: what later values must improve on, see `Criteria`.
        bests: the best value of each metric by itself, smoothed if asked for.
        wide: checks in a row in which the gap was wider than allowed, see `Limits`.
        sums, count: state of the moving averages, see `Smoothing`.
        first_step, step: training steps of this `fit` before this epoch, and so far.
        begun: how many steps of this epoch have begun.
        reason, message, brief: why training ended; `brief` is empty if another ended it.
    """

    wait: int = 0
    checks: int = 0
    stopped_epoch: int = 0
    best: float | None = None
    best_epoch: int = 0
    best_step: int = 0
    best_logs: dict[str, float] = field(default_factory=dict)
    references: tuple[float, ...] | None = None
    bests: tuple[float, ...] | None = None
    wide: int = 0
    sums: list[float] = field(default_factory=list)
    count: int = 0
    first_step: int = 0
    step: int = 0
    begun: int = 0
    reason: str = "running"
    message: str = "No training has begun."
    brief: str = ""

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Progress":
        """Return what `dataclasses.asdict` made a dict of, among other entries.

        Raises:
            KeyError: if one is missing.
        """
        # Older snapshots do not hold these two.
        given = {"begun": 0, "bests": state.get("references"), **state}
        if "steps" in state:  # Older snapshots hold two lists.
            given["first_step"], given["step"] = state["steps"]
            given["reason"], given["message"], given["brief"] = state["reason"]
        return cls(**{one.name: given[one.name] for one in fields(cls)})

    def begin(self) -> None:
        """Begin a `fit`: the best value and the patience may be those of another one."""
        self.stopped_epoch = self.first_step = self.step = self.begun = 0
        self.end("running", "Training is running.")

    def end(self, reason: str, message: str, brief: str = "") -> None:
        """Note why training ends."""
        self.reason, self.message, self.brief = reason, message, brief

    def report(self, restored: bool) -> StoppingReport:
        """Say how training went."""
        found = self.references is not None
        return StoppingReport(
            reason=self.reason,
            message=self.message,
            checks=self.checks,
            wait=self.wait,
            best_epoch=self.best_epoch if found else None,
            best_step=self.best_step if found else None,
            best=self.best_logs,
            restored=restored,
        )


def in_progress(name: str) -> Any:
    """Return a property that reads and assigns an attribute of a callback's `Progress`."""

    def read(callback: Any) -> Any:
        return getattr(callback._progress, name)

    def assign(callback: Any, value: Any) -> None:
        setattr(callback._progress, name, value)

    return property(read, assign)
