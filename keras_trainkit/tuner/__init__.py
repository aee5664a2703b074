"""Search spaces over the package's components, for KerasTuner's own tuners.

Needs KerasTuner: `pip install "keras_trainkit[tuner]"`.
"""

try:
    import keras_tuner as _keras_tuner  # noqa: F401
except ImportError as error:
    raise ImportError(
        'keras_trainkit.tuner needs KerasTuner: pip install "keras_trainkit[tuner]"'
    ) from error

from keras_trainkit.tuner import spaces as spaces
from keras_trainkit.tuner.hyper_mlp import HyperMLP as HyperMLP
