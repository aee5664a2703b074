"""Work that no signal must cut in two: Ctrl-C, and every other that Python code handles."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Handler = Callable[[int, Any], Any]
Handlers = dict[int, Handler]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep the signals that come during the block until its end.

    A handler written in Python may raise between any two lines, as that of Ctrl-C does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only.
        return
    pending: list[int] = []
    handlers: Handlers = {}

    def keep(number: int, frame: Any) -> None:
        pending.append(number)

    try:
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler):
                handlers[number] = handler
                signal.signal(number, keep)
        yield
    finally:
        _deliver(handlers, keep, pending)


def _deliver(handlers: Handlers, keep: Handler, pending: list[int]) -> None:
    """Put every handler back and call those whose signal came, although one or another raises."""
    try:
        for number, handler in list(handlers.items()):
            if signal.getsignal(number) is keep:  # Else the block has put another one there.
                signal.signal(number, handler)
            del handlers[number]
        while pending:
            signal.raise_signal(pending.pop(0))
    finally:
        if handlers or pending:
            _deliver(handlers, keep, pending)
