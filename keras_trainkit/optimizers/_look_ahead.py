"""A visit of the model to its iterate, from the look-ahead point and back."""

from types import TracebackType
from typing import Any

from keras import ops


class AtIterate:
    """Context in which a model holds the iterate of its `NAG`; after it, every bit of before.

    A context that is never left, because a `fit` was interrupted, costs nothing: the next `fit`
    resumes from the iterate.
    """

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self._held: list[Any] | None = None
        self._lead = 0.0

    def __enter__(self) -> None:
        """Move to the iterate, if the model is not there."""
        if not self._optimizer.built or self._optimizer.holds_iterate:
            return
        variables = self._optimizer.trained_variables
        self._held = [ops.copy(variable.value) for variable in variables]
        self._lead = self._optimizer.lead
        self._optimizer.move_to_iterate()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Put back what the model held."""
        if self._held is None:
            return
        for variable, value in zip(self._optimizer.trained_variables, self._held, strict=True):
            variable.assign(value)
        self._optimizer.lead = self._lead
        self._held = None

    def get_state(self) -> Any:
        """Return what the model held, as arrays of NumPy, and the lead; None if nothing."""
        if self._held is None:
            return None
        return {"held": [ops.convert_to_numpy(x) for x in self._held], "lead": self._lead}

    def set_state(self, state: Any) -> None:
        """Take up a visit whose model is at the iterate."""
        if state is not None:
            self._held, self._lead = state["held"], state["lead"]
