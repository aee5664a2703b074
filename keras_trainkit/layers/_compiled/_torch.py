"""Functions run by PyTorch."""

from collections.abc import Callable
from typing import Any

import torch


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, run eagerly and without a record for gradients."""
    return torch.no_grad()(function)
