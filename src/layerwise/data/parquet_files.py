"""A .parquet file as a table that fits into memory.

A column is stored in pages, packed and by dictionary: a file of a kilobyte can declare a billion rows, or one long text
a million times. So the number of rows comes first, from the file's end, and texts are read as places in their
dictionary and written out only if all of them fit.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from layerwise.data.limits import check_declared
from layerwise.errors import DataError

__all__ = ["is_text", "read_parquet"]

_BITS_OF_A_PLACE = 64


def read_parquet(path: Path) -> Any:
    """A pyarrow table.

    Raises
    ------
    DataError
        It declares more than fits into memory, or has columns of columns.
    ArrowException, OSError
        It is damaged.
    """
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    # Not every writer adds checksums to its pages; where they are they are looked at.
    with parquet.ParquetFile(path, page_checksum_verification=True) as file:
        schema: Any = file.schema_arrow
        bits = 0
        for column in schema:
            if arrow.types.is_nested(column.type):
                rule = f"is a {column.type}; a column must hold one value a row"
                raise DataError(f"{path.name}, column {column.name!r}", str(column.type), rule, "leave it out")
            bits += _bits(column.type)
        check_declared(path, file.metadata.num_rows * bits // 8)
        texts = [column.name for column in schema if is_text(column.type)]
    with parquet.ParquetFile(path, page_checksum_verification=True, read_dictionary=texts) as file:
        table: Any = file.read()
    check_declared(path, sum(_written_out(arrow, table.column(place)) for place in range(table.num_columns)))
    return table.cast(schema)


def is_text(kind: Any) -> bool:
    """Whether a type of pyarrow is one of texts or of bytes."""
    types: Any = importlib.import_module("pyarrow").types
    return any(
        bool(of(kind)) for of in (types.is_string, types.is_binary, types.is_large_string, types.is_large_binary)
    )


def _bits(kind: Any) -> int:
    try:
        return int(kind.bit_width)
    except ValueError:  # of no fixed width
        return _BITS_OF_A_PLACE


def _written_out(arrow: Any, column: Any) -> int:
    """Bytes of the texts of a column that is stored by dictionary."""
    if not arrow.types.is_dictionary(column.type) or not is_text(column.type.value_type):
        return 0
    compute: Any = importlib.import_module("pyarrow.compute")
    lengths = (compute.sum(compute.binary_length(part.dictionary).take(part.indices)).as_py() for part in column.chunks)
    return sum(length or 0 for length in lengths)
