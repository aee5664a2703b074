"""What losses, metrics, activations and layers are called, and what they have in common."""

import re

_SPELLED = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
    "bce": "binary_crossentropy",
    "acc": "accuracy",
    "swish": "silu",
    "log_softmax": "softmax",
}
# Losses of probabilities, by what they take as targets.
BINARY_LOSSES = ("binary_crossentropy", "binary_focal_crossentropy")
CATEGORICAL_LOSSES = ("categorical_crossentropy", "categorical_focal_crossentropy")
SPARSE_LOSSES = ("sparse_categorical_crossentropy",)
EXCLUSIVE_LOSSES = (*CATEGORICAL_LOSSES, *SPARSE_LOSSES)
CROSS_ENTROPIES = (*BINARY_LOSSES, *EXCLUSIVE_LOSSES)
HINGE_LOSSES = ("hinge", "squared_hinge", "categorical_hinge")
CLASS_LOSSES = (*CROSS_ENTROPIES, *HINGE_LOSSES)
# Losses of distances, those whose gradient does not grow with the error apart.
SQUARED_LOSSES = ("mean_squared_error",)
BOUNDED_LOSSES = ("mean_absolute_error", "huber", "log_cosh")
RELATIVE_LOSSES = ("mean_absolute_percentage_error", "mean_squared_logarithmic_error")
DISTANCES = (*SQUARED_LOSSES, *BOUNDED_LOSSES)
REGRESSION_LOSSES = (*DISTANCES, *RELATIVE_LOSSES, "poisson")

ACCURACIES = (
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "top_k_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
)
CLASS_METRICS = (*ACCURACIES, "auc", "precision", "recall", "f1_score", "fbeta_score")

# Activations by the interval that they map to, and those that hidden layers have.
BOUNDS = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "sparsemax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
PROBABILITIES = ("sigmoid", "hard_sigmoid", "softmax", "sparsemax")
RELUS = ("relu", "relu6", "leaky_relu", "prelu")
HIDDEN_ACTIVATIONS = (*RELUS, "elu", "selu", "gelu", "silu", "celu", "mish", "tanh", "hard_tanh")

# Layers by what they do to their inputs.
DENSE = ("Dense",)
CONVOLUTIONS = (
    *(f"Conv{n}D{way}" for n in (1, 2, 3) for way in ("", "Transpose")),
    *("SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D"),
)
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM2D")
ACTIVATION_LAYERS = ("Activation", "Softmax", "ReLU", "LeakyReLU", "ELU", "PReLU")
MOVING = ("BatchNormalization",)
NORMALIZING = (
    *MOVING,
    *("LayerNormalization", "GroupNormalization", "RMSNormalization", "UnitNormalization"),
)
SHAPING = (
    *("InputLayer", "Flatten", "Reshape", "Permute", "RepeatVector", "Masking"),
    *(f"ZeroPadding{n}D" for n in (1, 2, 3)),
    *(f"Cropping{n}D" for n in (1, 2, 3)),
)
DROPPING = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"),
    *("GaussianDropout", "GaussianNoise"),
)
JOINING = ("Add", "Concatenate", "Average", "Subtract", "Multiply", "Maximum", "Minimum", "Dot")


def spelled(name: str) -> str:
    """Return "mean_squared_error" for "mse" and for "MeanSquaredError"."""
    between = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    snake = re.sub(between, "_", name).lower()
    return _SPELLED.get(snake, snake)
