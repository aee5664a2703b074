"""Rules on the values of inputs and targets."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import names
from keras_trainkit.diagnosis._diagnose.static.data_code import for_all, of_validation
from keras_trainkit.diagnosis._diagnose.static.repairs import changed_layer
from keras_trainkit.diagnosis.facts import ArrayFacts, LayerFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

# What takes columns out of an input, or gives it another shape.
_CUTTING = (*names.SHAPING, "GetItem", "Split", "Squeeze", "ExpandDims", "Take", "Cast")


def nonfinite(case: Case) -> Iterator[Finding]:
    """NaN or infinity in the data."""
    facts = case.facts
    for array in facts.inputs:
        yield from _nonfinite(array, "error")
    for output in facts.outputs:
        if output.target is not None:
            yield from _nonfinite(output.target, "info" if output.own_loss else "error")
    validation = [output.validation_target for output in facts.outputs if not output.own_loss]
    for each in (*facts.validation_inputs, *validation):
        if each is not None:
            yield from _nonfinite(each, "warning")


def constant(case: Case) -> Iterator[Finding]:
    """An only input that is the same in every row."""
    facts = case.facts
    if len(facts.inputs) != 1 or facts.plan.sampled:
        return
    (x,) = facts.inputs
    is_vector = len(x.shape) <= 2
    if is_vector and x.seen > 1 and x.constant == x.columns and not x.nonfinite:
        yield Finding(
            "bad_data",
            "error",
            "All rows of the input are the same: no example can be told from another.",
            where=x.name,
            evidence=(Evidence("columns of one value", x.constant),),
            remedies=(Remedy("look where the input comes from", f"print({x.name}[:5])"),),
        )


def tokens(case: Case) -> Iterator[Finding]:
    """Fractions, or numbers beyond the vocabulary, where an embedding expects tokens."""
    for x, embedding in _embedded(case):
        yield from _no_tokens(case, x, embedding)
    for x, embedding in _embedded_in_part(case):
        if not x.whole and not x.nonfinite and -1 < x.low <= x.high < 1:
            yield _truncated(case, x, embedding)


def _no_tokens(case: Case, x: ArrayFacts, embedding: LayerFacts) -> Iterator[Finding]:
    words = embedding.parameters // embedding.units if embedding.units else 0
    if x.seen and not x.whole and not x.nonfinite and x.distinct:
        yield _truncated(case, x, embedding)
    elif words and x.high >= words:
        yield Finding(
            "bad_data",
            "error",
            f"The embedding knows the tokens 0 to {words - 1}, and the input has {x.high:g}: what "
            "is beyond them is an error or nothing, depending on the backend.",
            where=embedding.path,
            evidence=(Evidence("largest token", x.high, words - 1, "the layer's input_dim"),),
            remedies=(
                changed_layer(embedding, "an embedding of all tokens", input_dim=int(x.high) + 1),
            ),
        )


def same_rows(case: Case) -> Iterator[Finding]:
    """Rows that are the same in all inputs, with other targets: nothing can tell these apart."""
    facts, limits = case.facts, case.limits
    same = facts.duplicates
    if same is None or not same.best_skill < limits.learning_skill:
        return
    yield Finding(
        "bad_data",
        "warning" if same.largest > limits.same_rows else "info",
        f"{same.largest:.0%} of the rows are the same in all inputs. As rows that are the same "
        f"have other targets, no network gets further than {same.best_skill:.0%} of the way from "
        "a constant to the targets.",
        where=facts.inputs[0].name,
        evidence=(
            beside(case, "share of the most frequent row", same.largest, "same_rows"),
            beside(case, "skill of the best answers", same.best_skill, "learning_skill"),
        ),
        remedies=(
            Remedy(
                "look at what the preparation leaves of the inputs: whole numbers cut off what "
                "stands behind the point, and large ones have too few digits for it",
                f"print(np.unique({facts.inputs[0].name}, axis=0, return_counts=True))",
            ),
        ),
    )


RULES: tuple[Rule, ...] = (nonfinite, constant, tokens, same_rows)


def _nonfinite(array: ArrayFacts, severity: str) -> Iterator[Finding]:
    if not array.nonfinite:
        return
    name = array.name
    yield Finding(
        "bad_data",
        severity,
        f"{name} holds {array.nonfinite:,} values that are NaN or infinite; one of them makes a "
        "loss and all gradients NaN, or is passed over silently.",
        where=name,
        evidence=(Evidence("values that are not finite", array.nonfinite, 0),),
        remedies=_finite(name),
    )


def _finite(name: str) -> tuple[Remedy, ...]:
    """Return the remedies of values that are not finite in an array."""
    is_validation = name.startswith("validation ")
    array = of_validation(name.removeprefix("validation ")) if is_validation else name
    filled = Remedy("replace them", f"{array} = np.nan_to_num({array}, posinf=0, neginf=0)")
    if "[" in array:
        return (filled,)
    x, y = ("x_val", "y_val") if is_validation else ("x", "y")
    code = (
        f"finite = np.isfinite({array}).reshape(len({array}), -1).all(axis=1)\n"
        f"{x}, {y} = {x}[finite], {y}[finite]"
    )
    return Remedy("leave those rows out", code), replace(filled, text="or replace them")


def _embedded(case: Case) -> list[tuple[ArrayFacts, LayerFacts]]:
    """Return each input with the embedding that gets it: the only one, or as many as there are."""
    facts = case.facts
    layers = [layer for layer in facts.layers if layer.kind not in ("InputLayer", "Masking")]
    embeddings = [layer for layer in layers if layer.kind == "Embedding"]
    if len(facts.inputs) == 1:
        embeddings = embeddings[:1] if layers and layers[0].kind == "Embedding" else []
    is_each = len(embeddings) == len(facts.inputs)
    return list(zip(facts.inputs, embeddings, strict=True)) if is_each else []


def _embedded_in_part(case: Case) -> list[tuple[ArrayFacts, LayerFacts]]:
    """Return the only input with the first of the embeddings that get columns of it."""
    layers = case.facts.layers
    front = list(itertools.takewhile(lambda layer: layer.kind in _CUTTING, layers))
    is_cut = len(case.facts.inputs) == 1 and any(layer.kind not in names.SHAPING for layer in front)
    behind = layers[len(front) :][:1] if is_cut else ()
    return [(case.facts.inputs[0], each) for each in behind if each.kind == "Embedding"]


def _truncated(case: Case, x: ArrayFacts, embedding: LayerFacts) -> Finding:
    is_all = x.low > -1 and x.high < 1
    kept = "all of them become token 0" if is_all else "different values become the same token"
    return Finding(
        "bad_data",
        "error",
        f"The embedding takes whole numbers, and the input has fractions from {x.low:.3g} to "
        f"{x.high:.3g}: {kept}.",
        "truncated_tokens",
        where=embedding.path,
        evidence=(Evidence("largest input", x.high), Evidence("distinct inputs", x.distinct)),
        remedies=(
            Remedy(
                "give the tokens as they were before they were scaled",
                for_all(case, x, "{a} = np.searchsorted(values, {a})", "values = np.unique({a})"),
            ),
            Remedy(
                "or a layer that takes numbers, in place of the embedding",
                f'keras.layers.Dense({embedding.units}, activation="relu")',
            ),
        ),
    )
