"""Drop-in Keras 3 components that make `model.fit` work.

Subpackages: `initializers`, `layers`, `optimizers`, `schedules`, `callbacks`, `diagnosis`, and
`tuner`. The last one needs KerasTuner and Optuna and is imported only on request.
"""

from keras_trainkit import callbacks as callbacks
from keras_trainkit import diagnosis as diagnosis
from keras_trainkit import initializers as initializers
from keras_trainkit import layers as layers
from keras_trainkit import optimizers as optimizers
from keras_trainkit import schedules as schedules

__version__ = "0.1.0"
