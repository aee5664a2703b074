"""Instance attributes for a while, past everything that watches `setattr`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def patched(instance: Any, **attributes: Any) -> Iterator[None]:
    """Set instance attributes past every `__setattr__`, and afterwards restore what was there."""
    # Keras's `__setattr__` would track a layer or a variable among them, or wrap a list.
    own = vars(instance)
    before = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            own.pop(name, None)
        own.update(before)
