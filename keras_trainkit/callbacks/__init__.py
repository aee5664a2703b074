"""Callbacks for `fit`: early stopping, the gradient monitor, and NAG's iterate."""

from keras_trainkit.callbacks.early_stopping import EarlyStopping as EarlyStopping
from keras_trainkit.callbacks.gradient_monitor import GradientMonitor as GradientMonitor
from keras_trainkit.callbacks.swap_iterate import SwapIterate as SwapIterate
