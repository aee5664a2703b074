"""What happened during one training, step by step, as plain arrays in one file."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_trainkit import _archive as archive
from keras_trainkit.diagnosis import _export
from keras_trainkit.diagnosis._history_file import read, write
from keras_trainkit.diagnosis._tables import check_known, check_shapes, column
from keras_trainkit.diagnosis.facts import Facts
from keras_trainkit.diagnosis.nonfinite import NonFinite
from keras_trainkit.diagnosis.outcomes import Outcomes

STATISTICS = (
    "norm",
    "max_abs",
    "mean",
    "std",
    "zero_fraction",
    "nonfinite",
    "weight_norm",
    "update_norm",
    "clipped_norm",
    "cosine",
)
ACTIVATION_STATISTICS = ("mean", "std", "zero_fraction", "dead", "saturated")
BINS = 64
LOWEST_EXPONENT = -48
_ROUNDING = 1e-6


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


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """The record of one training: S steps, V variables, one row of statistics for each pair.

    The gradient g of variable w at one step gives
        norm = |g|_2    max_abs = max |g_i|    mean    std    zero_fraction = share of g_i = 0
        nonfinite = number of g_i that are NaN or infinite
        weight_norm = |w|_2 before the step    update_norm = |w_after - w_before|_2
        clipped_norm = |g|_2 after clipping, `norm` where nothing clips
        cosine = g . g' / (|g|_2 |g'|_2) with g' of the step before
        update_ratio = update_norm / weight_norm        global_norm = sqrt(sum over w of |g|_2^2)
    Where `nonfinite` > 0, `norm` and `max_abs` are infinite, `mean`, `std` and `zero_fraction` NaN.
    NaN is what was not recorded: all of a variable that no optimizer was given, all of a statistic
    that was not asked for (`nonfinite` is then 1 or 0: some or none), `cosine` where the step
    before is not in the record. `update_ratio` is NaN where w is zero.

    Args:
        steps: integers, shape `(S,)`. Training steps, 0-based; each is one `train_step`.
        epochs: integers, shape `(S,)`. The epoch of each step, 0-based.
        variables: V strings. `variable.path`, in the order of the model; the second variable of
            the same path `layer/kernel` is named `layer#2/kernel`.
        sizes: integers, shape `(V,)`. The number of elements of each variable.
        table: floats, shape `(S, V, 10)`, columns as in `diagnosis.STATISTICS`.
        logs: dict of names to floats, shape `(E,)`. `epoch` and what `fit` logged at the end of it.
        signal: floats, shape `(S,)`. Estimates of |G|^2, see `noise_scale`. Defaults to NaN.
        noise: floats, shape `(S,)`. Estimates of tr(Sigma), see `noise_scale`. Defaults to NaN.
        histograms: unsigned integers, shape `(S, V, 64)`, or `None`. Bin j counts sampled elements
            with 2^(j - 48) <= |g_i| < 2^(j - 47); what is smaller or larger is in the first or
            last bin, what is zero or not finite in none. Defaults to `None`.
        activations: `Activations` or `None`. Outputs of the layers. Defaults to `None`.
        events: `NonFinite` objects. What was found where gradients were not finite. Defaults to
            none.
        facts: `Facts` or `None`. What was known before the training. Defaults to `None`.
        outcomes: `Outcomes` or `None`. What the network puts out. Defaults to `None`.

    Raises:
        ValueError: if the shapes do not fit together, or `histograms` are not unsigned integers.

    Example:
        >>> import numpy as np
        >>> from keras_trainkit.diagnosis import History
        >>> table = np.array([[[3, 3, 1, 1, 0, 0, 2, 0.002, 3, 1], [4, 4, 1, 1, 0, 0, 0, 1, 4, 1]]])
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
    signal: np.ndarray = field(default_factory=lambda: np.array(np.nan))
    noise: np.ndarray = field(default_factory=lambda: np.array(np.nan))
    histograms: np.ndarray | None = None
    activations: Activations | None = None
    events: tuple[NonFinite, ...] = ()
    facts: Facts | None = None
    outcomes: Outcomes | None = None

    def __post_init__(self) -> None:
        """Turn the fields into arrays and check their shapes."""
        for name in ("steps", "epochs", "sizes"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), "int64"))
        for name in ("signal", "noise"):
            values = np.asarray(getattr(self, name), "float64")
            values = values if values.ndim else np.full(self.steps.shape, values)
            object.__setattr__(self, name, values)
        object.__setattr__(self, "variables", tuple(map(str, self.variables)))
        object.__setattr__(self, "events", tuple(self.events))
        object.__setattr__(self, "table", np.asarray(self.table))
        if self.histograms is not None:
            object.__setattr__(self, "histograms", _unsigned(self.histograms))
        steps, variables = {"steps": self.steps.size}, {"variables": len(self.variables)}
        per_step = dict.fromkeys(("steps", "epochs", "signal", "noise"), steps)
        table = steps | variables | {"statistics": len(STATISTICS)}
        histograms = steps | variables | {"bins": BINS}
        expected = {"sizes": variables, "table": table, "histograms": histograms}
        check_shapes(self, per_step | expected)

    def __repr__(self) -> str:
        """Return how much there is."""
        return f"<History of {len(self.steps)} steps, {len(self.variables)} variables>"

    def __getitem__(self, statistic: str) -> np.ndarray:
        """Return one statistic as a float64 array of shape `(S, V)`."""
        check_known(statistic, (*STATISTICS, "update_ratio"))
        if statistic == "update_ratio":
            return ratio(self["update_norm"], self["weight_norm"])
        return column(self.table, STATISTICS, statistic)

    @property
    def global_norm(self) -> np.ndarray:
        """The L2 norm over all variables at each step, shape `(S,)`."""
        return root_sum_square(self["norm"])

    @property
    def global_update_ratio(self) -> np.ndarray:
        """The update ratio of all variables together at each step, shape `(S,)`."""
        return ratio(root_sum_square(self["update_norm"]), root_sum_square(self["weight_norm"]))

    @property
    def clipping(self) -> float:
        """The share of steps whose global norm clipping made smaller, by more than rounding.

        NaN if no step says what clipping did.
        """
        clipped = self["clipped_norm"]
        before = root_sum_square(np.where(np.isnan(clipped), np.nan, self["norm"]))
        known = ~np.isnan(before)
        smaller = root_sum_square(clipped)[known] < before[known] * (1 - _ROUNDING)
        return float(smaller.mean()) if known.any() else float("nan")

    def noise_scale(self, epoch: int | None = None) -> float:
        """Return the noise scale: the batch size beyond which larger batches hardly help.

            signal = g_t . g_{t-1}                                     estimates |G|^2
            noise = (|g_t|^2 / 2 + |g_{t-1}|^2 / 2 - signal) * 2 / (1 / B_t + 1 / B_{t-1})
                                                                       estimates tr(Sigma)
            noise_scale = mean(noise) / mean(signal)
        G is the gradient of the loss over all data, g_t that of a batch of B_t examples, Sigma the
        covariance of the gradients of single examples; G should change little in one step. Doubling
        a batch much smaller than the noise scale halves the steps to a loss; doubling a much
        larger one saves hardly any.

        Args:
            epoch: integer, 0-based. Defaults to `None`: all steps.

        Returns:
            Float, in examples; infinite if the mean signal is not above zero, NaN if nothing was
            recorded.

        Reference:
            McCandlish et al. (2018), An Empirical Model of Large-Batch Training, arXiv:1812.06162,
            equation 2.9; appendix A.1 has such estimates from two batch sizes at one step.
        """
        recorded = np.isfinite(self.signal) & np.isfinite(self.noise)
        if epoch is not None:
            recorded &= self.epochs == epoch
        if not recorded.any():
            return float("nan")
        signal, noise = self.signal[recorded].mean(), self.noise[recorded].mean()
        return float(noise / signal) if signal > 0 else float("inf")

    @property
    def layers(self) -> tuple[str, ...]:
        """The paths of the layers that own the variables, in order."""
        return tuple(dict.fromkeys(layer_of(name) for name in self.variables))

    def by_layer(self, statistic: str) -> np.ndarray:
        """Return a norm, or `update_ratio`, over all variables of each layer, shape `(S, L)`."""
        if statistic == "update_ratio":
            return ratio(self.by_layer("update_norm"), self.by_layer("weight_norm"))
        values = self[statistic]
        owners = np.array([layer_of(name) for name in self.variables])
        columns = [root_sum_square(values[:, owners == layer]) for layer in self.layers]
        return np.stack(columns, axis=1) if columns else np.empty((len(self.steps), 0))

    def save(self, path: str | os.PathLike) -> None:
        """Write everything to one `.npz` file at exactly `path`, whole or not at all.

        Raises:
            OSError: if it cannot be written; a file that was there before is as it was.
        """
        write(os.fspath(path), vars(self), STATISTICS)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "History":
        """Read a file that `save` wrote, of this or an older version.

        Raises:
            OSError: if the disk refuses it: there is no such file, or it cannot be read.
            ValueError: if the file is damaged, is something else, or is of a newer version.
        """
        with archive.opened(path, _unreadable, compressed=True) as members:
            fields = read(members, STATISTICS)
            if fields["activations"] is not None:
                fields["activations"] = Activations(**fields["activations"])
            if fields["outcomes"] is not None:
                fields["outcomes"] = Outcomes(**fields["outcomes"])
            return cls(**fields)

    def to_csv(self, path: str | os.PathLike) -> None:
        """Write the frame of `to_pandas` to a CSV file; NaN is written `nan`."""
        _export.write_csv(path, self._long_form())

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` of one row per step and variable.

        Its columns are `step`, `epoch`, `variable`, `size`, the `STATISTICS`, and `update_ratio`.

        Raises:
            ImportError: if pandas is not installed.
        """
        return _export.data_frame(self._long_form())

    def _long_form(self) -> dict[str, np.ndarray]:
        names = np.array(self.variables, dtype=object)
        cells = {name: self.table[:, :, i] for i, name in enumerate(STATISTICS)}
        return _export.long_form(
            {"step": self.steps, "epoch": self.epochs},
            {"variable": names, "size": self.sizes},
            {**cells, "update_ratio": self["update_ratio"]},
        )


def _unreadable(path: str | os.PathLike, error: Exception) -> ValueError:
    return ValueError(
        f"`path` must be an undamaged file written by History.save. "
        f"Received: path={os.fspath(path)!r} ({archive.reason_of(error)})"
    )


def layer_of(variable: str) -> str:
    """Return the path of the layer that owns the variable."""
    return variable.rpartition("/")[0] or variable


def short_names(paths: Sequence[str]) -> list[str]:
    """Return the paths without the first part that most of the longer ones share: the model's name.

    Layers that were built outside of the model's call lack it in any case.
    """
    heads = Counter(path.partition("/")[0] for path in paths if "/" in path)
    ((head, count),) = heads.most_common(1) or [("", 0)]
    tails = [path.removeprefix(f"{head}/") for path in paths]
    is_clear = 2 * count > heads.total() and len(set(tails)) == len(set(paths))
    return tails if is_clear else list(paths)


def root_sum_square(norms: np.ndarray) -> np.ndarray:
    """Combine norms along the last axis; NaN, an absent variable, adds nothing to the others."""
    absent = np.isnan(norms).all(axis=-1)
    return np.where(absent, np.nan, np.sqrt(np.nansum(norms**2, axis=-1)))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole; NaN where the whole is zero or not finite."""
    usable = (whole != 0) & np.isfinite(whole)
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=usable)


def _unsigned(counts: np.ndarray) -> np.ndarray:
    counts = np.asarray(counts)
    if counts.dtype.kind != "u":
        raise ValueError(
            f"`histograms` must hold unsigned integers. Received: histograms.dtype={counts.dtype}"
        )
    return counts
