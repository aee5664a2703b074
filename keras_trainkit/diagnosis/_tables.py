"""Tables whose last axis holds statistics by name."""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_trainkit._validation import invalid


def check_shapes(record: object, axes: Mapping[str, Mapping[str, int]]) -> None:
    """Raise if an array of `record` has not the axes given for it, as names with lengths."""
    for name, lengths in axes.items():
        array, shape = getattr(record, name), tuple(lengths.values())
        if array is not None and array.shape != shape:
            raise invalid(f"{name}.shape", f"({', '.join(lengths)}) = {shape}", array.shape)


def check_known(statistic: str, known: Sequence[str]) -> None:
    """Raise if there is no statistic of this name."""
    if statistic not in known:
        listed = ", ".join(known)
        raise KeyError(f"`statistic` must be one of {listed}. Received: {statistic!r}")


def column(table: np.ndarray, names: Sequence[str], statistic: str) -> np.ndarray:
    """Return the values of one statistic as float64, without the last axis."""
    return table[..., names.index(statistic)].astype("float64")
