"""Where the shift and the scale of plain columns come from: what is measured on the training rows.

A missing entry, NaN, is left out of every measurement.

References
----------
.. [1] T. F. Chan, G. H. Golub, R. J. LeVeque (1983). Algorithms for computing the sample variance: analysis and
   recommendations. The American Statistician 37.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from layerwise.data.stored import StoredValues, part_rows
from layerwise.data.values import Values
from layerwise.errors import DataError

__all__ = ["Vector", "extremes", "measured_scale", "moments"]

Vector = npt.NDArray[np.float64]

# A column that varies by less has no scale that float32 could hold.
_SMALLEST = float(np.finfo(np.float32).tiny)


def measured_scale(values: Values, kind: str, full_scale: float | None) -> tuple[Vector, Vector]:
    """Shift and scale of every column; :mod:`layerwise.data.preparation` has the rules.

    Raises
    ------
    DataError
        Where a column has nothing but missing entries.
    """
    low, high = extremes(values)
    if np.isnan(low).any():
        column = int(np.argmax(np.isnan(low)))
        rule, remedy = "must hold at least one value to be fitted", "leave the column out"
        raise DataError(f"column {column}", "every entry missing", rule, remedy)
    if kind == "spin" and (full_scale is not None or _is_binary(values)):
        white = 1.0 if full_scale is None else full_scale
        return np.full_like(low, white / 2), np.full_like(low, 2 / white)
    if kind in ("spin", "categorical"):
        return np.zeros_like(low), np.ones_like(low)
    if kind == "gaussian" or (kind == "rectified" and full_scale is None):
        shift, spread = moments(values)
        shift = shift if kind == "gaussian" else np.zeros_like(shift)
        constant = (high - low <= _SMALLEST) | (spread <= _SMALLEST)
    elif full_scale is not None:
        shift, spread = np.zeros_like(low), np.full_like(low, full_scale)
        constant = np.zeros(len(low), dtype=np.bool_)
    else:
        untouched = (low >= 0) & (high <= 1)
        shift, spread = np.where(untouched, 0.0, low), np.where(untouched, 1.0, high - low)
        constant = spread <= _SMALLEST
    shift = np.where(constant, low, shift)
    return shift, np.where(constant, 0.0, 1 / np.where(constant, 1.0, spread))


def extremes(values: Values) -> tuple[Vector, Vector]:
    """Least and greatest entry of every column; NaN where all are missing."""
    if isinstance(values, StoredValues):
        return values.extremes
    low: Any = values.min(axis=0)
    high: Any = values.max(axis=0)
    if not isinstance(values, np.ndarray):
        low, high = low.toarray().ravel(), high.toarray().ravel()
    elif np.isnan(low).any():
        low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    return low.astype(np.float64), high.astype(np.float64)


def moments(values: Values) -> tuple[Vector, Vector]:
    """Mean and standard deviation of every column: of part after part, and of those together [1]_.

    Each part's mean is taken off before it is squared: the short formula cancels. A second reading of all rows, which
    may lie on disk, is not needed.
    """
    n_rows, n_columns = values.shape
    if isinstance(values, csr_array):
        stored, columns = values.data.astype(np.float64), values.indices
        mean = np.bincount(columns, stored, minlength=n_columns) / n_rows
        squares = np.bincount(columns, (stored - mean[columns]) ** 2, minlength=n_columns)
        # The zeros that are not stored are entries too.
        squares += (n_rows - np.bincount(columns, minlength=n_columns)) * mean**2
        return mean, np.sqrt(squares / n_rows)
    count, mean, squares = (np.zeros(n_columns) for _ in range(3))
    for part in _parts(values):
        gaps = np.isnan(part) if part.dtype.kind == "f" else np.zeros(0, np.bool_)
        total, more = (np.nansum, len(part) - gaps.sum(axis=0)) if gaps.any() else (np.sum, len(part))
        of_part = total(part, axis=0, dtype=np.float64) / np.maximum(more, 1)
        away = total((part - of_part) ** 2, axis=0)
        apart, both = of_part - mean, np.maximum(count + more, 1)
        squares += away + apart**2 * count * more / both
        mean += apart * more / both
        count += more
    return mean, np.sqrt(squares / count)


def _parts(values: npt.NDArray[Any] | StoredValues) -> Iterator[npt.NDArray[Any]]:
    """All rows, some thousand at a time; the same parts in memory and on disk, so that they sum to the same bits."""
    if isinstance(values, StoredValues):
        return values.parts()
    step = part_rows(int(values.shape[1]))
    return (values[first : first + step] for first in range(0, len(values), step))


def _is_binary(values: Values) -> bool:
    """Whether only 0 and 1 occur, and 0 at all."""
    if isinstance(values, csr_array):
        zero = values.nnz < values.shape[0] * values.shape[1] or bool((values.data == 0).any())
        return zero and bool(((values.data == 0) | (values.data == 1)).all())
    zero = False
    for part in _parts(values):
        zero = zero or bool((part == 0).any())
        if not ((part == 0) | (part == 1) | (part != part)).all():
            return False
    return zero
