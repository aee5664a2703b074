"""What is looked at beside the gradients: facts, a trial, and outputs on a batch."""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras

from keras_trainkit._backend import isolated_pass
from keras_trainkit._fit import running_fit
from keras_trainkit._keras_internals import compiled_with, layers_of, process_state_kept
from keras_trainkit._untouched import Values
from keras_trainkit.callbacks._gradient_monitor.record import Record
from keras_trainkit.callbacks._gradient_monitor.session import in_one_line
from keras_trainkit.diagnosis._preflight.activation_probe import ActivationProbe, Row
from keras_trainkit.diagnosis._preflight.copies import built_copy
from keras_trainkit.diagnosis._preflight.gather import facts_of, looked_at
from keras_trainkit.diagnosis._preflight.trials import tried

FIRST_BATCH = "first_batch"


class Looks:
    """Looks at model and data of one `fit`, and keeps in the record what it sees.

        when `fit` begins       the facts; of layers that the first step builds, after the epoch
        before the first update what the network makes of some rows of the first batch
        after each epoch        what the layers and the network put out on a batch
    It disturbs no training: what cannot be seen is left out, without a word where nobody has asked
    for it. All passes are at inference, and nothing of them remains.

    Args:
        probe: `FIRST_BATCH`; inputs of the user's own, which stand in for those after each epoch;
            or `None`: no passes at all.
    """

    def __init__(self, probe: Any = None) -> None:
        self.is_passing = probe is not None
        self._is_own = self.is_passing and not isinstance(probe, str)
        self._inputs = probe if self._is_own else None
        self._targets: Any = None
        self._copy: keras.Model | None = None
        self._knows_layers = False

    def begin(self, model: keras.Model, record: Record) -> None:
        """Keep the facts."""
        running = running_fit(model)
        arguments = running.arguments if running is not None else {}
        with _harmless():
            data = looked_at(arguments)
            built = built_copy(model, data[0].x)
            self._copy = built if self.is_passing and built is not model else None
            has_names = _names_in(built) == _names_in(model) or model.built
            facts = facts_of(model, arguments, data, built if has_names else None)
            first = record.facts or facts
            record.facts = replace(first, layers=facts.layers, outputs=facts.outputs)
        self._knows_layers = model.built

    def meet(self, model: keras.Model, record: Record, batch: Any, values: Values = ()) -> None:
        """Keep the first batch, and try the network on it if it has yet to learn.

        Args:
            model: the model, built or not.
            record: where the facts are.
            batch: as a training step takes it.
            values: pairs of a variable and its value, as of `untouched`. Defaults to `()`.
        """
        inputs: Any = None
        with _harmless():
            inputs, targets, _ = keras.utils.unpack_x_y_sample_weight(batch)
            if not self._is_own:
                self._inputs, self._targets = inputs, targets
        copy, self._copy = self._copy, None
        if not record.has_begun and record.facts is not None and record.facts.trial is None:
            with _harmless():
                built = copy or built_copy(model, inputs)
                loss = compiled_with(model).get("loss")
                trial = tried(built, inputs, values, targets, loss)
                record.facts = replace(record.facts, trial=trial)

    def end_epoch(self, model: keras.Model, record: Record) -> list[tuple[str, str, Row]]:
        """Keep what the layers and the network put out; return the layers' rows."""
        if not self._knows_layers:
            self.begin(model, record)
        if self._inputs is None:
            return []
        try:
            with _silent():
                probe = ActivationProbe(model, self._inputs)
                rows, outcomes = probe.measure(), probe.outcomes(self._targets)
        except Exception as error:
            self._inputs = None
            if self._is_own:
                _warn(error)
            return []
        record.add_activations(rows)
        record.add_outcomes(outcomes)
        return rows

    def __getstate__(self) -> dict:
        """Leave the batch and the copy of the model to the `fit` that they are of."""
        return {**vars(self), "_inputs": None, "_targets": None, "_copy": None}


@contextlib.contextmanager
def _harmless() -> Iterator[None]:
    """Let a training go on after anything, and with the random numbers that it would draw."""
    with contextlib.suppress(Exception), _silent(), isolated_pass(), process_state_kept():
        yield


def _silent() -> contextlib.AbstractContextManager:
    """Leave out warnings, which the training says itself."""
    return warnings.catch_warnings(action="ignore")


def _names_in(model: keras.Model) -> list[str]:
    return [layer.name for layer in layers_of(model)]


def _warn(error: Exception) -> None:
    warnings.warn(
        f"GradientMonitor cannot probe the activations: {in_one_line(error)}. Training goes on.",
        stacklevel=2,
    )
