"""The tables of a folder, or one table: local files, or those of any file system that fsspec knows."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layerwise.data.arrow_files import is_stream, largest_batch
from layerwise.data.hive import Named, named_columns
from layerwise.data.limits import check_declared
from layerwise.data.parquet_files import is_text
from layerwise.data.reading import reading
from layerwise.errors import DataError

__all__ = ["FORMATS", "TableFile", "holds_tables", "is_remote", "table_files"]

FORMATS = {".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".csv": "csv"}
"""What a file holds, by its ending."""

_INSTALL = "install it with: pip install 'layerwise[data]'"
_INSTALL_REMOTE = "install it with: pip install 'layerwise[remote]'"
_REMEDIES = {"csv": "correct that line, or turn the column into numbers"}
_BLOCK = 2**22


def is_remote(source: str) -> bool:
    """Whether a source is the address of something that fsspec reads, such as ``s3://bucket/rows``."""
    return "://" in source


def holds_tables(folder: Path) -> bool:
    """Whether a folder, or one inside it, holds tables."""
    with reading(folder, "a folder of tables"):
        return next(_tables_in(folder), None) is not None


@dataclass(frozen=True)
class TableFile:
    """A table.

    Parameters
    ----------
    name : str
        How errors call it.
    form : {"parquet", "arrow", "csv"}
    open_bytes : callable
        Gives the file, open for reading.
    named : tuple of Named
        Columns that the folders around it name, behind its own; one that the file has as well is the file's.
    """

    name: str
    form: str
    open_bytes: Callable[[], Any]
    named: tuple[Named, ...] = ()

    @contextmanager
    def read(self, rows: int, types: Any = None) -> Generator[tuple[Any, Iterator[Any]]]:
        """The schema and the record batches, each of some rows.

        Parameters
        ----------
        rows : int
            Of a batch, where the file lets one choose.
        types : mapping of str to DataType, optional
            Of the columns: a .csv file is read by them, and texts of a .parquet file as places in their dictionary.

        Raises
        ------
        DataError
            Where the file is gone or damaged.
        """
        path = Path(self.name)
        with self.reading():
            file = self.open_bytes()
        with file:
            with self.reading():
                schema, batches = self._with_named(*_BATCHES[self.form](path, file, rows, types))
            yield schema, self._guarded(batches)

    def _with_named(self, schema: Any, batches: Iterator[Any]) -> tuple[Any, Iterator[Any]]:
        pa: Any = importlib.import_module("pyarrow")

        names = schema.names  # an error where one is no text
        others = [one for one in self.named if one.name not in names]
        if not others:
            return schema, batches
        for one in others:
            schema = schema.append(pa.field(one.name, one.kind))
        return schema, (
            pa.RecordBatch.from_arrays(
                [*batch.columns, *(one.repeated(batch.num_rows) for one in others)], schema=schema
            )
            for batch in batches
        )

    def reading(self) -> AbstractContextManager[None]:
        """A block whose failures are blamed on the file."""
        damaged = "it is damaged or of another kind: make or copy it again"
        return reading(Path(self.name), f"a table ({self.form})", _REMEDIES.get(self.form, damaged))

    def _guarded(self, batches: Iterator[Any]) -> Iterator[Any]:
        while True:
            with self.reading():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


def table_files(source: str) -> list[TableFile]:
    """The tables under an address or a path, in the order of their names.

    Raises
    ------
    DataError
        Where there is none, they are of different formats, or a package is missing.
    """
    try:
        importlib.import_module("pyarrow")
    except ImportError as error:
        raise DataError(source, "tables", "need the package pyarrow", _INSTALL) from error
    found = _remote(source) if is_remote(source) else _local(Path(source))
    if not found:
        endings = ", ".join(FORMATS)
        raise DataError("DATA", source, f"holds no tables ({endings})", "give a folder that holds some")
    for file in found[1:]:
        if file.form != found[0].form:
            rule = f"holds {found[0].form} files ({found[0].name}) and {file.form} files ({file.name})"
            raise DataError("DATA", source, rule, "move one kind to another folder")
    return found


def _is_table(name: str) -> bool:
    """Hidden files, and those that writers of folders leave as marks, are none."""
    inside = name.split("/")
    return Path(name).suffix.lower() in FORMATS and not any(part.startswith((".", "_")) for part in inside)


def _tables_in(folder: Path) -> Iterator[Path]:
    """A folder may be called as a table is, and a pipe would be waited for."""
    return (path for path in folder.rglob("*") if _is_table(path.relative_to(folder).as_posix()) and path.is_file())


def _local(path: Path) -> list[TableFile]:
    with reading(path, "a folder of tables"):
        if path.is_file():
            paths: Sequence[Path] = [path]
        else:
            paths = sorted(_tables_in(path))
    folder = path.parent if path.is_file() else path
    named = named_columns([one.relative_to(folder).as_posix() for one in paths])
    return [
        TableFile(str(one.relative_to(folder)), FORMATS[one.suffix.lower()], lambda one=one: one.open("rb"), columns)
        for one, columns in zip(paths, named, strict=True)
    ]


def _remote(address: str) -> list[TableFile]:
    try:
        fsspec: Any = importlib.import_module("fsspec")
    except ImportError as error:
        raise DataError("DATA", address, "needs the package fsspec", _INSTALL_REMOTE) from error
    try:
        system, root = fsspec.core.url_to_fs(address)
        names: list[str] = sorted(system.find(root))
    except (ImportError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise DataError("DATA", address, f"cannot be reached ({reason})", "check the address and the access") from error
    inside = {name: name.removeprefix(root).lstrip("/") or Path(name).name for name in names}
    tables = [name for name in names if _is_table(inside[name])]
    named = named_columns([inside[name] for name in tables])
    return [
        TableFile(name, FORMATS[Path(name).suffix.lower()], lambda name=name: system.open(name, "rb"), columns)
        for name, columns in zip(tables, named, strict=True)
    ]


def _parquet(path: Path, file: Any, rows: int, types: Mapping[str, Any] | None) -> tuple[Any, Iterator[Any]]:
    module: Any = importlib.import_module("pyarrow.parquet")
    # A text that is stored once and repeated is not to be written out.
    own = set(module.read_schema(file).names) if types else set[str]()
    texts = [name for name, kind in (types or {}).items() if name in own and is_text(kind)]
    # Without a buffer a whole row group's columns would be in memory as they are in the file.
    opened = module.ParquetFile(file, buffer_size=_BLOCK, page_checksum_verification=True, read_dictionary=texts)
    return opened.schema_arrow, opened.iter_batches(batch_size=rows)


def _arrow(path: Path, file: Any, rows: int, types: Any) -> tuple[Any, Iterator[Any]]:
    module: Any = importlib.import_module("pyarrow.ipc")
    check_declared(path, largest_batch(file))
    if is_stream(file):
        opened = module.open_stream(file)
        batches = (_valid(batch) for batch in opened)
    else:
        opened = module.open_file(file)
        batches = (_valid(opened.get_batch(number)) for number in range(opened.num_record_batches))
    return opened.schema, (batch.slice(first, rows) for batch in batches for first in range(0, batch.num_rows, rows))


def _valid(batch: Any) -> Any:
    """A batch whose offsets do not point beyond it: they are as the file has them, and pyarrow follows them."""
    batch.validate(full=True)
    return batch


def _csv(path: Path, file: Any, rows: int, types: Any) -> tuple[Any, Iterator[Any]]:
    module: Any = importlib.import_module("pyarrow.csv")
    opened = module.open_csv(
        file,
        # One thread: an error knows its row then.
        read_options=module.ReadOptions(use_threads=False, block_size=_BLOCK),
        convert_options=module.ConvertOptions(column_types=types, strings_can_be_null=True),
    )
    batches: Iterator[Any] = iter(opened)
    return opened.schema, (batch.slice(first, rows) for batch in batches for first in range(0, batch.num_rows, rows))


_BATCHES: dict[str, Callable[[Path, Any, int, Any], tuple[Any, Iterator[Any]]]] = {
    "parquet": _parquet,
    "arrow": _arrow,
    "csv": _csv,
}
