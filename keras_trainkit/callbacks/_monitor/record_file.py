"""What the monitor records as files that TensorBoard shows, on every backend."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from keras_trainkit.callbacks._event_file import EventFile
from keras_trainkit.callbacks._monitor.probe import Row
from keras_trainkit.diagnosis.activations import ACTIVATION_STATISTICS
from keras_trainkit.diagnosis.history import LOWEST_EXPONENT, STATISTICS, History


class RecordFile(EventFile):
    """Writes records of training steps for TensorBoard.

    TensorBoard groups the tags by what stands before the first slash:
        gradient_norm/<variable>, gradient_max_abs/<variable>, ... as in `diagnosis.STATISTICS`,
        weight_norm/<variable>, update_norm/<variable>, update_ratio/<variable>, global_norm,
        gradient_log2/<variable>: histogram of log2 |g_i| over the elements that are not zero,
        activation_std/<layer>, ... as in `diagnosis.ACTIVATION_STATISTICS`

    Args:
        log_dir: str or path. A folder on this machine, made if missing.

    Raises:
        ImportError: if TensorBoard is not installed.
    """

    def write(
        self,
        step: int,
        variables: Sequence[str],
        rows: np.ndarray,
        histograms: np.ndarray | None = None,
    ) -> None:
        """Write what was recorded at a step; NaN, a statistic that was not recorded, is left out.

        Args:
            step: integer. Optimizer update, 0-based.
            variables: V strings. Paths of the variables.
            rows: floats, shape `(V, 10)`, columns as in `diagnosis.STATISTICS`.
            histograms: integers, shape `(V, 64)`, bins as in `diagnosis.History`, or `None`.
        """
        steps, epochs, sizes = np.array([step]), np.zeros(1), np.zeros(len(variables))
        history = History(steps, epochs, tuple(variables), sizes, rows[np.newaxis])
        scalars = _scalars(history)
        values = [{"tag": tag, "simple_value": x} for tag, x in scalars if not math.isnan(x)]
        if histograms is not None:
            for variable, counts in zip(variables, histograms, strict=True):
                if counts.any():
                    values.append({"tag": f"gradient_log2/{variable}", "histo": _log2(counts)})
        self.add(step, values)

    def write_activations(self, step: int, rows: Iterable[tuple[str, str, Row]]) -> None:
        """Write what `ActivationProbe` measured; NaN, what a layer has not, is left out."""
        scalars = {
            f"activation_{statistic}/{layer}": value
            for layer, _, values in rows
            for statistic, value in zip(ACTIVATION_STATISTICS, values, strict=True)
            if not math.isnan(value)
        }
        self.write_scalars(step, scalars)


def _scalars(history: History) -> Iterator[tuple[str, float]]:
    """Yield a tag and a number for every statistic of every variable, and the global norm."""
    for statistic in (*STATISTICS, "update_ratio"):
        about_gradient = not statistic.startswith(("weight_", "update_"))
        group = f"gradient_{statistic}" if about_gradient else statistic
        for variable, value in zip(history.variables, history[statistic][0], strict=True):
            yield f"{group}/{variable}", value
    yield "global_norm", history.global_norm[0]


def _log2(counts: np.ndarray) -> dict[str, Any]:
    """Return a histogram message of the occupied range of bins."""
    occupied = np.flatnonzero(counts)
    inside = slice(occupied[0], occupied[-1] + 1)
    edges = LOWEST_EXPONENT + np.arange(len(counts) + 1.0)
    return {
        "min": edges[inside.start],
        "max": edges[inside.stop],
        "num": counts.sum(),
        "bucket_limit": edges[1:][inside],
        "bucket": counts[inside],
    }
