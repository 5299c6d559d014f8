"""Rows that stay on disk: what a matrix of rows is where there are more of them than memory holds.

They answer to the same questions as a sparse matrix does: ``shape``, ``dtype``, some of the rows by ``[...]``, dense
ones by ``toarray()``. Taking some of them reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.finite import all_finite, checked_range, range_of, storage
from layerwise.data.row_file import RowFile
from layerwise.errors import DataError, OptionError

__all__ = ["WINDOW", "StoredValues", "part_rows"]

WINDOW = 2**28
"""Bytes of rows that are held in memory at once, and shuffled, where nothing else is asked for."""
_PART = 2**22
_MOST_ROWS = 4096
_GROUPS = 64
"""In a window, at least."""


@dataclass(frozen=True, eq=False)
class StoredValues:
    """Rows in a file. Make them with :meth:`of_file`, which looks at every entry; the constructor only stores.

    Parameters
    ----------
    file : RowFile
    dtype : dtype
        uint8, float32 or float64: what the rows are once they are read.
    window : int
        Bytes of rows that are held in memory at once.
    names : sequence of str or None
        Of the columns, for errors.
    missing : bool
        Whether NaN is a missing value that may stay.
    numbers : ndarray of int64 or None
        Places in the file of the rows that are meant; None for all.
    places : ndarray of int64 or None
        Those of the columns that are meant, in their order; None for all.
    factor : float or None
        What every number is multiplied by, in float32; None leaves them as they are.
    """

    file: RowFile
    dtype: np.dtype[Any]
    window: int = WINDOW
    names: Sequence[str] | None = None
    missing: bool = False
    numbers: npt.NDArray[np.int64] | None = None
    places: npt.NDArray[np.int64] | None = None
    factor: float | None = None

    @classmethod
    def of_file(
        cls,
        file: RowFile,
        *,
        window: int = WINDOW,
        names: Sequence[str] | None = None,
        types: Sequence[np.dtype[Any]] | None = None,
        missing: bool = False,
    ) -> StoredValues:
        """Look at every entry once, in bounded memory.

        Parameters
        ----------
        file, window, names, missing
            As of the class.
        types : sequence of dtype, optional
            Of each column where the rows came from; that of the file by default. Whole numbers from 0 to 255 need a
            byte, whatever their type.

        Raises
        ------
        DataError
            Naming the first entry that is not finite in float32.
        OptionError
            Where the window holds no row.
        """
        largest = np.dtype(np.float64) if file.dtype.kind != "f" else file.dtype
        if window < file.columns * largest.itemsize:
            rule = f"must hold at least one row, of {file.columns * largest.itemsize:,} bytes"
            raise OptionError("window", window, rule, f"leave it at {WINDOW:,}")
        values = cls(file, storage(file.dtype, -np.inf, np.inf), window, names, missing)
        of_columns = [
            np.dtype(np.uint8) if dtype.kind in "biu" and low >= 0 and high <= 255 else dtype
            for dtype, low, high in zip(types or [file.dtype] * file.columns, *values.extremes, strict=True)
        ]
        checked = replace(values, dtype=storage(np.result_type(*of_columns), values.min(), values.max()))
        vars(checked)["_measured"] = values._measured
        return checked

    def __array__(self, dtype: object = None, copy: object = None) -> npt.NDArray[Any]:
        """Refuse to come into memory unasked.

        Raises
        ------
        DataError
        """
        rule = "is on disk, and this needs all rows in memory at once"
        raise DataError(self.file.name, f"{len(self):,} rows", rule, "give .toarray() of some of them, values[:10000]")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self.file.columns if self.places is None else len(self.places)

    def __len__(self) -> int:
        return self.file.rows if self.numbers is None else len(self.numbers)

    def __getitem__(self, rows: slice | npt.NDArray[Any]) -> StoredValues:
        """Some of the rows: a slice, a mask or places."""
        if isinstance(rows, slice):
            if rows == slice(None):
                return self
            first, end, step = rows.indices(len(self))
            places = np.arange(first, end, step, dtype=np.int64)
        else:
            places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
        return replace(self, numbers=places if self.numbers is None else self.numbers[places])

    def with_columns(self, places: npt.NDArray[np.int64]) -> StoredValues:
        """The same rows with some of the columns, in the order of their places."""
        return replace(self, places=places if self.places is None else self.places[places])

    def times(self, factor: float) -> StoredValues:
        """The same rows with every number multiplied, in float32."""
        return replace(self, dtype=np.dtype(np.float32), factor=factor * (self.factor or 1))

    @property
    def window_rows(self) -> int:
        """Rows that are held in memory at once."""
        return max(1, self.window // (self.file.columns * self.dtype.itemsize))

    def groups(self) -> npt.NDArray[np.int64]:
        """Where groups of rows that stay together begin, and the end of the last; ascending from 0.

        A window is of many groups, so that few of its rows were neighbours.

        Raises
        ------
        DataError
            Where the rows were taken in another order than they lie in.
        """
        if self.numbers is not None and not (np.diff(self.numbers) > 0).all():
            rule = "a stream is of rows in the order of their file, each at most once"
            raise DataError(self.file.name, "rows in another order", rule, "sort the places before they are taken")
        rows = max(1, min(self.file.run_rows, self.window_rows // _GROUPS))
        if self.numbers is None:
            return np.append(np.arange(0, len(self), rows, dtype=np.int64), len(self))
        starts = np.flatnonzero(np.diff(self.numbers // rows)) + 1
        return np.concatenate([[0], starts, [len(self)]]).astype(np.int64)

    def toarray(self) -> npt.NDArray[Any]:
        """The rows in memory, of shape (rows, columns).

        Raises
        ------
        DataError
            Where the file is no longer what it was, or an entry is not finite.
        """
        numbers = np.arange(self.file.rows, dtype=np.int64) if self.numbers is None else self.numbers
        in_order, places = np.unique(numbers, return_inverse=True)
        found = self.file.read(in_order)
        if len(in_order) < len(numbers) or (np.diff(numbers) < 0).any():
            found = found[places]
        floats = self.file.dtype.kind == "f" and len(found) > 0
        if floats and not all_finite(*range_of(found, self.missing)):
            for row, number in enumerate(numbers.tolist()):
                one = found[row : row + 1]
                checked_range(one, self.file.name, self.names, missing=self.missing, first_row=number)
        if self.places is not None:
            found = np.ascontiguousarray(found[:, self.places])
        if self.factor is not None:
            found = found * np.float32(self.factor)
        return found.astype(self.dtype, copy=False)

    def parts(self) -> Iterator[npt.NDArray[Any]]:
        """All rows, some thousand at most in memory at a time."""
        step = part_rows(self.file.columns)
        for first in range(0, len(self), step):
            yield self[first : first + step].toarray()

    @property
    def extremes(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Least and greatest entry of every column; NaN where all are missing."""
        return self._measured[:2]

    @property
    def complete(self) -> bool:
        """Whether no value is missing."""
        return not (self.missing and self._measured[2])

    @cached_property
    def _measured(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], bool]:
        low = np.full(self.shape[1], np.nan)
        high, gaps = low.copy(), False
        for part in self.parts():
            low = np.fmin(low, np.fmin.reduce(part, axis=0))
            high = np.fmax(high, np.fmax.reduce(part, axis=0))
            gaps = gaps or (part.dtype.kind == "f" and bool(np.isnan(part).any()))
        return low, high, gaps

    def min(self) -> float:
        """Least entry."""
        return float(np.fmin.reduce(self.extremes[0]))

    def max(self) -> float:
        """Greatest entry."""
        return float(np.fmax.reduce(self.extremes[1]))


def part_rows(columns: int) -> int:
    """How many rows of so many columns are measured at a time."""
    return max(1, min(_MOST_ROWS, _PART // columns))
