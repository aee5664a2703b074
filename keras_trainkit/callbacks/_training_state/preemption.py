"""Signals by which a scheduler says that it will take the machine away."""

import os
import signal
import threading
from typing import Any

from keras_trainkit._validation import invalid

# SIGTERM before a kill, everywhere; SIGUSR1 where Slurm is asked for it, and not on Windows.
SIGNALS = [signal.SIGTERM, *filter(None, [getattr(signal, "SIGUSR1", None)])]
# What a shell calls the end of a process by a signal: 143 for SIGTERM, 138 for SIGUSR1.
_EXIT_CODE_BASE = 128


class Preemption:
    """Notes the first of these signals; the second one does what it did without this.

    Attributes:
        received: number of the signal, None before one came.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._handlers: dict[int, Any] = {}
        self._process = 0

    def watch(self) -> None:
        """Begin to wait for one.

        Raises:
            ValueError: outside of the main thread, where Python handles no signals.
        """
        if threading.current_thread() is not threading.main_thread():
            raise invalid("on_signal", "None where `fit` is not called in the main thread", "exit")
        self._process = os.getpid()
        for number in SIGNALS:
            self._handlers[number] = signal.getsignal(number)
            signal.signal(number, self._note)

    def stop(self) -> None:
        """Put the handlers back that were there; a second time nothing happens."""
        while self._handlers:
            number, handler = self._handlers.popitem()
            # One that Python did not install cannot be put back by it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def exit_if_received(self) -> None:
        """End the process if a signal has come, in a way that code around `fit` can catch."""
        if self.received is not None:
            raise SystemExit(_EXIT_CODE_BASE + self.received)

    def _note(self, number: int, frame: Any) -> None:
        self.stop()
        if os.getpid() == self._process:
            self.received = number
        else:  # A worker that loads data has inherited the handler.
            signal.raise_signal(number)
