"""What mends the findings of a recorded training, as code."""

import math

from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis._diagnose.static.repairs import optimizer_code
from keras_trainkit.diagnosis.finding import Remedy

# A rate that has not to be guessed.
FIND = Remedy(
    "measure which learning rate fits",
    "from keras_trainkit.callbacks import find_learning_rate\n"
    "print(find_learning_rate(model, x, y))",
)
CLIP = Remedy(
    "clip the gradients",
    "from keras_trainkit.optimizers import NAG\n"
    "model.compile(NAG(0.01, global_clipnorm=1.0), loss=..., metrics=[...])",
)
SCALE = Remedy(
    "scale the inputs",
    "normalization = keras.layers.Normalization()\nnormalization.adapt(x)  # the first layer",
)
LEAKY = Remedy(
    "an activation whose slope is nowhere 0",
    'activation="leaky_relu"',
)
HE = Remedy(
    "weights drawn for ReLU and biases of 0",
    'kernel_initializer="he_normal", bias_initializer="zeros"',
)
RELU = Remedy(
    "an activation that passes gradients on, with weights that fit it",
    'activation="relu", kernel_initializer="he_normal"',
)
NORMALIZE = Remedy(
    "normalize between the layers",
    "keras.layers.BatchNormalization()  # behind each hidden layer",
)
STOP = Remedy(
    "stop where validation is best",
    "from keras_trainkit.callbacks import EarlyStopping\n"
    "callbacks=[EarlyStopping(patience=5, restore_best_weights=True)]",
)
DROPOUT = Remedy("regularize", "keras.layers.Dropout(0.5)  # behind the largest hidden layers")
WIDER = Remedy("a larger network", 'keras.layers.Dense(256, activation="relu")  # one more layer')
LOOK = Remedy(
    "look for the first number that is not finite",
    'GradientMonitor(every=1, on_nonfinite="stop", probe="first_batch")',
)


def scaled_rate(case: Case, factor: float) -> tuple[Remedy, ...]:
    """Return the remedy of another learning rate, and the one to measure it.

    Args:
        case: the training.
        factor: float. The new rate for the old one.
    """
    optimizer = case.facts.optimizer
    rate = optimizer.learning_rate if optimizer else math.nan
    if optimizer is None or optimizer.scheduled or not math.isfinite(rate):
        return (FIND,)
    new = float(f"{rate * factor:.1g}")
    code = optimizer_code(optimizer, {"learning_rate": new})
    text = f"a {'lower' if factor < 1 else 'higher'} learning rate"
    return Remedy(text, code, {"kind": "compile", "learning_rate": new}), FIND


def epochs(case: Case, factor: int) -> Remedy:
    """Return the remedy of a longer training."""
    planned = case.facts.plan.epochs
    new = factor * planned if planned else None
    code = f"model.fit(x, y, epochs={new})" if new else "model.fit(x, y, epochs=...)"
    return Remedy("train longer", code, {"kind": "fit", "epochs": new} if new else None)
