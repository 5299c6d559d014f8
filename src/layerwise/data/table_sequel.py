"""Tables larger than memory, row after row: their columns are numbers or booleans, but for that of the labels."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.parquet_files import is_text
from layerwise.data.sequel import Part, Sequel
from layerwise.data.stored import part_rows
from layerwise.data.table_files import TableFile, table_files
from layerwise.data.tables import check_header, check_names
from layerwise.errors import DataError, OptionError

__all__ = ["table_sequel"]

_NUMERIC = "columns must be numbers or booleans"
_LONGEST_NAME = 1000
"""Bytes of a class's name: names of some thousand rows are compared at a time, each in the room of the longest."""


def table_sequel(source: str, target: str | None = None, *, missing: bool = False) -> Sequel:
    """The rows of a table, or of all tables of a folder, in the order of the files' names.

    Parameters
    ----------
    source : str
        A path, or an address that fsspec knows.
    target : str, optional
        Column of the labels; missing, empty or -1 where a row has none.
    missing : bool
        Whether a cell may be missing; it becomes NaN.

    Raises
    ------
    DataError
        Where there are no tables, their columns differ or are no numbers.
    OptionError
        Where there is no column ``target``.
    """
    files = table_files(source)
    kinds = _common(files, [_schema(file, target) for file in files], target)
    names = list(kinds)
    if target is not None and target not in names:
        close = difflib.get_close_matches(target, names, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "give one of them"
        known = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise OptionError("target", target, f"must be a column of {files[0].name}, which has {known}", remedy)
    features = tuple(name for name in names if name != target)
    if not features:
        raise DataError(files[0].name, "no column beside the target", "must hold at least one", "add columns")
    types = tuple(_numeric(kinds[name], name, files[0].name, target, missing) for name in features)
    parts = _parts(files, kinds, features, np.result_type(*types), target, missing)
    return Sequel(_title(source), parts, features, types)


def _title(source: str) -> str:
    return Path(source.rstrip("/").rsplit("/", 1)[-1]).name


def _schema(file: TableFile, target: str | None) -> dict[str, Any]:
    """Column → type, null where the rows do not say; whole numbers of a .csv file may have a fraction further down."""
    pa: Any = importlib.import_module("pyarrow")

    with file.read(1000) as (schema, batches):
        names = [str(name) for name in schema.names]
        check_names(names, file.name)
        found = dict(zip(names, schema.types, strict=True))
        if file.form != "csv":
            return found
        first = [batch for batch in [next(batches, None)] if batch is not None]
        table = pa.Table.from_batches(first, schema)
        check_header(names, Path(file.name), table)
    for name, kind in found.items():
        if pa.types.is_null(kind):
            continue
        if name == target:
            found[name] = kind if pa.types.is_integer(kind) else pa.string()
        elif pa.types.is_integer(kind) or (pa.types.is_string(kind) and _begins_as_number(table.column(name))):
            found[name] = pa.float64()
    return found


def _begins_as_number(column: Any) -> bool:
    """Whether texts are numbers with something else below: then an error says where."""
    try:
        float(column.drop_null()[0].as_py())
    except (IndexError, TypeError, ValueError):
        return False
    return True


def _common(files: list[TableFile], schemas: list[dict[str, Any]], target: str | None) -> dict[str, Any]:
    """The type of each column: that of the first file whose rows say one."""
    pa: Any = importlib.import_module("pyarrow")

    written = files[0].form != "csv"  # a .csv file says of types what its first rows show
    common, said = dict(schemas[0]), dict.fromkeys(schemas[0], files[0])
    for file, schema in zip(files[1:], schemas[1:], strict=True):
        _check_names_alike(file, schema, files[0], common)
        for name, kind in schema.items():
            if pa.types.is_null(common[name]):
                common[name], said[name] = kind, file
            elif not (pa.types.is_null(kind) or kind == common[name]):
                if written or name != target:
                    rule = f"must be {common[name]} as in {said[name].name}"
                    remedy = "write all files with one schema" if written else "write numbers alone in all files"
                    raise DataError(f"{file.name}, column {name!r}", str(kind), rule, remedy)
                common[name] = pa.string()
    if not written:
        for name, kind in common.items():
            if pa.types.is_null(kind):
                common[name] = pa.string() if name == target else pa.float64()
    return common


def _check_names_alike(file: TableFile, schema: dict[str, Any], other: TableFile, expected: dict[str, Any]) -> None:
    if list(schema) != list(expected):
        odd = [name for name in (*schema, *expected) if (name in schema) != (name in expected)]
        received = f"column {odd[0]!r}" if odd else "the same columns in another order"
        rule = f"must have the columns of {other.name}, in the same order"
        raise DataError(file.name, received, rule, "move it to another folder, or bring it in line")


def _numeric(kind: Any, name: str, what: str, target: str | None, missing: bool) -> np.dtype[Any]:
    """In what a column is stored."""
    pa: Any = importlib.import_module("pyarrow")

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        dtype = np.dtype(np.uint8)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        dtype = np.dtype(kind.to_pandas_dtype())
    elif pa.types.is_decimal(kind) or (pa.types.is_null(kind) and missing):
        dtype = np.dtype(np.float64)
    else:
        named = "" if target else f"; if it holds the labels, name it as target: {name}"
        raise DataError(f"{what}, column {name!r}", str(kind), _NUMERIC, f"turn it into numbers or leave it out{named}")
    return np.result_type(dtype, np.float32) if missing and dtype.kind != "f" else dtype


def _parts(
    files: list[TableFile],
    schema: dict[str, Any],
    features: tuple[str, ...],
    dtype: np.dtype[Any],
    target: str | None,
    missing: bool,
) -> Iterator[Part]:
    for file in files:
        first = 0
        with file.read(part_rows(len(features)), schema) as (_, batches):
            for batch in batches:
                values = np.empty((batch.num_rows, len(features)), dtype)
                with file.reading():
                    for place, name in enumerate(features):
                        values[:, place] = _numbers(batch.column(name), name, file.name, first, missing)
                    labels = None if target is None else _labels(batch.column(target), target, file.name)
                yield Part(values, labels, file.name, first)
                first += batch.num_rows


def _numbers(column: Any, name: str, what: str, first_row: int, missing: bool) -> npt.NDArray[Any]:
    pa: Any = importlib.import_module("pyarrow")

    if column.null_count and not missing:
        row = first_row + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        remedy = f"fill the gap or leave row {row} out (rows are counted from 0)"
        raise DataError(f"{what}, row {row}, column {name!r}", None, "must not be missing", remedy)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_decimal(column.type) or pa.types.is_null(column.type):
        column = column.cast(pa.float64())
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    return column.to_numpy(zero_copy_only=False)


def _labels(column: Any, name: str, what: str) -> npt.NDArray[np.object_]:
    pa: Any = importlib.import_module("pyarrow")
    compute: Any = importlib.import_module("pyarrow.compute")

    texts = column.dictionary if pa.types.is_dictionary(column.type) else column
    longest = (compute.max(compute.binary_length(texts)).as_py() or 0) if is_text(texts.type) else 0
    if longest > _LONGEST_NAME:
        rule = f"must be the name of a class, of at most {_LONGEST_NAME:,} bytes"
        raise DataError(
            f"{what}, column {name!r}", f"a text of {longest:,} bytes", rule, "name another column as target"
        )
    if pa.types.is_dictionary(column.type):
        # Each text once: a long one may be that of every row.
        names = column.dictionary.to_pylist()
        entries = [None if place is None else names[place] for place in column.indices.to_pylist()]
    else:
        entries = column.to_pylist()
    labels = np.empty(len(entries), dtype=np.object_)
    labels[:] = entries
    return labels
