"""callbacks"""

from keras_trainkit.callbacks.gradient_monitor import GradientMonitor as GradientMonitor
