"""Rules over what the network makes of a few rows before its first update."""

from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

BOUNDED = ("sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softsign")
# Fewer layers than these pass a signal on with any usual weights.
FEW_LAYERS = 3
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


def lost_signal(case: Case) -> Iterator[Finding]:
    """What tells the rows apart must reach the output, or no gradient comes back from there.

    An output layer that begins with zeros makes the same of every row, and may learn well. Before
    training, batch normalization does not normalize yet.
    """
    trial, layers = case.facts.trial, case.facts.layers
    if trial is None or not trial.spread < case.limits.lost_signal or not trial.kept_rows:
        return
    if any(layer.constant_kernel or layer.momentum >= 0 for layer in layers):
        return
    bounded = [layer for layer in layers[:-1] if layer.activation in BOUNDED]
    if len(bounded) < FEW_LAYERS:
        return
    yield Finding(
        "vanishing_gradient",
        "warning",
        f"Of what tells the rows apart nearly nothing comes through the {len(bounded)} "
        f"{bounded[0].activation} layers: before training the outputs are the same for "
        f"{trial.rows} rows. No gradient will reach the first layers.",
        where=bounded[0].path,
        evidence=(beside(case, "difference of the outputs", trial.spread, "lost_signal"),),
        remedies=remedies.bent(case),
    )


def _apart(case: Case) -> tuple[Remedy, ...]:
    text = "take out {layer}, which mixes the rows, or let it work within them"
    return (*remedies.without(case, text), _LOOK)


RULES: tuple[Rule, ...] = (dependent_examples, lost_signal)
