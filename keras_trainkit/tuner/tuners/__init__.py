"""Tuners with KerasTuner's surface, which ask Optuna and lose nothing when they are interrupted."""

from keras_trainkit.tuner.tuners.bayesian_optimization import (
    BayesianOptimization as BayesianOptimization,
)
from keras_trainkit.tuner.tuners.grid_search import GridSearch as GridSearch
from keras_trainkit.tuner.tuners.hyperband import Hyperband as Hyperband
from keras_trainkit.tuner.tuners.random_search import RandomSearch as RandomSearch
