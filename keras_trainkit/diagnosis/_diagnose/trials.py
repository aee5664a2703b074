"""Rules over what the network makes of a few rows before its first update."""

from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

_APART = Remedy(
    "let each layer work within the rows: `Reshape` and `Flatten` keep the first axis, which "
    "`keras.ops.reshape`, `transpose`, sums and softmaxes over axis 0 do not",
    "x = keras.layers.Reshape(shape_without_the_batch_axis)(x)",
)


def dependent_examples(case: Case) -> Iterator[Finding]:
    """The output of an example must not depend on which others are in its batch."""
    trial, limit = case.facts.trial, case.limits.leak
    source = case.limits.source("leak")
    if trial is None:
        return
    if not trial.kept_rows:
        yield Finding(
            "dependent_examples",
            "error",
            f"Of {trial.rows} rows of input the network does not make {trial.rows} rows of output: "
            "examples of the batch are mixed.",
            where="x",
            evidence=(Evidence("rows of the input", trial.rows),),
            remedies=(_APART,),
        )
    elif trial.leak > limit:
        yield Finding(
            "dependent_examples",
            "error",
            "What the network makes of an example changes with the other examples of its batch, "
            "before training and without batch normalization's part in it.",
            where="x",
            evidence=(Evidence("change by another row", trial.leak, limit, source),),
            remedies=(_APART,),
        )


def constant_at_first(case: Case) -> Iterator[Finding]:
    """An output layer that begins with zeros makes the same of every row, and may learn well."""
    trial = case.facts.trial
    if trial is not None and trial.constant:
        yield Finding(
            "constant_predictions",
            "info",
            f"Before training the network makes the same of {trial.rows} different rows.",
            where="x",
            evidence=(Evidence("lowest output", trial.low), Evidence("highest", trial.high)),
            remedies=(Remedy("if it does not learn, look at the layers in front of the output"),),
        )


RULES: tuple[Rule, ...] = (dependent_examples, constant_at_first)
