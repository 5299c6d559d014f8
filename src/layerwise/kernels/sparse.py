"""Products that skip the zeros of a minibatch, on the CPU.

A batch with few non-zero entries is listed once, row by row, and both products with it read the list: the field that it
sends up, and (listed by columns) its correlation with what the layer above answered. Both are one operation, a sparse
matrix times a dense one, done tile by tile so that a tile's rows stay in the nearest cache.
"""

# pyright: basic
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from layerwise.kernels.vectors import TILE, add_rows

__all__ = ["Listed", "correlate", "count_nonzero", "list_rows", "multiply"]

F = np.float32
BLOCK = 196
"""Rows of the dense factor that are visited together: 196 × 64 float32 lie in the second-level cache's nearest part."""


@dataclass(frozen=True)
class Listed:
    """A sparse matrix: of row ``i``, block ``b``, the entries ``start[i, b] … start[i, b + 1]``."""

    shape: tuple[int, int]
    index: NDArray[np.uint32]
    value: NDArray[np.float32]
    start: NDArray[np.int64]


@njit(parallel=True, cache=True)
def _count(values, counts, threads):
    rows, columns = values.shape
    for thread in prange(threads):
        for i in range(rows * thread // threads, rows * (thread + 1) // threads):
            row = values[i]
            total = np.int32(0)
            for j in range(columns):
                total += np.int32(1) if row[j] != F(0) else np.int32(0)
            counts[i] = total


@njit(parallel=True, cache=True)
def _list_rows(values, block, begin, index, value, start, threads):
    rows, columns = values.shape
    blocks = start.shape[1] - 1
    for thread in prange(threads):
        # Every entry is written where the next non-zero one belongs, without a branch: a wrong guess costs more than
        # a store. The buffer keeps the last, unwanted store out of another thread's row.
        where = np.empty(columns + 1, np.uint32)
        what = np.empty(columns + 1, np.float32)
        for i in range(rows * thread // threads, rows * (thread + 1) // threads):
            row = values[i]
            found = 0
            for b in range(blocks):
                start[i, b] = begin[i] + found
                for j in range(b * block, min(columns, (b + 1) * block)):
                    where[found] = j
                    what[found] = row[j]
                    found += 1 if row[j] != F(0) else 0
            start[i, blocks] = begin[i] + found
            index[begin[i] : begin[i] + found] = where[:found]
            value[begin[i] : begin[i] + found] = what[:found]


@njit(parallel=True, cache=True)
def _count_columns(index, start, counts, threads):
    # A thread owns whole blocks of columns, so that no two write to one place.
    blocks = start.shape[1] - 1
    for thread in prange(threads):
        low, high = blocks * thread // threads, blocks * (thread + 1) // threads
        for i in range(start.shape[0]):
            for s in range(start[i, low], start[i, high]):
                counts[index[s]] += 1


@njit(parallel=True, cache=True)
def _list_columns(source_index, source_value, source_start, scale, place, index, value, threads):
    blocks = source_start.shape[1] - 1
    for thread in prange(threads):
        low, high = blocks * thread // threads, blocks * (thread + 1) // threads
        for i in range(source_start.shape[0]):
            for s in range(source_start[i, low], source_start[i, high]):
                j = source_index[s]
                at = place[j]
                index[at] = i
                value[at] = source_value[s] * scale
                place[j] = at + 1


@njit(parallel=True, cache=True)
def _multiply(index, value, start, dense, bias, out, threads):
    rows, blocks = start.shape[0], start.shape[1] - 1
    tiles = out.shape[1] // TILE
    for thread in prange(threads):
        for tile in range(tiles * thread // threads, tiles * (thread + 1) // threads):
            column = tile * TILE
            for i in range(rows):
                add_rows(out[i], bias, dense, column, index, value, start[i, 0], start[i, 1])
            for b in range(1, blocks):
                for i in range(rows):
                    add_rows(out[i], out[i], dense, column, index, value, start[i, b], start[i, b + 1])


@njit(parallel=True, cache=True)
def _correlate(index, value, start, plus, minus, nothing, out, threads):
    columns = start.shape[0]
    tiles = out.shape[1] // TILE
    for thread in prange(threads):
        for tile in range(tiles * thread // threads, tiles * (thread + 1) // threads):
            column = tile * TILE
            for j in range(columns):
                add_rows(out[j], nothing, plus, column, index, value, start[j, 0], start[j, 1])
            for j in range(columns):
                add_rows(out[j], out[j], minus, column, index, value, start[j, 1], start[j, 2])


def count_nonzero(values: NDArray[np.float32], threads: int) -> NDArray[np.int32]:
    """Non-zero entries of each row."""
    counts = np.empty(len(values), np.int32)
    _count(values, counts, threads)
    return counts


def list_rows(values: NDArray[np.float32], counts: NDArray[np.int32], threads: int) -> Listed:
    """List a dense matrix by rows, in blocks of :data:`BLOCK` columns."""
    rows, columns = values.shape
    begin = np.zeros(rows + 1, np.int64)
    np.cumsum(counts, out=begin[1:])
    index, value = np.empty(begin[-1], np.uint32), np.empty(begin[-1], np.float32)
    start = np.empty((rows, -(-columns // BLOCK) + 1), np.int64)
    _list_rows(values, BLOCK, begin, index, value, start, threads)
    return Listed((rows, columns), index, value, start)


def multiply(
    listed: Listed, dense: NDArray[np.float32], bias: NDArray[np.float32], out: NDArray[np.float32], threads: int
) -> None:
    """``out = listed @ dense + bias``; the columns of all three dense arrays fill whole tiles."""
    _multiply(listed.index, listed.value, listed.start, dense, bias, out, threads)


def correlate(
    plus: Listed,
    minus: Listed,
    right_plus: NDArray[np.float32],
    right_minus: NDArray[np.float32],
    out: NDArray[np.float32],
    threads: int,
) -> None:
    """``out = plusᵀ right_plus / len(plus) - minusᵀ right_minus / len(minus)``, dense columns in whole tiles."""
    columns = plus.shape[1]
    phases = (plus, 1.0 / plus.shape[0]), (minus, -1.0 / minus.shape[0])
    counts = np.zeros((columns, 2), np.int64)
    for phase, (listed, _) in enumerate(phases):
        _count_columns(listed.index, listed.start, counts[:, phase], threads)
    ends = np.cumsum(counts).reshape(columns, 2)
    start = np.zeros((columns, 3), np.int64)
    start[:, 1:] = ends
    start[1:, 0] = ends[:-1, 1]
    index, value = np.empty(ends[-1, 1], np.uint32), np.empty(ends[-1, 1], np.float32)
    for phase, (listed, scale) in enumerate(phases):
        place = start[:, phase].copy()
        _list_columns(listed.index, listed.value, listed.start, F(scale), place, index, value, threads)
    nothing = np.zeros(out.shape[1], np.float32)
    _correlate(index, value, start, right_plus, right_minus, nothing, out, threads)
