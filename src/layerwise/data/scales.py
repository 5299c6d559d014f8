"""Where the shift and the scale of plain columns come from: what is measured on the training rows.

A missing entry, NaN, is left out of every measurement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.values import Values
from layerwise.errors import DataError

__all__ = ["CHUNK", "Vector", "extremes", "measured_scale", "moments"]

Vector = npt.NDArray[np.float64]

CHUNK = 4096
"""Rows are measured this many at a time, so that no float64 copy of the data is ever made."""
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
    low: Any = values.min(axis=0)
    high: Any = values.max(axis=0)
    if not isinstance(values, np.ndarray):
        low, high = low.toarray().ravel(), high.toarray().ravel()
    elif np.isnan(low).any():
        low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    return low.astype(np.float64), high.astype(np.float64)


def moments(values: Values) -> tuple[Vector, Vector]:
    """Mean and standard deviation of every column, in two passes: the short formula cancels."""
    n_rows, n_columns = values.shape
    if not isinstance(values, np.ndarray):
        stored, columns = values.data.astype(np.float64), values.indices
        mean = np.bincount(columns, stored, minlength=n_columns) / n_rows
        squares = np.bincount(columns, (stored - mean[columns]) ** 2, minlength=n_columns)
        # The zeros that are not stored are entries too.
        squares += (n_rows - np.bincount(columns, minlength=n_columns)) * mean**2
        return mean, np.sqrt(squares / n_rows)
    mean, squares = np.zeros(n_columns), np.zeros(n_columns)
    for first in range(0, n_rows, CHUNK):
        mean += values[first : first + CHUNK].sum(axis=0, dtype=np.float64) / n_rows
    if np.isnan(mean).any():
        return _moments_of_known(values)
    for first in range(0, n_rows, CHUNK):
        squares += ((values[first : first + CHUNK] - mean) ** 2).sum(axis=0)
    return mean, np.sqrt(squares / n_rows)


def _moments_of_known(values: npt.NDArray[Any]) -> tuple[Vector, Vector]:
    count, total, squares = (np.zeros(values.shape[1]) for _ in range(3))
    for first in range(0, len(values), CHUNK):
        part = values[first : first + CHUNK]
        count += (~np.isnan(part)).sum(axis=0)
        total += np.nansum(part, axis=0, dtype=np.float64)
    mean = total / count
    for first in range(0, len(values), CHUNK):
        squares += np.nansum((values[first : first + CHUNK] - mean) ** 2, axis=0)
    return mean, np.sqrt(squares / count)


def _is_binary(values: Values) -> bool:
    """Whether only 0 and 1 occur, and 0 at all."""
    entries: Any = values if isinstance(values, np.ndarray) else values.data
    zero = bool((entries == 0).any()) or entries.size < values.shape[0] * values.shape[1]
    return zero and bool(((entries == 0) | (entries == 1) | (entries != entries)).all())
