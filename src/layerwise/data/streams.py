"""A source of any size becomes rows that stay on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
from scipy.sparse import issparse

from layerwise.data.images import picture_sequel
from layerwise.data.npy_rows import npy_rows
from layerwise.data.reading import stem
from layerwise.data.rows import Dataset, Rows
from layerwise.data.sequel import Part, Sequel
from layerwise.data.spool import spooled
from layerwise.data.stored import WINDOW, StoredValues
from layerwise.data.table_files import FORMATS, holds_tables, is_remote
from layerwise.data.table_sequel import table_sequel
from layerwise.data.values import checked_values
from layerwise.errors import DataError, OptionError

__all__ = ["STREAMED", "stream_batches", "stream_file", "streams_by_itself"]

STREAMED = f"an .npy file, {', '.join(FORMATS)} files or a folder of them, here or at an address such as s3://…, or a \
folder of pictures"
_WHITE = 255.0


def streams_by_itself(source: str) -> bool:
    """Whether a source can only be read as a stream: an address, or a folder of tables."""
    path = Path(source).expanduser()
    # Not Path.is_dir, which raises where a name is too long to be one.
    return is_remote(source) or (os.path.isdir(path) and holds_tables(path))


def stream_file(
    source: str, *, target: str | None = None, missing: bool = False, window: int = WINDOW, cache: Path | None = None
) -> Dataset:
    """Rows of a file, a folder or an address.

    Parameters
    ----------
    source : str
    target : str, optional
        Column of a table that holds the labels.
    missing : bool
        Whether NaN, or an empty cell of a table, is a missing value that may stay.
    window : int
        Bytes of rows that are held in memory at once.
    cache : Path, optional
        Where what has to be decoded is kept meanwhile; the user's cache directory by default.

    Raises
    ------
    DataError
        Where the source cannot be streamed, or what it holds is not acceptable.
    OptionError
        Where ``target`` is no column, or the window holds no row.
    StorageError
        Where the cache cannot be written to.
    """
    path = Path(source).expanduser()
    if is_remote(source) or path.suffix.lower() in FORMATS or (path.is_dir() and holds_tables(path)):
        tables = table_sequel(source if is_remote(source) else str(path), target, missing=missing)
        rows = spooled(tables, window=window, missing=missing, cache=cache)
        return Dataset(stem(Path(tables.name)), rows, None, source)
    if target is not None:
        rule = f"names a column of a table ({', '.join(FORMATS)}); {path.name} is none"
        raise OptionError("target", target, rule, "leave it out: labels are found without it")
    if path.is_dir():
        return Dataset(path.name, spooled(picture_sequel(path), window=window, cache=cache), None, source)
    if path.suffix.lower() != ".npy":
        rule = f"can only be read into memory; a stream is {STREAMED}"
        raise DataError(path.name, source, rule, "leave stream out, or save the rows by numpy.save")
    file, picture = npy_rows(path)
    values = StoredValues.of_file(file, window=window, missing=missing)
    white = None
    if picture is not None and values.dtype == np.uint8:
        white = _WHITE if values.max() > 1 else 1.0
    return Dataset(stem(path), Rows(values, None, (), None, picture, white), None, source)


def stream_batches(
    batches: Iterable[Any], *, missing: bool = False, window: int = WINDOW, cache: Path | None = None
) -> Dataset:
    """Rows of an iterable of arrays, or of pairs of an array and its rows' labels; it is asked once.

    Parameters
    ----------
    batches : iterable
    missing, window, cache
        As of :func:`stream_file`.

    Raises
    ------
    DataError
        Naming the first batch that is not acceptable.
    StorageError
    """
    source = Sequel("batches", _parts(batches, missing))
    return Dataset("batches", spooled(source, window=window, missing=missing, cache=cache), None, "batches")


def _parts(batches: Iterable[Any], missing: bool) -> Iterator[Part]:
    for number, batch in enumerate(batches):
        what = f"batch {number}"
        rows, labels = cast("tuple[Any, Any]", batch) if isinstance(batch, tuple) else (batch, None)
        checked = checked_values(rows, what, missing=missing)
        values = checked if isinstance(checked, np.ndarray) else checked.toarray()
        # Whole numbers are made as small as one batch allows, and the next may need more: their own type holds all.
        own = values.dtype if np.ma.isMaskedArray(rows) or issparse(rows) else np.asarray(rows).dtype
        yield Part(values.reshape(len(values), -1).astype(own, copy=False), labels, what)
