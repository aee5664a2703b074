"""What the layers of a model put out on one fixed batch, epoch by epoch."""

from dataclasses import dataclass

import numpy as np

from keras_trainkit.diagnosis.history import check_known, check_shapes, column

ACTIVATION_STATISTICS = ("mean", "std", "zero_fraction", "dead", "saturated")


@dataclass(frozen=True, eq=False, repr=False)
class Activations:
    """The outputs y of L layers on a probe batch, which stays the same, in E epochs.

        mean, std of all y    zero_fraction = share of y = 0
        dead (relu) = share of units that are zero on the whole batch
        saturated = share of y outside (0.01, 0.99) (sigmoid), of |y| > 0.98 (tanh),
            of examples whose largest probability is > 0.99 (softmax)
    `dead` and `saturated` are NaN for layers of other kinds.

    Args:
        epochs: integers, shape `(E,)`. The probed epochs, 0-based.
        layers: L strings. Paths of the layers, from input to output.
        kinds: L strings. `"relu"`, `"tanh"`, `"sigmoid"`, `"softmax"`, or `""` for others.
        table: floats, shape `(E, L, 5)`, columns as in `diagnosis.ACTIVATION_STATISTICS`.

    Raises:
        ValueError: if the shapes do not fit together.

    Example:
        >>> from keras_trainkit.diagnosis import Activations
        >>> probe = Activations([0], ["dense"], ["relu"], [[[0.4, 1.0, 0.6, 0.25, float("nan")]]])
        >>> probe["dead"]
        array([[0.25]])
    """

    epochs: np.ndarray
    layers: tuple[str, ...]
    kinds: tuple[str, ...]
    table: np.ndarray

    def __post_init__(self) -> None:
        """Turn the fields into arrays and check their shapes."""
        object.__setattr__(self, "epochs", np.asarray(self.epochs, "int64"))
        object.__setattr__(self, "table", np.asarray(self.table))
        for name in ("layers", "kinds"):
            object.__setattr__(self, name, tuple(map(str, getattr(self, name))))
        epochs, layers = {"epochs": self.epochs.size}, {"layers": len(self.layers)}
        columns = {"statistics": len(ACTIVATION_STATISTICS)}
        check_shapes(self, {"epochs": epochs, "table": epochs | layers | columns})
        if len(self.kinds) != len(self.layers):
            raise ValueError(
                f"`kinds` must hold one string per layer, {len(self.layers)}. "
                f"Received: kinds={self.kinds}"
            )

    def __repr__(self) -> str:
        """Return how much there is."""
        return f"<Activations of {len(self.layers)} layers in {len(self.epochs)} epochs>"

    def __getitem__(self, statistic: str) -> np.ndarray:
        """Return one statistic as a float64 array of shape `(E, L)`."""
        check_known(statistic, ACTIVATION_STATISTICS)
        return column(self.table, ACTIVATION_STATISTICS, statistic)
