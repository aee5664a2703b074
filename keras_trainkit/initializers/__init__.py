"""Initial weights: variance scaling, PyTorch's default, matched to an activation, data-driven."""

from keras_trainkit.initializers.for_activation import for_activation as for_activation
from keras_trainkit.initializers.initialize import initialize as initialize
from keras_trainkit.initializers.lsuv import LayerVariance as LayerVariance
from keras_trainkit.initializers.lsuv import LSUVReport as LSUVReport
from keras_trainkit.initializers.lsuv import lsuv as lsuv
from keras_trainkit.initializers.rules import GlorotNormal as GlorotNormal
from keras_trainkit.initializers.rules import GlorotUniform as GlorotUniform
from keras_trainkit.initializers.rules import HeNormal as HeNormal
from keras_trainkit.initializers.rules import HeUniform as HeUniform
from keras_trainkit.initializers.rules import LecunNormal as LecunNormal
from keras_trainkit.initializers.rules import LecunUniform as LecunUniform
from keras_trainkit.initializers.rules import TorchUniform as TorchUniform
from keras_trainkit.initializers.variance_scaling import VarianceScaling as VarianceScaling
