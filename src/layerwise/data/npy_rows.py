"""An .npy file, or an array that is mapped from one, as rows that stay on disk."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from layerwise.data.reading import reading
from layerwise.data.row_file import RowFile
from layerwise.data.stored import WINDOW, StoredValues
from layerwise.errors import DataError

__all__ = ["npy_rows", "stored_memmap"]

_SAVE = "save it again: numpy.save(path, numpy.ascontiguousarray(rows))"


def npy_rows(path: Path) -> tuple[RowFile, tuple[int, int] | None]:
    """The rows of an .npy file, and the size of its pictures where it holds pictures.

    Raises
    ------
    DataError
        Where the file is damaged, cut short, or holds no rows of numbers that follow each other.
    """
    with reading(path, "an .npy file", _SAVE), path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape: tuple[int, ...]
        shape, by_columns, dtype = header(file)
        offset = file.tell()
    if dtype.kind not in "biuf":
        raise DataError(path.name, str(dtype), "must hold numbers or booleans", "turn every column into numbers first")
    # A header may say True, or a negative number, as well.
    if len(shape) not in (2, 3) or not all(type(side) is int and side > 0 for side in shape):
        rule = "must be rows (rows, columns) or pictures (rows, height, width), at least one"
        raise DataError(f"{path.name}.shape", tuple(shape), rule)
    if by_columns and len(shape) > 1:
        rule = "lies column after column, and a stream reads row after row"
        raise DataError(path.name, "Fortran order", rule, _SAVE)
    sides = shape[1:]
    picture = (sides[0], sides[1]) if len(sides) == 2 else None
    return RowFile(path, path.name, offset, math.prod(shape[:1]), math.prod(sides), dtype), picture


def stored_memmap(rows: Any, *, missing: bool = False, window: int = WINDOW) -> StoredValues | None:
    """The rows of a mapped array where they are: read instead of mapped, which bounds the memory that they take.

    Parameters
    ----------
    rows : numpy.memmap
        Or a part of one.
    missing : bool
        Whether NaN is a missing value that may stay.
    window : int
        Bytes of rows that are held in memory at once.

    Returns
    -------
    StoredValues or None
        None where they are few enough to be held in one window, lie in another order, or were changed in memory alone.

    Raises
    ------
    DataError
        Naming the first entry that is not finite.
    """
    root: Any = rows
    while type(root.base) is np.memmap:
        root = root.base
    by_rows = rows.ndim == 2 and rows.flags.c_contiguous and rows.dtype.kind in "biuf"
    if not by_rows or rows.nbytes <= window or root.filename is None or root.mode == "c":
        return None
    if root.mode != "r":
        root.flush()
    path, (n_rows, n_columns) = Path(str(root.filename)), rows.shape
    offset = int(root.offset) + rows.ctypes.data - root.ctypes.data
    file = RowFile(path, path.name, offset, n_rows, n_columns, rows.dtype)
    return StoredValues.of_file(file, window=window, missing=missing)
