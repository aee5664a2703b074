"""What a snapshot holds and a new process would not find again."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_trainkit._keras_internals import layers_of, trained_variables
from keras_trainkit.callbacks._training_state.variables import (
    own_variables,
    state_optimizers,
    state_variables,
)


def may_grow(model: keras.Model) -> bool:
    """Say whether the first step may make variables of a model; on JAX it cannot."""
    is_custom = type(model).train_step is not keras.Model.train_step
    unbuilt = not all(one.built for one in (*layers_of(model), *state_optimizers(model)))
    return keras.backend.backend() != "jax" and (is_custom or unbuilt)


class Newcomers:
    """Watches for variables that can be in no new process when a snapshot is put back.

    Whatever the first step makes can be there; optimizers are built for what they train.

    Args:
        model: the model that trains.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._known: list[Any] | None = None
        self._flags: list[tuple[keras.Layer, bool]] = []
        self._named: set[str] = set()

    def end_step(self) -> None:
        """Take what there is after the first step of the `fit`."""
        if self._known is None:
            self._known = own_variables(self._model)
            self._flags = [(layer, layer.trainable) for layer in layers_of(self._model)]

    def sentences(self) -> list[str]:
        """Return in words what has come since, each once."""
        found = [sentence for sentence in self._found() if sentence not in self._named]
        self._named.update(found)
        return found

    def _found(self) -> Iterator[str]:
        held = {id(variable) for variable in state_variables(self._model)}
        for optimizer in state_optimizers(self._model):
            if optimizer.built and not held.issuperset(map(id, trained_variables(optimizer))):
                yield f"the optimizer {optimizer.name!r} trains what the model does not hold"
        for layer, flag in self._flags:
            if layer.trainable != flag:
                yield f"`trainable` of {layer.name!r} was changed in training and is not stored"
        if self._known is not None:
            known = {id(variable) for variable in self._known}
            late = [v.path for v in own_variables(self._model) if id(v) not in known]
            if late:
                more = f" and {len(late) - 1} more" if len(late) > 1 else ""
                yield f"{late[0]!r}{more} came after the first step of `fit`: build it before `fit`"
