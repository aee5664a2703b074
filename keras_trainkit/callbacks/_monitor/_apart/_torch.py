"""On PyTorch dropout draws from the global generator, which also shuffles the data."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def apart() -> Iterator[None]:
    """Switch gradients off; afterwards set the generators of CPU and GPU back."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.no_grad(), torch.random.fork_rng(devices):
        yield
