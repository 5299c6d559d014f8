"""Which numbers are finite in float32, how the first that is not is named, and in what the others are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.errors import DataError

__all__ = ["all_finite", "checked_range", "not_finite", "range_of", "storage"]

_LARGEST = float(np.finfo(np.float32).max)
# Every whole number up to here is a float32.
_LARGEST_WHOLE_FLOAT32 = 2**24


def all_finite(low: float, high: float) -> bool:
    """Whether numbers from ``low`` to ``high`` can be held by float32; NaN cannot."""
    return low >= -_LARGEST and high <= _LARGEST


def checked_range(
    array: npt.NDArray[Any], what: str, columns: Sequence[str] | None, *, missing: bool = False, first_row: int = 0
) -> tuple[float, float]:
    """Least and greatest entry of numbers that are all finite.

    Parameters
    ----------
    array : ndarray of shape (rows, …)
    what : str
        How an error names the rows.
    columns : sequence of str or None
        Column names, for errors.
    missing : bool
        Whether NaN is a missing value that may stay; of nothing else the range is from 0 to 0.
    first_row : int
        How an error calls the first row.

    Raises
    ------
    DataError
        Naming the first entry that is not finite in float32.
    """
    low, high = range_of(array, missing)
    if not all_finite(low, high):
        flat = array.reshape(len(array), -1)
        row, column = _first_bad(flat, missing)
        raise not_finite(flat[row, column], first_row + row, column, what, columns)
    return low, high


def range_of(array: npt.NDArray[Any], missing: bool = False) -> tuple[float, float]:
    """Least and greatest entry; NaN where there is a NaN that is no missing value."""
    # NaN goes through min and max, and past fmin and fmax; none makes a temporary array as large as the data.
    with np.errstate(invalid="ignore"):
        if missing and array.dtype.kind == "f":
            low, high = float(np.fmin.reduce(array, axis=None)), float(np.fmax.reduce(array, axis=None))
            return (0.0, 0.0) if np.isnan(low) else (low, high)
        return float(array.min()), float(array.max())


def storage(dtype: np.dtype[Any], low: float, high: float) -> np.dtype[Any]:
    """The smallest of uint8, float32 and float64 that holds numbers from ``low`` to ``high`` of a type exactly."""
    if dtype.kind == "f":
        return np.dtype(np.float32) if dtype.itemsize <= 4 else np.dtype(np.float64)
    if low >= 0 and high <= 255:
        return np.dtype(np.uint8)
    return np.dtype(np.float32) if max(-low, high) <= _LARGEST_WHOLE_FLOAT32 else np.dtype(np.float64)


def not_finite(value: Any, row: int, column: int, what: str, columns: Sequence[str] | None) -> DataError:
    """The error for an entry that is not."""
    name = repr(columns[column]) if columns is not None else column
    remedy = f"fill the gap or leave row {row} out" if np.isnan(value) else "correct the entry or scale the column"
    rule = "must be a finite number that float32 can hold"
    return DataError(f"{what}, row {row}, column {name}", float(value), rule, remedy)


def _first_bad(matrix: npt.NDArray[Any], missing: bool) -> tuple[int, int]:
    for row, entries in enumerate(matrix):
        # In float64: float16 has no number as large as the bound.
        good = (np.abs(entries.astype(np.float64)) <= _LARGEST) | (np.isnan(entries) if missing else False)
        if not good.all():
            return row, int(np.argmin(good))
    raise AssertionError("a range that is not finite has an entry that is not")
