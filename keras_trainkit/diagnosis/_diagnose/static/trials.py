"""The rule that an example must not see the others of its batch."""

from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

_LOOK = Remedy(
    "let each layer work within the rows: `Reshape` and `Flatten` keep the first axis, which "
    "`keras.ops.reshape`, `transpose`, sums and softmaxes over axis 0 do not",
    "for layer in model.layers:\n    print(layer.name, layer.output.shape)",
)


def dependent_examples(case: Case) -> Iterator[Finding]:
    """The output of an example must not depend on which others are in its batch."""
    trial = case.facts.trial
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
            remedies=_apart(case),
        )
    elif trial.leak > case.limits.leak:
        yield Finding(
            "dependent_examples",
            "error",
            "What the network makes of an example changes with the other examples of its batch, "
            "before training and without batch normalization's part in it.",
            where="x",
            evidence=(beside(case, "change by another row", trial.leak, "leak"),),
            remedies=_apart(case),
        )


def _apart(case: Case) -> tuple[Remedy, ...]:
    text = "take out {layer}, which mixes the rows, or let it work within them"
    return (*remedies.without(case, text), _LOOK)


RULES: tuple[Rule, ...] = (dependent_examples,)
