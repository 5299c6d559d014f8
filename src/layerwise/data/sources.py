"""A name or a path becomes a data set: the one door through which data come in from outside."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from layerwise.data.alignments import is_alignment, load_alignment
from layerwise.data.builtin import BUILT_IN, load_built_in
from layerwise.data.idx import is_idx, load_idx
from layerwise.data.images import load_images
from layerwise.data.numpy_files import load_npy, load_npz
from layerwise.data.reading import reading
from layerwise.data.rows import Dataset
from layerwise.data.stored import WINDOW
from layerwise.data.streams import STREAMED, stream_batches, stream_file, streams_by_itself
from layerwise.data.table_files import is_remote
from layerwise.data.tables import load_table
from layerwise.data.target import TargetHolds
from layerwise.errors import DataError, OptionError

__all__ = ["load"]

_READERS = {".npy": load_npy, ".npz": load_npz}
_TABLES = (".csv", ".parquet")
_FILES = "an .npy, .npz, .csv, .parquet, .fasta(.gz) or idx(.gz) file, or a folder of pictures with one folder a class"


def load(
    data: str | Path | Iterable[Any],
    *,
    target: str | None = None,
    cache: Path | None = None,
    progress: bool = False,
    missing: bool = False,
    target_holds: TargetHolds = "classes",
    stream: bool = False,
    window: int = WINDOW,
) -> Dataset:
    """Load a data set by name or from a path.

    Parameters
    ----------
    data : str, Path or iterable
        ``"digits"``, ``"mnist"``, ``"fashion-mnist"``, or the path of an .npy, .npz, .csv, .parquet, idx or idx.gz
        file, of an alignment of proteins (.fasta or .fa, also with .gz) or of a folder of pictures with one folder a
        class. A file that is named as a built-in data set is reached as ``"./mnist"``. With ``stream`` an .npy, .csv,
        .parquet or .arrow file, a folder of tables or of pictures, an address of tables that fsspec knows, or an
        iterable of batches: of arrays, or of pairs of an array and its rows' labels.
    target : str, optional
        Column of a table that holds the labels.
    cache : Path, optional
        Where downloads are kept, and decoded rows of a stream meanwhile; the user's cache directory by default.
    progress : bool
        Whether downloads show a progress bar on stderr.
    missing : bool
        Whether NaN, or an empty cell of a table, is a missing value that may stay. Only energy models learn from it.
    target_holds : {"classes", "numbers", "either"}
        Whether the column ``target`` holds labels or numbers to be predicted, ``targets`` of the rows; of
        ``"either"`` it holds numbers if one of them is not whole.
    stream : bool
        Whether the rows stay on disk: for more of them than memory holds.
    window : int
        Bytes of rows of a stream that are held in memory at once, and shuffled; as many again are read ahead.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        Where there is no such data set or file, or what it holds is not acceptable.
    OptionError
        Where ``target`` is given for something that is no table, or is no column of it.
    StorageError
        Where a download cannot be kept.

    Examples
    --------
    >>> digits = load("digits")
    >>> len(digits.train), digits.train.picture, digits.train.classes[:3]
    (1797, (8, 8), ('0', '1', '2'))
    """
    if not isinstance(data, str | Path):
        return stream_batches(data, missing=missing, window=window, cache=cache)
    if not str(data).strip():
        raise DataError("DATA", str(data), f"must be {', '.join(BUILT_IN)}, {_FILES}")
    if stream and str(data) not in BUILT_IN:
        if not is_remote(str(data)):
            _check_exists(data)
        return stream_file(str(data), target=target, missing=missing, window=window, cache=cache)
    if stream:
        rule = f"is held in memory; a stream is {STREAMED}"
        raise DataError("DATA", str(data), rule, "leave stream out")
    if isinstance(data, str) and data in BUILT_IN:
        _refuse_target(target, data)
        return load_built_in(data, cache=cache, progress=progress)
    if streams_by_itself(str(data)):
        rule = "is an address" if is_remote(str(data)) else "is a folder of tables"
        raise DataError("DATA", str(data), f"{rule}, which is read as a stream", "ask for a stream: stream=True")
    path = _check_exists(data)
    if path.is_dir():
        _refuse_target(target, path.name)
        return load_images(path)
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        return load_table(path, target, missing=missing, target_holds=target_holds)
    _refuse_target(target, path.name)
    if suffix in _READERS:
        return _READERS[suffix](path, missing=missing)
    if is_alignment(path):
        return load_alignment(path)
    if is_idx(path):
        return load_idx(path)
    rule = f"has the ending {suffix!r}; accepted is {_FILES}"
    raise DataError(path.name, path, rule, "decompress it first" if suffix == ".gz" else "convert it to one of these")


def _check_exists(data: str | Path) -> Path:
    """The path, which is that of a folder or of a file that is not empty."""
    path = Path(data).expanduser()
    with reading(path, "a file"):
        exists = path.exists()
        empty = exists and not path.is_dir() and path.stat().st_size == 0
    if not exists:
        raise _not_found(data, path)
    if empty:
        raise DataError(path.name, path, "is an empty file", "make or copy it again")
    return path


def _refuse_target(target: str | None, data: str) -> None:
    if target is not None:
        rule = f"names a column of a table ({', '.join(_TABLES)}); {data} is none"
        raise OptionError("target", target, rule, "leave it out: labels are found without it")


def _not_found(data: str | Path, path: Path) -> DataError:
    rule = f"is neither a built-in data set ({', '.join(BUILT_IN)}) nor an existing file or folder"
    parent = path.parent
    names = list(BUILT_IN) if parent == Path() else []
    if parent.is_dir():
        with reading(parent, "a folder"):
            names += [entry.name for entry in parent.iterdir() if not entry.name.startswith(".")]
    elif not parent.exists():
        return DataError("DATA", str(data), rule, f"there is no folder {parent}; accepted is {_FILES}")
    close = difflib.get_close_matches(path.name.lower(), [name.lower() for name in names], n=1)
    meant = next((name for name in names if close and name.lower() == close[0]), None)
    if meant is None:
        return DataError("DATA", str(data), rule, f"give one of these names, or {_FILES}")
    suggestion = str(path.with_name(meant))
    return DataError("DATA", str(data), rule, f"did you mean {suggestion!r}?")
