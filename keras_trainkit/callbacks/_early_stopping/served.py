"""Which `fit` of which model a callback serves: one at a time, and neither is kept alive."""

import warnings
import weakref
from collections.abc import Callable
from typing import Any

from keras_trainkit._fit import Fit


class Served:
    """One `fit` of one model, or none yet; a copy serves nobody."""

    def __init__(self) -> None:
        self._fit: Callable[[], Fit | None] = _nobody
        self._model: Callable[[], Any] | None = None

    def begin(self, model: Any, fit: Fit | None) -> None:
        """Serve this `fit` from now on."""
        self.know(model)
        self._fit = weakref.ref(fit) if fit else _nobody

    def know(self, model: Any) -> None:
        """Belong to this model, if it is one, or to the first that comes."""
        self._model = None if model is None else weakref.ref(model)

    def was_another(self, model: Any, warns: bool) -> bool:
        """Say whether it was another model until now, of which to warn or not."""
        if self._model is None or self._model() is model:
            return False
        if warns:
            warnings.warn(
                "EarlyStopping(reset_on_fit=False) begins anew: its best value and weights are "
                "those of another model. Call `set_state(other.get_state())` to go on from them.",
                stacklevel=2,
            )
        return True

    def check_is_free(self, fit: Fit | None) -> None:
        """Raise if another `fit` is still running."""
        served = self._fit()
        if served and not served.is_over and served is not fit:
            raise RuntimeError(
                "EarlyStopping serves one `fit` at a time, and the one that it serves is still "
                "running. Give the other one an EarlyStopping of its own."
            )

    def __getstate__(self) -> dict[str, Any]:
        return {"_fit": _nobody, "_model": None if self._model is None else _nobody}


def _nobody() -> None:
    """Stand for a weak reference to what is gone, or was never there."""
