"""A history in long form, one row per step and variable, for other tools."""

import csv
import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from keras_trainkit.diagnosis.history import History


def long_form(history: "History", statistics: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the columns; the variables of one step follow each other."""
    steps, variables = history.table.shape[:2]
    columns = {
        "step": np.repeat(history.steps, variables),
        "epoch": np.repeat(history.epochs, variables),
        "variable": np.tile(np.array(history.variables, dtype=object), steps),
        "size": np.tile(history.sizes, steps),
    }
    columns |= {name: history.table[:, :, i].ravel() for i, name in enumerate(statistics)}
    return columns | {"update_ratio": history["update_ratio"].ravel()}


def write_csv(path: str | os.PathLike, columns: dict[str, np.ndarray]) -> None:
    """Write a line of names and a line per row; numbers with the digits that their type has."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(map(str, column) for column in columns.values()), strict=True))


def data_frame(columns: dict[str, np.ndarray]) -> Any:
    """Return a pandas DataFrame."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "`History.to_pandas` needs pandas: pip install pandas. `History.to_csv` needs nothing"
        ) from error
    return pandas.DataFrame(columns)
