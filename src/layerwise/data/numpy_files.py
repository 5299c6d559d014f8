"""NumPy's and SciPy's own files: .npy and .npz. Nothing in them is ever unpickled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from layerwise.data.limits import check_declared
from layerwise.data.reading import reading, stem
from layerwise.data.rows import Dataset, Rows
from layerwise.errors import DataError

__all__ = ["load_npy", "load_npz"]

_ROWS = ("X", "x", "X_train", "x_train", "data", "rows")
_LABELS = ("y", "y_train", "target", "labels")
_TEST_ROWS = ("X_test", "x_test")
_TEST_LABELS = ("y_test",)
_SPARSE = frozenset({"format", "shape", "data"})
_NO_PICKLES = "it is damaged, of another kind, or holds pickled Python objects, which are never loaded: save it again"


def load_npy(path: Path, *, missing: bool = False) -> Dataset:
    """Read an .npy file: a matrix of rows, or pictures (rows, height, width); without labels.

    Parameters
    ----------
    path : Path
    missing : bool
        Whether NaN is a missing value that may stay.

    Raises
    ------
    DataError
        Where the file is damaged, or the array is not acceptable.
    """
    with reading(path, "an .npy file", _NO_PICKLES), path.open("rb") as file:
        np.lib.format.read_magic(file)
        file.seek(0)
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return Dataset(stem(path), Rows.from_arrays(array, missing=missing, name=path.name), None, str(path))


def load_npz(path: Path, *, missing: bool = False) -> Dataset:
    """Read an .npz file, made by ``numpy.savez`` or by ``scipy.sparse.save_npz``.

    ==============  ==================================================================
    what            under one of these names
    ==============  ==================================================================
    rows            ``X``, ``x``, ``X_train``, ``x_train``, ``data``, ``rows``
    labels          ``y``, ``y_train``, ``target``, ``labels`` (may be missing)
    test rows       ``X_test``, ``x_test`` (may be missing)
    test labels     ``y_test`` (may be missing)
    ==============  ==================================================================

    Rows are a matrix or pictures (rows, height, width). A row whose label is -1 or an empty text has none. A sparse
    matrix may have its labels saved beside it. Other names are left alone.

    Several labels a row, a matrix of 0 and 1, are no classes: they become columns behind those of the rows, named
    ``label 0``, ``label 1``, …, for a model of rows and labels together.

    Parameters
    ----------
    path : Path
    missing : bool
        Whether NaN is a missing value that may stay.

    Raises
    ------
    DataError
        Where the file is damaged, rows are missing or under two names, or an array is not acceptable.
    """
    # NumPy leaves a file open that it opened itself and found damaged.
    with reading(path, "an .npz file", _NO_PICKLES), path.open("rb") as file:
        archive: Any = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError(path.name, path, "is a single array, not an .npz file", "name it .npy")
        names: list[str] = list(archive.files)
        sparse = set(names) >= _SPARSE
        rows = None if sparse else _only(names, _ROWS, path)
        if rows is None and not sparse:
            rule = f"must hold rows under one of the names {', '.join(_ROWS)}"
            raise DataError(path.name, _listed(names), rule, "save it with numpy.savez(file, X=rows, y=labels)")
        keys = {
            "X": rows,
            "y": _only(names, _LABELS, path),
            "X_test": _only(names, _TEST_ROWS, path),
            "y_test": _only(names, _TEST_LABELS, path),
        }
        check_declared(path, _unpacked(archive, None if sparse else set(keys.values())))
        arrays: dict[str, Any] = {part: archive[key] for part, key in keys.items() if key is not None}
        if sparse:
            file.seek(0)
            arrays["X"] = _read_sparse(file, path)
    if "y_test" in arrays and "X_test" not in arrays:
        raise DataError(path.name, _listed(names), "holds y_test without X_test", "save X_test beside it")
    train = _part(arrays, keys, "X", "y", path, missing)
    test = _part(arrays, keys, "X_test", "y_test", path, missing) if "X_test" in arrays else None
    return Dataset.from_parts(stem(path), train, test, str(path))


def _unpacked(archive: Any, keys: set[str | None] | None) -> int:
    """Bytes that members of an archive declare, of those names or all; unpacking stops there."""
    members = [(member.filename.removesuffix(".npy"), member.file_size) for member in archive.zip.infolist()]
    return sum(size for name, size in members if keys is None or name in keys)


def _read_sparse(file: BinaryIO, path: Path) -> Any:
    from scipy import sparse

    load: Any = sparse.load_npz
    matrix = load(file)
    check_declared(path, 8 * matrix.shape[0])  # of whatever form: rows without an entry take memory, too
    return matrix


def _part(
    arrays: Mapping[str, Any], keys: Mapping[str, str | None], rows: str, labels: str, path: Path, missing: bool
) -> Rows:
    X, y = arrays[rows], arrays.get(labels)
    name, label_name = f"{path.name}: {keys[rows] or 'the sparse matrix'}", f"{path.name}: {keys[labels]}"
    if y is None or len(np.shape(X)) != 2 or not _several_a_row(y):
        return Rows.from_arrays(X, y, missing=missing, name=name, label_name=label_name)
    if X.shape[0] != len(y):
        raise DataError(f"len({label_name})", len(y), f"must hold labels for each of the {X.shape[0]} rows of {name}")
    columns = [f"column {i}" for i in range(X.shape[1])] + [f"label {i}" for i in range(y.shape[1])]
    return Rows.from_arrays(_beside(X, y.astype(X.dtype)), columns=columns, missing=missing, name=name)


def _beside(rows: Any, labels: Any) -> Any:
    from scipy import sparse

    join: Any = np.hstack if isinstance(rows, np.ndarray) else sparse.hstack
    return join([rows, labels])


def _several_a_row(labels: npt.NDArray[Any]) -> bool:
    """Whether rows have several labels at once; at most a single 1 in each row would be its class."""
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.dtype.kind not in "biuf":
        return False
    return bool(((labels == 0) | (labels == 1)).all()) and bool((labels.sum(axis=1) > 1).any())


def _only(names: Iterable[str], accepted: tuple[str, ...], path: Path) -> str | None:
    found = [name for name in accepted if name in names]
    if len(found) > 1:
        rule = f"must hold only one of {', '.join(accepted)}"
        raise DataError(path.name, _listed(found), rule, "save it again without the others")
    return found[0] if found else None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "no array"
