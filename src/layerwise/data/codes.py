"""How one column of a table becomes units, and back.

===============  ============================================  ==================================================
kind             accepts                                       units
===============  ============================================  ==================================================
``bernoulli``    booleans, two texts or categories, and        one: 0 or 1, or the probability
                 numbers from 0 to 1
``spin``         the same, and numbers from -1 to 1            one: -1 or 1, or the expectation
``gaussian``     numbers and booleans                          one: mean 0 and standard deviation 1
``rectified``    numbers that are not negative, and booleans   one: standard deviation 1, zero stays zero
``categorical``  everything, each value a level                one for each level, of which one is 1
===============  ============================================  ==================================================

Which kind a column becomes is the business of :mod:`layerwise.data.column_kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from layerwise.data.cells import Cells, Level, Name, Numbers, Sort, place
from layerwise.errors import DataError

__all__ = ["KINDS", "ColumnCode", "ColumnKind", "no_number", "out_of_domain"]

ColumnKind = Literal["bernoulli", "spin", "gaussian", "rectified", "categorical"]
KINDS: tuple[ColumnKind, ...] = get_args(ColumnKind)
"""Kinds of units that a column can become, in the order in which their units lie in a layer."""

_LARGEST = float(np.finfo(np.float32).max)
_DOMAINS = {"bernoulli": (0.0, 1.0), "spin": (-1.0, 1.0), "rectified": (0.0, _LARGEST)}
_RULES = {
    "bernoulli": "a bernoulli column holds 0, 1 or a probability between them",
    "spin": "a spin column holds -1, 1 or an expectation between them",
    "rectified": "a rectified column holds numbers that are not negative",
    "gaussian": "lies further from the mean of the fitted rows than float32 can hold, in their standard deviations",
}


@dataclass(frozen=True)
class ColumnCode:
    """The code of one column. :func:`~layerwise.data.column_kinds.fit_column` makes it; the constructor only stores.

    Parameters
    ----------
    name : str or int
    kind : str
        One of :data:`KINDS`.
    sort : str
        Of the values it was measured on, see :class:`~layerwise.data.cells.Cells`.
    levels : tuple
        The values of a choice, in the order of their units; the two values of a unit that is not a number; empty for
        numbers.
    shift, scale : float
        A number's unit is (number - shift) · scale.
    ends : bool
        Whether a number was always one of the two ends of its domain, so that it is restored as one.
    dtype : str
        Type that the column is restored with.
    """

    name: Name
    kind: ColumnKind
    sort: Sort
    levels: tuple[Level, ...]
    shift: float
    scale: float
    ends: bool
    dtype: str

    @property
    def size(self) -> int:
        """Number of units."""
        return len(self.levels) if self.kind == "categorical" else 1

    @property
    def unit_names(self) -> tuple[str, ...]:
        """A name for each unit: that of the column, with the level where there are several."""
        return tuple(f"{self.name}={v}" for v in self.levels) if self.kind == "categorical" else (str(self.name),)

    def prepare(self, cells: Cells, what: str = "table") -> npt.NDArray[np.float32]:
        """Units of a column, of shape (rows, size); NaN in all units of a missing cell.

        Raises
        ------
        DataError
            Naming the first cell that this kind does not accept.
        """
        if self.kind == "categorical":
            codes = self._places(cells, what)
            known = codes >= 0
            units = np.zeros((len(codes), self.size), dtype=np.float32)
            units[~known] = np.nan
            units[np.flatnonzero(known), codes[known]] = 1.0
            return units
        if self.levels:
            codes = self._places(cells, what)
            numbers = np.where(codes < 0, np.nan, codes)
        else:
            numbers = self._numbers(cells, what)
        x = (numbers - self.shift) * self.scale
        low, high = _DOMAINS.get(self.kind, (-_LARGEST, _LARGEST))
        bad = (x < low) | (x > high)
        if bad.any():
            row = int(np.argmax(bad))
            raise out_of_domain(place(what, row, cells.name), cells.name, self.kind, float(numbers[row]))
        return x.astype(np.float32)[:, None]

    def restore(self, units: npt.NDArray[np.float64]) -> list[Any]:
        """Values of a column from its units, or from what a model made of them; None where a unit is NaN.

        The likeliest level, the nearer of two values, the nearest whole number.

        Parameters
        ----------
        units : ndarray of shape (rows, size)
        """
        missing = np.asarray(np.isnan(units).any(axis=1), dtype=np.bool_)
        units = np.where(missing[:, None], 0.0, units)
        if self.kind == "categorical":
            chosen = units.argmax(axis=1).tolist()
        else:
            x = units[:, 0]
            if self.ends:
                x = np.where(x > 0, 1.0, -1.0) if self.kind == "spin" else np.where(x >= 0.5, 1.0, 0.0)
            numbers = (x / self.scale if self.scale else np.zeros_like(x)) + self.shift
            if not self.levels:
                values: list[Any] = (np.rint(numbers) if self.sort == "whole" else numbers).tolist()
                if self.sort == "whole":
                    values = [int(value) for value in values]
                return [None if gap else value for gap, value in zip(missing.tolist(), values, strict=True)]
            chosen = (numbers >= 0.5).astype(int).tolist()
        return [None if gap else self.levels[i] for gap, i in zip(missing.tolist(), chosen, strict=True)]

    def to_tree(self) -> dict[str, Any]:
        """The whole state as plain numbers and texts."""
        return asdict(self) | {"levels": list(self.levels)}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> ColumnCode:
        """A code from what :meth:`to_tree` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            Where the tree is of something else.
        """
        shift, scale = float(tree["shift"]), float(tree["scale"])
        saved: list[object] = list(tree["levels"])
        levels = tuple(level for level in saved if isinstance(level, str | bool | int | float))
        known = tree["kind"] in KINDS and tree["sort"] in get_args(Sort) and len(levels) == len(saved)
        if not (known and np.isfinite([shift, scale]).all()):
            raise ValueError(f"column {tree['name']!r} is of no kind that is known")
        ends, dtype = bool(tree["ends"]), str(tree["dtype"])
        return cls(tree["name"], tree["kind"], tree["sort"], levels, shift, scale, ends, dtype)

    def _places(self, cells: Cells, what: str) -> npt.NDArray[np.int64]:
        """Place of each cell's level, -1 where it is missing."""
        table: dict[Any, int] = {level: i for i, level in enumerate(self.levels)} | {None: -1}
        entries = cells.entries
        places = np.array([table.get(entry, -2) for entry in entries], dtype=np.int64)
        if (places == -2).any():
            row = int(np.argmax(places == -2))
            known = ", ".join(repr(level) for level in self.levels[:20]) + (", …" if len(self.levels) > 20 else "")
            remedy = "correct it, leave it missing, or fit again on rows that hold it"
            rule = f"is no level of this column; known are {known}"
            raise DataError(place(what, row, cells.name), entries[row], rule, remedy)
        return places

    def _numbers(self, cells: Cells, what: str) -> Numbers:
        """The cells as numbers; a categorical column of numbers has them, too."""
        if cells.numbers is not None:
            return cells.numbers
        entries = cells.entries
        for row, entry in enumerate(entries):
            if isinstance(entry, str):
                raise no_number(place(what, row, cells.name), cells.name, self.kind, entry)
        return np.array([np.nan if entry is None else float(entry) for entry in entries])


def out_of_domain(where: str, name: Name, kind: ColumnKind, value: float) -> DataError:
    """The error for a number that a kind does not accept, with the kinds that would."""
    rule = f"must fit its kind: {_RULES[kind]}"
    if kind == "gaussian":
        return DataError(where, value, rule, "correct the entry, or leave it missing")
    also = "or 'rectified' " if value >= 0 else "or 'spin' " if value >= -1 and kind != "spin" else ""
    return DataError(where, value, rule, f"correct it, or fit with 'gaussian' {also}for it: visible={{{name!r}: …}}")


def no_number(where: str, name: Name, kind: ColumnKind, value: object) -> DataError:
    """The error for a text or a category where a number must be."""
    remedy = f"give visible={{{name!r}: 'categorical'}}"
    return DataError(where, value, f"must be a number in a {kind} column", remedy)
