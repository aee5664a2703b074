"""What a state must be for a callback to continue from it: checked before anything is changed."""

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import keras

from keras_trainkit.callbacks._early_stopping.best_state import BestState
from keras_trainkit.callbacks._early_stopping.progress import REASONS, Progress


def checked_progress(state: Any, monitors: Sequence[str]) -> Progress:
    """Return the progress that a state of early stopping holds, or raise a ValueError."""
    if not isinstance(state, Mapping):
        raise _unfit(f"a {type(state).__name__}")
    try:
        progress = Progress.from_state(state)
    except KeyError as error:
        raise _unfit(f"one without {error}") from error
    except (TypeError, ValueError) as error:
        raise _unfit(f"steps={state['steps']!r}, reason={state.get('reason')!r}") from error
    for name, fits in _REQUIREMENTS.items():
        value = getattr(progress, name)
        if not fits(value, len(monitors)):
            raise _unfit(f"{name}={value!r}")
    found = progress.references is not None
    if found != (progress.best is not None) or found != bool(progress.best_logs):
        raise _unfit(f"best={progress.best!r}, references={progress.references!r}")
    if found and set(progress.best_logs) != set(monitors):
        raise _unfit(f"monitor={tuple(progress.best_logs)}, not {tuple(monitors)}")
    return progress


def checked_copy(state: Mapping[str, Any], restore: str, kept: BestState, model: Any) -> Any:
    """Return the state of the copy, which must fit the model as far as one is known, or raise."""
    copy = state.get("kept")
    if not isinstance(copy, Mapping) or not {"arrays", "at_average"} <= set(copy):
        raise _unfit(f"kept={copy if copy is None else type(copy).__name__}")
    if not isinstance(copy["at_average"], bool):
        raise _unfit(f"at_average={copy['at_average']!r}")
    if state.get("restore", restore) != restore:  # Older snapshots do not tell.
        raise _unfit(f"restore={state['restore']!r}, not {restore!r}")
    arrays = copy["arrays"]
    if arrays is not None:
        if not isinstance(arrays, (list, tuple)):
            raise _unfit(f"arrays={type(arrays).__name__}")
        if isinstance(model, keras.Model) and model.built:
            try:
                kept.check_fit(model, arrays)
            except ValueError as error:
                raise _unfit(f"one of another model or `restore`. {error}") from error
    return copy


def _unfit(received: str) -> ValueError:
    return ValueError(
        "`state` must be one that `get_state()` of an EarlyStopping with the same arguments "
        f"returned. Received: {received}"
    )


def _is_count(value: Any, _: int) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(values: Any, count: int) -> bool:
    """Return whether they are one per metric."""
    is_sequence = isinstance(values, (list, tuple))
    return is_sequence and len(values) == count and all(map(_is_number, values))


def _is_text(value: Any, _: int) -> bool:
    return isinstance(value, str)


_COUNTS = [one.name for one in fields(Progress) if one.type in (int, "int")]
_TEXTS = [one.name for one in fields(Progress) if one.type in (str, "str")]
_REQUIREMENTS = {
    **dict.fromkeys(_COUNTS, _is_count),
    **dict.fromkeys(_TEXTS, _is_text),
    "reason": lambda value, _: value in REASONS,
    "best": lambda value, _: value is None or _is_number(value),
    "references": lambda value, count: value is None or _are_numbers(value, count),
    "bests": lambda value, count: value is None or _are_numbers(value, count),
    "sums": lambda value, count: value == [] or _are_numbers(value, count),
    "best_logs": lambda value, _: (
        isinstance(value, Mapping) and all(map(_is_number, value.values()))
    ),
}
