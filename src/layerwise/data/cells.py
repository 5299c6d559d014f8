"""One column of a table as it was given: what sort of values it holds, and which of them are missing.

==========  ===========================================================================  ========
sort        values                                                                       as float64
==========  ===========================================================================  ========
boolean     False and True                                                               0 and 1
whole       integers                                                                     themselves
real        floats; integers and floats beside each other in a column of objects         themselves
text        texts                                                                        none
levels      a categorical column, of texts, numbers or booleans                          none
empty       nothing but missing cells in a column of no type                             all NaN
==========  ===========================================================================  ========

``None``, NaN, pandas' ``NA`` and ``NaT`` and a masked entry are a missing cell. An empty text is a text.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from layerwise.errors import DataError

__all__ = [
    "Cells",
    "Level",
    "Name",
    "Numbers",
    "Sort",
    "cells_of_array",
    "cells_of_numbers",
    "cells_of_objects",
    "is_missing",
    "no_date",
    "place",
]

Name = str | int
Level = str | bool | int | float
Sort = Literal["boolean", "whole", "real", "text", "levels", "empty"]
Numbers = npt.NDArray[np.float64]

_LARGEST = float(np.finfo(np.float32).max)
_ACCEPTED = "a column must hold numbers, booleans, texts or categories"
_DATES = "turn it into numbers, such as days since a date, or into month, weekday and hour, or leave it out"
_DATE_TYPES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


@dataclass(frozen=True, eq=False)
class Cells:
    """One column.

    Parameters
    ----------
    name : str or int
    sort : str
        See the module.
    numbers : ndarray of shape (rows,), float64, or None
        Values as numbers, NaN where a cell is missing; None for texts and categories.
    raw : callable
        Gives the cells as Python values, exactly as they were given.
    dtype : str
        How the table's own library calls the type.
    levels : tuple
        Categories that the column itself declares, in its order; empty where it declares none.
    """

    name: Name
    sort: Sort
    numbers: Numbers | None
    raw: Callable[[], list[Any]]
    dtype: str
    levels: tuple[Level, ...] = ()

    @cached_property
    def entries(self) -> list[Any]:
        """The cells as Python values, None where one is missing."""
        # Most cells are plain, and asking for their type is the quickest way to see it.
        plain = (str, int, bool)
        return [entry if type(entry) in plain else None if is_missing(entry) else _plain(entry) for entry in self.raw()]


def place(what: str, row: int, name: Name) -> str:
    """How an error names a cell."""
    return f"{what}, row {row}, column {name!r}"


def is_missing(entry: Any) -> bool:
    """Whether a Python value stands for a missing cell.

    >>> [is_missing(entry) for entry in (None, float("nan"), 0, "")]
    [True, True, False, False]
    """
    if entry is None or type(entry).__name__ in ("NAType", "NaTType"):
        return True
    # NaN is the only number that is not itself.
    return isinstance(entry, float | np.floating) and bool(entry != entry)


def cells_of_numbers(
    numbers: npt.NDArray[Any], name: Name, sort: Sort, dtype: str, raw: Callable[[], list[Any]], what: str
) -> Cells:
    """A column of numbers: all of them finite in float32, or NaN where missing.

    Raises
    ------
    DataError
        Naming the first that is not.
    """
    values = np.asarray(numbers, dtype=np.float64)
    bad = np.abs(values) > _LARGEST
    if bad.any():
        row = int(np.argmax(bad))
        remedy = "correct the entry, leave it missing, or scale the column"
        rule = "must be a finite number that float32 can hold, or missing"
        raise DataError(place(what, row, name), float(values[row]), rule, remedy)
    return Cells(name, sort, values, raw, dtype)


def cells_of_objects(
    entries: Sequence[Any], name: Name, dtype: str, what: str, raw: Callable[[], list[Any]] | None = None
) -> Cells:
    """A column of Python objects; its sort is what all of them have in common.

    Raises
    ------
    DataError
        Where they are of different sorts, or of none that can be used.
    """
    sorts: set[Sort] = set()
    for row, entry in enumerate(entries):
        if is_missing(entry):
            continue
        sort = _sort_of(entry)
        if sort is None:
            if issubclass(type(entry), _DATE_TYPES):
                raise no_date(place(what, row, name), str(entry))
            remedy = "decode it to text" if isinstance(entry, bytes) else "turn it into one of these or leave it out"
            raise DataError(place(what, row, name), entry, _ACCEPTED, remedy)
        if not (sorts | {sort} <= {"whole", "real"} or sorts <= {sort}):
            rule = f"must be like the cells above it, which hold {' and '.join(sorted(sorts))} values"
            raise DataError(place(what, row, name), entry, rule, "turn the whole column into numbers or into texts")
        sorts.add(sort)
    original = raw if raw is not None else lambda: list(entries)
    if not sorts:
        return Cells(name, "empty", np.full(len(entries), np.nan), original, dtype)
    found: Sort = "real" if "real" in sorts else next(iter(sorts))
    if found == "text":
        return Cells(name, "text", None, original, dtype)
    numbers = np.array([np.nan if is_missing(entry) else _number(entry) for entry in entries])
    return cells_of_numbers(numbers, name, found, dtype, original, what)


def cells_of_array(array: npt.NDArray[Any], name: Name, what: str) -> Cells:
    """A column that is a NumPy array of shape (rows,).

    Raises
    ------
    DataError
        Where its type cannot be used, or one of its cells.
    """
    kind, dtype = array.dtype.kind, str(array.dtype)
    if np.ma.isMaskedArray(array) or kind in "OUT":
        return cells_of_objects(array.tolist(), name, dtype, what)
    if kind in "Mm":
        raise no_date(f"{what}, column {name!r}", dtype)
    if kind not in "biuf":
        raise DataError(f"{what}, column {name!r}", dtype, _ACCEPTED, "turn it into one of these or leave it out")
    sort: Sort = "boolean" if kind == "b" else "real" if kind == "f" else "whole"
    return cells_of_numbers(array, name, sort, dtype, array.tolist, what)


def no_date(where: str, received: object) -> DataError:
    """The error for dates, times and durations."""
    return DataError(where, received, f"{_ACCEPTED}; this is a date or a time", _DATES)


def _plain(entry: Any) -> Any:
    return entry.item() if hasattr(entry, "item") else entry  # NumPy's numbers and texts


def _number(entry: Any) -> float:
    try:
        return float(entry)
    except OverflowError:
        return np.inf if entry > 0 else -np.inf


def _sort_of(entry: Any) -> Sort | None:
    if isinstance(entry, bool | np.bool_):
        return "boolean"
    if isinstance(entry, int | np.integer) and not isinstance(entry, np.timedelta64):
        return "whole"
    if isinstance(entry, float | np.floating):
        return "real"
    return "text" if isinstance(entry, str) else None
