"""Rules on validation data, and on how they were split off."""

import math
from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import tasks
from keras_trainkit.diagnosis._diagnose.static.data_code import of_validation
from keras_trainkit.diagnosis._diagnose.static.repairs import fitted_with
from keras_trainkit.diagnosis.facts import ArrayFacts, OutputFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

SHUFFLE = Remedy(
    "shuffle the rows before",
    "order = np.random.default_rng(0).permutation(len(x))\nx, y = x[order], y[order]",
)


def other_scale(case: Case) -> Iterator[Finding]:
    """Validation inputs or targets that are larger, smaller or of another shape."""
    facts = case.facts
    pairs = list(zip(facts.inputs, facts.validation_inputs, strict=False))
    targets = [(output.target, output.validation_target) for output in facts.outputs]
    for array, validation in (*pairs, *targets):
        if array is None or validation is None:
            continue
        if not _may_be_same(array.shape[1:], validation.shape[1:]):
            yield _mismatch(
                array, validation, f"the shape {array.shape[1:]}, those {validation.shape[1:]}"
            )
            continue
        if _is_shifted(array, validation, case):
            spans = [f"{each.low:.3g} to {each.high:.3g}" for each in (array, validation)]
            yield _mismatch(array, validation, f"values from {spans[0]}, those from {spans[1]}")
            continue
        ratio = _ratio(array, validation)
        limit = case.limits.validation_ratio
        if array.classes or not math.isfinite(ratio) or 1 / limit < ratio < limit:
            continue
        told = f"a root mean square of {_scale(array):.3g}, those {_scale(validation):.3g}"
        evidence = beside(case, "scale of validation data beside training data", ratio, _RATIO)
        yield _mismatch(array, validation, told, evidence)


def other_classes(case: Case) -> Iterator[Finding]:
    """Validation rows of classes that are in no training row."""
    for output in case.facts.outputs:
        target, validation = output.target, output.validation_target
        if target is None or validation is None or not target.classes or output.own_loss:
            continue
        if _may_be_numbers(output, case):
            continue
        if validation.seen and not validation.classes:
            coded = f"classes as whole numbers, those values up to {validation.high:.3g}"
            yield _mismatch(target, validation, coded)
            continue
        unseen = {k: v for k, v in validation.classes.items() if k not in target.classes}
        share = sum(unseen.values())
        if share <= case.limits.unseen_share:
            continue
        is_split = case.facts.plan.split > 0
        yield Finding(
            "bad_data",
            "error",
            f"{share:.0%} of the validation rows are of classes that are in no training row, as "
            f"class {min(unseen):g}. The network cannot know them.",
            "unshuffled_split" if is_split else "validation_mismatch",
            where=validation.name,
            evidence=(beside(case, "share of unseen classes", share, "unseen_share"),),
            remedies=(SHUFFLE,) if is_split else (_SPLIT_ANEW,),
        )


def split_of_ordered_rows(case: Case) -> Iterator[Finding]:
    """`validation_split` takes the last rows, which are of one class where classes are in order."""
    plan = case.facts.plan
    for output in case.facts.outputs:
        target = output.target
        if target is None or not plan.split or not _is_in_order(target, case):
            continue
        validation = output.validation_target
        if validation is not None and validation.classes:
            unseen = set(validation.classes) - set(target.classes)
            if unseen or len(validation.classes) > 1:
                continue  # The other rule says it, or the classes are there.
        yield Finding(
            "bad_data",
            "error",
            f"The rows are ordered by class, and `validation_split={plan.split:g}` takes the last "
            "ones: validation sees other classes than training.",
            "unshuffled_split",
            where="validation_split",
            evidence=(Evidence("classes in blocks", len(target.classes)),),
            remedies=(SHUFFLE,),
        )


def batches_of_ordered_rows(case: Case) -> Iterator[Finding]:
    """`shuffle=False` on rows ordered by class: each batch has one class."""
    plan = case.facts.plan
    is_whole = not plan.rows or not plan.batch_size or plan.batch_size >= plan.rows
    if plan.shuffle or is_whole:
        return
    for output in case.facts.outputs:
        if output.target is not None and _is_in_order(output.target, case):
            yield Finding(
                "bad_data",
                "warning",
                "The rows are ordered by class and are not shuffled: a batch has one class, and "
                "each class is forgotten over the next.",
                "unshuffled_split",
                where="shuffle",
                evidence=(Evidence("classes in blocks", len(output.target.classes)),),
                remedies=(fitted_with(case.facts, "let `fit` shuffle", shuffle=True),),
            )


RULES: tuple[Rule, ...] = (
    other_scale,
    other_classes,
    split_of_ordered_rows,
    batches_of_ordered_rows,
)
_RATIO = "validation_ratio"
_SPLIT_ANEW = Remedy(
    "put all rows together, shuffle them, and split them anew",
    "x, y = np.concatenate([x, x_val]), np.concatenate([y, y_val])\n"
    "order = np.random.default_rng(0).permutation(len(x))\n"
    "split, x, y = len(x_val), x[order], y[order]\n"
    "x_val, y_val, x, y = x[:split], y[:split], x[split:], y[split:]",
)
# Pixels are divided by it, and how near to it the ratio of two samples' scales is.
_PIXELS, _NEAR = 255, 1.3
# How many axes images have, over whose pixels a mean says much.
_IMAGES = 4


def _mismatch(
    array: ArrayFacts, validation: ArrayFacts, told: str, evidence: Evidence | None = None
) -> Finding:
    return Finding(
        "bad_data",
        "error",
        f"Validation data were prepared otherwise: {array.name} has {told}.",
        "validation_mismatch",
        where=validation.name,
        evidence=(evidence,) if evidence else (),
        remedies=(_alike(array, validation),),
    )


def _alike(array: ArrayFacts, validation: ArrayFacts) -> Remedy:
    """Return the remedy of validation data that are prepared as training data are."""
    a, v = array.name, of_validation(array.name)
    text = "prepare validation data by the steps and numbers of the training data"
    if validation.one_hot and not array.one_hot:
        return Remedy(text, f"{v} = {v}.argmax(axis=-1)")
    if array.one_hot and validation.classes:
        return Remedy(text, f"{v} = keras.utils.to_categorical({v}, {array.columns})")
    ratio = _scale(validation) / _scale(array) if _scale(array) else math.nan
    for factor, sign in ((ratio / _PIXELS, "/"), (ratio * _PIXELS, "*")):
        if 1 / _NEAR < factor < _NEAR:
            return Remedy(text, f"{v} = {v} {sign} {_PIXELS}")
    if not _may_be_same(array.shape[1:], validation.shape[1:]):
        return Remedy(text, f"print({a}.shape, {v}.shape)")
    return Remedy(
        f"{text}; where those are lost, give them the same mean and deviation",
        f"{v} = ({v} - {v}.mean(axis=0)) / ({v}.std(axis=0) + 1e-7)\n"
        f"{v} = {v} * {a}.std(axis=0) + {a}.mean(axis=0)",
    )


def _may_be_same(shape: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    """Say whether two shapes may be the same; a last axis of 1 may be left out."""
    shape, other = (s[:-1] if s and s[-1] == 1 else s for s in (shape, other))
    pairs = zip(shape, other, strict=False)
    return len(shape) == len(other) and all(a == b or a is None or b is None for a, b in pairs)


def _scale(array: ArrayFacts) -> float:
    return math.hypot(array.mean, array.std)


def _ratio(array: ArrayFacts, validation: ArrayFacts) -> float:
    """Return the scale of validation data beside training data, of all and of the median column.

    Of both, what is nearer to 1: a few rare values may be in one of them only.
    """
    pairs = ((_scale(array), _scale(validation)), (array.scales[1], validation.scales[1]))
    ratios = [theirs / mine for mine, theirs in pairs if mine > 0 and theirs > 0]
    if len(ratios) < len(pairs) or (min(ratios) < 1 < max(ratios)):
        return math.nan
    return min(ratios, key=lambda ratio: abs(math.log(ratio)))


def _is_shifted(array: ArrayFacts, validation: ArrayFacts, case: Case) -> bool:
    """Say whether validation data lie elsewhere, or have another sign than all training data."""
    if array.classes or min(array.seen, validation.seen) < case.limits.rows_in_order:
        return False
    shift = abs(validation.mean - array.mean)
    is_images = len(array.shape) == _IMAGES
    limit = case.limits.image_shift if is_images else case.limits.validation_shift
    if shift > limit * array.std > 0:
        return True
    pairs = ((array, validation), (validation, array))
    return any(_has_no_sign(a) and b.mean - b.std < 0 and b.low < -a.high / 2 for a, b in pairs)


def _has_no_sign(array: ArrayFacts) -> bool:
    return array.low >= 0 and array.high > 0


def _is_in_order(target: ArrayFacts, case: Case) -> bool:
    """Say whether all rows were seen, in blocks of classes."""
    is_enough = target.seen >= case.limits.rows_in_order and len(target.classes) > 1
    return target.ordered and is_enough and not case.facts.plan.sampled


def _may_be_numbers(output: OutputFacts, case: Case) -> bool:
    """Say whether whole targets may be numbers, of which validation may have others."""
    return tasks.task_of(output, case.facts, case.limits).kind not in tasks.CLASSIFICATION
