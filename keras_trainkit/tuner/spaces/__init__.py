"""Search spaces: what a KerasTuner search may choose, one class for each part of a training."""

from keras_trainkit.tuner.spaces._space import Space as Space
from keras_trainkit.tuner.spaces.batch_normalization import BatchNormalization as BatchNormalization
from keras_trainkit.tuner.spaces.batch_size import BatchSize as BatchSize
from keras_trainkit.tuner.spaces.dropout import Dropout as Dropout
from keras_trainkit.tuner.spaces.hidden_units import HiddenUnits as HiddenUnits
from keras_trainkit.tuner.spaces.initializer import Initializer as Initializer
from keras_trainkit.tuner.spaces.optimizer import Optimizer as Optimizer
from keras_trainkit.tuner.spaces.regularizer import Regularizer as Regularizer
from keras_trainkit.tuner.spaces.schedule import Schedule as Schedule
