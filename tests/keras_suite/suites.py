"""Keras's own test modules, the classes that take the place of Keras's, and what must differ."""

from typing import NamedTuple

from keras_trainkit import callbacks, initializers, layers, optimizers

ERROR_FORM = "bad input raises this package's one form of sentence, not Keras's"


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
        ours=(optimizers.Adam,),
        at_least=8,
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
