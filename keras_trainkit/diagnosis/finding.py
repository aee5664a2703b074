"""One thing that is wrong with a training: where, how badly, and what mends it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from keras_trainkit._validation import one_of
from keras_trainkit.diagnosis._diagnosis import html
from keras_trainkit.diagnosis._diagnosis.text import of as text_of

SEVERITIES = ("error", "warning", "info")
# When something is seen of the network as it begins.
BEFORE_TRAINING = "before training"
# What a finding can be, and the finer causes that some of them have.
CONDITIONS = {
    "wrong_output_activation": (
        "softmax_one_unit",
        "relu_output",
        "missing_output_activation",
        "bounded_output_for_unbounded_target",
        "too_few_output_units",
        "too_many_output_units",
        "exclusive_output_for_multilabel",
    ),
    "wrong_loss": (
        "loss_always_zero",
        "regression_with_classification_loss",
        "classification_with_regression_loss",
        "undefined_relative_loss",
        "metric_does_not_fit",
    ),
    "bad_data": (
        "label_encoding",
        "label_shape_broadcast",
        "truncated_tokens",
        "padding_not_masked",
        "mask_lost",
        "values_masked",
        "validation_mismatch",
        "unshuffled_split",
        "class_imbalance",
    ),
    "unnormalized_input": ("unnormalized_target",),
    "learning_rate_too_high": (),
    "learning_rate_too_low": (),
    "slow_convergence": ("too_few_updates",),
    "no_learning": (),
    "oscillating_loss": (),
    "vanishing_gradient": (),
    "exploding_gradient": ("large_initial_weights",),
    "non_finite": (),
    "dead_units": (),
    "saturated_units": ("large_initial_weights",),
    "imbalanced_updates": (),
    "frozen_layer": (),
    "symmetric_weights": (),
    "underfitting": ("no_nonlinearity", "excess_regularization"),
    "overfitting": (),
    "batch_norm_gap": ("moving_statistics_behind",),
    "too_small_batch": (),
    "constant_predictions": (),
    "dependent_examples": (),
}


@dataclass(frozen=True)
class Evidence:
    """One measured number beside its limit.

    Args:
        name: string. What was measured.
        value: float.
        limit: float, `None` where the number speaks for itself.
        source: string. Where the limit comes from.
    """

    name: str
    value: float
    limit: float | None = None
    source: str = ""

    def __str__(self) -> str:
        """Return the number and its limit as text."""
        limit = "" if self.limit is None else f" (limit {_number(self.limit)})"
        return f"{self.name} {_number(self.value)}{limit}"


@dataclass(frozen=True)
class Remedy:
    """One change that mends a finding.

    Args:
        text: string. What to do, in a few words.
        code: string. The code to write, exactly.
        change: dict, for remedies that a program can carry out; `None` for others. Its `kind` is
            `"layer"`, `"compile"`, `"several"` or, for what is to be given to `fit`, `"fit"`; the
            rest are the change's numbers and names.
    """

    text: str
    code: str = ""
    change: Mapping[str, Any] | None = None

    @property
    def brief(self) -> str:
        """The code to read: a line that is there several times in a row is written once."""
        lines = [(line, len(list(same))) for line, same in groupby(self.code.splitlines())]
        return "\n".join(f"{line}  # {n} times" if n > 1 else line for line, n in lines)

    def apply(self, model: Any) -> Any:
        """Return a new, compiled model with this change; `model` is left alone.

        What the change leaves as it is keeps its weights; the optimizer begins anew.

        Raises:
            ValueError: if this remedy is not one that a program can carry out on a model.
        """
        if self.change is None:
            raise ValueError(f"only the person who wrote the script can do this: {self.text}")
        from keras_trainkit.diagnosis._preflight import changes

        return changes.changed(model, self.change)

    def __str__(self) -> str:
        """Return what to do, and the code."""
        return f"{self.text}: {self.code}" if self.code else self.text


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or `info` that it is unusual.

    Args:
        condition: string, one of `diagnosis.CONDITIONS`.
        severity: `"error"`, `"warning"` or `"info"`.
        text: string. One or two plain sentences.
        detail: string. The finer cause, one of those of the condition, `""` where none is known.
        where: string. A layer's path, an argument of `fit` or `compile`, or a column of the data.
        when: string. The epochs or updates that show it; `""` for before the training.
        evidence: `Evidence` objects.
        remedies: `Remedy` objects, the one to try first in front.
        consequences: `Finding` objects that this one explains.

    Raises:
        ValueError: if condition, detail or severity is not known.
    """

    condition: str
    severity: str
    text: str
    detail: str = ""
    where: str = ""
    when: str = ""
    evidence: tuple[Evidence, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    consequences: tuple["Finding", ...] = field(default=())

    def __post_init__(self) -> None:
        """Check the names."""
        one_of("condition", self.condition, tuple(CONDITIONS))
        one_of("severity", self.severity, SEVERITIES)
        one_of("detail", self.detail, ("", *CONDITIONS[self.condition]))

    @property
    def name(self) -> str:
        """The detail where it is known, the condition otherwise."""
        return self.detail or self.condition

    @property
    def mildness(self) -> int:
        """The place of the severity: 0 for the gravest."""
        return SEVERITIES.index(self.severity)

    @property
    def label(self) -> str:
        """The name in plain words."""
        return self.name.replace("_", " ")

    @property
    def explained(self) -> str:
        """The labels of the consequences, as a list in a sentence."""
        return ", ".join(finding.label for finding in self.consequences)

    def _repr_html_(self) -> str:
        """Return the finding for a notebook."""
        return html.fragment(text_of((self,)), (self,))

    def milder(self) -> "Finding":
        """Return this finding as `info`, with its consequences."""
        consequences = tuple(finding.milder() for finding in self.consequences)
        return replace(self, severity="info", consequences=consequences)

    def to_dict(self) -> dict[str, Any]:
        """Return nested dicts and lists of plain values, as JSON has them."""
        return {
            **{n: getattr(self, n) for n in ("condition", "detail", "severity", "where", "when")},
            "text": self.text,
            "evidence": [vars(evidence) for evidence in self.evidence],
            "remedies": [{"text": remedy.text, "code": remedy.code} for remedy in self.remedies],
            "consequences": [finding.to_dict() for finding in self.consequences],
        }


def _number(value: float) -> str:
    """Return three digits of a number, and no exponent where people expect none."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
