"""A validation in the middle of an epoch, of which the epoch notices nothing."""

from typing import Any

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._fit import Fit
from keras_trainkit.callbacks._early_stopping.monitored import VALIDATION
from keras_trainkit.callbacks._training_state.variables import assign, values_of


def check_can_validate(fit: Fit | None) -> None:
    """Raise unless the running `fit` was given data to validate on."""
    if fit is None or fit.arguments.get("validation_data") is None:
        raise _validation.invalid(
            "validation_data",
            "passed to `fit`, for a validation metric is to be checked inside an epoch",
            None,
        )


def validation_logs(model: keras.Model, fit: Fit) -> dict[str, Any]:
    """Return what `fit` would log for a validation now; the epoch's own metrics go on."""
    arguments = fit.arguments
    metrics = [np.array(value) for value in values_of(model.metrics_variables)]
    is_torch_training = getattr(model, "training", False)
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(arguments["validation_data"])
    logs = model.evaluate(
        x,
        y,
        sample_weight=sample_weight,
        batch_size=arguments.get("validation_batch_size") or arguments.get("batch_size"),
        steps=arguments.get("validation_steps"),
        return_dict=True,
        verbose=0,
    )
    assign(model.metrics_variables, metrics)
    if is_torch_training:
        model.train()
    return {f"{VALIDATION}{name}": value for name, value in logs.items()}
