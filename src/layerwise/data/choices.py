"""Columns of codes 0, 1, 2, … as choices: one unit for each code of each column, of which one is 1."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layerwise.data.rows import Rows
from layerwise.errors import DataError, OptionError

__all__ = ["MOST_CODES", "counted", "likeliest", "one_hot"]

MOST_CODES = 1000
"""Codes are counted on the rows up to here: one number that is no code would ask for more memory than there is."""

_REMEDY = "take 'gaussian' units for measured numbers"


def counted(rows: Rows, categories: int | Sequence[int] | None = None) -> tuple[int, ...]:
    """How many codes each column has.

    Parameters
    ----------
    rows : Rows
    categories : int or sequence of int, optional
        The number for every column, or for each. By default what the rows' source fixes, else one more than the
        greatest code in any column.

    Raises
    ------
    OptionError
        Where ``categories`` do not fit the columns.
    DataError
        Where an entry is too great to be a code.
    """
    if categories is None and rows.states is not None:
        categories = len(rows.states)
    if categories is None:
        values = rows.values
        greatest = float(np.nanmax(values) if isinstance(values, np.ndarray) else values.max())
        if greatest >= MOST_CODES:
            rule = f"a code of categorical rows must be below {MOST_CODES:,} where categories are not given"
            raise DataError("rows, greatest entry", greatest, rule, _REMEDY)
        categories = max(int(greatest), 0) + 1
    counts = (categories,) * rows.n_columns if isinstance(categories, int) else tuple(int(n) for n in categories)
    if len(counts) != rows.n_columns or min(counts) < 1:
        rule = f"must be at least 1, one number for all of the {rows.n_columns} columns or one for each"
        raise OptionError("categories", categories, rule)
    return counts


def one_hot(codes: Tensor, categories: tuple[int, ...], first_row: int = 0) -> Tensor:
    """Units of rows of codes, on the device of the codes.

    Parameters
    ----------
    codes : Tensor of shape (batch, columns)
        NaN where missing.
    categories : tuple of int
        Number of codes of each column.
    first_row : int
        How an error calls the first row.

    Returns
    -------
    Tensor of shape (batch, units), float32
        NaN in every unit of a missing code.

    Raises
    ------
    DataError
        Naming the first entry that is no code of its column.

    Examples
    --------
    >>> one_hot(torch.tensor([[1.0, 0.0], [0.0, torch.nan]]), (2, 3))
    tensor([[0., 1., 1., 0., 0.],
            [1., 0., nan, nan, nan]])
    """
    missing = codes.isnan()
    known = codes.nan_to_num(0.0) if codes.is_floating_point() else codes
    counts = torch.tensor(categories, device=codes.device)
    bad = (known != known.floor()) | (known < 0) | (known >= counts)
    if bool(bad.any()):
        row, column = (int(place) for place in bad.nonzero()[0])
        rule = f"must be one of the codes 0 to {categories[column] - 1} in categorical rows"
        remedy = f"correct it, give more categories, or {_REMEDY}"
        where = f"rows, row {first_row + row}, column {column}"
        raise DataError(where, float(codes[row, column]), rule, remedy)
    starts = torch.tensor(list(accumulate(categories, initial=0))[:-1], device=codes.device)
    units = torch.zeros(len(codes), sum(categories), device=codes.device)
    units.scatter_(1, starts + known.long(), 1.0)
    if bool(missing.any()):
        units.masked_fill_(missing.repeat_interleave(counts, dim=1), torch.nan)
    return units


def likeliest(units: Tensor, categories: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Codes of rows of units, or of what a model made of them, of shape (batch, columns).

    The greatest unit of each column; NaN where one of its units is.
    """
    sites: tuple[Tensor, ...] = torch.split(units.detach().cpu().double(), list(categories), dim=1)
    codes = [torch.where(site.isnan().any(1), torch.nan, site.argmax(1).double()) for site in sites]
    return torch.stack(codes, dim=1).numpy()
