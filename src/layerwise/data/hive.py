"""Columns that folders name, as in ``year=2024/kind=a/0.parquet``: what a partitioned table keeps out of its files."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import numpy as np

from layerwise.errors import DataError

__all__ = ["Named", "named_columns"]

_MISSING = "__HIVE_DEFAULT_PARTITION__"
"""What writers of such folders call a missing value."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Named:
    """What the name of a folder says of all rows in it.

    Parameters
    ----------
    name : str
        Of the column.
    kind : DataType
        Of pyarrow: the same in all folders.
    value : int, float, str or None
    """

    name: str
    kind: Any
    value: object

    def repeated(self, rows: int) -> Any:
        """The column, as a pyarrow array of so many rows."""
        pa: Any = importlib.import_module("pyarrow")
        return pa.nulls(rows, self.kind) if self.value is None else pa.repeat(pa.scalar(self.value, self.kind), rows)


def named_columns(files: Sequence[str]) -> list[tuple[Named, ...]]:
    """The columns that the folders of each file name.

    A column is of whole numbers where all its values are, else of numbers, else of texts.

    Parameters
    ----------
    files : sequence of str
        Names from the folder of them all on, with ``/`` between.

    Raises
    ------
    DataError
        Where two folders around a file name the same column.

    Examples
    --------
    >>> named_columns(["year=2024/a.parquet", "year=2025/a.parquet"])[1]
    (Named(name='year', kind=DataType(uint16), value=2025),)
    """
    told = [_told(file) for file in files]
    kinds = {name: _kind([one[name] for one in told if name in one]) for name in {name for one in told for name in one}}
    return [
        tuple(Named(name, kinds[name][0], None if text is None else kinds[name][1](text)) for name, text in one.items())
        for one in told
    ]


def _told(file: str) -> dict[str, str | None]:
    columns: dict[str, str | None] = {}
    for folder in file.split("/")[:-1]:
        name, sign, text = folder.partition("=")
        if not (name and sign):
            continue
        if (name := unquote(name)) in columns:
            raise DataError(file, f"column {name!r}", "is named by two of its folders", "rename one of them")
        columns[name] = None if text == _MISSING else unquote(text)
    return columns


def _kind(texts: Sequence[str | None]) -> tuple[Any, Callable[[str], object]]:
    """The type of a column, and what makes a value of a text."""
    pa: Any = importlib.import_module("pyarrow")

    known = [text for text in texts if text is not None]
    if not known:
        return pa.null(), str
    if all(_WHOLE.fullmatch(text) for text in known):
        # As small as it can be: beside float32 an int64 would make float64 of all columns.
        numbers = [int(text) for text in known]
        smallest = np.result_type(np.min_scalar_type(min(numbers)), np.min_scalar_type(max(numbers)))
        if smallest.kind in "iu":
            return pa.from_numpy_dtype(smallest), int
    if all(_NUMBER.fullmatch(text) for text in known):
        return pa.float64(), float
    return pa.string(), str
