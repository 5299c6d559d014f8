"""A short text that stands for what an estimator is given, by which processes see whether they were given the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import nn

from layerwise.data.frames import read_frame
from layerwise.data.stored import StoredValues, part_rows
from layerwise.estimators.intake import is_table

__all__ = ["digest_of"]


def digest_of(given: object) -> str:
    """The same for the same rows, labels, numbers, texts, networks and containers of them, in whichever process.

    Parameters
    ----------
    given : object

    Raises
    ------
    DataError
        A table that no estimator reads.

    Examples
    --------
    >>> digest_of([np.eye(2), {"epochs": 3}]) == digest_of([np.eye(2), {"epochs": 3}])
    True
    >>> digest_of(np.eye(2)) == digest_of(np.eye(2, dtype=np.float32))
    False
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in _parts(given):
        digest.update(part)
    return digest.hexdigest()


def _parts(given: Any) -> Iterator[Any]:
    """Runs of bytes that say all of an object."""
    if isinstance(given, torch.Tensor):
        yield from _array(given.detach().cpu().numpy())
    elif np.ma.isMaskedArray(given):
        yield from _parts(["masked", np.ma.getdata(given), np.ma.getmaskarray(given)])
    elif isinstance(given, np.ndarray):
        yield from _array(cast(Any, given))
    elif isinstance(given, StoredValues):
        yield f"stored {given.shape}".encode()
        for rows in given.parts():
            yield from _array(rows)
    elif sparse.issparse(given):
        rows: Any = cast(Any, given).tocsr()
        yield from _parts(["sparse", rows.shape, rows.data, rows.indices, rows.indptr])
    elif isinstance(given, nn.Module):
        yield from _parts([repr(given), dict(given.state_dict())])
    elif isinstance(given, Mapping):
        yield from _parts(list(cast("Mapping[Any, Any]", given).items()))
    elif isinstance(given, list | tuple):
        entries = cast("list[Any]", given)
        yield f"sequence {len(entries)}".encode()
        numbers = np.asarray(entries) if set(map(type, entries)) <= {bool, float, int} else np.array(None)
        # Rows as lists have millions of numbers; integers that no array holds are taken one by one.
        for entry in entries if numbers.dtype.kind == "O" else [numbers]:
            yield from _parts(entry)
    elif isinstance(given, set | frozenset):
        yield from _parts(sorted(map(repr, cast("set[Any]", given))))  # in the order of no process's hashes
    elif hasattr(given, "columns") and is_table(given):
        yield from _parts([(column.name, column.dtype, column.raw()) for column in read_frame(given, "X").columns])
    elif hasattr(given, "__array__") and not isinstance(given, np.generic):
        yield from _array(np.asarray(given))
    else:
        # A function or a class of one's own is known by its name alone: where it lies in memory is no part of it.
        yield re.sub(r" at 0x[0-9a-f]+", "", repr(cast(object, given))).encode()


def _array(array: npt.NDArray[Any]) -> Iterator[Any]:
    if array.dtype.kind == "O" or not array.ndim:
        yield from _parts(array.tolist())
    else:
        yield f"array {array.shape} {array.dtype}".encode()
        # Some rows at a time where they lie otherwise: a copy of all may be more than memory holds.
        step = len(array) if array.flags.c_contiguous else part_rows(array[:1].size)
        for first in range(0, len(array), max(1, step)):
            # As bytes: dates are no buffers.
            yield np.ascontiguousarray(array[first : first + step]).reshape(-1).view(np.uint8).data
