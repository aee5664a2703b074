"""Why a training ended, in words and numbers."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
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

    def __str__(self) -> str:
        """Return the whole in two or three sentences."""
        parts = [self.message]
        if self.best_epoch is None:
            parts.append("No value was finite, so there is no best epoch.")
        else:
            values = ", ".join(f"{name} {value:.6g}" for name, value in self.best.items())
            parts.append(f"Best: {values} in epoch {self.best_epoch + 1}.")
        if self.restored:
            parts.append("The model holds the weights of that moment.")
        return " ".join(parts)
