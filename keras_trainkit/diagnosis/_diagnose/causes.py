"""Which finding explains which: the root is shown, and what follows from it beneath."""

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from keras_trainkit.diagnosis.finding import BEFORE_TRAINING, Finding

_FLAT = ("no_learning", "constant_predictions", "slow_convergence", "underfitting")
_BLOWN = ("exploding_gradient", "non_finite", "oscillating_loss", "dead_units", "saturated_units")
_HEAD = ("vanishing_gradient", "imbalanced_updates", *_FLAT)
_BEGINNING = "large_initial_weights"
_RATE = ("learning_rate_too_high", "learning_rate_too_low")
# What each finding explains, by detail or condition; first comes what is nearest to the root.
EXPLAINS: dict[str, tuple[str, ...]] = {
    "bad_data": ("non_finite", *_FLAT, "overfitting", "metric_does_not_fit"),
    "label_encoding": (
        *(*_BLOWN, *_HEAD, "overfitting"),
        *("metric_does_not_fit", "regression_with_classification_loss"),
    ),
    "label_shape_broadcast": (*_BLOWN, *_RATE, *_HEAD),
    "padding_not_masked": _HEAD,
    "mask_lost": _HEAD,
    "validation_mismatch": ("overfitting", "batch_norm_gap"),
    "unshuffled_split": ("overfitting", "oscillating_loss", *_FLAT),
    "class_imbalance": _FLAT,
    "wrong_output_activation": (*_BLOWN, *_HEAD, "loss_always_zero"),
    "wrong_loss": (*_BLOWN, *_HEAD, "metric_does_not_fit"),
    "symmetric_weights": (*_HEAD, "dead_units"),
    "unnormalized_input": (*_BLOWN, "learning_rate_too_high", *_HEAD),
    "unnormalized_target": (*_BLOWN, *_RATE, *_HEAD),
    "dependent_examples": (*_FLAT, "overfitting"),
    "no_nonlinearity": ("underfitting", "no_learning", "constant_predictions"),
    "excess_regularization": (*_BLOWN, *_HEAD),
    "too_small_batch": ("batch_norm_gap", "oscillating_loss", "frozen_layer", *_FLAT),
    "large_initial_weights": (*_BLOWN, *_RATE, *_HEAD),
    "learning_rate_too_high": (*_BLOWN, *_FLAT, "imbalanced_updates", "vanishing_gradient"),
    "exploding_gradient": (*_BLOWN, *_FLAT, "vanishing_gradient"),
    "dead_units": ("vanishing_gradient", "frozen_layer", "imbalanced_updates", *_FLAT),
    "saturated_units": ("vanishing_gradient", *_FLAT),
    "frozen_layer": _FLAT,
    "vanishing_gradient": ("imbalanced_updates", *_FLAT),
    "learning_rate_too_low": _FLAT,
    "too_few_updates": ("moving_statistics_behind", *_FLAT),
    "moving_statistics_behind": ("batch_norm_gap", "overfitting"),
    "non_finite": _FLAT,
    "oscillating_loss": _FLAT,
    "batch_norm_gap": ("overfitting",),
    "no_learning": ("constant_predictions", "slow_convergence", "underfitting"),
    "underfitting": ("constant_predictions",),
    "constant_predictions": ("exploding_gradient", *_HEAD),
    "metric_does_not_fit": (),
}


def rooted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings that no other explains, the worst first, with what they explain.

    A root is as grave as the gravest that it explains.
    """
    roots: list[Finding] = []
    for finding in sorted(findings, key=lambda each: (each.severity == "info", _depth(each))):
        same = next((i for i, root in enumerate(roots) if _is_same(root, finding)), None)
        cause = next((i for i, root in enumerate(roots) if _explains(root, finding)), None)
        if same is not None:
            roots[same] = _joined(roots[same], finding)
        elif cause is not None:
            roots[cause] = _with(roots[cause], finding)
        else:
            roots.append(finding)
    return tuple(sorted(roots, key=lambda root: (root.mildness, _depth(root))))


def _is_same(one: Finding, other: Finding) -> bool:
    """Return whether facts and record show the same thing in the same place."""
    return (one.name, one.where) == (other.name, other.where)


def _joined(root: Finding, seen_again: Finding) -> Finding:
    """Return a finding with what another one measured and knows besides of the same thing."""
    known = {remedy.text for remedy in root.remedies}
    new = tuple(remedy for remedy in seen_again.remedies if remedy.text not in known)
    return replace(
        root,
        severity=min(root, seen_again, key=attrgetter("mildness")).severity,
        when=root.when or seen_again.when,
        evidence=(*root.evidence, *seen_again.evidence),
        remedies=(*root.remedies, *new),
    )


def _with(root: Finding, consequence: Finding) -> Finding:
    severity = min(root, consequence, key=attrgetter("mildness")).severity
    return replace(root, severity=severity, consequences=(*root.consequences, consequence))


def _depth(finding: Finding) -> int:
    """Return how far a finding is from the root, by where it stands among the causes.

    How the network begins stands before all that its training does.
    """
    names = list(EXPLAINS)
    if finding.when == BEFORE_TRAINING:
        return names.index(_BEGINNING)
    known = [names.index(name) for name in (finding.detail, finding.condition) if name in EXPLAINS]
    return known[0] if known else len(names)


def _is_later(cause: Finding, finding: Finding) -> bool:
    """Say whether something was there before a training in whose course the other appeared."""
    return finding.when == BEFORE_TRAINING and cause.when not in ("", BEFORE_TRAINING)


def _explains(cause: Finding, finding: Finding) -> bool:
    if cause.severity == "info" != finding.severity or _is_later(cause, finding):
        return False
    named = EXPLAINS.get(cause.detail, EXPLAINS.get(cause.condition, ()))
    return finding.name in named or (not finding.detail and finding.condition in named)
