"""Matrices whose rows begin on a cache line, in memory that is used again.

A vector load that straddles two cache lines costs twice, so rows are padded to whole tiles of 64 numbers; and one cache
line more, because rows a power of two apart would all compete for the same few places of the first-level cache. A fresh
matrix of a few hundred kilobytes costs more in page faults than the arithmetic that fills it, so memory that a dead
matrix leaves is kept for the next one of its size.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["TILE", "in_whole_tiles", "lend", "padded", "row_by_row", "tiles_in", "whole_tiles"]

TILE = 64
LINE = 16
LARGEST_KEPT = 16 * 2**20
"""Bytes; beyond this a page fault is a small part of the work."""
KEPT_OF_A_SIZE = 8
SIZES_KEPT = 64

_spare: defaultdict[tuple[int, int], list[NDArray[np.float32]]] = defaultdict(list)


class _Loan(weakref.ref[NDArray[Any]]):
    """Knows the block that a lent view looks at, and gives it back when the view dies."""

    __slots__ = ("block",)
    block: NDArray[np.float32]


_loans: dict[int, _Loan] = {}


def _give_back(loan: weakref.ref[NDArray[Any]]) -> None:
    assert isinstance(loan, _Loan)
    del _loans[id(loan)]
    rows, width = loan.block.shape
    spare = _spare[rows, width]
    if len(_spare) > SIZES_KEPT:
        _spare.clear()  # most are sizes that nobody asks for any more; those in use come back by themselves
    elif len(spare) < KEPT_OF_A_SIZE:
        spare.append(loan.block)


def lend(rows: int, width: int, dtype: type[np.generic] = np.float32) -> NDArray[Any]:
    """A matrix of 32-bit numbers of undefined content; its memory is lent again when nothing refers to it."""
    try:
        block = _spare[rows, width].pop()
    except IndexError:
        # Zeros, because what lies in the padding is computed with: chance bits are often denormal, and those are slow.
        raw = np.zeros(rows * width + LINE, np.float32)
        offset = (-raw.ctypes.data % 64) // 4
        block = raw[offset : offset + rows * width].reshape(rows, width)
    lent = block.view(dtype)  # a view of its own: it dies with the last thing that refers to it, the block does not
    if block.nbytes <= LARGEST_KEPT:
        loan = _Loan(lent, _give_back)
        loan.block = block
        _loans[id(loan)] = loan
    return lent


def padded(rows: int, columns: int) -> Tensor:
    """A float32 matrix on the CPU of undefined content: an ordinary tensor but for its row stride."""
    return torch.from_numpy(lend(rows, tiles_in(columns) * TILE + LINE)).narrow(1, 0, columns)


def tiles_in(columns: int) -> int:
    """Tiles that hold so many columns."""
    return -(-columns // TILE)


def in_whole_tiles(matrix: Tensor) -> bool:
    """Whether the memory of every row goes on to the end of its last tile, and of the whole row stride."""
    row, column = matrix.stride()
    end = (matrix.storage_offset() + len(matrix) * row) * matrix.element_size()
    wide_enough = column == 1 and row >= tiles_in(matrix.shape[1]) * TILE
    return wide_enough and end <= matrix.untyped_storage().nbytes()


def whole_tiles(matrix: Tensor) -> Tensor:
    """The matrix itself where its memory is laid out in whole tiles, or else a copy that is.

    The extra columns hold whatever lies beside the rows; results computed from them are never looked at.
    """
    return matrix if in_whole_tiles(matrix) else padded(*matrix.shape).copy_(matrix)


def row_by_row(matrix: Tensor) -> Tensor:
    """The matrix itself where the numbers of a row are neighbours, or else a copy that is laid out so."""
    return matrix if matrix.stride(1) == 1 else matrix.contiguous()
