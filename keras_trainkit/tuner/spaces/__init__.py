"""Search spaces: what a KerasTuner search may choose, one class for each part of a training.

In a `build_model(hp)` of your own a function of the same name does it in one call, as in
`spaces.optimizer(hp)`.
"""

from keras_trainkit.tuner.spaces._batch_normalization import (
    BatchNormalization as BatchNormalization,
)
from keras_trainkit.tuner.spaces._batch_normalization import (
    batch_normalization as batch_normalization,
)
from keras_trainkit.tuner.spaces._batch_size import BatchSize as BatchSize
from keras_trainkit.tuner.spaces._batch_size import batch_size as batch_size
from keras_trainkit.tuner.spaces._dropout import Dropout as Dropout
from keras_trainkit.tuner.spaces._dropout import dropout as dropout
from keras_trainkit.tuner.spaces._epochs import Epochs as Epochs
from keras_trainkit.tuner.spaces._epochs import epochs as epochs
from keras_trainkit.tuner.spaces._hidden_units import HiddenUnits as HiddenUnits
from keras_trainkit.tuner.spaces._hidden_units import hidden_units as hidden_units
from keras_trainkit.tuner.spaces._initializer import Initializer as Initializer
from keras_trainkit.tuner.spaces._initializer import initializer as initializer
from keras_trainkit.tuner.spaces._optimizer import Optimizer as Optimizer
from keras_trainkit.tuner.spaces._optimizer import optimizer as optimizer
from keras_trainkit.tuner.spaces._regularizer import Regularizer as Regularizer
from keras_trainkit.tuner.spaces._regularizer import regularizer as regularizer
from keras_trainkit.tuner.spaces._schedule import Schedule as Schedule
from keras_trainkit.tuner.spaces._schedule import schedule as schedule
from keras_trainkit.tuner.spaces._space import Space as Space
