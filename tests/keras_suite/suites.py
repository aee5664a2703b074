"""Keras's own test modules, the classes that take the place of Keras's, and what must differ."""

from typing import NamedTuple

import keras

from keras_trainkit import callbacks, initializers, layers
from tests.keras_suite import conventions

HERE = keras.backend.backend()
ERROR_FORM = "bad input raises this package's one form of sentence, not Keras's"
NUMBERS_AT_END = "`variables` end with the numbers that a compiled step reads"


class Suite(NamedTuple):
    """One Keras test module, run with `ours` in place of the Keras classes of the same names."""

    module: str
    ours: tuple[type, ...]
    at_least: int
    deviations: dict[str, str]


SUITES = {
    "dropout": Suite(
        module="keras.src.layers.regularization.dropout_test",
        ours=(layers.Dropout,),
        at_least=8,
        deviations={
            "DropoutTest.test_dropout_negative_rate": ERROR_FORM,
            "DropoutTest.test_dropout_rate_greater_than_one": ERROR_FORM,
            "DropoutTest.test_validate_noise_shape_invalid_type": ERROR_FORM,
            "DropoutTest.test_validate_noise_shape_negative_value": ERROR_FORM,
            "DropoutTest.test_validate_noise_shape_non_iterable": ERROR_FORM,
            "DropoutTest.test_validate_noise_shape_zero_value": ERROR_FORM,
        },
    ),
    "batch_normalization": Suite(
        module="keras.src.layers.normalization.batch_normalization_test",
        ours=(layers.BatchNormalization,),
        at_least=32,
        deviations={
            "BatchNormalizationTest.test_renorm_invalid_clipping_keys": ERROR_FORM,
        },
    ),
    "adam": Suite(
        module="keras.src.optimizers.adam_test",
        ours=(conventions.Adam,),
        at_least=8,
        deviations={},
    ),
    "adamw": Suite(
        module="keras.src.optimizers.adamw_test",
        ours=(conventions.AdamW,),
        at_least=6,
        deviations={"AdamWTest.test_weight_decay_is_none": ERROR_FORM},
    ),
    "nadam": Suite(
        module="keras.src.optimizers.nadam_test",
        ours=(conventions.Nadam,),
        at_least=7,
        deviations={},
    ),
    "sgd": Suite(
        module="keras.src.optimizers.sgd_test",
        ours=(conventions.SGD,),
        at_least=5,
        deviations={
            "SGDTest.test_invalid_momentum": ERROR_FORM,
        }
        | ({"SGDTest.test_single_step": NUMBERS_AT_END} if HERE == "jax" else {}),
    ),
    "optimizer": Suite(
        module="keras.src.optimizers.optimizer_test",
        ours=(conventions.Adam, conventions.AdamW, conventions.Nadam, conventions.SGD),
        at_least=25,
        deviations={
            "OptimizerTest.test_setting_lr_to_callable_untracks_lr_var": NUMBERS_AT_END,
        }
        if HERE == "jax"
        else {},
    ),
    "loss_scale_optimizer": Suite(
        module="keras.src.optimizers.loss_scale_optimizer_test",
        ours=(conventions.SGD,),
        at_least=21,
        deviations={},
    ),
    "initializers": Suite(
        module="keras.src.initializers.random_initializers_test",
        ours=(
            initializers.GlorotNormal,
            initializers.GlorotUniform,
            initializers.HeNormal,
            initializers.HeUniform,
            initializers.LecunNormal,
            initializers.LecunUniform,
        ),
        at_least=14,
        deviations={},
    ),
    "early_stopping": Suite(
        module="keras.src.callbacks.early_stopping_test",
        ours=(callbacks.EarlyStopping,),
        at_least=7,
        deviations={},
    ),
}
