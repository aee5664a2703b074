"""Records of a training, what they say, and pictures of them; needs neither model nor callback."""

from keras_trainkit.diagnosis.history import STATISTICS as STATISTICS
from keras_trainkit.diagnosis.history import History as History
from keras_trainkit.diagnosis.plots import plot_gradient_depth as plot_gradient_depth
from keras_trainkit.diagnosis.plots import plot_gradient_norms as plot_gradient_norms
from keras_trainkit.diagnosis.plots import plot_history as plot_history
from keras_trainkit.diagnosis.plots import plot_update_ratios as plot_update_ratios
from keras_trainkit.diagnosis.summary import Row as Row
from keras_trainkit.diagnosis.summary import Summary as Summary
from keras_trainkit.diagnosis.summary import Thresholds as Thresholds
from keras_trainkit.diagnosis.summary import summarize as summarize
