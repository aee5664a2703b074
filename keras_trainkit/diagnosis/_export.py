"""Tables of numbers for other tools: as a CSV file, as a frame of pandas."""

import csv
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

Columns = Mapping[str, np.ndarray]


def long_form(rows: Columns, columns: Columns, cells: Columns) -> dict[str, np.ndarray]:
    """Return one row per cell of a table, those of one row of the table after each other.

    Args:
        rows: what belongs to each row of the table, shape `(R,)`.
        columns: what belongs to each column, shape `(C,)`.
        cells: what stands in the cells, shape `(R, C)`.
    """
    height, width = next(iter(cells.values())).shape
    return {
        **{name: np.repeat(values, width) for name, values in rows.items()},
        **{name: np.tile(values, height) for name, values in columns.items()},
        **{name: values.ravel() for name, values in cells.items()},
    }


def write_csv(path: str | os.PathLike, columns: Columns) -> None:
    """Write a line of names and a line per row; numbers with the digits that their type has."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(map(str, column) for column in columns.values()), strict=True))


def data_frame(columns: Columns) -> Any:
    """Return a pandas DataFrame."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "`History.to_pandas` needs pandas: pip install pandas. `History.to_csv` needs nothing"
        ) from error
    return pandas.DataFrame(columns)
