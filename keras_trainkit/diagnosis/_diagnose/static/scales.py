"""Rules on the scale of inputs and targets."""

import math
from collections.abc import Iterator, Sequence

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.data_code import for_all, normalization
from keras_trainkit.diagnosis._diagnose.static.heads import learned
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.rates import effective_rate, way
from keras_trainkit.diagnosis._diagnose.static.structure import head_of, with_kernels
from keras_trainkit.diagnosis.facts import ArrayFacts, LayerFacts, OutputFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

# What leaves the scale of its inputs as it is.
_PASSING = (*names.SHAPING, *names.DROPPING)
# Pixels of 8 bits.
_PIXELS = 255
# So many columns a flat image has, and one that is not told by its range.
_FEW_PIXELS, _MANY_PIXELS = 16, 100
# Targets up to this many times larger than 1 count as scaled.
SCALED = 3


def raw_inputs(case: Case) -> Iterator[Finding]:
    """Inputs much larger than 1, or with nothing above 0.01, in front of a kernel."""
    for x in case.facts.inputs if _meet_kernels(case) else ():
        largest, most = x.scales[2], max(abs(x.low), abs(x.high))
        if largest > case.limits.raw_scale:
            yield _raw(case, x, largest)
        elif 0 < most < case.limits.tiny_scale:
            yield Finding(
                "unnormalized_input",
                "warning",
                f"No value of {x.name} is larger than {most:.3g}: beside biases and weights such "
                "inputs hardly count.",
                where=x.name,
                evidence=(beside(case, "largest value of the input", most, "tiny_scale"),),
                remedies=(normalization(case, x),),
            )


def raw_targets(case: Case) -> Iterator[Finding]:
    """Targets that the training cannot reach, or whose first errors blow it up."""
    for output, task in learned(case):
        target = output.target
        is_distance = not output.own_loss and spelled(output.loss) in names.DISTANCES
        if target is None or task.kind != tasks.REGRESSION or not is_distance:
            continue
        if not head_of(output, case.facts):
            continue
        yield from _beyond_reach(case, output, target)
        yield from _blown_up(case, output, target)
        yield from _tiny(case, target)


RULES: tuple[Rule, ...] = (raw_inputs, raw_targets)


def target_scale(target: ArrayFacts) -> float:
    """Return the root mean square of a target."""
    return math.hypot(target.mean, target.std)


def unnormalized_target(
    case: Case, target: ArrayFacts, severity: str, text: str, evidence: Evidence
) -> Finding:
    """Return the finding of targets that are to be scaled."""
    before = "y_mean, y_std = {a}.mean(axis=0), {a}.std(axis=0)"
    code = for_all(case, target, "{a} = ({a} - y_mean) / y_std", before)
    code += "\n# predicted = model.predict(x) * y_std + y_mean"
    return Finding(
        "unnormalized_input",
        severity,
        text,
        "unnormalized_target",
        where=target.name,
        evidence=(evidence,),
        remedies=(Remedy("scale the targets, and what is predicted back", code),),
    )


def _meet_kernels(case: Case) -> bool:
    """Say whether the inputs come to trainable kernels as they are."""
    layers = case.facts.layers
    if case.facts.unknown:
        return False
    if len(case.facts.inputs) != 1:
        known = (*_PASSING, *names.DENSE, *names.CONVOLUTIONS, *names.RECURRENT, *names.JOINING)
        known = (*known, *names.ACTIVATION_LAYERS)
        return all(layer.kind in known and layer.trainable for layer in layers)
    first = next((i for i, layer in enumerate(layers) if layer.kind not in _PASSING), None)
    return first is not None and _takes_numbers(layers[first:])


def _takes_numbers(layers: Sequence[LayerFacts]) -> bool:
    """Say whether the first layer has a trainable kernel, and no normalization right behind it."""
    first, *rest = layers
    is_normalized = (
        bool(rest) and rest[0].kind in names.NORMALIZING and first.activation == "linear"
    )
    is_kernel = first.fan_in > 0 and first.kind != "Embedding"
    return is_kernel and first.trainable and not is_normalized


def _raw(case: Case, x: ArrayFacts, largest: float) -> Finding:
    column = f" (column {x.largest})" if x.columns > 1 and len(x.shape) == 2 else ""
    optimizer = case.facts.optimizer
    is_squared = any(spelled(o.loss) in names.SQUARED_LOSSES for o in case.facts.outputs)
    grows = (
        optimizer is not None
        and not (optimizer.adaptive or optimizer.clips or optimizer.scheduled)
        and is_squared
        and effective_rate(optimizer) * largest**2 > 1
    )
    blown = " At this learning rate each step overshoots by more than the last." if grows else ""
    return Finding(
        "unnormalized_input",
        "error" if grows else "warning",
        f"{x.name} has values around {largest:.3g}{column}, and weights are drawn for values "
        f"around 1: units saturate or die, and rates that fit are tiny.{blown}",
        where=x.name,
        evidence=(beside(case, "largest root mean square of a column", largest, "raw_scale"),),
        remedies=_pixels(case, x) if _is_pixels(x) else (normalization(case, x),),
    )


def _is_pixels(x: ArrayFacts) -> bool:
    """Say whether these are pixels; those of resized images are no whole numbers."""
    is_exact = (x.low, x.high) == (0, _PIXELS)
    is_image = len(x.shape) > 2 or x.columns > (_FEW_PIXELS if is_exact else _MANY_PIXELS)
    return is_image and (is_exact or (x.whole and x.low >= 0 and 1 < x.high <= _PIXELS))


def _pixels(case: Case, x: ArrayFacts) -> tuple[Remedy, ...]:
    code = for_all(case, x, f"{{a}} = {{a}} / {_PIXELS}")
    return (
        Remedy("scale the pixels, those of validation data too", code),
        Remedy("or scale in the network, as its first layer", "keras.layers.Rescaling(1 / 255)"),
    )


def _beyond_reach(case: Case, output: OutputFacts, target: ArrayFacts) -> Iterator[Finding]:
    optimizer, scale = case.facts.optimizer, target_scale(target)
    is_squared = spelled(output.loss) in names.SQUARED_LOSSES
    if optimizer is None or (is_squared and not optimizer.adaptive):
        return
    reach = _reach(case, output)
    if scale > max(reach, SCALED) and reach > 0:
        yield unnormalized_target(
            case,
            target,
            "error",
            f"Targets are around {scale:.3g}, and with this learning rate and this many updates "
            f"the weights can grow to outputs of {reach:.3g} at most.",
            Evidence("size of the targets", scale, reach, "learning rate, updates and widths"),
        )


def _reach(case: Case, output: OutputFacts) -> float:
    """Return how large an output can become if all weights grow together; 0 if not known."""
    far = way(case)
    if math.isnan(far):
        return 0.0
    head = head_of(output, case.facts)[0]
    reach = 1 + far * head.fan_in
    for layer in reversed(with_kernels(case.facts)):
        if layer is head:
            continue
        if layer.activation in names.BOUNDS:
            return reach
        reach *= 1 + far * layer.fan_in if layer.trainable else math.sqrt(layer.fan_in)
    scales = [x.scales[2] for x in case.facts.inputs if not math.isnan(x.scales[2])]
    return reach * max([1.0, *scales])


def _blown_up(case: Case, output: OutputFacts, target: ArrayFacts) -> Iterator[Finding]:
    """Products of two layers' first steps, of gradient descent on squared errors."""
    optimizer, kernels = case.facts.optimizer, with_kernels(case.facts)
    if optimizer is None or optimizer.adaptive or optimizer.clips or optimizer.scheduled:
        return
    is_squared = spelled(output.loss) in names.SQUARED_LOSSES
    is_read = _meet_kernels(case) and len(case.facts.inputs) == 1
    if not is_squared or len(kernels) < 2 or not is_read:
        return
    scale, (x,) = target_scale(target), case.facts.inputs
    length = x.scales[1] * math.sqrt(kernels[0].fan_in)
    step = 2 * effective_rate(optimizer) * scale * length / (output.units or 1)
    if scale > SCALED and step > case.limits.squared_step:
        yield unnormalized_target(
            case,
            target,
            "warning",
            f"Targets are around {scale:.3g}: the gradients of their squared errors are so large "
            "that the first steps overshoot.",
            beside(case, "length of the first step", step, "squared_step"),
        )


def _tiny(case: Case, target: ArrayFacts) -> Iterator[Finding]:
    if 0 < target.std < case.limits.tiny_target and target_scale(target) < 1:
        yield unnormalized_target(
            case,
            target,
            "warning",
            f"Targets differ by {target.std:.2g} only: the network's first outputs are off by "
            "much more, and a step moves them by more.",
            beside(case, "standard deviation of the targets", target.std, "tiny_target"),
        )
