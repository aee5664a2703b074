"""Callbacks for `fit`: early stopping and the gradient monitor."""

from keras_trainkit.callbacks.early_stopping import EarlyStopping as EarlyStopping
from keras_trainkit.callbacks.gradient_monitor import GradientMonitor as GradientMonitor
