"""Matrices whose rows begin on a cache line, in memory that is used again.

A vector load that straddles two cache lines costs twice, so rows are padded to whole tiles of 64 numbers. And a fresh
matrix of a few hundred kilobytes costs more in page faults than the arithmetic that fills it, so memory that a dead
matrix leaves is kept for the next one of its size.
"""

from __future__ import annotations

import weakref
from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["flat", "padded", "whole_tiles"]

TILE = 64
LINE = 16
LARGEST_KEPT = 16 * 2**20
"""Bytes; beyond this a page fault is a small part of the work."""
KEPT_OF_A_SIZE = 8

_spare: defaultdict[tuple[int, int], list[NDArray[np.float32]]] = defaultdict(list)


def _give_back(block: NDArray[np.float32]) -> None:
    rows, width = block.shape
    spare = _spare[rows, width]
    if len(spare) < KEPT_OF_A_SIZE:
        spare.append(block)


def _width(columns: int) -> int:
    return -(-columns // TILE) * TILE


def padded(rows: int, columns: int) -> Tensor:
    """A float32 matrix on the CPU of undefined content; an ordinary tensor but for its row stride, a multiple of 64."""
    width = _width(columns)
    try:
        block = _spare[rows, width].pop()
    except IndexError:
        # Zeros, because what lies in the padding is computed with: chance bits are often denormal, and those are slow.
        raw = np.zeros(rows * width + LINE, np.float32)
        offset = (-raw.ctypes.data % 64) // 4
        block = raw[offset : offset + rows * width].reshape(rows, width)
    lent = block[:]  # the tensor holds this view alone: when the tensor dies, so does the view
    if block.nbytes <= LARGEST_KEPT:
        weakref.finalize(lent, _give_back, block).atexit = False
    return torch.from_numpy(lent)[:, :columns]


def whole_tiles(matrix: Tensor) -> NDArray[np.float32]:
    """The matrix widened to whole tiles: the same memory where its layout permits, else a copy.

    The extra columns hold whatever lies beside the rows; results computed from them are never looked at.
    """
    rows, columns = matrix.shape
    width = _width(columns)
    row, column = matrix.stride()
    end = matrix.storage_offset() + (rows - 1) * row + width
    if not (column == 1 and row >= width and end * matrix.element_size() <= matrix.untyped_storage().nbytes()):
        matrix = padded(rows, columns).copy_(matrix.detach())
        row = width
    return torch.as_strided(matrix.detach(), (rows, width), (row, 1), matrix.storage_offset()).numpy()


def flat(matrix: Tensor) -> tuple[NDArray[np.float32], int]:
    """The matrix's memory from its first number on, and its row stride.

    numba vectorises an array that it knows to be contiguous; a padded matrix is not, its memory is.
    """
    if matrix.stride(1) != 1:
        matrix = matrix.contiguous()
    row = matrix.stride(0)
    length = (len(matrix) - 1) * row + matrix.shape[1]
    return torch.as_strided(matrix.detach(), (length,), (1,), matrix.storage_offset()).numpy(), row
