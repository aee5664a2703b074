"""Inputs that are not scaled, cut off or hidden, and other rows to judge by."""

from dataclasses import replace
from functools import partial

from keras import layers

from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.held_out.bodies import read
from benchmarks.diagnosis.third_held_out import images, recipes, sequences, slips, tables

RAW, RAW_TARGET = "unnormalized_input", "unnormalized_target"
OTHERWISE = "validation_mismatch"


def scales() -> Cases:
    """Return columns and targets in the units in which they were measured."""
    return (
        static("kilograms of cement", recipes.CONCRETE_SGD, fault(RAW, data=tables.raw_concrete)),
        static(
            "colours of fields up to 255 with SGD",
            recipes.FIELDS_SGD,
            fault(RAW, data=partial(images.fields, scale=255.0)),
        ),
        static(
            "flats in euros",
            recipes.FLATS,
            fault(RAW_TARGET, data=partial(tables.flats, target="euros")),
        ),
        static(
            "temperatures in kelvins",
            recipes.TEMPERATURES,
            fault(f"{RAW_TARGET}|{RAW}", data=partial(sequences.temperatures, kelvin=True)),
        ),
    )


def hidden() -> Cases:
    """Return inputs of which little is left."""
    plain = read(91, 8, partial(layers.SimpleRNN, 12))
    lost = read(91, 8, slips.Rescaled, partial(layers.SimpleRNN, 12), mask_zero=True)
    letters = partial(read, 4, 6, partial(layers.GRU, 16))
    bound = replace(recipes.STRANDS, body=letters(), epochs=12)
    return (
        static(
            "pixels of digits as whole numbers",
            recipes.UPPER,
            fault(
                "bad_data|constant_predictions|underfitting|dead_units",
                spoils=(slips.whole_numbers,),
            ),
        ),
        static(
            "comments without a mask", recipes.COMMENTS, fault("padding_not_masked", body=plain)
        ),
        static(
            "an own layer behind embeddings of comments",
            recipes.COMMENTS,
            fault("mask_lost|padding_not_masked", body=lost),
        ),
        static(
            "adenine is 0, and masked",
            bound,
            fault("values_masked", body=letters(mask_zero=True)),
        ),
    )


def others() -> Cases:
    """Return rows to judge by that are not like those to train on."""
    return (
        trained(
            "validation images with blue first",
            recipes.FIELDS,
            fault(f"{OTHERWISE}|overfitting", spoils=(slips.other_channels,)),
        ),
        static(
            "shops in order, the last ones held back",
            recipes.SHOPS,
            fault(
                f"unshuffled_split|{OTHERWISE}",
                spoils=(slips.sorted_by_first,),
                split=0.3,
                validated=False,
            ),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*scales(), *hidden(), *others())
