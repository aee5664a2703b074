"""callbacks"""

from keras_trainkit.callbacks.early_stopping import EarlyStopping as EarlyStopping
from keras_trainkit.callbacks.gradient_monitor import GradientMonitor as GradientMonitor
