"""Records of a training, what they say, and pictures of them; needs neither model nor callback.

The plots write beside their axes: a figure of your own needs `layout="constrained"` to make room.
"""

from keras_trainkit.diagnosis.history import ACTIVATION_STATISTICS as ACTIVATION_STATISTICS
from keras_trainkit.diagnosis.history import STATISTICS as STATISTICS
from keras_trainkit.diagnosis.history import Activations as Activations
from keras_trainkit.diagnosis.history import History as History
from keras_trainkit.diagnosis.nonfinite import CAUSES as CAUSES
from keras_trainkit.diagnosis.nonfinite import NonFinite as NonFinite
from keras_trainkit.diagnosis.plots import plot_history as plot_history
from keras_trainkit.diagnosis.plots_as_images import plot_heat_map as plot_heat_map
from keras_trainkit.diagnosis.plots_as_images import plot_histograms as plot_histograms
from keras_trainkit.diagnosis.plots_by_depth import plot_activations as plot_activations
from keras_trainkit.diagnosis.plots_by_depth import plot_gradient_depth as plot_gradient_depth
from keras_trainkit.diagnosis.plots_over_steps import plot_gradient_norms as plot_gradient_norms
from keras_trainkit.diagnosis.plots_over_steps import plot_update_ratios as plot_update_ratios
from keras_trainkit.diagnosis.summary import Summary as Summary
from keras_trainkit.diagnosis.summary import Thresholds as Thresholds
from keras_trainkit.diagnosis.summary import VariableSummary as VariableSummary
from keras_trainkit.diagnosis.summary import summarize as summarize
