"""What the package needs of a backend itself, and the one loader of backend files.

Code for one backend stands in files named `_tensorflow.py`, `_jax.py` and `_torch.py`, which are
imported when that backend is active: the others need not be installed. The files of this folder
hold what several components share; kernels of one component stay in its own folder.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import ModuleType
from typing import Any

import keras
import numpy as np

from keras_trainkit._tensors import Tensor
from keras_trainkit._validation import invalid

BACKENDS = ("tensorflow", "jax", "torch")


# Layers ask in every call, and a process has one backend. A dict is what PyTorch's tracer can read;
# past a `cache` it would go into the import.
_loaded: dict[str, ModuleType] = {}


def backend_module(package: str) -> ModuleType:
    """Return the active backend's file in a package, such as `keras_trainkit.layers._dropout`."""
    if package not in _loaded:
        backend = keras.backend.backend()
        if backend not in BACKENDS:
            raise invalid("keras.backend.backend()", f"one of {', '.join(BACKENDS)}", backend)
        _loaded[package] = import_module(f"{package}._{backend}")
    return _loaded[package]


def load_for_tracing(package: str) -> None:
    """Load what PyTorch's tracer, which follows no import, may meet in the first call."""
    if keras.backend.backend() == "torch":
        backend_module(package)


def leaves_here(x: Tensor) -> bool:
    """Say whether what is computed with `x` becomes a program or a transform of somebody else.

    So it is on PyTorch in an export, in the functions of `torch.func`, and where derivatives are
    mapped or go forward. There, only PyTorch's own operations do. TensorFlow and JAX trace
    everything, and export what they trace.
    """
    return keras.backend.backend() == "torch" and backend_module(__name__).leaves_here(x)


def runs_on_this_cpu(x: Tensor) -> bool:
    """Say whether kernels for CPUs serve `x`: elsewhere they have not been measured, or fail."""
    return backend_module(__name__).on_cpu(x) and not leaves_here(x)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` without gradients, traced once per shape of its (nested) tensors.

    PyTorch runs it as it stands.
    """
    return backend_module(__name__).compiled(function)


def replica_sum(x: Tensor) -> Tensor:
    """Add `x` over all replicas, differentiably; where there are none, return it."""
    return backend_module(__name__).replica_sum(x)


def never_empty(x: Tensor) -> bool:
    """Say whether `x` surely has elements: a replica may get none of a small last batch."""
    if 0 in x.shape:
        return False
    if keras.backend.backend() != "tensorflow":
        return True
    return None not in x.shape or backend_module(__name__).replicas() == 1


@contextmanager
def generators_kept() -> Iterator[None]:
    """Set the global random generators back afterwards.

    They are Python's, NumPy's, PyTorch's and that of TensorFlow's eager operations; Keras draws
    from the seeds of its own variables.
    """
    of_backend = getattr(backend_module(__name__), "generators_kept", nullcontext)
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with of_backend():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def isolated_pass() -> Iterator[None]:
    """Record nothing for gradients, and set the global random generators back."""
    unrecorded = getattr(backend_module(__name__), "unrecorded", nullcontext)
    with generators_kept(), unrecorded():
        yield


@contextmanager
def programs_forgotten() -> Iterator[None]:
    """Free what is compiled inside, which JAX and TensorFlow keep while the process lives."""
    forgotten = getattr(backend_module(__name__), "programs_forgotten", nullcontext)
    with forgotten():
        yield


def generator_state() -> np.ndarray | None:
    """Return the state of the backend's global random generator; only PyTorch has one."""
    if keras.backend.backend() != "torch":
        return None
    return backend_module(__name__).generator_state()


def set_generator_state(state: np.ndarray) -> None:
    """Continue the backend's global random stream from a state that `generator_state` gave."""
    backend_module(__name__).set_generator_state(state)


load_for_tracing(__name__)
