"""Tables: .csv and .parquet files through pyarrow, and data frames of other libraries through narwhals.

Numeric and boolean columns are the rows' columns; the column named as the target holds the labels. Nothing is guessed:
a column of texts must be turned into numbers by the person who knows what it means.
"""

from __future__ import annotations

import difflib
import importlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.parquet_files import read_parquet
from layerwise.data.reading import reading, stem
from layerwise.data.rows import Dataset, Rows
from layerwise.data.target import TargetHolds, read_target
from layerwise.errors import DataError, OptionError

__all__ = ["check_header", "check_names", "load_table", "rows_from_table"]

_NUMERIC = "columns must be numbers or booleans"
_INSTALL = "install it with: pip install 'layerwise[data]'"


def load_table(
    path: Path, target: str | None = None, *, missing: bool = False, target_holds: TargetHolds = "classes"
) -> Dataset:
    """Read a .csv file (commas, first line names the columns) or a .parquet file.

    Parameters
    ----------
    path : Path
    target : str, optional
        Column of the labels. A row whose label is missing, empty or -1 has none.
    missing : bool
        Whether a cell may be missing; it becomes NaN.
    target_holds : {"classes", "numbers", "either"}
        See :func:`~layerwise.data.target.read_target`.

    Raises
    ------
    DataError
        Where the file is damaged, or a column or an entry is not acceptable.
    OptionError
        Where there is no column ``target``.
    """
    is_csv = path.suffix.lower() == ".csv"
    try:
        module: Any = importlib.import_module("pyarrow.csv" if is_csv else "pyarrow.parquet")
    except ImportError as error:
        raise DataError(path.name, path.suffix, "needs the package pyarrow", _INSTALL) from error
    with reading(path, f"a {path.suffix.lower()} table"):
        table: Any = module.read_csv(path) if is_csv else read_parquet(path)
        names = [str(name) for name in table.column_names]
    if is_csv:
        check_header(names, path, table)
    return Dataset(
        stem(path),
        rows_from_table(table, target, path.name, missing=missing, target_holds=target_holds),
        None,
        str(path),
    )


def rows_from_table(
    table: object,
    target: str | None = None,
    what: str = "table",
    *,
    missing: bool = False,
    target_holds: TargetHolds = "classes",
) -> Rows:
    """Make rows of a data frame: pyarrow, pandas, polars or another that narwhals knows.

    Parameters
    ----------
    table : data frame
        Read, never changed.
    target : str, optional
        Column of the labels: whole numbers, texts or booleans; missing, empty or -1 where a row has none.
    what : str
        How an error names the table.
    missing : bool
        Whether a cell may be missing; it becomes NaN.
    target_holds : {"classes", "numbers", "either"}
        Labels, or numbers to be predicted: ``targets`` of the rows, NaN where one is missing; or as it is found.

    Raises
    ------
    DataError
        Naming the first column and entry that is not acceptable.
    OptionError
        Where there is no column ``target``.
    """
    try:
        import narwhals as nw
    except ImportError as error:
        raise DataError(what, type(table).__name__, "needs the package narwhals", _INSTALL) from error
    check_names([str(name) for name in getattr(table, "column_names", getattr(table, "columns", []))], what)
    convert: Any = nw.from_native
    try:
        frame: Any = convert(table, eager_only=True)
    except TypeError as error:
        raise DataError(what, type(table).__name__, "must be a pyarrow, pandas or polars table") from error
    columns: dict[str, Any] = {str(column.name): column for column in frame.iter_columns()}
    names = list(columns)
    if target is not None and target not in names:
        close = difflib.get_close_matches(target, names, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "give one of them"
        raise OptionError("target", target, f"must be a column of {what}, which has {_listed(names)}", remedy)
    features = [name for name in names if name != target]
    if not features or len(frame) == 0:
        received = f"{len(frame)} rows, {len(features)} columns beside the target"
        raise DataError(what, received, "must hold at least one row and one column beside the target")
    dtypes = [_column_dtype(columns[name], name, what, target, missing) for name in features]
    values = np.empty((len(frame), len(features)), dtype=np.result_type(*dtypes))
    for place, name in enumerate(features):
        values[:, place] = _numbers(columns[name])
    label_name, labels, targets = f"{what}, column {target!r}", None, None
    if target is not None:
        labels, targets = read_target(_entries(columns[target]), target_holds, label_name)
    rows = Rows.from_arrays(values, labels, columns=features, missing=missing, name=what, label_name=label_name)
    return replace(rows, targets=targets)


def _column_dtype(column: Any, name: str, what: str, target: str | None, gaps: bool) -> np.dtype[Any]:
    """Check a column and say in what it can be stored; whole numbers that fit a byte need no more."""
    import narwhals as nw

    missing = column.is_null()
    if bool(missing.any()) and not gaps:
        row = int(np.argmax(missing.to_numpy()))
        remedy = f"fill the gap or leave row {row} out (rows are counted from 0)"
        raise DataError(f"{what}, row {row}, column {name!r}", None, "must not be missing", remedy)
    if bool(missing.all()):
        return np.dtype(np.float64)  # of whatever type its library takes it to be
    if not (column.dtype == nw.Boolean or column.dtype.is_numeric()):
        row, value = _first_foreign(column)
        named = "" if target else f"; if it holds the labels, name it as target: {name}"
        remedy = f"turn it into numbers or leave it out{named} (rows are counted from 0)"
        raise DataError(f"{what}, row {row}, column {name!r}", value, _NUMERIC, remedy)
    numbers = _numbers(column)
    if numbers.dtype.kind in "iu" and 0 <= int(numbers.min()) <= int(numbers.max()) <= 255:
        return np.dtype(np.uint8)
    return numbers.dtype


def _numbers(column: Any) -> npt.NDArray[Any]:
    import narwhals as nw

    if bool(column.is_null().all()):
        return np.full(len(column), np.nan)
    # Decimals would come as Python objects, and so would booleans with gaps.
    as_float = column.dtype.is_decimal() or bool(column.is_null().any())
    return (column.cast(nw.Float64) if as_float else column).to_numpy()


def _entries(column: Any) -> list[Any]:
    import narwhals as nw

    if column.dtype in (nw.Categorical, nw.Enum):
        column = column.cast(nw.String)
    missing, entries = column.is_null().to_list(), column.to_list()
    return [None if absent else entry for absent, entry in zip(missing, entries, strict=True)]


def _first_foreign(column: Any) -> tuple[int, object]:
    """First entry that is no number: in a column of texts most may be."""
    for row, value in enumerate(column.to_list()):
        try:
            float(value)
        except (TypeError, ValueError):
            return row, value
    return 0, column.to_list()[0]


def check_names(names: list[str], what: str) -> None:
    """Refuse a table of which two columns have the same name."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f"{what}, columns", _listed(repeated), "must have different names", "rename one of them")


def check_header(names: list[str], path: Path, table: Any) -> None:
    """Refuse the first line of a .csv file that does not name its columns.

    One text among numbers may be the label of a first row: it is taken for one where its column holds it again, or
    where the numbers are none that a column would be called by (0.1, or the same one twice).
    """
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise DataError(path.name, names[0], "columns must be separated by commas", "save the table with commas")
    if "" in names:
        remedy = "name it in the first line (pandas: to_csv(..., index=False) leaves its index out)"
        raise DataError(path.name, f"column {names.index('')}", "every column must have a name", remedy)
    # 0, 1, 2 … are the names that pandas gives; other numbers are a first row taken for a header.
    numbers = [name for name in names if _is_number(name)]
    if not numbers or numbers == [str(place) for place in range(len(numbers))] or len(names) - len(numbers) > 1:
        return
    texts = [place for place, name in enumerate(names) if not _is_number(name)]
    strange = len(set(numbers)) < len(numbers) or not all(name.strip().isdigit() for name in numbers)
    if not texts or strange or names[texts[0]] in table.column(texts[0]).unique().to_pylist():
        remedy = "put a line with the columns' names at the top"
        raise DataError(path.name, _listed(names), "the first line must name the columns", remedy)


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
