"""Sums over the processes of `torch.distributed`."""

from typing import Any

import torch


def replica_sum(x: Any) -> Any:
    """Add `x` over all processes of the default group; without one, return it."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return x
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(x.clone())
