"""Rules on how a network is put together."""

import itertools
from collections.abc import Iterator, Sequence

from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.repairs import changed_layer, changed_layers
from keras_trainkit.diagnosis._diagnose.static.structure import (
    head_paths,
    hidden,
    is_plain_chain,
    listed,
    with_kernels,
)
from keras_trainkit.diagnosis.facts import Facts, LayerFacts
from keras_trainkit.diagnosis.finding import BEFORE_TRAINING, Evidence, Finding, Remedy

_LINEAR = (
    *(*names.DENSE, *names.CONVOLUTIONS, *names.SHAPING, *names.MOVING),
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    *("Normalization", "Rescaling", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
    *("AveragePooling1D", "AveragePooling2D", "UpSampling1D", "UpSampling2D"),
)
# Initializers that draw weights so that the signal keeps its size, at most.
_MODEST = ("GlorotUniform", "GlorotNormal", "LecunUniform", "LecunNormal")
# The steepest slope of a sigmoid.
_SLOPE = 0.25
_ZEROS = "Zeros"
# Layers that bring the units of a row to one size.
_OVER_UNITS = ("LayerNormalization", "RMSNormalization", "UnitNormalization")
# Networks with fewer weights than that are hardly taken over from another training.
_TRAINED_BEFORE = 1000


def no_nonlinearity(case: Case) -> Iterator[Finding]:
    """Several layers with nothing between them that is not linear: one layer would do the same."""
    layers = hidden(case.facts)
    heads = head_paths(case.facts)
    inside = [layer for layer in case.facts.layers if layer.path not in heads]
    is_linear = all(
        layer.kind in _LINEAR and layer.activation in ("", "linear") for layer in inside
    )
    if not layers or not heads or not is_linear or case.facts.unknown:
        return
    is_coder = any(tasks.is_reconstruction(output, case.facts) for output in case.facts.outputs)
    is_enough = _is_linear(case)
    yield Finding(
        "underfitting",
        "info" if is_coder or is_enough else "warning",
        f"None of the {len(layers)} hidden layer{'s' if len(layers) > 1 else ''} has an "
        "activation: together with the output they are one linear layer, and learn no more.",
        "no_nonlinearity",
        where=layers[0].path,
        evidence=(Evidence("hidden layers without activation", len(layers), 0),),
        remedies=(changed_layers(layers, "an activation in each", activation="relu"),),
    )


def _is_linear(case: Case) -> bool:
    """Say whether a linear function finds enough of the targets, or all that can be found."""
    linear, curved = case.facts.linear_skill, case.facts.curved_skill
    is_all = linear >= case.limits.poor_skill and curved - linear < case.limits.bent
    return linear >= case.limits.working_skill or is_all


def symmetric_weights(case: Case) -> Iterator[Finding]:
    """Units of a layer that are all the same, and stay it or nearly so."""
    kernels = with_kernels(case.facts)
    heads = head_paths(case.facts)
    found = []
    for layer, behind in itertools.pairwise(kernels):
        if not _has_same_units(layer) or layer.path in heads:
            continue
        # Where other branches are added, a layer of zeros is a usual beginning.
        if behind.constant_kernel or is_plain_chain(case.facts):
            found.append((layer, behind.constant_kernel))
    if not found:
        return
    layers = [layer for layer, _ in found]
    stay = any(stays for _, stays in found) or any(
        layer.initializer == _ZEROS and layer.activation in names.RELUS for layer in layers
    )
    number = "0" if layers[0].initializer == _ZEROS else "the same number"
    heads_too = [k for k in kernels if k.path in heads and _is_constant(k) and k not in layers]
    fixed = [*layers, *heads_too]
    yield Finding(
        "symmetric_weights",
        "error" if stay else "warning",
        f"All weights of {_named(layers)} begin as {number}: its units get the same inputs and "
        "give the same output, and gradients do not tell them apart.",
        where=layers[0].path,
        evidence=(Evidence("layers whose units are all the same", len(layers), 0),),
        remedies=(_drawn(fixed),),
    )


def frozen(case: Case) -> Iterator[Finding]:
    """Layers that do not learn, where they have most likely not learned before either."""
    layers = [layer for layer in case.facts.layers if layer.parameters]
    kernels = [layer for layer in layers if layer.fan_in]
    fixed = [layer for layer in kernels if not layer.trainable]
    drawn = [layer for layer in layers if layer.as_drawn]
    if not fixed and not drawn:
        return
    if fixed and len(fixed) == len(kernels):
        others = any(layer.trainable for layer in layers if layer not in kernels)
        severity, told = "warning" if others else "error", "No layer with a kernel is trainable"
    elif fixed and sum(layer.parameters for layer in fixed) < _TRAINED_BEFORE:
        severity = "warning"
        told = f"{_fixed(fixed)}, and too small to have been trained elsewhere"
    elif fixed and _is_lonely(case.facts, fixed, kernels):
        severity, told = "warning", f"{_fixed(fixed)}, and layers around are"
    elif drawn:  # Random features, if they are meant.
        severity, told = "info", f"{_fixed(drawn)}, and as drawn"
    else:
        severity = "info"
        told = f"{len(fixed)} of {len(kernels)} layers with kernels are not trainable"
    still = list(dict.fromkeys((*fixed, *drawn)))
    yield Finding(
        "frozen_layer",
        severity,
        f"{told}: the weights stay as they are, which is of use for weights that were trained "
        "before.",
        where=still[0].path,
        evidence=(Evidence("layers that are not trainable", len(still)),),
        remedies=(_thawed(still),),
    )


def deep_sigmoids(case: Case) -> Iterator[Finding]:
    """A stack of sigmoids so deep that the slopes' product leaves nothing of the gradient."""
    layers = [layer for layer in hidden(case.facts) if _is_sigmoid(layer)]
    kinds = {layer.kind for layer in case.facts.layers}
    if not is_plain_chain(case.facts) or kinds & set(names.NORMALIZING):
        return
    left = _SLOPE ** len(layers)
    limit = case.limits.vanishing_share
    if left >= limit:
        return
    optimizer = case.facts.optimizer
    is_far = optimizer is not None and optimizer.adaptive and left >= limit**2
    yield Finding(
        "vanishing_gradient",
        "info" if is_far else "warning",
        f"{len(layers)} layers of sigmoids lie on top of each other, and each passes a quarter of "
        "the gradient at most: hardly anything reaches the first.",
        where=layers[0].path,
        evidence=(
            Evidence(
                "share of the gradient that is left",
                left,
                limit,
                case.limits.source("vanishing_share"),
            ),
        ),
        remedies=remedies.bent(case),
    )


def normalized_alone(case: Case) -> Iterator[Finding]:
    """Normalization over so few units that, whatever comes in, only a sign is left of it."""
    heads = head_paths(case.facts)
    for layer in case.facts.layers:
        # The mean of two units is half way between them, as far from the one as from the other.
        few = 2 if layer.kind == "LayerNormalization" else 1
        is_over_units = layer.kind in _OVER_UNITS and "axis" not in layer.arguments
        is_alone = 0 < (layer.units or 0) <= few and is_over_units
        if is_alone and layer.path not in heads and not case.facts.unknown:
            yield Finding(
                "constant_predictions",
                _severity_of_a_sign(case, layer),
                f"{layer.path} normalizes over the units, of which there "
                f"{'is one' if layer.units == 1 else 'are two'}: whatever comes in, only a sign "
                "is left of it.",
                where=layer.path,
                when=BEFORE_TRAINING,
                evidence=(Evidence("units that are normalized together", layer.units or 0),),
                remedies=(changed_layer(layer, "take it out", "Identity"),),
            )


RULES: tuple[Rule, ...] = (
    no_nonlinearity,
    symmetric_weights,
    frozen,
    deep_sigmoids,
    normalized_alone,
)


def _severity_of_a_sign(case: Case, layer: LayerFacts) -> str:
    """Return how badly a lost signal counts: where layers are joined, another way may lead on."""
    if not is_plain_chain(case.facts):
        return "info"
    return "error" if layer.units == 1 else "warning"


def _is_constant(layer: LayerFacts) -> bool:
    return layer.constant_kernel and layer.trainable


def _has_same_units(layer: LayerFacts) -> bool:
    return _is_constant(layer) and (layer.units or 0) > 1


def _drawn(layers: Sequence[LayerFacts]) -> Remedy:
    """Return the remedy of random weights."""
    text = "weights that are drawn at random"
    return changed_layers(layers, text, kernel_initializer="glorot_uniform")


def _is_lonely(facts: Facts, fixed: Sequence[LayerFacts], kernels: Sequence[LayerFacts]) -> bool:
    """Say whether a single layer is frozen, behind one that learns.

    Several at the front are a pretrained network; several at the end are another network that
    judges the first, as in adversarial training.
    """
    return len(fixed) == 1 and fixed[0] is not kernels[0] and len(kernels) > 1


def _thawed(layers: Sequence[LayerFacts]) -> Remedy:
    return changed_layers(layers, "let them learn", trainable=True)


def _is_sigmoid(layer: LayerFacts) -> bool:
    is_kernel = layer.kind in (*names.DENSE, *names.CONVOLUTIONS)
    is_modest = layer.initializer in _MODEST
    return is_kernel and is_modest and layer.activation in ("sigmoid", "hard_sigmoid")


def _fixed(layers: Sequence[LayerFacts]) -> str:
    return f"{_named(layers)} {'is' if len(layers) == 1 else 'are'} not trainable"


def _named(layers: Sequence[LayerFacts]) -> str:
    return listed([layer.path for layer in layers])
