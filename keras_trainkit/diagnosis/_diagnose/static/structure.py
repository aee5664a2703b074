"""What the layers of a network are to each other."""

from collections.abc import Sequence

from keras_trainkit.diagnosis._diagnose.static import names
from keras_trainkit.diagnosis.facts import Facts, LayerFacts, OutputFacts

_KERNELS = (*names.DENSE, *names.CONVOLUTIONS, *names.RECURRENT)
_BEHIND_HEAD = (*names.ACTIVATION_LAYERS, *names.SHAPING)


def with_kernels(facts: Facts) -> list[LayerFacts]:
    """Return the layers that multiply by a kernel; embeddings are none."""
    return [layer for layer in facts.layers if layer.fan_in and layer.kind != "Embedding"]


def hidden(facts: Facts) -> list[LayerFacts]:
    """Return the layers with kernels in front of those that make the outputs."""
    heads = {layer.path for output in facts.outputs for layer in head_of(output, facts)[:1]}
    return [layer for layer in with_kernels(facts) if layer.path not in heads]


def head_paths(facts: Facts) -> set[str]:
    """Return the paths of the layers that make the outputs, and of those that activate them."""
    return {layer.path for output in facts.outputs for layer in head_of(output, facts)}


def layer_named(path: str, facts: Facts) -> LayerFacts | None:
    """Return the layer of a path."""
    return next((layer for layer in facts.layers if layer.path == path), None)


def head_of(output: OutputFacts, facts: Facts) -> tuple[LayerFacts, ...]:
    """Return the layer with the kernel behind an output, and the layer that activates it, if any.

    Nothing where something else stands between them or the order is not known.
    """
    last = layer_named(output.layer, facts)
    if last is None:
        return ()
    if last.kind in _KERNELS:
        return (last,)
    if len(facts.outputs) > 1:
        return ()
    behind = _behind_last_kernel(facts.layers[: facts.layers.index(last) + 1])
    if not behind or any(layer.kind not in _BEHIND_HEAD for layer in behind[1:]):
        return ()
    activating = [layer for layer in behind if layer.kind in names.ACTIVATION_LAYERS]
    return (behind[0], *activating) if len(activating) <= 1 else ()


def is_plain_chain(facts: Facts) -> bool:
    """Say whether no layer joins others: what is listed after a layer comes after it."""
    return not facts.unknown and not any(
        layer.kind in names.JOINING or "Attention" in layer.kind for layer in facts.layers
    )


def listed(paths: Sequence[str]) -> str:
    """Return paths as a sentence has them."""
    return paths[0] if len(paths) == 1 else f"{', '.join(paths[:-1])} and {paths[-1]}"


def parameters(facts: Facts) -> int:
    """Return the number of all elements of weights."""
    return sum(layer.parameters for layer in facts.layers)


def is_partly_frozen(facts: Facts) -> bool:
    """Say whether some kernel stays as it is: most often, because it was trained before."""
    return any(layer.parameters and not layer.trainable for layer in facts.layers)


def _behind_last_kernel(layers: Sequence[LayerFacts]) -> Sequence[LayerFacts]:
    """Return the last layer with a kernel and those behind it."""
    places = [i for i, layer in enumerate(layers) if layer.kind in _KERNELS]
    return layers[places[-1] :] if places else ()
