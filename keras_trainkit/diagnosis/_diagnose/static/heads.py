"""Rules on the activation of an output."""

from collections.abc import Iterator
from typing import Any

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.repairs import changed_layer, fitting_head
from keras_trainkit.diagnosis._diagnose.static.structure import head_of, layer_named
from keras_trainkit.diagnosis._diagnose.static.tasks import Task, task_of
from keras_trainkit.diagnosis.facts import ArrayFacts, OutputFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding


def softmax_over_one_unit(case: Case) -> Iterator[Finding]:
    """Softmax over one unit is 1 for every example."""
    for output, task in learned(case):
        last = layer_named(output.layer, case.facts)
        has_axis = last is not None and last.kind == "Softmax" and len(output.shape) > 1
        if spelled(output.activation) == "softmax" and output.units == 1 and not has_axis:
            yield head_finding(
                case,
                output,
                task,
                "error",
                "Softmax over one unit is 1 for every example, whatever the weights are: the "
                "network can only say 1.",
                detail="softmax_one_unit",
                evidence=(Evidence("units of the output", 1),),
            )


def relu_at_the_output(case: Case) -> Iterator[Finding]:
    """ReLU before a loss of probabilities, or for targets below zero."""
    for output, task in learned(case):
        if spelled(output.activation) not in names.RELUS or output.own_loss:
            continue
        if _takes_probabilities(output):
            yield head_finding(case, output, task, "error", _RELU_TEXT, detail="relu_output")
        elif task.kind in tasks.CLASSIFICATION:
            yield head_finding(case, output, task, "warning", _RELU_TEXT, detail="relu_output")
        elif task.kind == tasks.REGRESSION and spelled(output.activation) in ("relu", "relu6"):
            yield from _negative_targets(case, output, task)


def unbounded_before_cross_entropy(case: Case) -> Iterator[Finding]:
    """No activation, or that of a hidden layer, before a loss of probabilities."""
    for output, task in learned(case):
        activation = spelled(output.activation)
        loss = spelled(output.loss)
        if not _takes_probabilities(output) or activation in names.RELUS:
            continue
        if task.kind == tasks.REGRESSION and activation == "linear":
            continue  # The loss is what does not fit.
        if loss in names.EXCLUSIVE_LOSSES and output.units == 1:
            continue  # Its loss is 0 with any activation.
        if activation == "linear":
            severity = "warning" if loss in names.BINARY_LOSSES else "error"
            text = (
                f"The output has no activation, but {loss} takes it for probabilities: values "
                "below 0 and above 1 are cut off and get no gradient."
            )
            detail = "missing_output_activation"
            yield head_finding(case, output, task, severity, text, detail=detail)
        elif activation in names.HIDDEN_ACTIVATIONS:
            text = (
                f"The output goes through {activation}, but {loss} takes it for probabilities: "
                "values below 0 are cut off and get no gradient."
            )
            yield head_finding(case, output, task, "error", text)


def activated_twice(case: Case) -> Iterator[Finding]:
    """Probabilities that the loss takes for logits: it squashes them once more."""
    for output, task in learned(case):
        activation = spelled(output.activation)
        is_twice = output.from_logits and activation in names.PROBABILITIES
        if output.own_loss or not is_twice or (output.units == 1 and activation == "softmax"):
            continue
        yield head_finding(
            case,
            output,
            task,
            "warning",
            f"The output has passed {activation}, and {spelled(output.loss)} with "
            "`from_logits=True` squashes it once more: no answer can be sure, and gradients are "
            "small. (On TensorFlow, Keras goes back to what stood before the activation.)",
        )


def linear_before_poisson(case: Case) -> Iterator[Finding]:
    """The logarithm of a count's mean does not exist below zero."""
    for output, task in learned(case):
        if spelled(output.loss) == "poisson" and output.activation == "linear":
            layers = head_of(output, case.facts)[-1:]
            text = "an output above 0"
            yield head_finding(
                case,
                output,
                task,
                "warning",
                "The Poisson loss takes the logarithm of the output, and an output without "
                "activation can be below 0.",
                detail="missing_output_activation",
                remedies=tuple(changed_layer(h, text, activation="exponential") for h in layers),
            )


def bounded_below_targets(case: Case) -> Iterator[Finding]:
    """An output that cannot become as large or as small as the targets are."""
    for output, task in learned(case):
        bounds = names.BOUNDS.get(spelled(output.activation))
        if task.kind != tasks.REGRESSION or bounds is None or output.own_loss:
            continue
        if output.units == 1 and spelled(output.activation) == "softmax":
            continue
        yield from _out_of_reach(case, output, task, bounds)


def exclusive_for_several_labels(case: Case) -> Iterator[Finding]:
    """Softmax where several classes can be true at once."""
    for output, task in learned(case):
        target = output.target
        if task.kind != tasks.MULTI_LABEL or target is None or output.own_loss:
            continue
        if spelled(output.activation) != "softmax" or output.units == 1:
            continue
        labels = target.mean * target.columns
        if labels <= 1 and len(output.shape) > 1:
            continue  # Positions without a class may be padding.
        yield head_finding(
            case,
            output,
            task,
            "error" if labels > 1 else "warning",
            "An example can have several of these classes or none, but softmax shares a "
            "probability of 1 among them.",
            detail="exclusive_output_for_multilabel",
            evidence=(Evidence("classes of an example, on average", labels),),
        )


RULES: tuple[Rule, ...] = (
    softmax_over_one_unit,
    relu_at_the_output,
    unbounded_before_cross_entropy,
    activated_twice,
    linear_before_poisson,
    bounded_below_targets,
    exclusive_for_several_labels,
)
_RELU_TEXT = (
    "ReLU at the output gives 0 for half of what it could say, with no gradient there, and is no "
    "probability above 1."
)


def learned(case: Case) -> Iterator[tuple[OutputFacts, Task]]:
    """Yield the outputs, each with what it is to learn."""
    for output in case.facts.outputs:
        yield output, task_of(output, case.facts, case.limits)


def head_finding(
    case: Case, output: OutputFacts, task: Task, severity: str, text: str, **rest: Any
) -> Finding:
    """Return a finding of an output, mended by one that fits the task."""
    remedies = fitting_head(output, task, case.facts)
    return Finding(
        "wrong_output_activation",
        severity,
        text,
        **{"where": output.layer, "remedies": remedies, **rest},
    )


def _takes_probabilities(output: OutputFacts) -> bool:
    is_plain = not output.own_loss and not output.from_logits
    return is_plain and spelled(output.loss) in names.CROSS_ENTROPIES


def _negative_targets(case: Case, output: OutputFacts, task: Task) -> Iterator[Finding]:
    target = output.target
    share = _share_beyond(target, 0.0, float("inf")) if target else 0.0
    if target is None or share <= case.limits.unreachable_share:
        return
    yield head_finding(
        case,
        output,
        task,
        "error" if share > case.limits.mostly_unreachable_share else "warning",
        f"ReLU at the output cannot be below 0, and targets go down to {target.low:.3g}.",
        detail="relu_output",
        evidence=(beside(case, _SHARE, share, "unreachable_share"),),
    )


def _out_of_reach(
    case: Case, output: OutputFacts, task: Task, bounds: tuple[float, float]
) -> Iterator[Finding]:
    target = output.target
    share = _share_beyond(target, *bounds) if target else 0.0
    if target is None or share <= case.limits.unreachable_share:
        return
    low, high = bounds
    yield head_finding(
        case,
        output,
        task,
        "error" if share > case.limits.mostly_unreachable_share else "warning",
        f"{spelled(output.activation)} stays between {low:g} and {high:g}, and targets go from "
        f"{target.low:.3g} to {target.high:.3g}.",
        detail="bounded_output_for_unbounded_target",
        evidence=(beside(case, _SHARE, share, "unreachable_share"),),
    )


_SHARE = "share of the targets' range out of reach"


def _share_beyond(target: ArrayFacts, low: float, high: float) -> float:
    """Return the share of the targets' range, two standard deviations at most, beyond bounds."""
    bottom = max(target.low, target.mean - 2 * target.std)
    top = min(target.high, target.mean + 2 * target.std)
    if top <= bottom:
        return float(not low <= bottom <= high)
    beyond = max(low - bottom, 0.0) + max(top - high, 0.0)
    return min(beyond / (top - bottom), 1.0)
