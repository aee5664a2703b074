"""Optimizers whose numbers are those of the papers and of PyTorch."""

from keras_trainkit.optimizers.adam import Adam as Adam
from keras_trainkit.optimizers.adamw import AdamW as AdamW
from keras_trainkit.optimizers.clipping import AdaptiveClipping as AdaptiveClipping
from keras_trainkit.optimizers.clipping import PercentileClipping as PercentileClipping
from keras_trainkit.optimizers.nadam import Nadam as Nadam
from keras_trainkit.optimizers.nag import NAG as NAG
