"""Optimizers whose numbers are those of the papers and of PyTorch."""

from keras_trainkit.optimizers.adam import Adam as Adam
from keras_trainkit.optimizers.nag import NAG as NAG
