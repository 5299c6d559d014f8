"""Codes become a file as they come, some rows at a time: there may be more of them than memory holds."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.runs.outputs import check_output, pyarrow_module
from layerwise.training.checkpoint import atomic_file

__all__ = ["check_codes", "write_codes"]

_ENDINGS = (".npy", ".npz", ".csv", ".parquet")
_GROUP = 2**22
"""Numbers of a part of a table: a Parquet file is read by such parts, and each has a header."""

Codes = npt.NDArray[np.float32]


def check_codes(path: Path) -> None:
    """Refuse a file that codes could not be written to, before any work.

    Raises
    ------
    OptionError
    """
    check_output(path, _ENDINGS)


def write_codes(path: Path, parts: Iterable[Codes], shape: tuple[int, int], depth: int) -> None:
    """Write codes, one row a row of the data.

    Parameters
    ----------
    path : Path
        Its ending says how: ``.npz`` holds them as ``X``; tables name the columns ``layer3_0``, ``layer3_1``, …
    parts : iterable of ndarray of shape (some rows, units), float32
    shape : (int, int)
        Rows and units of all of them.
    depth : int
        The layer, from 1.

    Raises
    ------
    DataError
        pyarrow is not installed, and a table asked for.
    StorageError
        The file cannot be written; what was there before is intact.
    """
    ending = path.suffix.lower()
    with atomic_file(path) as file:
        if ending == ".npy":
            _write_array(file, parts, shape)
        elif ending == ".npz":
            with (
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
                archive.open("X.npy", "w", force_zip64=True) as member,
            ):
                _write_array(member, parts, shape)
        else:
            _write_table(path, file, _grouped(parts, max(1, _GROUP // shape[1])), shape[1], depth)


def _write_array(file: Any, parts: Iterable[Codes], shape: tuple[int, int]) -> None:
    about = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    for part in parts:
        file.write(np.ascontiguousarray(part).data)


def _write_table(path: Path, file: Any, groups: Iterable[Codes], units: int, depth: int) -> None:
    arrow = pyarrow_module("pyarrow", path)
    schema = arrow.schema([(f"layer{depth}_{unit}", arrow.float32()) for unit in range(units)])
    csv = path.suffix.lower() == ".csv"
    module = pyarrow_module("pyarrow.csv" if csv else "pyarrow.parquet", path)
    with (module.CSVWriter if csv else module.ParquetWriter)(file, schema) as writer:
        for group in groups:
            columns = [arrow.array(np.ascontiguousarray(column)) for column in group.T]
            writer.write_table(arrow.table(columns, schema=schema))


def _grouped(parts: Iterable[Codes], rows: int) -> Iterator[Codes]:
    """The same rows, at least so many at a time."""
    waiting: list[Codes] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= rows:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)
