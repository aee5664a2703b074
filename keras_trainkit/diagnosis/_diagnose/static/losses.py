"""Rules on loss and metrics beside what is to be learned."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.heads import learned
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.rates import effective_rate
from keras_trainkit.diagnosis._diagnose.static.repairs import (
    compiled_with,
    fitting_head,
    place_of,
)
from keras_trainkit.diagnosis._diagnose.static.tasks import Task
from keras_trainkit.diagnosis.facts import OutputFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding

# Learning rate with momentum that makes up for the small slope of squared errors of probabilities.
_USUAL_RATE = 1.0


def always_zero(case: Case) -> Iterator[Finding]:
    """Cross-entropy of exclusive classes over one unit."""
    for output, task in learned(case):
        if _is(output, names.EXCLUSIVE_LOSSES) and output.units == 1:
            yield loss_finding(
                case,
                output,
                task,
                "error",
                f"{spelled(output.loss)} shares a probability of 1 among the units. With one unit "
                "it is that unit's, and the loss is 0 whatever the network says.",
                detail="loss_always_zero",
                evidence=(Evidence("units of the output", 1),),
            )


def of_no_weight(case: Case) -> Iterator[Finding]:
    """Losses that are all multiplied by 0."""
    outputs = [output for output in case.facts.outputs if output.loss]
    if outputs and all(output.weight == 0 for output in outputs):
        yield Finding(
            "wrong_loss",
            "error",
            "`loss_weights` multiplies every loss by 0: nothing is learned.",
            "loss_always_zero",
            where="loss_weights",
            evidence=(Evidence("weight of the loss", 0.0),),
            remedies=(compiled_with(case.facts, "without `loss_weights`", loss_weights=None),),
        )


def numbers_as_classes(case: Case) -> Iterator[Finding]:
    """Cross-entropy or hinge on targets that are no classes."""
    for output, task in learned(case):
        target = output.target
        if task.kind != tasks.REGRESSION or target is None or not _is(output, names.CLASS_LOSSES):
            continue
        yield loss_finding(
            case,
            output,
            task,
            "error",
            f"The targets are numbers from {target.low:.3g} to {target.high:.3g}, and "
            f"{spelled(output.loss)} is a loss of classes, coded as 0 and 1 or counted from 0.",
            detail="regression_with_classification_loss",
            evidence=(Evidence("largest target", target.high), Evidence("smallest", target.low)),
        )


def classes_as_numbers(case: Case) -> Iterator[Finding]:
    """A loss of distances on classes."""
    for output, task in learned(case):
        if task.kind not in tasks.EXCLUSIVE or not _is(output, names.REGRESSION_LOSSES):
            continue
        if not tasks.means_classes(output) and task.kind != tasks.ONE_HOT:
            continue
        yield loss_finding(
            case,
            output,
            task,
            _severity_of_distances(case, output, task),
            f"The targets are classes, and {spelled(output.loss)} measures distances: an example "
            "that is surely wrong hardly moves the weights.",
            detail="classification_with_regression_loss",
        )


def names_as_numbers(case: Case) -> Iterator[Finding]:
    """One number for classes that have no order: a function of the inputs names them far better."""
    advantage = case.facts.class_advantage
    for output, task in learned(case):
        target = output.target
        is_number = output.units == 1 and _is(output, names.DISTANCES)
        if target is None or not is_number or not advantage > case.limits.named:
            continue
        if task.kind in tasks.EXCLUSIVE and tasks.means_classes(output):
            continue  # It is known already.
        classes = replace(task, kind=tasks.CLASSES, classes=target.distinct)
        yield loss_finding(
            case,
            output,
            classes,
            "warning",
            f"The targets are {target.distinct} whole numbers without an order: what names them "
            f"from the inputs is right in {advantage:.0%} more of the rows than a number that is "
            "rounded. One number cannot stand between classes.",
            detail="classification_with_regression_loss",
            evidence=(beside(case, "accuracy that is gained by naming", advantage, "named"),),
        )


def other_coding(case: Case) -> Iterator[Finding]:
    """A cross-entropy for classes that are coded otherwise."""
    for output, task in learned(case):
        loss = spelled(output.loss)
        is_other = (
            (task.kind in (tasks.CLASSES, tasks.BINARY) and _is(output, names.CATEGORICAL_LOSSES))
            or (task.kind == tasks.CLASSES and _is(output, names.BINARY_LOSSES))
            or (task.kind == tasks.ONE_HOT and _is(output, names.SPARSE_LOSSES))
        )
        if not is_other or (output.units == 1 and _is(output, names.EXCLUSIVE_LOSSES)):
            continue  # Over one unit that loss is 0 in any case.
        coded = "a column for each class" if task.kind == tasks.ONE_HOT else "class numbers"
        text = f"The targets are {coded}, which {loss} does not take."
        yield loss_finding(case, output, task, "error", text)


def of_whole_rows(case: Case) -> Iterator[Finding]:
    """A loss of directions or of distributions on single numbers, or on rows that are neither."""
    for output, task in learned(case):
        target = output.target
        if target is None or task.kind == tasks.UNKNOWN:
            continue
        loss, is_single = spelled(output.loss), target.columns == 1
        if _is(output, ("cosine_similarity",)) and is_single:
            text = f"{loss} compares directions: of a single number it sees the sign alone."
            yield loss_finding(case, output, task, "error", text)
        elif _is(output, ("kl_divergence",)) and not target.sums_to_one and not target.one_hot:
            told = "of a single number" if is_single else "of rows that do not add up to 1"
            text = f"{loss} compares distributions: {told} it falls for outputs that only grow."
            yield loss_finding(case, output, task, "error", text)


def one_of_several_for_labels(case: Case) -> Iterator[Finding]:
    """Categorical cross-entropy where several classes can be true at once, or none."""
    for output, task in learned(case):
        is_several = task.kind == tasks.MULTI_LABEL and output.activation == "sigmoid"
        target = output.target
        if not is_several or target is None:
            continue
        if target.mean * target.columns <= 1 and len(output.shape) > 1:
            continue  # Positions without a class may be padding.
        if _is(output, names.CATEGORICAL_LOSSES):
            text = (
                "An example can have several of these classes or none, and categorical "
                "cross-entropy takes them for shares of one."
            )
            yield loss_finding(case, output, task, "warning", text)


def undefined(case: Case) -> Iterator[Finding]:
    """A relative loss where the targets are 0, a logarithmic one where they are negative."""
    for output, task in learned(case):
        target = output.target
        if target is None or task.kind == tasks.UNKNOWN:
            continue
        if _is(output, ("mean_absolute_percentage_error",)) and target.low <= 0 <= target.high:
            text = (
                "The percentage error divides by the target, and there are targets at 0: they "
                "outweigh all others by far."
            )
            severity = "error" if 0 in (target.low, target.high) else "warning"
            yield _undefined(case, output, severity, text, target.low)
        elif _is(output, ("mean_squared_logarithmic_error", "poisson")) and target.low < 0:
            text = (
                f"{spelled(output.loss)} takes logarithms of what cannot be negative, and targets "
                f"go down to {target.low:.3g}."
            )
            severity = "error" if target.low <= -1 or target.mean < 0 else "warning"
            yield _undefined(case, output, severity, text, target.low)


def accuracy_of_numbers(case: Case) -> Iterator[Finding]:
    """A metric of classes for numbers, or one for another coding of the classes."""
    for output, task in learned(case):
        unfit = misfits(output, task)
        if not unfit:
            continue
        metric, fitting = unfit[0], _FITTING.get(task.kind, "accuracy")
        text = f"{metric} does not measure these targets: it says little of how well they are met."
        place = place_of(output, case.facts)
        remedy = compiled_with(case.facts, "a metric that does", metrics=[fitting], **place)
        yield Finding(
            "wrong_loss",
            # Many give it beside labels of which several may be on, and look at the loss.
            "info" if task.kind == tasks.MULTI_LABEL else "warning",
            text,
            "metric_does_not_fit",
            where="metrics",
            remedies=(remedy,),
        )


RULES: tuple[Rule, ...] = (
    always_zero,
    of_no_weight,
    numbers_as_classes,
    classes_as_numbers,
    names_as_numbers,
    other_coding,
    of_whole_rows,
    one_of_several_for_labels,
    undefined,
    accuracy_of_numbers,
)


def loss_finding(
    case: Case, output: OutputFacts, task: Task, severity: str, text: str, **rest: Any
) -> Finding:
    """Return a finding of a loss, mended by output and loss that fit the task."""
    remedies = fitting_head(output, task, case.facts)
    return Finding("wrong_loss", severity, text, **{"where": "loss", "remedies": remedies, **rest})


def _is(output: OutputFacts, losses: tuple[str, ...]) -> bool:
    return not output.own_loss and spelled(output.loss) in losses


def _severity_of_distances(case: Case, output: OutputFacts, task: Task) -> str:
    """Return how badly a distance does: behind a squashing output, slow steps need a fixed length.

    A linear output is least squares, which needs a reason to be taken for a fault: an accuracy.
    """
    if task.kind == tasks.CLASSES and (output.units or 0) > 1:
        return "error"  # Each unit is compared with the number of the class.
    optimizer = case.facts.optimizer
    if spelled(output.activation) in names.PROBABILITIES:
        if optimizer is None or optimizer.adaptive:
            return "info"
        is_squared = spelled(output.loss) in names.SQUARED_LOSSES
        is_slow = not (is_squared and effective_rate(optimizer) >= _USUAL_RATE)
        return "warning" if is_slow else "info"
    has_accuracy = any(spelled(metric) in names.CLASS_METRICS for metric in output.metrics)
    return "warning" if has_accuracy else "info"


def _undefined(case: Case, output: OutputFacts, severity: str, text: str, low: float) -> Finding:
    arguments = {"loss": names.SQUARED_LOSSES[0], **place_of(output, case.facts)}
    return Finding(
        "wrong_loss",
        severity,
        text,
        "undefined_relative_loss",
        where="loss",
        evidence=(Evidence("smallest target", low),),
        remedies=(compiled_with(case.facts, "a loss of plain differences", **arguments),),
    )


_FITTING = {tasks.REGRESSION: "mean_absolute_error", tasks.MULTI_LABEL: "binary_accuracy"}


def misfits(output: OutputFacts, task: Task) -> list[str]:
    """Return the metrics that do not fit what an output is to learn."""
    metrics = [spelled(metric) for metric in output.metrics]
    unfit: tuple[str, ...] = ()
    if task.kind == tasks.REGRESSION:
        unfit = names.ACCURACIES
    elif task.kind == tasks.CLASSES and (output.units or 0) > 1:
        unfit = ("categorical_accuracy", "binary_accuracy")
    elif task.kind == tasks.ONE_HOT and (output.units or 0) > 1:
        unfit = ("sparse_categorical_accuracy",)
    elif task.kind == tasks.MULTI_LABEL:
        # Of several columns, Keras takes "accuracy" for that of the largest one.
        unfit = ("accuracy", "acc", "categorical_accuracy", "sparse_categorical_accuracy")
    return [metric for metric in metrics if metric in unfit]
