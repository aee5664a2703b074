"""A forward pass of which nothing remains."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import keras

from keras_trainkit._backend import isolated_pass
from keras_trainkit._keras_internals import keeping_losses, layers_of


@contextmanager
def untouched(model: keras.Model) -> Iterator[None]:
    """Undo what passes through a model assign, draw or add to a loss, also after an exception.

    Passes inside record nothing for gradients. On JAX the model's variables must be up to date.
    """
    with isolated_pass(), keras.StatelessScope(), ExitStack() as stack:
        for layer in layers_of(model):
            stack.enter_context(_restored(layer))
        # The losses of the last step stay; those of this pass end with the scope.
        stack.enter_context(keeping_losses(model))
        yield


@contextmanager
def _restored(layer: keras.Layer) -> Iterator[None]:
    """Undo what is set on a layer, such as the dropout mask of a recurrent cell."""
    own = vars(layer)
    before = dict(own)
    try:
        yield
    finally:
        own.update(before)
        for name in own.keys() - before.keys():
            del own[name]
