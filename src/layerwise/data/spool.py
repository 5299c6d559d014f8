"""Rows that can only be read from the front, copied once to a file in which any of them can be found.

A table's text, compressed columns and pictures have to be decoded, and an iterable can be asked once: each epoch would
cost that again, or could not be had. The copy lies in the user's cache directory, in a folder of its own that goes when
nothing refers to the rows any more. The folder of a process that was killed is taken away by the next one that makes a
copy there: nobody holds its lock.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.classes import class_order, encode_labels, recode
from layerwise.data.download import cache_folder
from layerwise.data.finite import checked_range
from layerwise.data.row_file import RowFile
from layerwise.data.rows import Rows
from layerwise.data.sequel import Part, Sequel
from layerwise.data.stored import StoredValues
from layerwise.data.system_lock import TAKEN, take_lock
from layerwise.errors import DataError, StorageError

__all__ = ["spooled"]

_PREFIX, _LOCK, _TRIES = "stream-", ".lock", 10


def spooled(source: Sequel, *, window: int, missing: bool = False, cache: Path | None = None) -> Rows:
    """Copy all rows of a source to a file.

    Parameters
    ----------
    source : Sequel
    window : int
        Bytes of rows that are held in memory at once.
    missing : bool
        Whether NaN is a missing value that may stay.
    cache : Path, optional
        Folder of the copy; the user's cache directory by default.

    Raises
    ------
    DataError
        Where there is no row, parts differ in columns, or an entry is not finite.
    StorageError
        Where the copy cannot be written.
    """
    folder = cache or cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        keeper = _Folder(folder)
    except OSError as problem:
        raise _not_written(folder, problem) from problem
    path = keeper.path / "rows"
    labels, dtype, columns, n_rows = _Labels(), None, 0, 0
    # Without a buffer, whose rest would be written, and could fail, when the file is closed.
    with path.open("wb", buffering=0) as file:
        for part in source.parts:
            if not len(part.values):
                continue
            if dtype is None:
                dtype, columns = part.values.dtype.newbyteorder("="), int(part.values.shape[1])
            _check_alike(part, dtype, columns)
            checked_range(part.values, part.what, source.columns, missing=missing, first_row=part.first_row)
            labels.add(part)
            try:
                left = np.ascontiguousarray(part.values, dtype=dtype).reshape(-1).view(np.uint8)
                while len(left):
                    left = left[file.write(left.data) :]
            except OSError as problem:
                raise _not_written(folder, problem) from problem
            n_rows += len(part.values)
    if dtype is None:
        raise DataError(source.name, "0 rows", "must hold at least one row", "give other rows")
    stored = RowFile(path, source.name, 0, n_rows, columns, dtype, keeper)
    values = StoredValues.of_file(stored, window=window, names=source.columns, types=source.types, missing=missing)
    return Rows(values, *labels.joined(), source.columns, source.picture, source.full_scale)


class _Folder:
    """A folder of its own, which goes when nothing refers to this any more."""

    def __init__(self, inside: Path) -> None:
        for other in inside.glob(f"{_PREFIX}*"):
            _take_away_if_left(other)
        made = next(filter(None, (_made(inside) for _ in range(_TRIES))), None)
        if made is None:
            raise OSError("another process takes it away before it can be locked")
        self.path, handle = made
        weakref.finalize(self, _end, self.path, handle, os.getpid())


def _made(inside: Path) -> tuple[Path, int] | None:
    """A new folder and its locked file; None where another process took it away before it was locked."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=inside))
    path = folder / _LOCK
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        take_lock(handle)
    except OSError as problem:
        if problem.errno not in TAKEN:  # no locks here: nobody takes the folder away
            return folder, handle
    else:
        if path.exists():
            return folder, handle
    os.close(handle)
    return None


def _take_away_if_left(folder: Path) -> None:
    # Without a lock file it is being made just now, or is none of ours.
    with suppress(OSError):
        handle = os.open(folder / _LOCK, os.O_RDWR)
        try:
            take_lock(handle)
        except OSError:
            os.close(handle)
        else:
            _end(folder, handle, os.getpid())


def _end(folder: Path, handle: int, process: int) -> None:
    if os.getpid() != process:
        return  # a fork of the one whose folder it is
    shutil.rmtree(folder, ignore_errors=True)  # while it is locked: nobody else sees a part of it
    os.close(handle)
    shutil.rmtree(folder, ignore_errors=True)  # Windows removes no file that is open


def _check_alike(part: Part, dtype: np.dtype[Any], columns: int) -> None:
    where = f"{part.what}, row {part.first_row}"
    if part.values.shape[1] != columns:
        rule = f"must have {columns} columns, as the rows before it have"
        raise DataError(where, f"{part.values.shape[1]} columns", rule, "leave it out or bring it in line")
    if not np.can_cast(part.values.dtype, dtype, "safe"):
        rule = f"must be {dtype} or fit into it, as the first rows are"
        raise DataError(where, str(part.values.dtype), rule, "give all rows in one type, such as float32")


def _not_written(folder: Path, problem: OSError) -> StorageError:
    reason = problem.strerror or str(problem)
    return StorageError(f"a copy of the rows cannot be kept in {folder}: {reason}; give another cache folder")


class _Labels:
    """Labels of part after part, as codes into the classes of all of them."""

    def __init__(self) -> None:
        self._parts: list[tuple[npt.NDArray[np.int64], tuple[str, ...]]] = []
        self._labelled: bool | None = None

    def add(self, part: Part) -> None:
        """The next part's."""
        labelled, where = part.labels is not None, f"labels of {part.what}"
        if self._labelled is None:
            self._labelled = labelled
        if labelled != self._labelled:
            rule = "must be given for all parts or for none"
            raise DataError(where, "labels" if labelled else None, rule, "mark a row without one with -1")
        if labelled:
            codes, classes = encode_labels(part.labels, where)
            if len(codes) != len(part.values):
                raise DataError(where, len(codes), f"must be one for each of its {len(part.values)} rows")
            self._parts.append((codes, classes))

    def joined(self) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...]]:
        """Codes of all rows, -1 where a row has none, and the classes."""
        if not self._labelled:
            return None, ()
        classes = class_order(name for _, own in self._parts for name in own)
        return np.concatenate([recode(codes, own, classes) for codes, own in self._parts]), classes
