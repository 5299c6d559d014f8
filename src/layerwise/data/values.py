"""Which numbers are accepted as rows, and how they lie in memory.

Everything that enters, from a file or from Python, passes :func:`checked_values` once. After that a row is trusted:
finite, or NaN where missing values are asked for, in native byte order, contiguous, one of uint8, float32 and float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, issparse

from layerwise.errors import DataError

__all__ = ["Values", "checked_values"]

Values = npt.NDArray[Any] | csr_array

_ACCEPTED = "must be numbers or booleans in a matrix (rows, columns) or pictures (rows, height, width)"
_KINDS = {"O": "Python objects", "U": "texts", "S": "bytes", "T": "texts", "M": "dates", "m": "durations"}
_LARGEST = float(np.finfo(np.float32).max)
# Every whole number up to here is a float32.
_LARGEST_WHOLE_FLOAT32 = 2**24


def checked_values(
    values: object, what: str = "X", columns: Sequence[str] | None = None, *, missing: bool = False
) -> Values:
    """Check numbers that are to become rows, and store them compactly.

    Booleans and whole numbers from 0 to 255 become uint8, other whole numbers float32 where that is exact and float64
    otherwise; float32 and float64 stay. Nothing is copied that already has its final form.

    Parameters
    ----------
    values : array-like or scipy sparse, shape (rows, columns) or (rows, height, width)
    what : str
        How an error names the values.
    columns : sequence of str, optional
        Column names, for errors.
    missing : bool
        Whether NaN, and a masked entry, is a missing value that may stay; never in a sparse matrix.

    Returns
    -------
    ndarray or csr_array, of the same shape

    Raises
    ------
    DataError
        Where they are no numbers, have another number of axes, are empty or are not finite in float32.
    """
    if issparse(values):
        return _checked_sparse(values, what, columns)
    if missing and np.ma.isMaskedArray(values):
        values = _unmasked(values)
    elif np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        raise DataError(what, "a masked array", "must have no masked entry", "fill the gaps or leave those rows out")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(what, type(values).__name__, f"{_ACCEPTED} ({error})") from error
    _check_kind(array.dtype, what)
    if array.ndim not in (2, 3):
        remedy = "a single row is X.reshape(1, -1), a single column X.reshape(-1, 1)" if array.ndim == 1 else ""
        raise DataError(f"{what}.shape", tuple(array.shape), _ACCEPTED, remedy)
    _check_not_empty(array.shape, what)
    low, high = _range(array, missing)
    if not (low >= -_LARGEST and high <= _LARGEST):
        flat = array.reshape(len(array), -1)
        row, column = _first_bad(flat, missing)
        raise _not_finite(flat[row, column], row, column, what, columns)
    return np.ascontiguousarray(array, dtype=_storage(array.dtype, low, high))


def _checked_sparse(values: Any, what: str, columns: Sequence[str] | None) -> csr_array:
    _check_kind(values.dtype, what)
    if values.ndim != 2:
        raise DataError(f"{what}.shape", tuple(values.shape), _ACCEPTED)
    _check_not_empty(values.shape, what)
    matrix: Any = csr_array(values)
    try:
        # An index beyond the matrix would be followed blindly by the compiled products.
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise DataError(what, "a sparse matrix", f"must be a consistent sparse matrix ({error})") from error
    if not matrix.has_canonical_format:
        if matrix is values or np.shares_memory(matrix.data, values.data):
            matrix = matrix.copy()
        matrix.sum_duplicates()
    if matrix.nnz == 0:
        return matrix.astype(np.uint8)
    low, high = _range(matrix.data)
    if not (low >= -_LARGEST and high <= _LARGEST):
        place = int(_first_bad(matrix.data[None, :])[1])
        row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
        raise _not_finite(matrix.data[place], row, int(matrix.indices[place]), what, columns)
    return matrix.astype(_storage(matrix.dtype, low, high), copy=False)


def _check_kind(dtype: np.dtype[Any], what: str) -> None:
    if dtype.kind not in "biuf":
        found = _KINDS.get(dtype.kind, str(dtype))
        remedy = "turn every column into numbers first, e.g. one column of 0 and 1 for each value of a category"
        raise DataError(what, f"an array of {found}", _ACCEPTED, remedy)


def _check_not_empty(shape: tuple[int, ...], what: str) -> None:
    if 0 in shape:
        raise DataError(f"{what}.shape", tuple(shape), "must hold at least one row and one column")


def _unmasked(values: Any) -> npt.NDArray[Any]:
    """A masked array with NaN where it is masked."""
    return values.astype(np.result_type(values.dtype, np.float32)).filled(np.nan)


def _range(array: npt.NDArray[Any], missing: bool = False) -> tuple[float, float]:
    # NaN goes through min and max, and past fmin and fmax; none makes a temporary array as large as the data.
    with np.errstate(invalid="ignore"):
        if missing and array.dtype.kind == "f":
            low, high = float(np.fmin.reduce(array, axis=None)), float(np.fmax.reduce(array, axis=None))
            return (0.0, 0.0) if np.isnan(low) else (low, high)
        return float(array.min()), float(array.max())


def _storage(dtype: np.dtype[Any], low: float, high: float) -> np.dtype[Any]:
    if dtype.kind == "f":
        return np.dtype(np.float32) if dtype.itemsize <= 4 else np.dtype(np.float64)
    if low >= 0 and high <= 255:
        return np.dtype(np.uint8)
    return np.dtype(np.float32) if max(-low, high) <= _LARGEST_WHOLE_FLOAT32 else np.dtype(np.float64)


def _first_bad(matrix: npt.NDArray[Any], missing: bool = False) -> tuple[int, int]:
    for row, entries in enumerate(matrix):
        # In float64: float16 has no number as large as the bound.
        good = (np.abs(entries.astype(np.float64)) <= _LARGEST) | (np.isnan(entries) if missing else False)
        if not good.all():
            return row, int(np.argmin(good))
    raise AssertionError("a range that is not finite has an entry that is not")


def _not_finite(value: Any, row: int, column: int, what: str, columns: Sequence[str] | None) -> DataError:
    name = repr(columns[column]) if columns is not None else column
    remedy = f"fill the gap or leave row {row} out" if np.isnan(value) else "correct the entry or scale the column"
    rule = "must be a finite number that float32 can hold"
    return DataError(f"{what}, row {row}, column {name}", float(value), rule, remedy)
