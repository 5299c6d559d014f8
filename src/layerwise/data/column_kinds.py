"""Which kind of units a column of a table becomes, and what is measured on it.

Where nothing else is asked for, booleans and numbers that are only 0 and 1 become ``bernoulli``, other numbers
``gaussian``, texts and categories ``categorical``. Floats count as 0 and 1 only where both occur: pandas stores whole
numbers with a gap as floats.

A column of one value is accepted. For Gaussian and rectified units its scale is zero: it becomes 0, whatever later rows
hold in it, and is restored as that value. A ``spin`` column that holds nothing but 0 and 1, and 0 at all, has 0 for -1.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from layerwise.data.cells import Cells, Level, Name, Numbers, place
from layerwise.data.codes import KINDS, ColumnCode, ColumnKind, no_number, out_of_domain
from layerwise.errors import DataError, OptionError

__all__ = ["MOST_LEVELS", "fit_column", "wanted_kinds"]

MOST_LEVELS = 1000
"""A column of more levels is a name or a text of its own in each row, and nothing can be learnt from its units."""

_SMALLEST = float(np.finfo(np.float32).tiny)


def fit_column(cells: Cells, kind: ColumnKind | None = None, what: str = "table") -> ColumnCode:
    """Find the code of a column.

    Parameters
    ----------
    cells : Cells
    kind : str, optional
        One of :data:`~layerwise.data.codes.KINDS`; by default what the values suggest, see the module.
    what : str
        How an error names the table.

    Raises
    ------
    DataError
        Where every cell is missing, there are too many levels, or a cell does not fit the kind.
    """
    where = f"{what}, column {cells.name!r}"
    some = any(e is not None for e in cells.entries) if cells.numbers is None else not np.isnan(cells.numbers).all()
    if not some:
        remedy = "leave the column out: nothing can be learnt of it"
        raise DataError(where, "every cell missing", "must hold at least one value to be fitted", remedy)
    if kind is None:
        kind = _suggested(cells)
    if kind == "categorical" or cells.numbers is None:
        return _choice(cells, kind, where, what)
    levels: tuple[Level, ...] = (False, True) if cells.sort == "boolean" else ()
    shift, scale, ends = _measured(cells.numbers[~np.isnan(cells.numbers)], kind, boolean=bool(levels))
    if kind == "rectified" and shift < 0:  # a constant, which any scale would accept
        raise out_of_domain(place(what, 0, cells.name), cells.name, kind, shift)
    code = ColumnCode(cells.name, kind, cells.sort, levels, shift, scale, ends, cells.dtype)
    code.prepare(cells, what)
    return code


def wanted_kinds(kinds: Mapping[Any, str] | str | None, names: Sequence[Name]) -> dict[Name, ColumnKind]:
    """Kinds that were asked for, by column.

    Raises
    ------
    OptionError
        Where one is asked for that is no kind, or for a column that is not there.
    """
    if kinds is None:
        return {}
    given: Mapping[Any, str] = dict.fromkeys(names, kinds) if isinstance(kinds, str) else kinds
    wanted: dict[Name, ColumnKind] = {}
    listed = ", ".join(str(name) for name in names[:20]) + (", …" if len(names) > 20 else "")
    for name, kind in given.items():
        if name not in names:
            close = difflib.get_close_matches(str(name), [str(known) for known in names], n=1)
            remedy = f"did you mean {close[0]!r}?" if close else "give one of them"
            raise OptionError("visible", name, f"must name a column of the table, which has {listed}", remedy)
        if kind not in KINDS:
            raise OptionError(f"visible[{name!r}]", kind, f"must be one of {', '.join(KINDS)}")
        wanted[name] = kind
    return wanted


def _measured(numbers: Numbers, kind: ColumnKind, *, boolean: bool) -> tuple[float, float, bool]:
    """Shift and scale, and whether only the ends of the kind's domain occur."""
    binary = bool(np.isin(numbers, (0.0, 1.0)).all())
    if kind == "bernoulli":
        return 0.0, 1.0, binary
    if kind == "spin":
        if boolean or (binary and bool((numbers == 0).any())):
            return 0.5, 2.0, True
        return 0.0, 1.0, bool((np.abs(numbers) == 1).all())
    mean, spread = float(numbers.mean()), float(numbers.std())
    if float(np.ptp(numbers)) <= _SMALLEST or spread <= _SMALLEST:
        return float(numbers[0]), 0.0, False
    return (mean if kind == "gaussian" else 0.0), 1.0 / spread, False


def _choice(cells: Cells, kind: ColumnKind, where: str, what: str) -> ColumnCode:
    """The code of a column of levels: a choice, or one unit for two of them."""
    if kind in ("gaussian", "rectified"):
        entries = cells.entries
        row = next(row for row, entry in enumerate(entries) if entry is not None)
        raise no_number(place(what, row, cells.name), cells.name, kind, entries[row])
    levels: tuple[Level, ...] = tuple(cells.levels or sorted(set(cells.entries) - {None}))
    if kind == "categorical":
        if len(levels) > MOST_LEVELS:
            remedy = "leave the column out, or put rare levels together"
            raise DataError(where, f"{len(levels):,} levels", f"must have at most {MOST_LEVELS:,}", remedy)
        return ColumnCode(cells.name, kind, cells.sort, levels, 0.0, 1.0, True, cells.dtype)
    if len(levels) != 2:
        remedy = f"give visible={{{cells.name!r}: 'categorical'}}"
        raise DataError(where, f"{len(levels)} levels", f"one {kind} unit tells two levels apart", remedy)
    shift, scale = (0.5, 2.0) if kind == "spin" else (0.0, 1.0)
    return ColumnCode(cells.name, kind, cells.sort, levels, shift, scale, True, cells.dtype)


def _suggested(cells: Cells) -> ColumnKind:
    if cells.numbers is None:
        return "categorical"
    if cells.sort == "boolean":
        return "bernoulli"
    values = set(np.unique(cells.numbers[~np.isnan(cells.numbers)]).tolist())
    binary = values == {0.0, 1.0} or (cells.sort == "whole" and values <= {0.0, 1.0})
    return "bernoulli" if binary else "gaussian"
