"""Whether two models compute the same at inference."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit._tensors import Tensor, float64_of
from keras_trainkit._validation import invalid

# Largest difference of an output, relative to its largest magnitude, that rounding explains.
RTOL = {"float32": 1e-5, "tensorfloat32": 1e-2, "float16": 1e-2, "bfloat16": 5e-2}
BATCH = 3
SIZES = (8, 32, 128)


def default_rtol(dtypes: Iterable[str]) -> float:
    """Return the tolerance of the coarsest among the types that layers compute in."""
    float32 = RTOL["tensorfloat32" if _device_shortens_float32() else "float32"]
    return max(float32, *(RTOL.get(dtype, 0.0) for dtype in dtypes))


def outputs_at_inference(model: keras.Model, x: Any) -> list[np.ndarray]:
    """Return the flat outputs of `model`, whose state does not change."""
    with keras.StatelessScope():
        return [float64_of(output) for output in keras.tree.flatten(model(x, training=False))]


def probed(model: keras.Model, inputs: Any) -> tuple[Any, list[np.ndarray]]:
    """Return random inputs of the first size that `model` takes, and its outputs."""
    problem = None
    for size in SIZES:
        x = _random_like(inputs, size)
        try:
            outputs = outputs_at_inference(model, x)
        except Exception as error:  # each backend raises its own
            problem = error
            continue
        if all(output.size for output in outputs):  # JAX convolves too small inputs to nothing
            return x, outputs
    raise invalid("x", "inputs that `model(x)` takes, where it takes no random ones", None) from (
        problem
    )


def assert_equal(names: list[str], expected: list, actual: list, rtol: float) -> None:
    """Raise unless the outputs differ by at most `rtol` of their largest magnitude."""
    for name, a, b in zip(names, expected, actual, strict=True):
        magnitude = np.max(np.abs(a), where=np.isfinite(a), initial=0)
        if not np.isclose(b, a, rtol=0, atol=rtol * magnitude, equal_nan=True).all():
            with np.errstate(all="ignore"):  # outputs of only zeros, and infinite ones
                differ = np.max(np.abs(b - a)) / magnitude
            requirement = f">= {differ:.1e}, by which folding changes the output {name!r}"
            raise invalid("rtol", requirement, rtol)


def _random_like(inputs: Any, size: int) -> Any:
    rng = np.random.default_rng(0)
    return keras.tree.map_structure(lambda tensor: _random(rng, tensor, size), inputs)


def _random(rng: np.random.Generator, tensor: Tensor, size: int) -> np.ndarray:
    batch, *rest = tensor.shape
    shape = [batch or BATCH, *(length or size for length in rest)]
    if "float" in tensor.dtype:
        return rng.normal(size=shape).astype("float32")
    if tensor.dtype == "string":
        raise invalid("x", f"given, for the strings that {tensor.name!r} takes", None)
    # Zeros and ones are in the vocabulary of nearly every embedding.
    return rng.integers(0, 2, size=shape).astype(tensor.dtype)


def _device_shortens_float32() -> bool:
    """Whether convolutions round float32 as GPUs do with TensorFloat-32, to 10 bits."""
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(1, 32, 32, 64)), rng.normal(size=(1, 1, 64, 64))
    y = ops.conv(x.astype("float32"), kernel.astype("float32"), data_format="channels_last")
    exact = x @ kernel[0, 0]
    return bool(np.abs(ops.convert_to_numpy(y) - exact).max() > 1e-5 * np.abs(exact).max())
