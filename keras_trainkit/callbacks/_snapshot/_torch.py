"""PyTorch's global generator, from which its data loaders draw their order."""

import numpy as np
import torch


def generator_state() -> np.ndarray:
    """Return the state of the generator on the CPU."""
    return torch.get_rng_state().numpy()


def set_generator_state(state: np.ndarray) -> None:
    """Continue the stream from there."""
    torch.set_rng_state(torch.from_numpy(state))
