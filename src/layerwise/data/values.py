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

from layerwise.data.finite import all_finite, checked_range, not_finite, range_of, storage
from layerwise.data.stored import StoredValues
from layerwise.errors import DataError

__all__ = ["HeldValues", "Values", "checked_values"]

HeldValues = npt.NDArray[Any] | csr_array
"""Rows in memory."""
Values = HeldValues | StoredValues
"""Rows in memory or on disk."""

_ACCEPTED = "must be numbers or booleans in a matrix (rows, columns) or pictures (rows, height, width)"
_KINDS = {"O": "Python objects", "U": "texts", "S": "bytes", "T": "texts", "M": "dates", "m": "durations"}


def checked_values(
    values: object, what: str = "X", columns: Sequence[str] | None = None, *, missing: bool = False
) -> Values:
    """Check numbers that are to become rows, and store them compactly.

    Booleans and whole numbers from 0 to 255 become uint8, other whole numbers float32 where that is exact and float64
    otherwise; float32 and float64 stay. Nothing is copied that already has its final form.

    Parameters
    ----------
    values : array-like or scipy sparse, shape (rows, columns) or (rows, height, width)
        Stored rows were checked when their file was opened, and are what they are.
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
    if isinstance(values, StoredValues):
        return values
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
    low, high = checked_range(array, what, columns, missing=missing)
    return np.ascontiguousarray(array, dtype=storage(array.dtype, low, high))


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
    low, high = range_of(matrix.data)
    if not all_finite(low, high):
        place = int(np.argmin([all_finite(entry, entry) for entry in matrix.data.tolist()]))
        row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
        raise not_finite(matrix.data[place], row, int(matrix.indices[place]), what, columns)
    return matrix.astype(storage(matrix.dtype, low, high), copy=False)


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
