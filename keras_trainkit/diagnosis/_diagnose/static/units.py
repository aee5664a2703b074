"""Rules on how many numbers an output gives, and how many its target has."""

import math
from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.heads import head_finding, learned
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.tasks import Task
from keras_trainkit.diagnosis.facts import OutputFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding

# Losses that compare output and target number by number, and repeat the one that is shorter.
_BY_ELEMENT = (
    *names.REGRESSION_LOSSES,
    *names.BINARY_LOSSES,
    *names.CATEGORICAL_LOSSES,
    *("hinge", "squared_hinge", "cosine_similarity", "kl_divergence"),
)


def units_for_classes(case: Case) -> Iterator[Finding]:
    """Fewer units than classes."""
    for output, task in learned(case):
        units = output.units
        if task.kind != tasks.CLASSES or not units or output.own_loss:
            continue
        is_one_for_many = units == 1 and task.classes > 2
        if is_one_for_many or (1 < units < _labels(output)):
            yield head_finding(
                case,
                output,
                task,
                # Grades may be meant as numbers, of which an accuracy says little.
                "warning" if spelled(output.loss) in names.REGRESSION_LOSSES else "error",
                f"The labels are {task.classes} classes, and the output has {units} "
                f"unit{'s' if units > 1 else ''}: each class needs one.",
                detail="too_few_output_units",
                evidence=(Evidence("units of the output", units, task.classes, _COUNTED),),
            )


def units_for_columns(case: Case) -> Iterator[Finding]:
    """Another number of units than the target has columns."""
    for output, task in learned(case):
        units, columns = output.units, task.columns
        if not units or output.own_loss or spelled(output.loss) not in _BY_ELEMENT:
            continue
        if task.kind in (tasks.UNKNOWN, tasks.CLASSES) or units == columns:
            continue
        if columns == 1 and spelled(output.loss) in names.CATEGORICAL_LOSSES:
            continue  # Class numbers where columns are expected: the loss is another's rule.
        yield _other_number(case, output, task)


def outputs_at_each_step(case: Case) -> Iterator[Finding]:
    """An output for each step of a sequence, and one target for the whole of it."""
    for output in case.facts.outputs:
        target = output.target
        if target is None or output.own_loss or spelled(output.loss) not in _BY_ELEMENT:
            continue
        steps = math.prod(length or 1 for length in output.shape[:-1])
        if target.shape[1:] in ((), (1,)) and len(output.shape) > 1 and steps > 1:
            yield head_finding(
                case,
                output,
                Task(tasks.UNKNOWN),
                "error",
                f"The output has {steps} steps for each example, and the target one number: it is "
                "compared with every step.",
                detail="too_many_output_units",
                evidence=(Evidence("steps of the output", steps, 1, _COUNTED),),
            )


RULES: tuple[Rule, ...] = (units_for_classes, units_for_columns, outputs_at_each_step)
_COUNTED = "counted in the targets"


def _labels(output: OutputFacts) -> int:
    """Return how many classes there are at least, however they are numbered."""
    target = output.target
    return target.distinct - tasks.leaves_some_out(output) if target is not None else 0


def _other_number(case: Case, output: OutputFacts, task: Task) -> Finding:
    units, columns = output.units or 0, task.columns
    few = units < columns
    return head_finding(
        case,
        output,
        task,
        "error",
        f"The output has {units} unit{'s' if units > 1 else ''} and the target {columns} "
        f"number{'s' if columns > 1 else ''} for each example: "
        f"{'one unit cannot be all of them' if few else 'all units are pulled to the same one'}.",
        detail="too_few_output_units" if few else "too_many_output_units",
        evidence=(Evidence("units of the output", units, columns, _COUNTED),),
    )
