"""What happened during one training, step by step, as plain arrays in one file."""

import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

STATISTICS = (
    "norm",
    "max_abs",
    "mean",
    "std",
    "zero_fraction",
    "nonfinite",
    "weight_norm",
    "update_norm",
)
FORMAT = "keras_trainkit.History"
VERSION = 1


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """The record of one training: S steps, V variables, one row of statistics for each pair.

    The gradient g of variable w at one step gives
        norm = |g|_2    max_abs = max |g_i|    mean    std    zero_fraction = share of g_i = 0
        nonfinite = number of g_i that are NaN or infinite
        weight_norm = |w|_2 before the step    update_norm = |w_after - w_before|_2
        update_ratio = update_norm / weight_norm        global_norm = sqrt(sum over w of |g|_2^2)
    Where `nonfinite` > 0, `norm` and `max_abs` are infinite, `mean`, `std` and `zero_fraction` NaN.
    All are NaN where no optimizer was given the variable; `update_ratio` also where w is zero.

    Args:
        steps: integers, shape `(S,)`. Optimizer updates, 0-based.
        epochs: integers, shape `(S,)`. The epoch of each step, 0-based.
        variables: V strings. `variable.path`, in the order of the model; the second variable of
            the same path `layer/kernel` is named `layer#2/kernel`.
        sizes: integers, shape `(V,)`. The number of elements of each variable.
        table: floats, shape `(S, V, 8)`, columns as in `diagnosis.STATISTICS`.
        logs: dict of names to floats, shape `(E,)`. `epoch` and what `fit` logged at the end of it.

    Raises:
        ValueError: if the shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from keras_trainkit.diagnosis import History
        >>> table = np.array([[[3, 3, 1, 1, 0, 0, 2, 0.002], [4, 4, 1, 1, 0, 0, 0, 0.1]]])
        >>> history = History([0], [0], ("dense/kernel", "dense/bias"), [6, 2], table)
        >>> history["norm"], history.global_norm
        (array([[3., 4.]]), array([5.]))
        >>> history["update_ratio"]
        array([[0.001,   nan]])
    """

    steps: np.ndarray
    epochs: np.ndarray
    variables: tuple[str, ...]
    sizes: np.ndarray
    table: np.ndarray
    logs: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Turn the fields into arrays and check their shapes."""
        for name in ("steps", "epochs", "sizes"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), "int64"))
        object.__setattr__(self, "variables", tuple(str(name) for name in self.variables))
        object.__setattr__(self, "table", np.asarray(self.table))
        shape = (len(self.steps), len(self.variables), len(STATISTICS))
        if self.table.shape != shape:
            raise ValueError(
                f"`table` must have shape (steps, variables, {len(STATISTICS)}) = {shape}. "
                f"Received: table.shape={self.table.shape}"
            )
        if self.epochs.shape != self.steps.shape or self.sizes.shape != shape[1:2]:
            raise ValueError(
                "`epochs` must hold one number per step and `sizes` one per variable. "
                f"Received: epochs.shape={self.epochs.shape}, sizes.shape={self.sizes.shape}"
            )

    def __repr__(self) -> str:
        """Return how much there is."""
        return f"<History of {len(self.steps)} steps, {len(self.variables)} variables>"

    def __getitem__(self, statistic: str) -> np.ndarray:
        """Return one statistic as a float64 array of shape `(S, V)`."""
        if statistic == "update_ratio":
            return _ratio(self["update_norm"], self["weight_norm"])
        if statistic not in STATISTICS:
            listed = ", ".join((*STATISTICS, "update_ratio"))
            raise KeyError(f"`statistic` must be one of {listed}. Received: {statistic!r}")
        return self.table[:, :, STATISTICS.index(statistic)].astype("float64")

    @property
    def global_norm(self) -> np.ndarray:
        """The L2 norm over all variables at each step, shape `(S,)`."""
        return root_sum_square(self["norm"])

    @property
    def layers(self) -> tuple[str, ...]:
        """The paths of the layers that own the variables, in order."""
        return tuple(dict.fromkeys(layer_of(name) for name in self.variables))

    def by_layer(self, statistic: str) -> np.ndarray:
        """Return a norm, or `update_ratio`, over all variables of each layer, shape `(S, L)`."""
        if statistic == "update_ratio":
            return _ratio(self.by_layer("update_norm"), self.by_layer("weight_norm"))
        values = self[statistic]
        owners = np.array([layer_of(name) for name in self.variables])
        columns = [root_sum_square(values[:, owners == layer]) for layer in self.layers]
        return np.stack(columns, axis=1) if columns else np.empty((len(self.steps), 0))

    def save(self, path: str | os.PathLike) -> None:
        """Write everything to one `.npz` file at exactly `path`."""
        content: dict[str, Any] = {"format": FORMAT, "version": VERSION, "statistics": STATISTICS}
        content |= {name: getattr(self, name) for name in _ARRAYS}
        content |= {_LOG + name: values for name, values in self.logs.items()}
        with open(path, "wb") as file:
            np.savez_compressed(file, **content)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "History":
        """Read a file that `save` wrote.

        Raises:
            ValueError: if the file is damaged, is something else, or is of a newer version.
        """
        with open(path, "rb") as file:
            try:
                return cls(**_read(file))
            except _UNREADABLE as error:
                raise ValueError(
                    f"`path` must be an undamaged file written by History.save. "
                    f"Received: path={os.fspath(path)!r} ({error})"
                ) from error


_ARRAYS = ("steps", "epochs", "variables", "sizes", "table")
_LOG = "logs/"
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    OSError,
    AttributeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def layer_of(variable: str) -> str:
    """Return the path of the layer that owns the variable."""
    return variable.rpartition("/")[0] or variable


def short_names(paths: Sequence[str]) -> list[str]:
    """Return the paths without a first part that they all share: the name of the model."""
    heads = {path.partition("/")[0] for path in paths}
    tails = [path.partition("/")[2] for path in paths]
    return tails if len(heads) == 1 and all(tails) else list(paths)


def _read(file: BinaryIO) -> dict:
    with np.load(file, allow_pickle=False) as archive:
        content = {name: archive[name] for name in archive.files}
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']}")
    if content["version"] > VERSION or tuple(content["statistics"]) != STATISTICS:
        raise ValueError(f"its version is {content['version']}, this is {VERSION}")
    logs = {name[len(_LOG) :]: content[name] for name in content if name.startswith(_LOG)}
    return {name: content[name] for name in _ARRAYS} | {"logs": logs}


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    usable = (whole != 0) & np.isfinite(whole)
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=usable)


def root_sum_square(norms: np.ndarray) -> np.ndarray:
    """Combine norms along the last axis; NaN, an absent variable, adds nothing to the others."""
    absent = np.isnan(norms).all(axis=-1)
    return np.where(absent, np.nan, np.sqrt(np.nansum(norms**2, axis=-1)))
