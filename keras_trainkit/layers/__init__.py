"""Layers written from their formulas: dropout and batch normalization."""

from keras_trainkit.layers.batch_normalization import BatchNormalization as BatchNormalization
from keras_trainkit.layers.dropout import Dropout as Dropout
