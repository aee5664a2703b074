"""What is known of data: single arrays, and rows that are the same."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ArrayFacts:
    """One input, target or sample weight, or the sample of it that was looked at.

    Columns are the last axis; an array without one has one column. Numbers are over the finite
    values, NaN where there is none.

    Args:
        name: string. As `fit` has it: `"x"`, `"y[1]"`, `"x['image']"`, `"validation y"`.
        shape: integers, or `None` where not known. The first is the number of rows.
        dtype: string.
        seen: integer. The number of rows that were looked at.
        mean, std, low, high: floats. Over all values.
        scales: three floats. The smallest, the median and the largest root mean square of a column.
        largest: integer. The column of the largest scale.
        constant: integer. The number of columns whose values are all the same.
        nonfinite: integer. The number of values that are NaN or infinite.
        whole: bool. Whether all values are integers, of whatever dtype.
        distinct: integer. The number of distinct values, at most 1001.
        classes: dict of class to its share of the rows: of whole values in one column, at most 1000
            of them, or the columns of `one_hot` rows. Empty for anything else.
        one_hot: bool. Whether each row has one 1, the rest 0, in more than one column.
        binary: bool. Whether all values are 0 or 1.
        sums_to_one: bool. Whether each row is >= 0 and its sum is 1, in more than one column.
        ordered: bool. Whether the classes stand in blocks, one after another.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    seen: int
    mean: float = math.nan
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan
    scales: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    largest: int = 0
    constant: int = 0
    nonfinite: int = 0
    whole: bool = False
    distinct: int = 0
    classes: Mapping[float, float] = field(default_factory=dict)
    one_hot: bool = False
    binary: bool = False
    sums_to_one: bool = False
    ordered: bool = False

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return (self.shape[-1] or 1) if len(self.shape) > 1 else 1


@dataclass(frozen=True)
class DuplicateFacts:
    """Rows that are the same in all inputs.

    Args:
        rows: integer. How many were compared.
        largest: float. The share of them that are the same as the most frequent one.
        best_skill: float. The skill, as of `Outcomes`, of whoever knows the mean target of each
            kind of rows: no network's is higher. NaN if it is not known.
    """

    rows: int
    largest: float
    best_skill: float = math.nan
