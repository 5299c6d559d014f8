"""What the target column of a table holds: classes that rows are sorted into, or numbers that are predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from layerwise.errors import DataError

__all__ = ["TargetHolds", "read_target"]

TargetHolds = Literal["classes", "numbers", "either"]
"""What is asked of a target column; of ``"either"`` it holds numbers if one of them is not whole."""


def read_target(
    entries: Sequence[Any], holds: TargetHolds, what: str
) -> tuple[npt.NDArray[np.object_] | None, npt.NDArray[np.float64] | None]:
    """Labels or numbers, whichever a column holds; the other is None.

    Parameters
    ----------
    entries : sequence
        A cell a row; None where one is missing.
    holds : {"classes", "numbers", "either"}
    what : str
        How an error names the column.

    Returns
    -------
    labels : ndarray of shape (rows,), object, or None
    numbers : ndarray of shape (rows,), float64, or None
        NaN where a cell is missing.

    Raises
    ------
    DataError
        A number is asked for, and a cell is none, or not finite.

    Examples
    --------
    >>> read_target([1.5, None, 2], "either", "y")
    (None, array([1.5, nan, 2. ]))
    >>> read_target([1, None, 2], "either", "y")
    (array([1, None, 2], dtype=object), None)
    """
    if holds == "classes" or (holds == "either" and not _some_in_between(entries)):
        labels = np.empty(len(entries), dtype=np.object_)
        labels[:] = entries
        return labels, None
    numbers = np.full(len(entries), np.nan)
    for row, entry in enumerate(entries):
        if entry is None or (_is_number(entry) and math.isnan(entry)):
            continue
        if not _is_number(entry) or not math.isfinite(entry):
            rule = "must be a finite number, or missing where none is known"
            remedy = "texts are learned as classes: predicts = classes"
            raise DataError(f"{what}, row {row}", entry, rule, remedy)
        numbers[row] = float(entry)
    return None, numbers


def _some_in_between(entries: Sequence[Any]) -> bool:
    """Whether they are numbers of which one is not whole."""
    present = [entry for entry in entries if entry is not None]
    if not all(_is_number(entry) for entry in present):
        return False
    return any(math.isfinite(entry) and entry != math.floor(entry) for entry in present)


def _is_number(entry: object) -> bool:
    return isinstance(entry, int | float | Decimal) and not isinstance(entry, bool)
