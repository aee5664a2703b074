"""What mends padding that the layers behind see: a mask that reaches them, or another end."""

import math
from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis._diagnose.static.code import literal
from keras_trainkit.diagnosis._diagnose.static.data_code import for_all
from keras_trainkit.diagnosis._diagnose.static.repairs import changed_layer
from keras_trainkit.diagnosis._diagnose.static.structure import is_plain_chain, layer_named
from keras_trainkit.diagnosis.facts import LayerFacts, PaddingFacts
from keras_trainkit.diagnosis.finding import Remedy


def reaching(case: Case, padding: PaddingFacts) -> tuple[Remedy, ...]:
    """Return what brings a mask of the padding to the layer that could leave it out."""
    if not padding.mask:
        return tuple(_new_mask(case, padding))
    maker = layer_named(padding.mask, case.facts)
    if not padding.is_masked:
        return tuple(_opened(case, padding))
    return tuple(_other_value(case, padding, maker)) if maker else ()


def front_padding(case: Case, padding: PaddingFacts) -> Remedy:
    """Return the remedy of padding in front, of which a state at the end knows little."""
    (x,) = case.facts.inputs[:1]
    is_padding, axis = "row[::-1] == padding", ""
    if len(x.shape) > 2:
        is_padding, axis = f"({is_padding}).all(axis=-1)", ", axis=0"
    moved = f"np.roll(row, np.argmin({is_padding}){axis})"
    code = for_all(case, x, f"{{a}} = np.stack([{moved} for row in {{a}}])", _content(padding))
    return Remedy("put the padding in front of the sequences", code)


def seen_values(case: Case, padding: PaddingFacts, maker: LayerFacts) -> tuple[Remedy, ...]:
    """Return what lets the layers behind see values that a mask hides."""
    if maker.kind != "Embedding":
        return (Remedy("a value for the padding that no step has otherwise"),)
    return (changed_layer(maker, "an embedding of all tokens", mask_zero=False),)


def _new_mask(case: Case, padding: PaddingFacts) -> Iterator[Remedy]:
    embeddings = [layer for layer in case.facts.layers if layer.kind == "Embedding"]
    is_open = not padding.barrier and is_plain_chain(case.facts)
    if not is_open or math.isnan(padding.value):
        return
    if len(embeddings) == 1 and padding.value == 0:
        yield changed_layer(embeddings[0], "a mask of the padding", mask_zero=True)
    elif not embeddings:
        text = "a mask of the padding, as the first layer"
        yield Remedy(text, f"keras.layers.Masking({literal(padding.value)})")


def _opened(case: Case, padding: PaddingFacts) -> Iterator[Remedy]:
    """Yield the remedy of a layer of the user's that passes the mask on, if it keeps the steps."""
    layers = case.facts.layers
    places = [i for i, layer in enumerate(layers) if layer.path == padding.barrier]
    if not places or padding.barrier not in case.facts.unknown:
        return
    layer, before = layers[places[0]], layers[places[0] - 1]
    if layer.reached and layer.shape[:-1] == before.shape[:-1]:
        text = f"let {layer.path} pass the mask on, before the first call of `fit`"
        yield Remedy(text, f"{layer.reached}.supports_masking = True")


def _other_value(case: Case, padding: PaddingFacts, maker: LayerFacts) -> Iterator[Remedy]:
    if maker.kind != "Masking":
        return
    if not math.isnan(padding.value):
        yield changed_layer(maker, "a mask of what the padding holds", mask_value=padding.value)
        return
    (x,) = case.facts.inputs[:1]
    masked = maker.arguments.get("mask_value", "0.0")
    code = f"{{a}}[({{a}} == padding).all(axis=-1)] = {masked}"
    yield Remedy(
        "give the padding the value that is masked", for_all(case, x, code, _content(padding))
    )


def _content(padding: PaddingFacts) -> str:
    return f"padding = {{a}}[{padding.row}, -1].copy()"
