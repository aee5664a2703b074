"""Rules on how targets are coded."""

from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose import simple
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.data_code import for_all
from keras_trainkit.diagnosis._diagnose.static.heads import learned
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.repairs import fitted_with
from keras_trainkit.diagnosis._diagnose.static.tasks import Task
from keras_trainkit.diagnosis.facts import ArrayFacts, OutputFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy


def coding(case: Case) -> Iterator[Finding]:
    """Classes that are not coded as the loss reads them: scaled, shifted, -1 and 1."""
    for output, task in learned(case):
        target = output.target
        if target is None or task.kind not in _CODED or output.own_loss:
            continue
        read = _wrongly_read(output, task, target)
        if read:
            yield Finding(
                "bad_data",
                "error",
                f"The labels are {target.distinct} classes coded as numbers from {target.low:.3g} "
                f"to {target.high:.3g}; {spelled(output.loss)} {read}.",
                "label_encoding",
                where=target.name,
                evidence=(Evidence("smallest label", target.low), Evidence("largest", target.high)),
                remedies=(_counted_from_zero(case, target),),
            )


def scaled_columns(case: Case) -> Iterator[Finding]:
    """Rows with one number that is not 0, which is not 1: one-hot rows that were scaled."""
    for output, task in learned(case):
        target = output.target
        if target is None or task.kind != tasks.ONE_HOT or not tasks.is_scaled_one_hot(target):
            continue
        yield Finding(
            "bad_data",
            "error",
            f"Each row of {target.name} holds {target.high:.3g} once and 0 elsewhere: "
            f"{spelled(output.loss)} expects 1.",
            "label_encoding",
            where=target.name,
            evidence=(Evidence("largest number of a row", target.high, 1),),
            remedies=(
                Remedy(
                    "rows of 0 and 1, as `keras.utils.to_categorical` makes them",
                    for_all(case, target, f"{{a}} = {{a}} / {target.high:g}"),
                ),
            ),
        )


def broadcast(case: Case) -> Iterator[Finding]:
    """A loss class of one's own that gets (N,) beside (N, 1)."""
    trial = case.facts.trial
    if trial is not None and trial.broadcasts is False:
        return
    for output in case.facts.outputs:
        target = output.target
        # Keras wraps functions, and brings what they get to the same shape.
        if target is None or not output.own_loss or not output.loss[:1].isupper():
            continue
        mine, theirs = output.shape, target.shape[1:]
        if mine == (*theirs, 1) or theirs == (*mine, 1):
            yield _broadcast(case, output, target)


def one_class(case: Case) -> Iterator[Finding]:
    """Targets that are all the same."""
    for output, task in learned(case):
        target = output.target
        is_known = target is not None and not output.own_loss and not case.facts.plan.sampled
        if target is None or not is_known or not _is_complete(target) or target.seen < 2:
            continue
        if target.distinct == 1 and task.columns == 1:
            yield Finding(
                "bad_data",
                "warning",
                f"All targets are {target.low:.3g}: there is nothing to tell apart.",
                where=target.name,
                evidence=(Evidence("distinct targets", target.distinct),),
                remedies=(Remedy("look where the targets come from", f"print({target.name})"),),
            )


def imbalance(case: Case) -> Iterator[Finding]:
    """A class that has nearly all rows: the accuracy of always saying it looks good.

    Where a simple function finds the rare ones, a network will.
    """
    if case.facts.plan.weighted:
        return
    known = case.facts.baseline_skill
    is_hard = known < case.limits.learning_skill
    for output, task in learned(case):
        target = output.target
        if target is None or task.kind not in tasks.EXCLUSIVE or len(target.classes) < 2:
            continue
        largest = max(target.classes, key=lambda label: target.classes[label])
        share = target.classes[largest]
        if share > case.limits.majority_share:
            yield Finding(
                "bad_data",
                "warning" if is_hard else "info",
                f"Class {largest:g} has {share:.0%} of the rows. Saying always {largest:g} has "
                "that accuracy"
                + (", and a simple function finds little more." if is_hard else "."),
                "class_imbalance",
                where=target.name,
                evidence=(
                    beside(case, "share of the largest class", share, "majority_share"),
                    *((beside(case, simple.SKILL, known, "learning_skill"),) if is_hard else ()),
                ),
                remedies=(_weights(case, target),),
            )


def class_weights(case: Case) -> Iterator[Finding]:
    """Weights of classes that leave hardly anything of one: swapped, or far too large."""
    weights = case.facts.plan.class_weight
    for output, _ in learned(case):
        target = output.target
        if not weights or target is None or len(target.classes) < 2:
            continue
        weighed = {label: share * weights.get(label, 1) for label, share in target.classes.items()}
        rarest = min(weighed, key=lambda label: weighed[label])
        share = weighed[rarest] / sum(weighed.values())
        if share < 1 - case.limits.majority_share and share < target.classes[rarest] / 2:
            yield Finding(
                "bad_data",
                "warning",
                f"With these weights class {rarest:g}, which has "
                f"{target.classes[rarest]:.1%} of the rows, counts as if it had {share:.1%}.",
                "class_imbalance",
                where="class_weight",
                evidence=(Evidence("weighted share of the class", share, target.classes[rarest]),),
                remedies=(_weights(case, target),),
            )


RULES: tuple[Rule, ...] = (
    coding,
    scaled_columns,
    broadcast,
    one_class,
    imbalance,
    class_weights,
)


_CODED = (tasks.BINARY, tasks.CLASSES, tasks.MULTI_LABEL)


def _wrongly_read(output: OutputFacts, task: Task, target: ArrayFacts) -> str:
    """Return what the loss expects instead of these labels; "" where they are as it expects."""
    loss = spelled(output.loss)
    is_of_two = task.kind in (tasks.BINARY, tasks.MULTI_LABEL)
    if loss in names.BINARY_LOSSES and is_of_two and not target.binary:
        return "expects 0 and 1"
    if loss in names.HINGE_LOSSES and task.kind == tasks.BINARY:
        is_signs = (target.low, target.high) == (-1, 1)
        return "" if target.binary or is_signs else "expects -1 and 1, or 0 and 1"
    if loss not in names.SPARSE_LOSSES or output.units is None:
        return ""
    if not target.whole:
        return "takes whole numbers, and cuts off what stands behind the point"
    return _outside(output, target, output.units)


def _outside(output: OutputFacts, target: ArrayFacts, units: int) -> str:
    """Return what is wrong with class numbers that no unit stands for."""
    if tasks.leaves_some_out(output):
        return ""
    is_enough = units > 1 and target.distinct <= units
    if target.low < 0 or (target.high >= units and is_enough):
        return f"expects 0 to {max(units, target.distinct) - 1}"
    return ""


def _counted_from_zero(case: Case, target: ArrayFacts) -> Remedy:
    code = for_all(case, target, "{a} = np.searchsorted(classes, {a})", "classes = np.unique({a})")
    return Remedy("count the classes from 0, those of all labels by the same `classes`", code)


def _broadcast(case: Case, output: OutputFacts, target: ArrayFacts) -> Finding:
    rows = target.seen
    index = "0" if len(target.shape[1:]) > len(output.shape) else "np.newaxis"
    code = for_all(case, target, f"{{a}} = {{a}}[..., {index}]")
    return Finding(
        "bad_data",
        "error" if case.facts.trial and case.facts.trial.broadcasts else "warning",
        f"The targets have the shape {_shown(target.shape[1:])} and the output "
        f"{_shown(output.shape)}. Where {output.loss} subtracts one from the other, each row is "
        "compared with all rows of the batch.",
        "label_shape_broadcast",
        where=target.name,
        evidence=(Evidence("rows that were looked at", rows),),
        remedies=(Remedy("targets of the shape of the output", code),),
    )


def _shown(shape: tuple[int | None, ...]) -> str:
    lengths = ["N", *("?" if length is None else str(length) for length in shape)]
    return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"


def _weights(case: Case, target: ArrayFacts) -> Remedy:
    count = len(target.classes)
    weights = {int(label): round(1 / (count * share), 3) for label, share in target.classes.items()}
    arguments = {"class_weight": dict(sorted(weights.items()))}
    return fitted_with(case.facts, "weigh the rare classes more", **arguments)


def _is_complete(target: ArrayFacts) -> bool:
    return bool(target.shape) and target.shape[0] == target.seen
