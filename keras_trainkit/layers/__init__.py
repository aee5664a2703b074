"""Layers written from their formulas, dropout and batch normalization, and what belongs to them."""

# Of models of the tuner's, so that their files load without the tuner.
from keras_trainkit.layers import _standardization as _standardization
from keras_trainkit.layers.batch_normalization import BatchNormalization as BatchNormalization
from keras_trainkit.layers.dropout import Dropout as Dropout
from keras_trainkit.layers.fold_batch_normalization import (
    fold_batch_normalization as fold_batch_normalization,
)
from keras_trainkit.layers.mc_predict import MCPrediction as MCPrediction
from keras_trainkit.layers.mc_predict import mc_predict as mc_predict
from keras_trainkit.layers.recalibrate import recalibrate as recalibrate
