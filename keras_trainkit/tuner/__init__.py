"""Search spaces over the package's components, and tuners with KerasTuner's surface.

A program for KerasTuner runs with `import keras_trainkit.tuner as keras_tuner` in place of
`import keras_tuner`: what hypermodels are written with is here too.

Needs KerasTuner and Optuna: `pip install "keras_trainkit[tuner]"`.
"""

try:
    import keras_tuner as _keras_tuner  # noqa: F401
    import optuna as _optuna  # noqa: F401
except ImportError as error:
    raise ImportError(
        'keras_trainkit.tuner needs KerasTuner and Optuna: pip install "keras_trainkit[tuner]"'
    ) from error

from keras_tuner import HyperModel as HyperModel
from keras_tuner import HyperParameters as HyperParameters
from keras_tuner import Objective as Objective

from keras_trainkit.tuner import spaces as spaces
from keras_trainkit.tuner.hyper_mlp import HyperMLP as HyperMLP
from keras_trainkit.tuner.recipe_hyper_model import RecipeHyperModel as RecipeHyperModel
from keras_trainkit.tuner.tuners import BayesianOptimization as BayesianOptimization
from keras_trainkit.tuner.tuners import GridSearch as GridSearch
from keras_trainkit.tuner.tuners import Hyperband as Hyperband
from keras_trainkit.tuner.tuners import RandomSearch as RandomSearch
