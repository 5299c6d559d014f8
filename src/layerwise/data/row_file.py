"""Rows of numbers that follow each other in a file, read as they are asked for.

Nothing is mapped into memory: the pages of a mapped file count as the process's own, and one that is cut short while
it is read ends the process. A read that comes back short is an error with a name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.reading import reading
from layerwise.errors import DataError

__all__ = ["RowFile"]

RUN = 2**18
"""Bytes of a run of rows that are read at once: a disk gives them in little more time than a single row."""
_NEAR = 2**14
"""Bytes of rows between two wanted ones that are read along with them."""


@dataclass(frozen=True, eq=False)
class RowFile:
    """Rows in a file, one after the other.

    Parameters
    ----------
    path : Path
    name : str
        How errors call it.
    offset : int
        Bytes before the first row.
    rows, columns : int
    dtype : dtype
        Of the numbers as they lie in the file.
    keeper : object
        What has to live as long as the file: the folder that goes with it.

    Raises
    ------
    DataError
        Where there is no such file, or it is shorter than its rows.
    """

    path: Path
    name: str
    offset: int
    rows: int
    columns: int
    dtype: np.dtype[Any]
    keeper: object = None
    _seen: tuple[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with reading(self.path, "rows"):
            status = self.path.stat()
        object.__setattr__(self, "_seen", (status.st_size, status.st_mtime_ns))
        expected = self.offset + self.rows * self.row_bytes
        if status.st_size < expected:
            rule = f"must have {expected:,} bytes for its {self.rows:,} rows of {self.columns:,} columns"
            raise DataError(self.name, f"{status.st_size:,} bytes", rule, "it was cut short: make or copy it again")

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.columns * self.dtype.itemsize

    @property
    def run_rows(self) -> int:
        """Rows of a run: those of one run follow each other from a multiple of this number on."""
        return max(1, RUN // self.row_bytes)

    def read(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Read some of the rows.

        Parameters
        ----------
        numbers : ndarray of int64, ascending
            Their places in the file.

        Returns
        -------
        ndarray of shape (rows, columns)

        Raises
        ------
        DataError
            Where the file is gone, is no longer what it was, or cannot be read.
        """
        with reading(self.path, "rows"):
            found = np.empty((len(numbers), self.columns), self.dtype)
            with FileIO(self.path) as file:
                self._check_unchanged(file)
                for part in self._runs(numbers):
                    self._read_run(file, numbers[part], found[part])
        return found

    def _check_unchanged(self, file: FileIO) -> None:
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != self._seen:
            was, now = f"{self._seen[0]:,} bytes", f"{status.st_size:,} bytes"
            rule = f"was written to since it was opened, when it had {was}"
            raise DataError(self.name, now, rule, "leave it alone while it is learned from, and begin again")

    def _runs(self, numbers: npt.NDArray[np.int64]) -> Iterator[slice]:
        """Rows that are near each other and of one run."""
        far = np.diff(numbers) * self.row_bytes > _NEAR + self.row_bytes
        breaks = np.flatnonzero(far | (np.diff(numbers // self.run_rows) != 0)) + 1
        edges = [0, *breaks.tolist(), len(numbers)]
        for first, end in pairwise(edges):
            yield slice(first, end)

    def _read_run(self, file: FileIO, numbers: npt.NDArray[np.int64], out: npt.NDArray[Any]) -> None:
        if not len(numbers):
            return
        first, span = int(numbers[0]), int(numbers[-1] - numbers[0]) + 1
        run = out if span == len(numbers) else np.empty((span, self.columns), self.dtype)
        file.seek(self.offset + first * self.row_bytes)
        view, read = memoryview(run.reshape(-1).view(np.uint8).data), 0
        while read < len(view):
            more = file.readinto(view[read:])
            if not more:
                where = f"{self.name}, row {first + read // self.row_bytes}"
                raise DataError(where, "end of file", "is cut short", "make or copy it again")
            read += more
        if run is not out:
            out[:] = run[numbers - first]
