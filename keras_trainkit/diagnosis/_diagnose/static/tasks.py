"""What is being learned, inferred in one place from targets, loss, output and metrics."""

import math
from dataclasses import dataclass

from keras_trainkit.diagnosis._diagnose.static import names
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis.facts import ArrayFacts, Facts, OutputFacts
from keras_trainkit.diagnosis.thresholds import Thresholds

BINARY = "binary"  # one of two classes, in one column
CLASSES = "classes"  # one of several classes, as a number in one column
ONE_HOT = "one_hot"  # one of several classes, in a column each
MULTI_LABEL = "multi_label"  # any number of classes, in a column each
REGRESSION = "regression"  # numbers of any size
SHARES = "shares"  # numbers from 0 to 1: pixels, probabilities
DISTRIBUTION = "distribution"  # probabilities of exclusive classes, in a column each
UNKNOWN = "unknown"
EXCLUSIVE = (BINARY, CLASSES, ONE_HOT)
CLASSIFICATION = (*EXCLUSIVE, MULTI_LABEL)
_LEFT_OUT = (-1, 255)
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Task:
    """What one output is to learn.

    Args:
        kind: string, one of those above.
        columns: integer. Numbers of the target at each position.
        classes: integer. How many classes there are, 0 where there are none.
    """

    kind: str
    columns: int = 1
    classes: int = 0


def task_of(output: OutputFacts, facts: Facts, limits: Thresholds) -> Task:
    """Return what an output is to learn, `UNKNOWN` where the facts do not tell."""
    target = output.target
    if target is None or not target.seen or math.isnan(target.low):
        return Task(UNKNOWN)
    columns = target_columns(output)
    if columns is None:
        return Task(UNKNOWN)
    if is_reconstruction(output, facts) and not _is_sparse(output):
        return Task(SHARES if _in_unit_interval(target) else REGRESSION, columns)
    if columns > 1 and is_scaled_one_hot(target) and means_classes(output):
        return Task(ONE_HOT, columns, columns)
    if columns > 1:
        return _of_columns(output, target, columns)
    return (
        _of_labels(output, target, limits) if target.whole else _of_numbers(output, target, limits)
    )


def target_columns(output: OutputFacts) -> int | None:
    """Return how many numbers belong to one position of the output; `None` where they do not fit.

    A target may lack the last axis of the output: labels of shape (N, T) for outputs (N, T, K).
    """
    if output.target is None:
        return None
    target, axes = output.target.shape[1:], len(output.shape)
    if len(target) == axes:
        return output.target.columns
    return 1 if len(target) == axes - 1 else None


def is_reconstruction(output: OutputFacts, facts: Facts) -> bool:
    """Say whether the target is one of the inputs."""
    target = output.target
    return target is not None and any(
        target.shape[1:] == x.shape[1:] and _numbers(target) == _numbers(x) for x in facts.inputs
    )


def means_classes(output: OutputFacts) -> bool:
    """Say whether loss, metrics or activation tell that classes are meant."""
    return (
        spelled(output.loss) in names.CLASS_LOSSES
        or any(spelled(metric) in names.CLASS_METRICS for metric in output.metrics)
        or spelled(output.activation) == "softmax"
    )


def has_few_values(target: ArrayFacts, limits: Thresholds) -> bool:
    """Say whether the values repeat so often that they could be classes."""
    return target.distinct <= limits.few_classes and 2 * target.distinct <= target.seen


def is_scaled_one_hot(target: ArrayFacts) -> bool:
    """Say whether rows hold 0 and another number than 1, this one once on average."""
    if target.distinct != 2 or target.low != 0 or target.high in (0, 1):
        return False
    return math.isclose(target.mean * target.columns, target.high, rel_tol=_ROUNDING)


def leaves_some_out(output: OutputFacts) -> bool:
    """Say whether labels of positions hold the value by which segmentations leave pixels out."""
    target = output.target
    if target is None or len(output.shape) < 2:
        return False
    return target.low == _LEFT_OUT[0] or target.high == _LEFT_OUT[1]


def _numbers(array: ArrayFacts) -> tuple[float, ...]:
    return array.mean, array.std, array.low, array.high


def _in_unit_interval(target: ArrayFacts) -> bool:
    return target.low >= 0 and target.high <= 1


def _is_smooth(target: ArrayFacts) -> bool:
    """Say whether two labels are as far from 0 and 1, as smoothing leaves them."""
    return math.isclose(target.low + target.high, 1.0, abs_tol=1e-6)


def _is_sparse(output: OutputFacts) -> bool:
    return spelled(output.loss) in names.SPARSE_LOSSES


def _of_columns(output: OutputFacts, target: ArrayFacts, columns: int) -> Task:
    if target.one_hot:
        return Task(ONE_HOT, columns, columns)
    if target.binary:
        is_labels = means_classes(output) or spelled(output.activation) == "sigmoid"
        return Task(MULTI_LABEL, columns, columns) if is_labels else Task(UNKNOWN, columns)
    if target.sums_to_one:
        return Task(DISTRIBUTION, columns, columns)
    if target.distinct == 2 and not _is_smooth(target) and means_classes(output):
        return Task(MULTI_LABEL, columns, columns)  # Coded as 1 and 2, or -1 and 1.
    return Task(SHARES if _in_unit_interval(target) else REGRESSION, columns)


def _of_numbers(output: OutputFacts, target: ArrayFacts, limits: Thresholds) -> Task:
    """Return the task of fractions in one column: classes that were scaled, or numbers."""
    if spelled(output.loss) in names.CLASS_LOSSES and has_few_values(target, limits):
        if target.distinct == 2:
            return Task(SHARES) if _is_smooth(target) else Task(BINARY, 1, 2)
        # Pixels and votes may have few values too: only whole classes belong to this loss.
        if _is_sparse(output) or not _in_unit_interval(target):
            return Task(CLASSES, 1, target.distinct)
    return Task(SHARES if _in_unit_interval(target) else REGRESSION)


def _of_labels(output: OutputFacts, target: ArrayFacts, limits: Thresholds) -> Task:
    """Return the task of whole numbers in one column: classes, or counts and other numbers."""
    means = means_classes(output)
    if target.binary or target.distinct == 2:
        squashed = spelled(output.activation) in names.PROBABILITIES
        return Task(BINARY, 1, 2) if means or (target.binary and squashed) else Task(UNKNOWN)
    classes = int(target.high) + 1 if target.low >= 0 else target.distinct
    if leaves_some_out(output):
        classes = target.distinct - 1
    if _is_sparse(output) and (output.units or 0) > 1:
        return Task(CLASSES, 1, classes)
    is_dense = target.high - target.low < 2 * target.distinct
    if means and is_dense and has_few_values(target, limits):
        # Those that begin with 1 and so on are to be counted anew.
        return Task(CLASSES, 1, target.distinct if target.low != 0 else classes)
    return Task(REGRESSION)
