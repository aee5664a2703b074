"""Rules on padding: sequences forgotten behind it, masks that get lost, or hide what is none."""

from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static.padding_repairs import (
    front_padding,
    reaching,
    seen_values,
)
from keras_trainkit.diagnosis._diagnose.static.structure import layer_named
from keras_trainkit.diagnosis.facts import PaddingFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding

# More padding than sequence.
_MOSTLY = 0.5
# Less than half of the padding hidden: the mask is one of other values.
_HIDDEN = 0.5


def forgotten_sequences(case: Case) -> Iterator[Finding]:
    """A state read behind so much padding that nothing of the sequence is left in it."""
    padding = _padding(case)
    if padding is None or not padding.kept < case.limits.faded_sequences:
        return
    is_lost = padding.kept < case.limits.lost_sequences
    yield Finding(
        "bad_data",
        "warning" if is_lost else "info",
        f"Behind the padding at the ends of the sequences, {padding.after:.0%} of all steps, "
        f"{padding.reader} remembers {'nothing' if is_lost else 'little'} of what stands before "
        f"it. {_why(padding)}",
        "mask_lost" if _is_stopped(padding) else "padding_not_masked",
        where=padding.reader,
        evidence=(
            beside(
                case,
                "what is left of the sequences",
                padding.kept,
                "lost_sequences" if is_lost else "faded_sequences",
            ),
        ),
        remedies=(*reaching(case, padding), front_padding(case, padding)),
    )


def lost_mask(case: Case) -> Iterator[Finding]:
    """A mask that does not reach the layer behind, which trains well on padding that it sees."""
    padding = _padding(case)
    if padding is None or not _is_stopped(padding) or not padding.hides:
        return
    if padding.kept < case.limits.faded_sequences:
        return
    yield Finding(
        "bad_data",
        "info",
        f"{padding.reader} sees the padding. {_why(padding)}",
        "mask_lost",
        where=padding.reader,
        evidence=(Evidence("padding among all steps", padding.before + padding.after),),
        remedies=reaching(case, padding),
    )


def masked_values(case: Case) -> Iterator[Finding]:
    """A mask that hides steps in the middle: its value is one that sequences have.

    Of values it may be meant, where some are missing, and many tasks can be learned from the rest.
    Of tokens it is meant for padding, which stands at the ends.
    """
    padding = _padding(case)
    layer = layer_named(padding.mask, case.facts) if padding else None
    if padding is None or layer is None or not padding.is_masked:
        return
    is_of_tokens = layer.kind == "Embedding" and _hides_the_middle(padding)
    limit = "masked_tokens" if is_of_tokens else "masked_values"
    if not padding.hides_others > getattr(case.limits, limit):
        return
    yield Finding(
        "bad_data",
        "warning" if is_of_tokens else "info",
        f"The mask of {layer.path} hides {padding.hides_others:.0%} of the steps that are no "
        "padding: what stands there, and where, the layers behind do not see.",
        "values_masked",
        where=layer.path,
        evidence=(beside(case, "steps hidden", padding.hides_others, limit),),
        remedies=seen_values(case, padding, layer),
    )


def read_padding(case: Case) -> Iterator[Finding]:
    """A state that is read behind more padding than sequence, most of which it may remember."""
    padding = _padding(case)
    if padding is None or padding.is_masked or padding.mask:
        return
    if padding.kept < case.limits.faded_sequences or not padding.after > _MOSTLY:
        return
    yield Finding(
        "bad_data",
        "info",
        f"{padding.reader} reads {padding.after:.0%} of its steps in the padding behind the "
        "sequences. No mask hides it.",
        "padding_not_masked",
        where=padding.reader,
        evidence=(Evidence("padding among all steps", padding.after, _MOSTLY),),
        remedies=(*reaching(case, padding), front_padding(case, padding)),
    )


RULES: tuple[Rule, ...] = (read_padding, forgotten_sequences, lost_mask, masked_values)


def _padding(case: Case) -> PaddingFacts | None:
    return case.facts.trial.padding if case.facts.trial else None


def _is_stopped(padding: PaddingFacts) -> bool:
    return bool(padding.mask) and not padding.is_masked


def _hides_the_middle(padding: PaddingFacts) -> bool:
    """Say whether most steps that the mask hides are no padding."""
    share = padding.before + padding.after
    return padding.hides_others * (1 - share) > padding.hides * share


def _why(padding: PaddingFacts) -> str:
    """Return as a sentence why no mask hides the padding."""
    if not padding.mask:
        return "No mask hides the padding."
    if _is_stopped(padding):
        stopped = f"{padding.barrier} passes none on" if padding.barrier else "it is lost between"
        return f"The mask of {padding.mask} does not reach it: {stopped}."
    if padding.hides < _HIDDEN:
        return f"The mask of {padding.mask} is one of another value than the padding has."
    return "What it is masked with does not help."
