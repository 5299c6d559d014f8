"""Tables of any library as columns of cells: pandas, polars and pyarrow through narwhals, NumPy and dicts without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from scipy.sparse import issparse

from layerwise.data.cells import (
    Cells,
    Level,
    Name,
    cells_of_array,
    cells_of_numbers,
    cells_of_objects,
    is_missing,
    no_date,
)
from layerwise.data.tables import check_names
from layerwise.errors import DataError

__all__ = ["BACKENDS", "Backend", "Frame", "read_frame"]

Backend = Literal["numpy", "dict", "pandas", "polars", "pyarrow"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
"""Whose tables are read, and built again."""

_ACCEPTED = "must be a pandas, polars or pyarrow table, a NumPy matrix (rows, columns) or a dict of arrays"
_TYPES = "a column must hold numbers, booleans, texts or categories"


@dataclass(frozen=True, eq=False)
class Frame:
    """A table that was read.

    Parameters
    ----------
    backend : str
        One of :data:`BACKENDS`.
    columns : tuple of Cells
        In the table's order, with different names.
    index : object
        Row names of a pandas table; None elsewhere.
    """

    backend: Backend
    columns: tuple[Cells, ...]
    n_rows: int
    index: Any = None

    @property
    def names(self) -> tuple[Name, ...]:
        """The columns' names; 0, 1, 2, … in a NumPy matrix."""
        return tuple(column.name for column in self.columns)


def read_frame(table: object, what: str = "table") -> Frame:
    """Read a table without changing it.

    Parameters
    ----------
    table : pandas, polars or pyarrow table, ndarray of shape (rows, columns), or dict of arrays of shape (rows,)
    what : str
        How an error names it.

    Raises
    ------
    DataError
        Where it is something else, empty, or holds a column or a cell that cannot be used.
    """
    if issparse(table):
        remedy = "give table.toarray(), or train on plain sparse rows of one kind"
        raise DataError(what, f"a sparse {type(table).__name__}", _ACCEPTED, remedy)
    if isinstance(table, Mapping):
        frame = _of_dict(cast("Mapping[Any, Any]", table), what)
    elif hasattr(table, "__array__") and not hasattr(table, "columns"):
        frame = _of_matrix(table, what)
    else:
        frame = _of_library(table, what)
    if frame.n_rows == 0 or not frame.columns:
        received = f"{frame.n_rows} rows, {len(frame.columns)} columns"
        raise DataError(what, received, "must hold at least one row and one column")
    return frame


def _of_matrix(table: object, what: str) -> Frame:
    array: Any = np.asanyarray(cast(Any, table))
    if array.dtype.names is not None:
        remedy = "give {name: array[name] for name in array.dtype.names}"
        raise DataError(what, "a structured array", _ACCEPTED, remedy)
    if array.ndim != 2:
        remedy = "a single row is X.reshape(1, -1), a single column X.reshape(-1, 1)" if array.ndim == 1 else ""
        raise DataError(f"{what}.shape", tuple(array.shape), _ACCEPTED, remedy)
    rows, width = array.shape
    columns = [] if rows == 0 else [cells_of_array(array[:, i], i, what) for i in range(width)]
    return Frame("numpy", tuple(columns), rows)


def _of_dict(table: Mapping[Any, Any], what: str) -> Frame:
    columns: list[Cells] = []
    lengths: dict[Name, int] = {}
    for key, values in table.items():
        name = _name(key, what)
        try:
            array = _array(values)
        except (ValueError, TypeError) as error:
            where = f"{what}, column {name!r}"
            raise DataError(where, type(values).__name__, f"must be an array of one axis ({error})") from error
        if array.ndim != 1:
            raise DataError(f"{what}, column {name!r}", tuple(array.shape), "must be an array of one axis")
        lengths[name] = len(array)
        columns.append(cells_of_array(array, name, what))
    if len(set(lengths.values())) > 1:
        raise DataError(what, lengths, "must have columns of one length", "correct the shorter ones")
    return Frame("dict", tuple(columns), next(iter(lengths.values()), 0))


def _array(values: Any) -> Any:
    """Python's lists keep their values: NumPy would turn a number beside a text into a text."""
    if not isinstance(values, list | tuple):
        return np.asanyarray(values)
    entries = cast("list[Any]", values)
    kinds: set[type] = {type(entry) for entry in entries if not is_missing(entry)}
    gaps = any(is_missing(entry) for entry in entries)
    if float in kinds and kinds <= {int, float}:
        return np.array([np.nan if is_missing(entry) else entry for entry in entries])
    if len(kinds) == 1 and kinds <= {bool, int, str} and not gaps:
        return np.array(entries)
    array = np.empty(len(entries), dtype=np.object_)
    array[:] = entries
    return array


def _of_library(table: object, what: str) -> Frame:
    try:
        import narwhals as nw
    except ImportError as error:
        remedy = "install it with: pip install 'layerwise[data]'"
        raise DataError(what, type(table).__name__, f"{_ACCEPTED}; tables need the package narwhals", remedy) from error
    if hasattr(table, "collect"):  # asking a lazy table for its columns would already compute
        raise DataError(what, type(table).__name__, _ACCEPTED, "call .collect() first")
    names = [str(name) for name in getattr(table, "column_names", getattr(table, "columns", []))]
    check_names(names, what)
    convert: Any = nw.from_native
    try:
        frame: Any = convert(table, eager_only=True)
    except TypeError as error:
        raise DataError(what, type(table).__name__, _ACCEPTED, "turn it into one of these") from error
    backend = frame.implementation.name.lower()
    if backend not in ("pandas", "polars", "pyarrow"):
        raise DataError(what, type(table).__name__, _ACCEPTED, "turn it into one of these")
    columns = tuple(_cells(column, what) for column in frame.iter_columns()) if len(frame) else ()
    index: Any = getattr(table, "index", None) if backend == "pandas" else None
    return Frame(backend, columns, len(frame), index)


def _cells(column: Any, what: str) -> Cells:
    """One column, by what narwhals says of its type."""
    import narwhals as nw

    name, native, kind = _name(column.name, what), nw.to_native(column), column.dtype
    where = f"{what}, column {name!r}"
    dtype = str(native.type if hasattr(native, "type") else native.dtype)
    if dtype.startswith("Sparse"):
        raise DataError(where, dtype, "must not be sparse", f"give table[{name!r}].sparse.to_dense()")
    if kind.is_temporal():
        raise no_date(where, dtype)
    if kind in (nw.Categorical, nw.Enum):
        return _categories(column, native, name, dtype, where)
    if kind.is_decimal() or kind.is_nested() or str(kind) == "Binary":
        raise DataError(where, dtype, _TYPES, "cast it to float64" if kind.is_decimal() else "leave it out")
    if kind.is_numeric():
        numbers = column.cast(nw.Float64).to_numpy()
        return cells_of_numbers(numbers, name, "whole" if kind.is_integer() else "real", dtype, column.to_list, what)
    cells = cells_of_objects(column.to_list(), name, dtype, what, column.to_list)
    if cells.sort == "empty" and kind == nw.String:
        return Cells(name, "text", None, column.to_list, dtype)
    return cells


def _categories(column: Any, native: Any, name: Name, dtype: str, where: str) -> Cells:
    """A categorical column; the levels are those it declares, where declaring is what its type is for.

    polars' ``Categorical`` and pyarrow's dictionaries are ways to store texts: their levels are those that occur.
    """
    levels: list[Any] = []
    if dtype == "category":
        levels = native.cat.categories.tolist()
        dtype = "ordered category" if native.cat.ordered else dtype
    elif dtype.startswith("Enum"):
        levels, dtype = native.dtype.categories.to_list(), "Enum"
    for level in levels or {entry for entry in column.to_list() if not is_missing(entry)}:
        if not isinstance(level, str | bool | int | float):
            raise DataError(where, level, "categories must be texts, numbers or booleans", "turn them into texts")
    declared: tuple[Level, ...] = tuple(levels)
    return Cells(name, "levels", None, column.to_list, dtype, declared)


def _name(name: object, what: str) -> Name:
    if isinstance(name, str):
        return name
    if isinstance(name, int) and not isinstance(name, bool):
        return name
    raise DataError(f"{what}, columns", name, "must be named by texts or whole numbers", "rename the column")
