"""Which numbers units of a kind can be given, and what is said of those they cannot."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from layerwise.errors import DataError

__all__ = ["DOMAINS", "check_domain"]

DOMAINS: Mapping[str, tuple[float, float]] = {
    "bernoulli": (0.0, 1.0),
    "spin": (-1.0, 1.0),
    "rectified": (0.0, np.inf),
    "gaussian": (-np.inf, np.inf),
}
"""Least and greatest number of each kind."""

# What rounding may add to a scaled number.
_ROUNDING = 1e-5


def check_domain(kind: str, raw: Tensor, prepared: Tensor, first_row: int = 0) -> None:
    """Refuse rows that spin or rectified units cannot be given; Gaussian units take all, Bernoulli rows are clipped.

    Parameters
    ----------
    kind : str
    raw, prepared : Tensor of shape (batch, columns)
        Before and after the scale. NaN is no reason to refuse a row.
    first_row : int
        How an error calls the first row.

    Raises
    ------
    DataError
        Naming the first such entry, and a kind that takes it.
    """
    if kind == "spin":
        bad, rule = prepared.abs() > 1 + _ROUNDING, "must be -1, 1 or an expectation between them in spin rows"
    elif kind == "rectified":
        # As they came: the scale of a constant column, zero, hides their sign.
        bad, rule = raw < 0, "must not be negative in rectified rows"
    else:
        return
    if bool(bad.any()):
        row, column = (int(place) for place in bad.nonzero()[0])
        value = float(raw[row, column])
        also = " or 'rectified'" if kind == "spin" and value >= 0 else ""
        remedy = f"correct it, or take 'gaussian'{also} units"
        raise DataError(f"rows, row {first_row + row}, column {column}", value, rule, remedy)
