"""Records of a training, what they say, and pictures of them; needs neither model nor callback.

The plots write beside their axes: a figure of your own needs `layout="constrained"` to make room.
"""

from keras_trainkit.diagnosis.diagnose import diagnose as diagnose
from keras_trainkit.diagnosis.diagnosis import Diagnosis as Diagnosis
from keras_trainkit.diagnosis.facts import ArrayFacts as ArrayFacts
from keras_trainkit.diagnosis.facts import DuplicateFacts as DuplicateFacts
from keras_trainkit.diagnosis.facts import Facts as Facts
from keras_trainkit.diagnosis.facts import LayerFacts as LayerFacts
from keras_trainkit.diagnosis.facts import OneBatchFacts as OneBatchFacts
from keras_trainkit.diagnosis.facts import OptimizerFacts as OptimizerFacts
from keras_trainkit.diagnosis.facts import OutputFacts as OutputFacts
from keras_trainkit.diagnosis.facts import PaddingFacts as PaddingFacts
from keras_trainkit.diagnosis.facts import PlanFacts as PlanFacts
from keras_trainkit.diagnosis.facts import SignalFacts as SignalFacts
from keras_trainkit.diagnosis.facts import TrialFacts as TrialFacts
from keras_trainkit.diagnosis.finding import CONDITIONS as CONDITIONS
from keras_trainkit.diagnosis.finding import Evidence as Evidence
from keras_trainkit.diagnosis.finding import Finding as Finding
from keras_trainkit.diagnosis.finding import Remedy as Remedy
from keras_trainkit.diagnosis.history import ACTIVATION_STATISTICS as ACTIVATION_STATISTICS
from keras_trainkit.diagnosis.history import STATISTICS as STATISTICS
from keras_trainkit.diagnosis.history import Activations as Activations
from keras_trainkit.diagnosis.history import History as History
from keras_trainkit.diagnosis.nonfinite import CAUSES as CAUSES
from keras_trainkit.diagnosis.nonfinite import NonFinite as NonFinite
from keras_trainkit.diagnosis.outcomes import OUTCOME_STATISTICS as OUTCOME_STATISTICS
from keras_trainkit.diagnosis.outcomes import Outcomes as Outcomes
from keras_trainkit.diagnosis.plots import plot_history as plot_history
from keras_trainkit.diagnosis.plots_as_images import plot_heat_map as plot_heat_map
from keras_trainkit.diagnosis.plots_as_images import plot_histograms as plot_histograms
from keras_trainkit.diagnosis.plots_by_depth import plot_activations as plot_activations
from keras_trainkit.diagnosis.plots_by_depth import plot_gradient_depth as plot_gradient_depth
from keras_trainkit.diagnosis.plots_over_epochs import plot_losses as plot_losses
from keras_trainkit.diagnosis.plots_over_steps import plot_gradient_norms as plot_gradient_norms
from keras_trainkit.diagnosis.plots_over_steps import plot_update_ratios as plot_update_ratios
from keras_trainkit.diagnosis.preflight import preflight as preflight
from keras_trainkit.diagnosis.summary import Summary as Summary
from keras_trainkit.diagnosis.summary import VariableSummary as VariableSummary
from keras_trainkit.diagnosis.summary import summarize as summarize
from keras_trainkit.diagnosis.thresholds import Thresholds as Thresholds
