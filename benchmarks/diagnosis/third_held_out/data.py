"""Inputs that are not scaled, cut off or hidden, and other rows to judge by."""

from dataclasses import replace
from functools import partial

from keras import layers

from benchmarks.diagnosis.case import Cases, fault, static
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
    events = partial(read, 9, 6, partial(layers.GRU, 16))
    from_zero = replace(recipes.ALARMS, data=partial(sequences.alarms, first=0))
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
            "event 0 is masked",
            from_zero,
            fault("values_masked", body=events(mask_zero=True)),
        ),
    )


def others() -> Cases:
    """Return rows to judge by that are not like those to train on."""
    return (
        static(
            "negatives of clocks to validate with",
            recipes.CLOCKS,
            fault(f"{OTHERWISE}|overfitting", spoils=(slips.negatives,)),
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
