"""The replicas of a training that runs on several devices: sums over them, and what they get."""

from importlib import import_module
from typing import Any

import keras


def replica_sum(x: Any) -> Any:
    """Add `x` over all replicas, differentiably; where there are none, return it.

    JAX needs nothing: under `keras.distribution` its arrays are those of the whole batch.
    """
    if keras.backend.backend() == "jax":
        return x
    return import_module(f"{__name__}._{keras.backend.backend()}").replica_sum(x)


def never_empty(x: Any) -> bool:
    """Say whether `x` surely has elements: a replica may get none of a small last batch."""
    if keras.backend.backend() != "tensorflow":
        return 0 not in x.shape
    replicas = import_module(f"{__name__}._tensorflow").replicas()
    return 0 not in x.shape and (replicas == 1 or None not in x.shape)
