"""Work that no signal must cut in two: Ctrl-C, and every other that Python code handles."""

import itertools
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = tuple(signal.valid_signals())


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep the signals that come during the block until its end.

    A handler written in Python may raise between any two lines, as that of Ctrl-C does. One that
    the block itself exchanges stays as the block leaves it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only.
        return
    held = _HeldBack()
    # The handlers that are back already may raise before the others are, each time once more.
    with held, held, held:
        held.hold_back()
        yield


class _HeldBack:
    """The signals that Python handles; on exit from a `with` all come that came meanwhile."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, Any], Any]] = {}
        self._pending: list[int] = []
        self._process = os.getpid()

    def hold_back(self) -> None:
        """Stand in for every handler."""
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                signal.signal(number, self._wait)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        try:
            for number, handler in list(self._handlers.items()):
                if signal.getsignal(number) == self._wait:
                    signal.signal(number, handler)
                del self._handlers[number]
            # By one call: between taking a signal out and raising it, another one may raise.
            numbers = map(self._pending.pop, itertools.repeat(0, len(self._pending)))
            deque(map(signal.raise_signal, numbers), maxlen=0)
        finally:
            if self._handlers or self._pending:
                self.__exit__()

    def _wait(self, number: int, frame: Any) -> None:
        if os.getpid() == self._process:
            self._pending.append(number)
        else:  # A fork has inherited the handler, and will not come to the end of the block.
            self._handlers[number](number, frame)
