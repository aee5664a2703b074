"""Layers written from their formulas, dropout and batch normalization, and what belongs to them."""

from keras_trainkit.layers.batch_normalization import BatchNormalization as BatchNormalization
from keras_trainkit.layers.dropout import Dropout as Dropout
from keras_trainkit.layers.fold import fold_batch_normalization as fold_batch_normalization
