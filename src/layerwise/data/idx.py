"""The idx format of MNIST: a big-endian header that declares type and sizes, then the numbers, often gzipped.

A file of pictures finds its labels and its test part by the names that every data set of this family uses::

    train-images-idx3-ubyte.gz    train-labels-idx1-ubyte.gz
    t10k-images-idx3-ubyte.gz     t10k-labels-idx1-ubyte.gz

References
----------
.. [1] Y. LeCun, C. Cortes, C. Burges (1998). The MNIST database of handwritten digits (the format's description).
"""

from __future__ import annotations

import gzip
import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerwise.data.limits import check_declared
from layerwise.data.reading import reading, stem
from layerwise.data.rows import Dataset, Rows
from layerwise.errors import DataError

__all__ = ["is_idx", "load_idx", "parts_to_dataset", "read_idx"]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAME = re.compile(r"(idx\d?-ubyte|-ubyte|\.idx\d?)(\.gz)?$", re.IGNORECASE)
_CHUNK = 1 << 22
# Deflate cannot shrink anything by more than this, so a gzipped file has an upper bound on what it can hold.
_BEST_COMPRESSION = 1032


def is_idx(path: Path) -> bool:
    """Whether a file is named as idx files are."""
    return _NAME.search(path.name) is not None


def read_idx(path: Path) -> npt.NDArray[Any]:
    """Read one idx file, gzipped or not.

    The declared size is compared with the file before memory is taken for it.

    Raises
    ------
    DataError
        Where the file is truncated, too long, damaged or of another kind.
    """
    form = "an idx file"
    with reading(path, form):
        n_stored = path.stat().st_size
        with path.open("rb") as file:
            gzipped = file.read(2) == b"\x1f\x8b"
        limit = n_stored * _BEST_COMPRESSION if gzipped else n_stored
        with gzip.open(path) if gzipped else path.open("rb") as file:
            return _parse(file, path, limit)


def _parse(file: io.BufferedIOBase, path: Path, limit: int) -> npt.NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        rule = "is not an idx file: it must begin with two zero bytes, a type (08, 09, 0B to 0E) and a number of axes"
        raise DataError(path.name, magic.hex(" ") or "an empty file", rule, "give an idx file, gzipped or not")
    dtype, n_axes = np.dtype(_TYPES[magic[2]]), magic[3]
    header = file.read(4 * n_axes)
    if len(header) < 4 * n_axes:
        raise DataError(path.name, f"{n_axes} axes", "the file ends inside its header", "copy it again")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
    n_bytes = math.prod(shape) * dtype.itemsize
    declared = " × ".join(str(size) for size in shape)
    if n_bytes > limit:
        rule = f"the header declares {n_bytes} bytes, more than the file can hold"
        raise DataError(path.name, declared, rule, "the file is truncated or damaged: copy it again")
    check_declared(path, n_bytes)
    # Grows with what is really there: a header is not believed.
    content = bytearray()
    while len(content) < n_bytes and (chunk := file.read(min(_CHUNK, n_bytes - len(content)))):
        content += chunk
    if len(content) < n_bytes:
        rule = f"the header declares {n_bytes} bytes but only {len(content)} follow"
        raise DataError(path.name, declared, rule, "the file is truncated: copy it again")
    if file.read(1):
        raise DataError(path.name, declared, f"more than the declared {n_bytes} bytes follow", "copy the file again")
    array = np.frombuffer(content, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def load_idx(path: Path) -> Dataset:
    """Read a file of pictures or rows with the labels and the test part that lie beside it under the usual names.

    Raises
    ------
    DataError
        Where the file holds labels, or one of the files is not acceptable.
    """
    labels = _beside(path, "images", "labels")
    test, test_labels = None, None
    if "train" in path.name and (test := _beside(path, "train", "t10k")):
        test_labels = _beside(test, "images", "labels")
    return parts_to_dataset(stem(path), str(path), (path, labels), (test, test_labels) if test else None)


def parts_to_dataset(
    name: str,
    source: str,
    train: tuple[Path, Path | None],
    test: tuple[Path, Path | None] | None,
    classes: tuple[str, ...] | None = None,
) -> Dataset:
    """Read (pictures, labels) files of a training part and of a test part.

    Parameters
    ----------
    name, source : str
        As in :class:`Dataset`.
    train, test : (Path, Path or None)
        File of pictures and file of labels.
    classes : tuple of str, optional
        Name of class 0, 1, …; the numbers themselves where it is not given.
    """
    return Dataset.from_parts(
        name, _read_part(*train, classes), None if test is None else _read_part(*test, classes), source
    )


def _read_part(images: Path, labels: Path | None, classes: tuple[str, ...] | None) -> Rows:
    values = read_idx(images)
    if values.ndim not in (2, 3):
        remedy = "give the file of pictures that belongs to it" if values.ndim == 1 else ""
        rule = "must have three axes (pictures) or two (rows), not " + ("one (labels)" if values.ndim == 1 else "more")
        raise DataError(images.name, f"shape {values.shape}", rule, remedy)
    codes = None if labels is None else read_idx(labels)
    if codes is not None and labels is not None:
        if codes.ndim != 1 or codes.dtype.kind not in "iu":
            received = f"{codes.dtype} of shape {codes.shape}"
            raise DataError(labels.name, received, "must hold one whole number a picture")
        if classes is not None:
            if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < len(classes):
                received = f"{codes.min()} … {codes.max()}"
                raise DataError(labels.name, received, f"labels must be from 0 to {len(classes) - 1}")
            codes = np.array(classes)[codes]
    rows = Rows.from_arrays(values, codes, name=images.name, label_name=labels.name if labels else "y")
    return rows if classes is None or codes is None else rows.with_classes(classes)


def _beside(path: Path, word: str, other: str) -> Path | None:
    """Find the file with another word in its name, with or without .gz; a picture file is idx3, a label file idx1."""
    if word not in path.name:
        return None
    name = path.name.replace(word, other)
    if other == "labels":
        name = name.replace("idx3", "idx1").replace("idx2", "idx1")
    twin = name.removesuffix(".gz") if name.endswith(".gz") else name + ".gz"
    return next((found for found in (path.with_name(name), path.with_name(twin)) if found.is_file()), None)
