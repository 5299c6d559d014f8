"""Which visible units rows ask for where nobody says: one rule for the command line and for the estimators."""

from __future__ import annotations

from typing import Literal

import numpy as np

from layerwise.data.rows import Rows

__all__ = ["suitable_units"]

# scikit-learn's scalers miss 0 and 1 by a few roundings.
_ROUNDING = 1e-6


def suitable_units(rows: Rows) -> Literal["bernoulli", "gaussian"]:
    """Binary units for pictures and for rows that lie within [0, 1], Gaussian units for all others.

    Gaussian units give every column mean 0 and standard deviation 1, so that its scale does not matter.

    Parameters
    ----------
    rows : Rows
        The training rows; NaN says nothing.

    Returns
    -------
    {"bernoulli", "gaussian"}

    Examples
    --------
    >>> suitable_units(Rows.from_arrays([[0.0, 1.0], [0.5, 0.2]])), suitable_units(Rows.from_arrays([[0.0, 16.0]]))
    ('bernoulli', 'gaussian')
    """
    if rows.picture is not None or rows.full_scale is not None:
        return "bernoulli"
    values = rows.values
    # A sparse matrix has no missing value, and its own least and greatest.
    dense = isinstance(values, np.ndarray)
    low, high = (np.nanmin(values), np.nanmax(values)) if dense else (values.min(), values.max())
    return "bernoulli" if float(low) >= -_ROUNDING and float(high) <= 1 + _ROUNDING else "gaussian"
