"""Inputs that are not scaled, not finite, cut off, sorted, or mixed up between rows."""

from functools import partial

import numpy as np
from keras import layers

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.held_out import bodies, mistakes, recipes, tables
from benchmarks.diagnosis.recipes import adam, sgd

RAW, RAW_TARGET = "unnormalized_input", "unnormalized_target"
OTHERWISE, SORTED = "validation_mismatch", "unshuffled_split|validation_mismatch"
MIXED = "dependent_examples"


def scales() -> Cases:
    """Return columns and targets in the units in which they were measured."""
    return (
        static("raw circuits", recipes.CIRCUITS_SGD, fault(RAW, data=tables.raw_circuits)),
        static("raw customers before tanh", recipes.CHURN_TANH, fault(RAW, data=tables.raw_churn)),
        static("raw latitudes and longitudes", recipes.FARES, fault(RAW, data=tables.raw_fares)),
        static(
            "colours up to 255 with SGD",
            recipes.TILES_SGD,
            fault(RAW, spoils=(spoils.inputs_times(255.0),)),
        ),
        static(
            "raw angles and speeds, in thousands",
            recipes.PENDULUM,
            fault(RAW, spoils=(spoils.inputs_times(1000.0, 5000.0),)),
        ),
        static(
            "progress in raw units",
            recipes.DIABETES,
            fault(RAW_TARGET, data=partial(tables.diabetes, raw_target=True)),
        ),
        static(
            "impedances in raw units",
            recipes.CIRCUITS,
            fault(RAW_TARGET, data=partial(tables.circuits, scaled_target=False)),
        ),
        static(
            "impedances and circuits in raw units",
            recipes.CIRCUITS,
            fault(
                f"{RAW}|{RAW_TARGET}",
                data=partial(tables.circuits, scaled=False, scaled_target=False),
                loss="mse",
                optimizer=sgd(1e-2),
            ),
        ),
    )


def broken_values() -> Cases:
    """Return numbers that are none, or that stand for none."""
    return (
        static(
            "gaps in the table of customers",
            recipes.CHURN,
            fault("bad_data|non_finite", spoils=(spoils.missing(0.003),)),
        ),
        static(
            "an infinite sensor value and no softmax",
            recipes.PULSES,
            fault("bad_data|non_finite", spoils=(spoils.missing(0.0005, np.inf),)),
            fault("missing_output_activation", output="linear"),
        ),
        static(
            "-9999 for what is missing",
            recipes.DIABETES,
            fault(f"bad_data|{RAW}", spoils=(spoils.missing(0.03, -9999.0),)),
        ),
        static(
            "images divided as whole numbers",
            recipes.TILES,
            fault("bad_data", spoils=(mistakes.floor_divided,)),
        ),
        static(
            "users and films between 0 and 1",
            recipes.STARS,
            fault("truncated_tokens", spoils=(spoils.inputs_times(1 / 30),)),
        ),
        static(
            "letters / 20 and SGD(1e-4)",
            recipes.NAMES,
            fault("truncated_tokens", spoils=(spoils.inputs_times(1 / 20),)),
            fault("learning_rate_too_low|too_few_updates", optimizer=sgd(1e-4)),
        ),
        trained(
            "a logarithm of angles",
            recipes.ARM,
            fault(
                "non_finite|bad_data",
                body=bodies.then(bodies.of(mistakes.Logarithm), *_hidden(40, 40)),
            ),
        ),
    )


def validation() -> Cases:
    """Return rows to judge by that are not of the same kind."""
    cut = {"validated": False}
    by_class, by_target = (spoils.sorted_by_class,), (mistakes.sorted_by_target,)
    return (
        static(
            "validation customers not standardized",
            recipes.CHURN,
            fault(OTHERWISE, spoils=(mistakes.raw_validation,)),
        ),
        static(
            "validation images of dots up to 255",
            recipes.DOTS,
            fault(OTHERWISE, spoils=(spoils.validation_times(255.0),)),
        ),
        trained(
            "validation texts of another tokenizer",
            recipes.REVIEWS,
            fault(f"{OTHERWISE}|overfitting", spoils=(mistakes.other_tokenizer,)),
        ),
        static(
            "sorted shapes and validation_split",
            recipes.SHAPES,
            fault(SORTED, **cut, split=0.42, spoils=by_class),
        ),
        static(
            "sorted languages and validation_split, and no softmax",
            recipes.NAMES,
            fault(SORTED, **cut, split=0.3, spoils=by_class),
            fault("missing_output_activation", output="linear"),
        ),
        static(
            "places in order and validation_split",
            recipes.ROLL,
            fault(SORTED, **cut, split=0.4, spoils=by_target),
        ),
    )


def rows() -> Cases:
    """Return networks in which rows of a batch meet."""
    last = (partial(layers.Dense, 1), partial(layers.Softmax, axis=0))
    return (
        static(
            "batch and time swapped",
            recipes.PENDULUM,
            fault(MIXED, body=bodies.of(mistakes.TimeFirst, partial(layers.LSTM, 16))),
        ),
        static(
            "a softmax over the rows",
            recipes.CHURN,
            fault(
                f"{MIXED}|wrong_output_activation",
                units=0,
                body=bodies.then(recipes.CHURN.body, *last),
            ),
        ),
        static(
            "attention over the rows, and Adam(1e-6)",
            recipes.TYPES,
            fault(MIXED, body=bodies.of(mistakes.AttentionOverRows, *_hidden(48))),
            fault("learning_rate_too_low|too_few_updates", optimizer=adam(1e-6)),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*scales(), *broken_values(), *validation(), *rows())


def _hidden(*widths: int) -> list[partial]:
    return [partial(layers.Dense, width, "tanh") for width in widths]
