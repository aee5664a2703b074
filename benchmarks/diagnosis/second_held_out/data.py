"""Inputs that are not scaled or not finite, and rows that are cut off, sorted or mixed up."""

from functools import partial

from keras import layers

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.held_out.bodies import of, read
from benchmarks.diagnosis.second_held_out import images, recipes, slips, tables

RAW, RAW_TARGET = "unnormalized_input", "unnormalized_target"
OTHERWISE, SORTED = "validation_mismatch", "unshuffled_split|validation_mismatch"


def scales() -> Cases:
    """Return columns and targets in the units in which they were measured."""
    return (
        static("raw loans", recipes.LOANS_SGD, fault(RAW, data=tables.raw_loans)),
        static("loans with a time stamp", recipes.LOANS, fault(RAW, data=tables.dated_loans)),
        static("raw weather of a plant", recipes.PLANT_SGD, fault(RAW, data=tables.raw_plant)),
        static(
            "bills in dollars",
            recipes.INSURANCE,
            fault(RAW_TARGET, data=partial(tables.insurance, target="dollars")),
        ),
        static(
            "pixels divided by 255 twice",
            recipes.ARROWS_SGD,
            fault(RAW, spoils=(spoils.inputs_times(1 / 255),)),
        ),
        static(
            "patches up to 255 with SGD",
            recipes.PATCHES_SGD,
            fault(RAW, data=partial(images.patches, scale=1.0)),
        ),
    )


def tokens() -> Cases:
    """Return words that became something else, and zeros that should not count, or should."""
    plain = read(150, 8, partial(layers.SimpleRNN, 12))
    lost = read(150, 8, slips.Unmasked, partial(layers.SimpleRNN, 12), mask_zero=True)
    return (
        static(
            "words from a scaler, spam",
            recipes.MAILS,
            fault("truncated_tokens", spoils=(slips.scaled_tokens,)),
        ),
        static(
            "zeros behind mails, not masked",
            recipes.PADDED,
            fault("padding_not_masked", body=plain),
        ),
        static(
            "an own layer behind a mask",
            recipes.PADDED,
            fault("mask_lost|padding_not_masked", body=lost),
        ),
        static(
            "hours that are off, masked",
            recipes.SWITCHES,
            fault("values_masked", body=of(partial(layers.Masking, 0.0), partial(layers.GRU, 16))),
        ),
    )


def rows() -> Cases:
    """Return rows without their labels, sorted ones, other ones to judge by, or rare ones."""
    cut = {"validated": False}
    return (
        trained(
            "arrows shuffled without their labels",
            recipes.ARROWS,
            fault("bad_data|no_learning|overfitting|underfitting", spoils=(slips.shuffled_inputs,)),
        ),
        static(
            "validation patches up to 255",
            recipes.PATCHES,
            fault(OTHERWISE, spoils=(slips.own_scaler,)),
        ),
        trained(
            "a tokenizer for validation mails",
            recipes.MAILS,
            fault(f"{OTHERWISE}|overfitting", spoils=(slips.own_numbers,)),
        ),
        static(
            "sorted bearings and validation_split",
            recipes.BEARINGS,
            fault(SORTED, **cut, split=0.35, spoils=(spoils.sorted_by_class,)),
        ),
        static(
            "frauds without class weights",
            recipes.FRAUD,
            fault("class_imbalance", class_weight=None),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*scales(), *tokens(), *rows())
