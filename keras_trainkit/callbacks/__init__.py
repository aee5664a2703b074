"""Callbacks for `fit`: early stopping, resumable state, the gradient monitor, NAG's iterate."""

from keras_trainkit.callbacks.early_stopping import EarlyStopping as EarlyStopping
from keras_trainkit.callbacks.find_learning_rate import LearningRateRange as LearningRateRange
from keras_trainkit.callbacks.find_learning_rate import find_learning_rate as find_learning_rate
from keras_trainkit.callbacks.gradient_monitor import GradientMonitor as GradientMonitor
from keras_trainkit.callbacks.learning_rate import LearningRate as LearningRate
from keras_trainkit.callbacks.swap_iterate import SwapIterate as SwapIterate
from keras_trainkit.callbacks.training_state import TrainingState as TrainingState
