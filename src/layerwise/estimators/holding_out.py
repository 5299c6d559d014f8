"""How many rows are held out to decide when to stop: the same rule and words for every estimator."""

from __future__ import annotations

import math

from layerwise.errors import DataError

__all__ = ["REMEDY", "held_count"]

REMEDY = "give more rows, or early_stopping=False"


def held_count(rows: int, share: float) -> int:
    """A share of so many rows, rounded up.

    Raises
    ------
    DataError
        No row would be left to learn from.
    """
    count = math.ceil(rows * share)
    if count >= rows:
        rule = f"leaves no row to learn from: {count} of {rows} would be held out"
        raise DataError("validation_fraction", share, rule, REMEDY)
    return count
