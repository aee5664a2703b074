"""Monte-Carlo dropout: predictions with their uncertainty."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit._backend import compiled
from keras_trainkit._tensors import Tensor, float64_of
from keras_trainkit._validation import boolean, integer, invalid
from keras_trainkit._validation import seed as checked_seed
from keras_trainkit.layers._mc_estimates import (
    Estimate,
    check_distribution,
    output_distributions,
)
from keras_trainkit.layers._mc_prediction import MCPrediction
from keras_trainkit.layers._model_pass import batches, inference_pass, layers_inside
from keras_trainkit.layers.dropout import Dropout, fixed_rate

# Keras's spatial dropout layers are subclasses of its Dropout.
DROPOUT = (
    Dropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.AlphaDropout,
)
SEED_STATE = "seed_generator_state"


def mc_predict(
    model: keras.Model,
    x: Any,
    samples: int = 50,
    seed: int | None = None,
    batch_size: int = 32,
    distribution: str | None = "auto",
    from_logits: bool = False,
    *,
    return_samples: bool = False,
    shared_masks: bool = False,
) -> MCPrediction:
    """Predict with dropout switched on, many times, and return mean and uncertainty.

        mean = 1/T sum_t y_t                          (Gal & Ghahramani 2016, equation 6)
        variance = 1/T sum_t (y_t - mean)^2
        entropy = H[mean]                             (Houlsby et al. 2011, equation 2)
        mutual_information = H[mean] - 1/T sum_t H[y_t]

    y_t is the model's output under the t-th of T = `samples` draws of all dropout masks. Dropout
    layers run as in training: `Dropout`, ours and Keras's, `SpatialDropout1D`, `2D` and `3D`,
    `GaussianDropout`, `AlphaDropout`, their subclasses, and such layers inside other layers, as in
    `MultiHeadAttention`. All else is in inference mode: batch normalization, `GaussianNoise`, and
    dropout that is no layer of its own, as in `LSTM(dropout=...)`. The variance is that of the
    model: of a regression, the noise of the data comes on top of it (Gal & Ghahramani's 1 / tau).

    Nothing of the model changes, and no global random stream is used. The estimates are updated
    sample by sample in float64, in memory that does not depend on `samples` unless they are
    returned. The pass is compiled once per call and shape of a batch.

    Args:
        model: built `keras.Model` with a dropout layer, at any depth.
        x: array, or nested arrays for several inputs; or an iterable over batches `x`, `(x, y)` or
            `(x, y, sample_weight)`, such as a `tf.data.Dataset` or a `keras.utils.PyDataset`.
        samples: int >= 1. Number of forward passes. Defaults to `50`.
        seed: int >= 0. The same seed gives the same result, on one backend and, unless
            `shared_masks`, for one `batch_size`. Defaults to `None`, which takes a fresh one.
        batch_size: int >= 1. Size of the batches that arrays are cut into. Defaults to `32`.
        distribution: `"categorical"` for class probabilities along the last axis, `"bernoulli"`
            for one probability per unit, `None` for outputs that are no probabilities. Defaults to
            `"auto"`: for each output what its layer shows in a `Sequential` or functional model,
            `"categorical"` for softmax, `"bernoulli"` for sigmoid, otherwise `None`.
        from_logits: bool. Whether the outputs are logits. Then softmax or sigmoid, after the
            stated `distribution`, comes before all estimates. Defaults to `False`.
        return_samples: bool. Whether to keep all predictions, `samples` times the memory of
            `mean`; `interval` then has their quantiles. Defaults to `False`.
        shared_masks: bool. Whether all rows of `x` have the same masks in a sample, so that each
            sample is one function of x: for curves without jags, and for sums and differences of
            rows. A layer's mask is that of its first row. Defaults to `False`: masks of their own.

    Returns:
        `MCPrediction` with `mean`, `variance`, `std`, `interval()`, `entropy`,
        `mutual_information` and, if asked for, `samples`.

    Raises:
        ValueError: if `model` is not built, or calls no dropout layer at inference (`if training:`
            in its code hides one); if `x` is empty or its arrays differ in length; if the outputs
            are not what `distribution` says; if an argument is outside its range.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_trainkit.layers import Dropout, mc_predict
        >>> total = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((100,)), Dropout(0.5), total])
        >>> prediction = mc_predict(model, np.ones((60, 100)), samples=200, seed=0)
        >>> prediction.mean.shape
        (60, 1)
        >>> [round(float(a.mean()), -1) for a in (prediction.mean, prediction.variance)]
        [100.0, 100.0]
        >>> [low, high] = prediction.interval(0.95)
        >>> bool((low < prediction.mean).all() and (prediction.mean < high).all())
        True

    Reference: Gal and Ghahramani (2016), Dropout as a Bayesian approximation, arXiv:1506.02142,
        section 4; Houlsby, Huszar, Ghahramani and Lengyel (2011), Bayesian active learning for
        classification and preference learning, arXiv:1112.5745, equation 2.
    """
    integer("samples", samples, low=1)
    check_distribution(distribution, from_logits)
    boolean("return_samples", return_samples)
    boolean("shared_masks", shared_masks)
    draw = _sampler(model, checked_seed("seed", seed), shared_masks)
    parts = []
    for batch, inputs in enumerate(batches("x", x, batch_size)):
        estimates: list[Estimate] = []
        for sample in range(samples):
            outputs = draw(inputs, batch, sample)
            flat = keras.tree.flatten(outputs)
            if not estimates:
                kinds = output_distributions(model, len(flat), distribution)
                estimates = [Estimate(kind, from_logits, return_samples) for kind in kinds]
            for estimate, output in zip(estimates, flat, strict=True):
                estimate.add(output)
        parts.append(_structured(outputs, estimates))
    joined = {
        name: keras.tree.map_structure(
            partial(_joined, axis=1 if name == "samples" else 0), *(part[name] for part in parts)
        )
        for name in parts[0]
    }
    return MCPrediction(**joined, passes=samples)


def _sampler(
    model: keras.Model, seed: int | None, shared_masks: bool
) -> Callable[[Any, int, int], Any]:
    """Return a function of inputs, batch and sample number that gives outputs with dropout on."""
    entropy = np.random.SeedSequence(seed).entropy
    called: set[keras.Layer] = set()
    replacements = {
        layer: _switched_on(layer, called, shared_masks) for layer in layers_inside(model, DROPOUT)
    }
    variables = model.variables
    values = [ops.convert_to_tensor(variable) for variable in variables]
    run = compiled(lambda values, x: inference_pass(model, values, x, replacements))

    def draw(x: Any, batch: int, sample: int) -> Any:
        key = (0 if shared_masks else batch, sample)
        sequence = np.random.SeedSequence(entropy, spawn_key=key)
        outputs = run(_reseeded(values, variables, sequence), x)
        if not called:
            requirement = "a model that calls a dropout layer at inference"
            raise invalid("model", requirement, model.name)
        return keras.tree.map_structure(float64_of, outputs)

    return draw


def _switched_on(layer: keras.Layer, called: set[keras.Layer], shared_mask: bool) -> dict[str, Any]:
    """Return what replaces attributes of a dropout layer; a call leaves it in `called`."""
    forward = layer.call
    generator = getattr(layer, "seed_generator", None)  # None in Keras's layers with a rate of 0.

    def call(*args: Any, **kwargs: Any) -> Any:
        called.add(layer)
        if "training" in kwargs:  # always, unless a subclass does without it
            kwargs["training"] = True
        return forward(*args, **kwargs)

    replaced: dict[str, Any] = {"call": call}
    if shared_mask and generator is not None:
        replaced["call"] = _with_one_mask(call, generator.state)
    if isinstance(layer, Dropout):
        # A schedule would start anew with the random stream.
        replaced["_rate"] = fixed_rate(layer, layer.rate)
    if generator is not None:
        replaced["seed_generator"] = _seeded(generator)
    return replaced


def _with_one_mask(call: Callable, state: keras.Variable) -> Callable:
    """Return a dropout's `call` that gives all rows the mask of one.

    With its mask fixed, every dropout is an affine function of each element, alpha dropout too:
    its values at 0 and at 1, for a row and with the same seed, make it known.
    """

    def of_all_rows(inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        zeros = ops.zeros_like(inputs[:1])
        start = ops.copy(state.value)
        offset = call(zeros, *args, **kwargs)
        state.assign(start)
        slope = call(ops.ones_like(zeros), *args, **kwargs) - offset
        # What is dropped is so whatever it was: infinite times zero is not zero.
        values = offset + slope * ops.cast(inputs, offset.dtype)
        return ops.where(slope == 0, offset, values)

    return of_all_rows


def _seeded(generator: keras.random.SeedGenerator) -> keras.random.SeedGenerator:
    """Return a generator with the same state that was given a seed."""
    # Else, on PyTorch, Keras's dropout draws from the global stream.
    seeded = keras.random.SeedGenerator(0, name=generator.name)
    seeded.state = generator.state
    return seeded


def _reseeded(
    values: list[Tensor], variables: list[keras.Variable], sequence: np.random.SeedSequence
) -> list[Tensor]:
    """Return the values with new states for all seed generators."""
    # Some backends keep the state as int32: 31 bits of a word fit in.
    words = iter(sequence.generate_state(len(variables)))
    return [
        ops.convert_to_tensor([int(next(words)) >> 1, 0], dtype=variable.dtype)
        if variable.name == SEED_STATE
        else value
        for variable, value in zip(variables, values, strict=True)
    ]


def _structured(outputs: Any, estimates: list[Estimate]) -> dict[str, Any]:
    """Return the estimates by their names, each in the structure of the outputs."""
    results = [estimate.result() for estimate in estimates]
    return {
        name: keras.tree.pack_sequence_as(outputs, [result[name] for result in results])
        for name in results[0]
    }


def _joined(*parts: Any, axis: int) -> Any:
    """Return the batches of one estimate as one array."""
    return None if parts[0] is None else np.concatenate(parts, axis)
