"""Whether a training works, by its metrics against chance."""

import math
from collections.abc import Iterator

import numpy as np

from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis._diagnose.static.losses import misfits
from keras_trainkit.diagnosis._diagnose.static.tasks import REGRESSION, task_of
from keras_trainkit.diagnosis.facts import ArrayFacts, OutputFacts

_ACCURACIES = (
    "accuracy",
    "acc",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
)
_SQUARES = ("mse", "mean_squared_error")
_ROOTS = ("rmse", "root_mean_squared_error")
_SKILLS = ("r2_score",)
_SOME_SKILL = 0.2
_NEARLY = 0.9
_ENTROPIES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")


def works(case: Case) -> bool:
    """Say whether the training has learned its task, as far as the record can tell.

    Skill is 0 for chance or the mean of the targets, 1 for perfection. It works if it has enough of
    it on training data, in inference mode too, and on validation data not much less.
    """
    best, validation, inferred = best_skill(case), validation_skill(case), inferred_skill(case)
    loss = log(case, "loss")
    if loss.size and not math.isfinite(loss[-1]):
        return False
    if case.facts.class_advantage > case.limits.named:
        return False  # How near a number comes says little of classes.
    enough = case.limits.working_skill
    if not best >= enough:
        return False
    # A probe is one small batch; without batch normalization, inference is hardly another thing.
    if _normalizes(case) and inferred < best - case.limits.skill_gap:
        return False
    return not (validation < enough or validation < best - case.limits.skill_gap)


def fits(case: Case) -> bool:
    """Say whether the training has learned its own data, whatever validation says."""
    return best_skill(case) >= case.limits.working_skill


def _normalizes(case: Case) -> bool:
    return any(layer.kind == "BatchNormalization" for layer in case.facts.layers)


def learns(case: Case) -> bool:
    """Say whether the training gets anywhere: by its skill, or by its loss where that is not known.

    Half of the trainings that fail have a loss that falls by a fifth; so it must fall by half.
    """
    known = best_skill(case)
    if not math.isnan(known):
        return known >= min(case.limits.learning_skill, _all_that_is_found(case))
    return fall(log(case, "loss")) >= 0.5


def learns_all(case: Case) -> bool:
    """Say whether the training works, or knows nearly as much as a simple function finds.

    Where that is not known, it has to learn at least.
    """
    known = best_skill(case)
    found = _NEARLY * case.facts.baseline_skill
    return known >= case.limits.working_skill or not known < (
        case.limits.learning_skill if math.isnan(found) else found
    )


def _all_that_is_found(case: Case) -> float:
    """Return the skill that a simple function finds, if it is more than a little; else 1."""
    found = _NEARLY * case.facts.baseline_skill
    return found if found >= case.limits.poor_skill else 1.0


def severity(case: Case) -> str:
    """Return how badly something counts that keeps a training from learning."""
    if learns(case):
        return "info"
    loss, known = log(case, "loss"), best_skill(case)
    stands = math.isnan(known) and loss.size > 1 and abs(fall(loss)) < case.limits.flat_loss
    broken = loss.size > 0 and not math.isfinite(loss[-1])
    return "error" if broken or stands or known < case.limits.no_skill else "warning"


def best_skill(case: Case) -> float:
    """Return the skill on training data by the logs, or by the probe where they tell nothing.

    A loss holds penalties and the noise of dropout: without a metric, skill is that at least.
    Weights of rows or classes buy rare classes for accuracy, which then says nothing if it is low.
    """
    training, inferred = skill(case), inferred_skill(case)
    if math.isnan(training) or (training >= _SOME_SKILL and not _is_measured(case)):
        training = float(np.fmax(training, inferred))
    is_bought = case.facts.plan.weighted and training < case.limits.poor_skill
    return math.nan if is_bought else training


def validation_skill(case: Case) -> float:
    """Return the skill on validation data, NaN if it is not known.

    A few answers that are sure and wrong make a cross-entropy large where nearly all are right: by
    itself it only tells what is worse than chance.
    """
    found = skill(case, "val_")
    return math.nan if found >= 0 and is_told_by_entropy(case) else found


def is_told_by_entropy(case: Case) -> bool:
    """Say whether nothing but a cross-entropy tells how good the answers are."""
    entropies = any(output.loss in _ENTROPIES for output in case.facts.outputs)
    return entropies and not _is_measured(case)


def skill(case: Case, prefix: str = "") -> float:
    """Return the skill at the last epoch, the lowest of all outputs; NaN if it is not known."""
    course = skills(case, prefix)
    return float(course[-1]) if course.size else math.nan


def skills(case: Case, prefix: str = "") -> np.ndarray:
    """Return the skill of each epoch by what `fit` logged; `prefix` is `"val_"` for validation."""
    outputs = [_of_output(case, output, prefix) for output in case.facts.outputs]
    known = [course for course in outputs if course is not None]
    if not case.facts.outputs:
        known = _without_facts(case, prefix)
    return np.min(known, axis=0) if known else np.empty(0)


def _is_measured(case: Case) -> bool:
    return any(log(case, name).size for name in _names()) or len(case.facts.outputs) > 1


def _without_facts(case: Case, prefix: str) -> list[np.ndarray]:
    """Return skills by accuracies as if half of the answers were right by chance; NaN below."""
    found = [log(case, prefix + name) for name in _ACCURACIES]
    return [np.where(course > 0.5, 2 * course - 1, np.nan) for course in found if course.size][:1]


def inferred_skill(case: Case) -> float:
    """Return the skill of the last probe, in inference mode, NaN if it is not known."""
    course = inferred_skills(case)
    return float(course[-1]) if course.size else math.nan


def inferred_skills(case: Case) -> np.ndarray:
    """Return the skill of each probe, the lowest of all outputs."""
    outcomes = case.history.outcomes if case.history else None
    if outcomes is None or not len(outcomes.names):
        return np.empty(0)
    return np.fmin.reduce(outcomes["skill"], axis=1)


def log(case: Case, name: str) -> np.ndarray:
    """Return what `fit` logged under a name, one number for each epoch; empty if nothing."""
    logs = case.history.logs if case.history else {}
    return np.asarray(logs.get(name, ()), "float64")


def fall(loss: np.ndarray) -> float:
    """Return by which share of itself a loss falls from the first epoch to the last; or 0."""
    if loss.size < 2 or not np.isfinite(loss[[0, -1]]).all() or loss[0] <= 0:
        return 0.0
    return float(1 - loss[-1] / loss[0])


def _of_output(case: Case, output: OutputFacts, prefix: str) -> np.ndarray | None:
    """Return the best known skill of one output for each epoch."""
    target = output.target
    if prefix and output.validation_target is not None:
        # Of one class alone there is no chance to be better than; that of the training is there.
        target = target if frequent(output.validation_target) == 1 else output.validation_target
    if target is None:
        return None
    found = [course for course in _courses(case, output, target, prefix) if course.size]
    if not found or output.loss not in _ENTROPIES:
        return found[0] if found else None
    first, last = found[0], found[-1]
    # Of rare classes, probabilities are learned long before an answer changes. A loss by itself
    # proves nothing: it is 0 where it does not fit.
    return np.where(first >= _SOME_SKILL, np.fmax(first, last), first)


def _courses(
    case: Case, output: OutputFacts, target: ArrayFacts, prefix: str
) -> Iterator[np.ndarray]:
    """Yield skills by the metrics that say most, then by the loss."""
    one = target.columns == 1
    variance = target.std**2 if one and target.std > 0 else math.nan
    chance = frequent(target)
    task = task_of(output, case.facts, case.limits)
    unfit = misfits(output, task)
    named = {
        name: np.empty(0) if name in unfit else _logged(case, output, prefix, name)
        for name in _names()
    }
    if chance < 1:
        yield from ((named[name] - chance) / (1 - chance) for name in _ACCURACIES)
    yield from (named[name] for name in _SKILLS)
    if variance > 0 and (task.kind == REGRESSION or not target.classes):
        yield from (1 - named[name] / variance for name in _SQUARES)
        yield from (1 - named[name] ** 2 / variance for name in _ROOTS)
        if output.loss in ("mse", "mean_squared_error"):
            yield 1 - _loss(case, output, prefix) / variance
    if output.loss in _ENTROPIES and len(target.classes) > 1:
        shares = np.array([share for share in target.classes.values() if share > 0])
        shares = shares / shares.sum()
        yield 1 - _loss(case, output, prefix) / -(shares * np.log(shares)).sum()


def frequent(target: ArrayFacts) -> float:
    """Return the share of the most frequent class, what a constant gets right; NaN if unknown."""
    if target.classes:
        return max(target.classes.values()) / sum(target.classes.values())
    if target.binary:
        return max(target.mean, 1 - target.mean)
    return math.nan


def _names() -> tuple[str, ...]:
    return (*_ACCURACIES, *_SKILLS, *_SQUARES, *_ROOTS)


def _logged(case: Case, output: OutputFacts, prefix: str, name: str) -> np.ndarray:
    """Return a metric of one output; Keras puts the output's name before it if there are more."""
    own = f"{prefix}{output.layer.rpartition('/')[2]}_{name}"
    if (found := log(case, own)).size:
        return found
    return log(case, prefix + name) if len(case.facts.outputs) == 1 else np.empty(0)


def _loss(case: Case, output: OutputFacts, prefix: str) -> np.ndarray:
    if case.facts.plan.weighted and not prefix:
        return np.empty(0)  # Scaled by the weights, it says nothing of the skill.
    if len(case.facts.outputs) == 1:
        return log(case, f"{prefix}loss")
    return log(case, f"{prefix}{output.layer.rpartition('/')[2]}_loss")
