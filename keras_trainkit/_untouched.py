"""A forward pass of which nothing remains."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from keras_trainkit._backend import isolated_pass
from keras_trainkit._keras_internals import keeping_losses, layers_of, process_state_kept
from keras_trainkit._own_generators import restorer_of

# Variables, each with what is seen in its place.
Values = Iterable[tuple[Any, Any]]


@contextmanager
def untouched(model: keras.Model, values: Values = ()) -> Iterator[None]:
    """Undo what passes through a model assign, draw or add to a loss, also after an exception.

    Passes inside record nothing for gradients.

    Args:
        model: the model.
        values: pairs of a variable and what the passes see in its place, for variables that are not
            up to date, as those of a model in a step on JAX. Defaults to `()`.
    """
    with ExitStack() as stack:
        stack.enter_context(process_state_kept())
        stack.enter_context(isolated_pass())
        stack.enter_context(keras.StatelessScope(list(values)))
        for layer in layers_of(model):
            stack.enter_context(_restored(layer))
        # The losses of the last step stay; those of this pass end with the scope.
        stack.enter_context(keeping_losses(model))
        yield


@contextmanager
def _restored(layer: keras.Layer) -> Iterator[None]:
    """Undo what is set on a layer, such as the dropout mask of a recurrent cell, or drawn."""
    own = vars(layer)
    before = dict(own)
    generators = [restore for value in before.values() if (restore := restorer_of(value))]
    try:
        yield
    finally:
        for restore in generators:
            restore()
        own.update(before)
        for name in own.keys() - before.keys():
            del own[name]
