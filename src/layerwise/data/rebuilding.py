"""Columns of Python values become a table again: of the library, and with the types, that the given one had."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from layerwise.data.cells import Cells, Level, Name, is_missing
from layerwise.data.frames import Backend
from layerwise.errors import DataError

__all__ = ["Filled", "build_table", "keep_given"]


@dataclass(frozen=True, eq=False)
class Filled:
    """A column to be built.

    Parameters
    ----------
    name : str or int
    values : list
        Python values; None, or what the given table had, where a cell is missing.
    dtype : str
        As :class:`~layerwise.data.cells.Cells` has it.
    levels : tuple
        Categories of a categorical type.
    """

    name: Name
    values: list[Any]
    dtype: str
    levels: tuple[Level, ...] = ()


_LIBRARIES = {"pandas": 1, "polars": 2, "pyarrow": 3}
# What holds values of a Python type where no given column says it: in dicts and matrices, pandas, polars, pyarrow.
_PLAIN_TYPES: dict[type, tuple[str, str, str, str]] = {
    bool: ("bool", "boolean", "Boolean", "bool"),
    int: ("int64", "Int64", "Int64", "int64"),
    float: ("float64", "float64", "Float64", "double"),
    str: ("object", "object", "String", "string"),
}


def keep_given(cells: Cells, restored: list[Any], fitted_dtype: str | None, backend: Backend) -> Filled:
    """The cells that were given, and what was restored where they are missing.

    Parameters
    ----------
    cells : Cells
        What was given.
    restored : list
        Values of every row, None where nothing is known.
    fitted_dtype : str or None
        Type of the column of the same library that was fitted: a column of nothing but gaps need not have a type that
        holds what they are filled with.
    backend : str
        Whose the given table is.
    """
    if all(entry is None for entry in cells.entries) and any(value is not None for value in restored):
        example: Any = next(value for value in restored if value is not None)
        dtype = fitted_dtype or _PLAIN_TYPES[type(example)][_LIBRARIES.get(backend, 0)]
        levels = tuple(dict.fromkeys(cells.levels) | dict.fromkeys(v for v in restored if v is not None))
        return Filled(cells.name, restored, dtype, levels)
    pairs = zip(cells.raw(), cells.entries, restored, strict=True)
    values = [raw if entry is not None or filled is None else filled for raw, entry, filled in pairs]
    known = dict.fromkeys(cells.levels)
    used = dict.fromkeys(value for value in values if not is_missing(value))
    return Filled(cells.name, values, cells.dtype, tuple(known | used) if cells.sort == "levels" else ())


def build_table(backend: Backend, columns: Sequence[Filled], index: Any = None) -> Any:
    """Make a table of columns.

    Parameters
    ----------
    backend : str
        Whose table.
    columns : sequence of Filled
    index : object
        Row names, of a pandas table.

    Returns
    -------
    pandas, polars or pyarrow table, ndarray of shape (rows, columns), or dict of arrays
        A whole number goes to the nearest that its type holds. Where a type has no missing value another takes its
        place: float64 for NumPy's integers, objects for its booleans and texts, pandas' nullable types for those.

    Raises
    ------
    DataError
        Where the library is not installed.
    """
    fitted = [Filled(c.name, _within(c.values, c.dtype), c.dtype, c.levels) for c in columns]
    if backend == "dict":
        return {column.name: _array(column) for column in fitted}
    if backend == "numpy":
        arrays = [_array(column) for column in fitted]
        return _joined(arrays)
    try:
        library: Any = importlib.import_module(backend)
    except ImportError as error:
        remedy = f"install it with: pip install {backend}"
        raise DataError("restore", backend, "the table was one of this library, which is not there", remedy) from error
    if backend == "pandas":
        return _pandas(library, fitted, index)
    if backend == "polars":
        return library.DataFrame([_polars(library, column) for column in fitted])
    named: Mapping[str, Any] = {str(column.name): _pyarrow(library, column) for column in fitted}
    return library.table(named)


def _within(values: list[Any], dtype: str) -> list[Any]:
    """Whole numbers inside the range of an integer type, truth values in a boolean one."""
    if dtype.lower().startswith("bool"):
        return [value if is_missing(value) else bool(value) for value in values]
    integer = re.match(r"(u?)int(\d+)", dtype.lower())
    if integer is None:
        return values
    bits = int(integer[2])
    low, high = (0, 2**bits - 1) if integer[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return [value if is_missing(value) else min(max(round(value), low), high) for value in values]


def _array(column: Filled) -> npt.NDArray[Any]:
    own_texts = column.dtype.startswith("StringDType")  # which only newer releases have
    dtype: np.dtype[Any] = cast(Any, np.dtypes).StringDType() if own_texts else np.dtype(column.dtype)
    gaps = any(is_missing(value) for value in column.values)
    if dtype.kind == "f" or (dtype.kind in "iu" and gaps):
        numbers = [np.nan if is_missing(value) else value for value in column.values]
        return np.array(numbers, dtype=dtype if dtype.kind == "f" else np.float64)
    if dtype.kind == "O" or gaps:
        array = np.empty(len(column.values), dtype=np.object_)
        array[:] = column.values
        return array
    if dtype.kind == "U":  # a level may be longer than the texts that were given
        texts = np.array(column.values, dtype=np.str_)
        return texts.astype(np.promote_types(texts.dtype, dtype))
    return np.array(column.values, dtype=dtype)


def _joined(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Columns side by side; their types differ where only some of them have gaps."""
    types = {array.dtype for array in arrays}
    if len(types) > 1:
        types = {np.dtype(np.object_) if any(dtype.kind == "O" for dtype in types) else np.result_type(*types)}
    dtype = types.pop()
    # Stacked numbers are in native byte order, whatever their columns' was.
    return np.stack([array.astype(dtype) for array in arrays], axis=1).astype(dtype, copy=False)


def _pandas(pandas: Any, columns: Sequence[Filled], index: Any) -> Any:
    made: dict[Name, Any] = {}
    for column in columns:
        values: list[Any] = [None if is_missing(value) else value for value in column.values]
        dtype = column.dtype
        if dtype in ("category", "ordered category"):
            ordered = dtype == "ordered category"
            levels = list(column.levels)
            made[column.name] = pandas.Series(pandas.Categorical(values, categories=levels, ordered=ordered))
            continue
        if dtype.startswith("dictionary<"):
            arrow: Any = importlib.import_module("pyarrow")
            array = _pyarrow(arrow, Filled(column.name, values, dtype.removesuffix("[pyarrow]"), column.levels))
            made[column.name] = pandas.Series(pandas.arrays.ArrowExtensionArray(array))
            continue
        if None in values and re.fullmatch(r"bool|u?int\d+", dtype):
            dtype = "boolean" if dtype == "bool" else dtype.replace("u", "U").replace("int", "Int")
        # A column of objects has the very cells that were given, its marks for missing ones too.
        made[column.name] = pandas.Series(column.values if dtype == "object" else values, dtype=dtype)
    frame = pandas.DataFrame(made)
    if index is not None:
        frame.index = index
    return frame


def _polars(polars: Any, column: Filled) -> Any:
    name = column.dtype.split("(")[0]
    dtype = polars.Enum(list(column.levels)) if name == "Enum" else getattr(polars, name)
    return polars.Series(str(column.name), column.values, dtype=dtype, strict=False)


def _pyarrow(pyarrow: Any, column: Filled) -> Any:
    dictionary = re.fullmatch(r"dictionary<values=(\w+), indices=(\w+), ordered=([01])>", column.dtype)
    if dictionary is None:
        return pyarrow.array(column.values, type=pyarrow.type_for_alias(column.dtype))
    values, indices = pyarrow.type_for_alias(dictionary[1]), pyarrow.type_for_alias(dictionary[2])
    place: dict[Any, int] = {level: i for i, level in enumerate(column.levels)}
    codes = pyarrow.array([None if value is None else place[value] for value in column.values], type=indices)
    levels = pyarrow.array(list(column.levels), type=values)
    return pyarrow.DictionaryArray.from_arrays(codes, levels, ordered=dictionary[3] == "1")
