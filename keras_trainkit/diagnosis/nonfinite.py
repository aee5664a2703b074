"""A step whose gradients were not finite: where it began, why, and what to try."""

from dataclasses import dataclass

from keras_trainkit._validation import one_of

CAUSES = ("data", "weights", "forward", "backward", "overflow")
ACTIONS = ("record", "stop", "rollback")

_REMEDIES = {
    "data": "check the data for missing values.",
    "weights": "a lower learning rate, or `global_clipnorm=1.0` in the optimizer.",
    "forward": "a loss with `from_logits=True`; an epsilon inside `log` and `/`.",
    "backward": "an epsilon inside `sqrt`, `norm` and `/`.",
    "overflow": 'nothing if it is rare; else the policy "mixed_bfloat16".',
}
_ENDINGS = {
    "record": "",
    "stop": " Training was stopped.",
    "rollback": " Training went back to weights that were finite.",
}


@dataclass(frozen=True, repr=False)
class NonFinite:
    """One step at which gradients held NaN or infinity; `print` shows it in plain words.

    The causes:
        data: the batch itself is not finite
        weights: weights were not finite before the step: an earlier step broke them, if any
        forward: the loss is not finite although data and weights are
        backward: the loss is finite, its gradient is not
        overflow: a gradient overflowed in half precision, and loss scaling skipped the step:
            harmless if rare

    Args:
        step: integer. The training step, 0-based.
        since: integer. The last recorded step that was finite; -1 if there was none.
        epoch: integer. 0-based.
        batch: integer. Position of the batch in the epoch, 0-based.
        cause: string, one of `"data"`, `"weights"`, `"forward"`, `"backward"`, `"overflow"`.
        layer: string. Path of the layer where it shows first. Defaults to `""`: unknown.
        variables: strings. Paths of the variables whose gradient was not finite.
        example: integer. Position in the batch of the first example that is not finite, 0-based.
            Defaults to `-1`: none.
        action: string, what was done: `"record"`, `"stop"` or `"rollback"`.
            Defaults to `"record"`.

    Raises:
        ValueError: if `cause` or `action` is another string.

    Example:
        >>> from keras_trainkit.diagnosis import NonFinite
        >>> print(NonFinite(step=36, since=35, epoch=1, batch=4, cause="data"))
        Epoch 2, batch 5 (step 36): the loss or its gradients are not finite. Cause: the batch \
holds NaN or infinity. Try: check the data for missing values.
    """

    step: int
    since: int
    epoch: int
    batch: int
    cause: str
    layer: str = ""
    variables: tuple[str, ...] = ()
    example: int = -1
    action: str = "record"

    def __post_init__(self) -> None:
        """Check the two choices."""
        one_of("cause", self.cause, CAUSES)
        one_of("action", self.action, ACTIONS)
        object.__setattr__(self, "variables", tuple(self.variables))

    def __repr__(self) -> str:
        """Return the sentences of `print`, without the names of all variables."""
        return f"<NonFinite: {self}>"

    def __str__(self) -> str:
        """Return what happened, where, why, and one thing to try."""
        return (
            f"Epoch {self.epoch + 1}, batch {self.batch + 1} ({self._when()}): {self._what()} "
            f"not finite. Cause: {self._why()}. Try: {self._remedy()}{_ENDINGS[self.action]}"
        )

    def _when(self) -> str:
        if self.since >= self.step - 1:
            return f"step {self.step}"
        if self.since < 0:
            return f"step {self.step} or before"
        return f"between step {self.since} and step {self.step}"

    def _what(self) -> str:
        if not self.variables:
            return "the loss or its gradients are"
        first, *others = self.variables
        if others:
            return f"the gradients of {first} and {len(others)} more are"
        return f"the gradient of {first} is"

    def _remedy(self) -> str:
        untrained = self.cause == "weights" and not self.step
        return "load or initialize them again." if untrained else _REMEDIES[self.cause]

    def _why(self) -> str:
        example = f"example {self.example} of the batch (counted from 0)"
        known = self.example >= 0
        start = f", starting at {self.layer}" if self.layer else ""
        match self.cause:
            case "data":
                return f"{example if known else 'the batch'} holds NaN or infinity"
            case "weights":
                owner = f" of {self.layer}" if self.layer else ""
                before = "the step, which an earlier one broke" if self.step else "the first step"
                return f"weights{owner} were not finite before {before}"
            case "forward":
                loss = f"the loss of {example}" if known else "the loss"
                return (
                    f"{loss} is not finite although data and weights are{start}: "
                    "an overflow, log(0) or 0/0"
                )
            case "backward":
                return (
                    f"the loss is finite, its gradient is not{start}: "
                    "an overflow, or the slope of sqrt or of a norm at 0"
                )
        return f"a gradient overflowed in half precision{start}, and the step was skipped"
