"""Validation and checkpoints of a model that trains with Nesterov's momentum."""

from typing import Any

import keras

from keras_trainkit._keras_internals import forget_model, optimizers_of


class SwapIterate(keras.callbacks.Callback):
    """Holds the iterate of `NAG` in the model while it is validated and at the end of an epoch.

    While a model trains with `keras_trainkit.optimizers.NAG`, its variables hold the look-ahead
    point, where the gradient is due. With this callback, validation and what other callbacks do at
    the end of an epoch (`keras.callbacks.ModelCheckpoint`) see the iterate w, as
    `keras.callbacks.SwapEMAWeights` does for the moving average. Put it in front of them. Before
    the next step the model holds again, bit for bit, what it held.

    Raises:
        ValueError: at the beginning of a training or a test, if the optimizer has no iterate.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_trainkit.callbacks import SwapIterate
        >>> from keras_trainkit.optimizers import NAG
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile(NAG(0.1), "mse")
        >>> x = np.ones((8, 2))
        >>> history = model.fit(x, x[:, :1], validation_split=0.5, verbose=0,
        ...                     callbacks=[SwapIterate()])
    """

    def __init__(self) -> None:
        """Start with the model where it is."""
        super().__init__()
        self._visits: list[Any] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget a visit that an interruption left open; the optimizer has resumed."""
        self._visits = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Go back to the look-ahead point."""
        self._leave()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Go to the iterate."""
        self._enter()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Go to the iterate."""
        self._enter()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Go back to the look-ahead point."""
        self._leave()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the model where `fit` leaves it, mostly at the iterate."""
        for visit in self._visits:
            visit.end()
        self._visits = []

    def get_state(self) -> dict[str, Any]:
        """Return what the visited models held, so that a resumed training goes back to it."""
        return {"visits": [visit.get_state() for visit in self._visits]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue the visits."""
        self._visits = []
        optimizers = self._optimizers() if state["visits"] else []
        for optimizer, held in zip(optimizers, state["visits"], strict=True):
            visit = optimizer.at_iterate()
            visit.set_state(held)
            self._visits.append(visit)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the model and its visits, of which a copy has its own."""
        return {**forget_model(self), "_visits": []}

    def _enter(self) -> None:
        for optimizer in self._optimizers():
            visit = optimizer.at_iterate()
            visit.__enter__()
            self._visits.append(visit)

    def _leave(self) -> None:
        while self._visits:
            self._visits.pop().__exit__(None, None, None)

    def _optimizers(self) -> list[Any]:
        # On JAX reading `self.model` brings the variables up to date.
        found = [o for o in optimizers_of(self.model) if hasattr(o, "at_iterate")]
        if not found:
            raise ValueError(
                "`optimizer` must be NAG for SwapIterate. "
                f"Received: optimizer={type(self.model.optimizer).__name__}"
            )
        return found
