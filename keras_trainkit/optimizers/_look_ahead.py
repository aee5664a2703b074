"""A model that trains at the look-ahead point: its way to the iterate and back."""

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_trainkit import _fit, _validation  # noqa: F401  (`_fit` has the optimizer resume)
from keras_trainkit._older_state import present_form, read_older
from keras_trainkit._tensors import Tensor, float64_if_readable
from keras_trainkit.optimizers._arguments import Arguments
from keras_trainkit.optimizers._base import Optimizer
from keras_trainkit.optimizers._hyperparameters import Hyperparameter, hold, read, scalar_dtype
from keras_trainkit.optimizers._update_groups import BACKEND

# The lead of a variable that has been moved to its iterate; else it is the momentum, from 0 up.
AT_ITERATE = -1.0


class LookAhead(Optimizer):
    """Base of a rule with a velocity: where each variable is.

    A variable's *lead*, saved beside its velocity, says how many velocities it is ahead of the
    iterate: the momentum of the last step that it took part in, or AT_ITERATE. Without momentum
    there are neither.
    """

    # In a step: whether the host knows where the variables are.
    _leads_known = False

    momentum = Hyperparameter(partial(_validation.real, low=0.0, high=1.0, high_open=True))

    def __init__(
        self,
        learning_rate: Any,
        momentum: float,
        nesterov: bool,
        end_at_iterate: bool,
        **arguments: Unpack[Arguments],
    ) -> None:
        super().__init__(learning_rate=learning_rate, **arguments)
        self.momentum = momentum
        self.nesterov = _validation.boolean("nesterov", nesterov)
        self.end_at_iterate = _validation.boolean("end_at_iterate", end_at_iterate)
        self._has_velocity = self.momentum > 0

    def _add_slots(self, variables: Sequence[keras.Variable]) -> None:
        self._has_velocity |= self.momentum > 0
        self._takes_slices = not self._has_velocity
        if not self._has_velocity:
            hold(self, "momentum", "above 0 when the optimizer is built to be assigned later")
            return
        self._velocities = self.add_optimizer_variables(variables, "momentum")
        self._lead = self._add_per_variable(self.momentum, "lead", variables)

    def _add_per_variable(
        self, value: float, name: str, variables: Sequence[keras.Variable]
    ) -> keras.Variable:
        """Add a vector to the state, with a number for each variable."""
        vector = self._add_shared(value, scalar_dtype(variables), name, (len(variables),))
        read_older(vector, (), partial(np.full, len(variables)))  # It was one for all.
        return vector

    def _slot_lists(self) -> Sequence[Sequence[Any]]:
        return [self._velocities] if self._has_velocity else []

    def _velocity(self, index: int) -> Tensor | None:
        """Return the tensor v of a trained variable, None where it has none."""
        raise NotImplementedError

    # The position.

    @property
    def holds_iterate(self) -> bool:
        """Whether the model holds the iterate, as it always does without `nesterov`."""
        return not self._looks_ahead or set(host_values(self._lead)) <= {AT_ITERATE}

    @property
    def _looks_ahead(self) -> bool:
        return self.nesterov and self.built and self._has_velocity

    def at_iterate(self) -> "AtIterate":
        """Return a context in which the model holds the iterate; after it, every bit of before.

        In a callback on JAX touch `self.model` first, which brings the variables up to date.
        `keras_trainkit.callbacks.SwapIterate` does this for validation and checkpoints.
        """
        return AtIterate(self)

    def resume(self) -> None:
        """Move the model from the iterate back to the look-ahead point, if it is not there.

        What is frozen (`trainable=False`) stays where it is.
        """
        if self._looks_ahead:
            self._resume([i for i, v in enumerate(self._trained) if v.trainable])

    _resume_for_training = resume

    def _resume(self, indices: Sequence[int]) -> list[float]:
        """Move those of these variables that are at the iterate; return the leads."""
        leads = host_values(self._lead)
        if AT_ITERATE not in leads:
            return leads
        at_iterate = [i for i in indices if leads[i] == AT_ITERATE]
        for i in at_iterate:
            self._move(i, -self.momentum)
        return set_entries(self._lead, leads, [(at_iterate, self.momentum)])

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Leave the model where training ends: at its moving average with `use_ema`.

        Else it is left at the iterate, or where it is with `end_at_iterate=False`.
        """
        super().finalize_variable_values(var_list)
        if not self._looks_ahead:
            return
        averaged = self._averages_of(var_list)
        if self.end_at_iterate:
            self._move_to_iterate(averaged)
        else:
            set_entries(self._lead, host_values(self._lead), [(averaged, self.momentum)])

    def _move_to_iterate(self, moved: Collection[int] = ()) -> None:
        """Move every variable to its iterate, but for those that are `moved` already."""
        leads = host_values(self._lead)
        for i, lead in enumerate(leads):
            if lead != AT_ITERATE and i not in moved:
                self._move(i, lead)
        set_entries(self._lead, leads, [(range(len(leads)), AT_ITERATE)])

    def _move(self, index: int, velocities: float) -> None:
        """Move a variable by a multiple of its velocity."""
        variable, velocity = self._trained[index], self._velocity(index)
        if velocities and velocity is not None:
            variable.assign_add(ops.cast(velocities * velocity, variable.dtype))

    def _value_at_end(self, index: int) -> Tensor:
        """Return the tensor of a trained variable where `fit` will leave it; nothing is moved."""
        variable = self._trained[index]
        lead = host_values(self._lead)[index] if self._looks_ahead else AT_ITERATE
        velocity = None if lead == AT_ITERATE else self._velocity(index)
        if velocity is None or not self.end_at_iterate:
            return ops.convert_to_tensor(variable)
        return variable + ops.cast(lead * velocity, variable.dtype)

    # In a step.

    def _take_step(
        self, grads: list[Tensor], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        if not self._has_velocity:
            super()._take_step(grads, trainable_variables, learning_rate)
            return
        indices, leads = self._indices_of(trainable_variables), None
        self.__dict__["_leads_known"] = self._are_leads_known()
        if self.nesterov and keras.backend.backend() == "tensorflow":
            BACKEND.resume_outside_graph(self, indices)
        elif self._leads_known:
            leads = self._resume(indices) if self.nesterov else host_values(self._lead)
        super()._take_step(grads, trainable_variables, learning_rate)
        momentum = read(self, "momentum", self._lead.dtype)
        if leads is None:
            set_entries_in_graph(self._lead, indices, momentum)
        else:
            set_entries(self._lead, leads, [(indices, momentum)])

    def _are_leads_known(self) -> bool:
        """Say whether the host knows the leads in a step: on JAX it does in one that is not traced.

        Then each variable goes to its look-ahead point before the step.
        """
        backend = keras.backend.backend()
        return backend == "torch" or (
            backend == "jax" and float64_if_readable(self._lead.value) is not None
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "end_at_iterate": self.end_at_iterate,
        }


class AtIterate:
    """Context in which a model holds the iterate of its `NAG`; after it, every bit of before.

    A context that is never left, because a `fit` was interrupted, costs nothing: the next `fit`
    resumes from the iterate.
    """

    def __init__(self, optimizer: LookAhead) -> None:
        self._optimizer = optimizer
        self._held: list[Any] | None = None
        self._lead: Any = None

    def __enter__(self) -> None:
        """Move to the iterate, if the model is not there."""
        optimizer = self._optimizer
        if optimizer.holds_iterate:
            return
        self._held = [ops.copy(variable.value) for variable in optimizer._trained]
        self._lead = np.array(ops.convert_to_numpy(optimizer._lead))
        optimizer._move_to_iterate()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Put back what the model held."""
        if self._held is None:
            return
        optimizer = self._optimizer
        for variable, value in zip(optimizer._trained, self._held, strict=True):
            variable.assign(value)
        optimizer._lead.assign(present_form(optimizer._lead, self._lead))
        self._held = None

    def end(self) -> None:
        """Leave where `fit` has ended: the model stays, unless it is to end where it was."""
        if self._optimizer.end_at_iterate or self._optimizer.use_ema:
            self._held = None
        self.__exit__(None, None, None)

    def get_state(self) -> Any:
        """Return what the model held, as arrays of NumPy, and the leads; None if nothing."""
        if self._held is None:
            return None
        return {"held": [ops.convert_to_numpy(x) for x in self._held], "lead": self._lead}

    def set_state(self, state: Any) -> None:
        """Take up a visit whose model is at the iterate."""
        if state is not None:
            self._held, self._lead = state["held"], state["lead"]


def host_values(vector: keras.Variable) -> list[float]:
    """Return the numbers of a variable."""
    if keras.backend.backend() == "torch":
        return BACKEND.numbers_in(vector.value)
    return ops.convert_to_numpy(vector).tolist()


def set_entries(
    vector: keras.Variable, before: list[float], entries: Iterable[tuple[Iterable[int], float]]
) -> list[float]:
    """Set numbers of a variable, given what it holds; return what it holds then.

    An entry is a value and the places where it goes, in front of it.
    """
    after = before.copy()
    for indices, value in entries:
        rounded = np.dtype(vector.dtype).type(value).item()
        for i in indices:
            after[i] = rounded
    if after == before:
        return before
    if keras.backend.backend() == "torch":
        BACKEND.write(vector.value, after)
    else:
        vector.assign(np.array(after, vector.dtype))
    return after


def set_entries_in_graph(vector: keras.Variable, indices: Sequence[int], values: Tensor) -> None:
    """Set some numbers of a variable where the host does not know them.

    The values are one for all, or one for each number that there is.
    """
    named = np.zeros(vector.shape, bool)
    named[indices] = True
    values = ops.cast(values, vector.dtype)
    if not named.all():
        values = ops.where(named, values, ops.convert_to_tensor(vector))
    vector.assign(ops.broadcast_to(values, vector.shape))
