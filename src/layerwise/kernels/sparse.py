"""Products that skip the zeros of a minibatch, on the CPU.

A batch with few non-zero entries is listed once, row by row, and both products with it read the list: the field that it
sends up, and (listed by columns) its correlation with what the layer above answered. The couplings are cut into upper
and lower half and into tiles of columns; a thread owns the same parts in every product and when they are moved, so that
they stay in its core's cache from step to step. The cut does not depend on the number of threads, nor do the sums.
"""

# pyright: basic, reportCallIssue=false
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from layerwise.kernels.layout import TILE, lend, padded, row_by_row, whole_tiles
from layerwise.kernels.threads import launch
from layerwise.kernels.vectors import LANES, add_rows, bits_set, first_bit, matrix_at, nonzero_bits, turn_square

__all__ = ["Listed", "ascend", "list_rows", "multiply"]

F = np.float32
ZERO = F(0)
NO_BIT, ONE_BIT = np.uint64(0), np.uint64(1)
HALVES = 2
BLOCK = 128
"""Rows of the dense factor that are visited together: 128 × 64 float32 are 32 KB and stay in the first-level cache."""


@dataclass(slots=True)
class Listed:
    """A sparse matrix: of row ``i``, block ``b``, the entries ``start[i, b] … start[i, b + 1]``."""

    shape: tuple[int, int]
    index: NDArray[np.uint32]
    value: NDArray[np.float32]
    start: NDArray[np.int64]


@njit(inline="always")
def _bits_at(row, j, columns):
    """Which of the 64 numbers from column ``j`` on are not zero; what lies behind the row is not looked at."""
    if j + TILE <= columns:
        return nonzero_bits(row, j)
    bits = NO_BIT
    for k in range(columns - j):
        bits |= (ONE_BIT if row[j + k] != ZERO else NO_BIT) << np.uint64(k)
    return bits


@njit(parallel=True, cache=True)
def _list_rows(values, stride, columns, most, index, value, start, threads):
    """List the rows unless they have more than ``most`` entries; return whether they were listed."""
    rows, blocks = start.shape[0], start.shape[1] - 1
    counts = np.zeros(rows, np.int64)
    matrix = matrix_at(values, rows, stride)
    for thread in prange(threads):
        for i in range(rows * thread // threads, rows * (thread + 1) // threads):
            row = matrix[i]
            count = np.uint64(0)
            for j in range(0, columns, TILE):
                count += bits_set(_bits_at(row, j, columns))
            counts[i] = count
    if counts.sum() > most:
        return False
    for thread in prange(threads):
        for i in range(rows * thread // threads, rows * (thread + 1) // threads):
            row = matrix[i]
            where, what = index[i], value[i]
            found = 0
            for b in range(blocks):
                start[i, b] = found
                for j in range(b * BLOCK, min(columns, (b + 1) * BLOCK), TILE):
                    bits = _bits_at(row, j, columns)
                    while bits:
                        k = j + np.int64(first_bit(bits))
                        where[found] = k
                        what[found] = row[k]
                        found += 1
                        bits &= bits - ONE_BIT
            start[i, blocks] = found
    return True


@njit(inline="always")
def _blocks_of(half, blocks):
    """Blocks of rows of the couplings that make up one half."""
    return blocks * half // HALVES, blocks * (half + 1) // HALVES


@njit(parallel=True, cache=True)
def _multiply(index, value, start, dense, dense_rows, dense_row, bias, columns, part, out, out_row, threads):
    rows, blocks = start.shape[0], start.shape[1] - 1
    dense, out = matrix_at(dense, dense_rows, dense_row), matrix_at(out, rows, out_row)
    tiles = (columns + TILE - 1) // TILE
    for thread in prange(threads):
        first = np.zeros(tiles * TILE, np.float32)
        first[:columns] = matrix_at(bias, 1, columns)[0]
        nothing = np.zeros(tiles * TILE, np.float32)
        for task in range(HALVES * tiles * thread // threads, HALVES * tiles * (thread + 1) // threads):
            half, c = task // tiles, task % tiles * TILE
            low, high = _blocks_of(half, blocks)
            sums = part if half else out
            for i in range(rows):
                add_rows(
                    sums[i], nothing if half else first, c, dense, c, index[i], value[i], start[i, low], start[i, low]
                )
            for b in range(low, high):
                for i in range(rows):
                    add_rows(sums[i], sums[i], c, dense, c, index[i], value[i], start[i, b], start[i, b + 1])
    for thread in prange(threads):
        for i in range(rows * thread // threads, rows * (thread + 1) // threads):
            o, p = out[i], part[i]
            for j in range(columns):
                o[j] += p[j]


@njit(inline="always")
def _turn(turned, low, high, dense, first, width):
    """Rows ``low … high`` of ``turned`` become those columns of the rows of ``dense`` from ``first`` on."""
    for j in range(low, high, LANES):
        for k in range(0, width, LANES):
            if j + LANES <= high and k + LANES <= width:
                turn_square(turned, j, k, dense, first + k, j)
            else:
                for row in range(j, min(j + LANES, high)):
                    for column in range(k, min(k + LANES, width)):
                        turned[row, column] = dense[first + column, row]


@njit(parallel=True, cache=True)
def _multiply_turned(
    index, value, start, dense, dense_row, bias, columns, inside, scratch, out, out_row, threads
):  # fmt: skip
    """The product with the transpose of ``dense``, turned block by block where it is used; the sums of _multiply."""
    rows, blocks = start.shape[0], start.shape[1] - 1
    dense, out = matrix_at(dense, columns, dense_row), matrix_at(out, rows, out_row)
    tiles = (columns + TILE - 1) // TILE
    for thread in prange(threads):
        own = scratch[thread * (inside + rows) : (thread + 1) * (inside + rows)]
        turned, part = own[:inside], own[inside:]
        first = np.zeros(tiles * TILE, np.float32)
        first[:columns] = matrix_at(bias, 1, columns)[0]
        nothing = np.zeros(TILE, np.float32)
        for c in range(tiles * thread // threads * TILE, tiles * (thread + 1) // threads * TILE, TILE):
            width = min(TILE, columns - c)
            for i in range(rows):
                add_rows(out[i], first, c, turned, 0, index[i], value[i], 0, 0)
                add_rows(part[i], nothing, 0, turned, 0, index[i], value[i], 0, 0)
            for b in range(blocks):
                _turn(turned, b * BLOCK, min(inside, (b + 1) * BLOCK), dense, c, width)
                lower = b < _blocks_of(0, blocks)[1]
                sums, at = (out, c) if lower else (part, 0)
                for i in range(rows):
                    add_rows(sums[i], sums[i], at, turned, 0, index[i], value[i], start[i, b], start[i, b + 1])
            for i in range(rows):
                for k in range(width):
                    out[i, c + k] += part[i, k]


@njit(inline="always")
def _list_columns(index, value, start, low, high, scale, where, what, count):
    """Append blocks ``low … high`` of listed rows to the lists of their columns."""
    for i in range(start.shape[0]):
        for s in range(start[i, low], start[i, high]):
            j = index[i, s]
            at = count[j]
            where[j, at] = i
            what[j, at] = value[i, s] * scale
            count[j] = at + 1


@njit(parallel=True, cache=True)
def _ascend(
    plus_index, plus_value, plus_start, plus_right, minus_index, minus_value, minus_start, minus_right,
    right_row, minus_right_row, where, what, weights, weights_row, velocity, velocity_row, rate, momentum, decay,
    columns, hidden, threads,
):  # fmt: skip
    tiles = (hidden + TILE - 1) // TILE
    blocks = plus_start.shape[1] - 1
    plus_right = matrix_at(plus_right, plus_start.shape[0], right_row)
    minus_right = matrix_at(minus_right, minus_start.shape[0], minus_right_row)
    moving = velocity != 0
    velocities = matrix_at(velocity if moving else weights, columns, velocity_row)
    weights = matrix_at(weights, columns, weights_row)
    middle = np.zeros(columns, np.int64)
    end = np.zeros(columns, np.int64)
    # Half a thread's tasks are in one half of the couplings: the lists are made once for each half, by who needs them.
    for half in prange(HALVES):
        low, high = _blocks_of(half, blocks)
        up = F(1.0 / plus_start.shape[0])
        down = F(-1.0 / minus_start.shape[0])
        _list_columns(plus_index, plus_value, plus_start, low, high, up, where, what, end)
        for j in range(low * BLOCK, min(columns, high * BLOCK)):
            middle[j] = end[j]
        _list_columns(minus_index, minus_value, minus_start, low, high, down, where, what, end)
    for thread in prange(threads):
        nothing = np.zeros(TILE, np.float32)
        total = np.empty(TILE, np.float32)
        for task in range(HALVES * tiles * thread // threads, HALVES * tiles * (thread + 1) // threads):
            half, c = task // tiles, task % tiles * TILE
            low, high = _blocks_of(half, blocks)
            for j in range(low * BLOCK, min(columns, high * BLOCK)):
                add_rows(total, nothing, 0, plus_right, c, where[j], what[j], 0, middle[j])
                add_rows(total, total, 0, minus_right, c, where[j], what[j], middle[j], end[j])
                width = min(TILE, hidden - c)  # what lies beside the couplings may be somebody else's
                w = weights[j, c : c + width]
                if moving:
                    v = velocities[j, c : c + width]
                    for q in range(width):
                        v[q] = momentum * v[q] + (total[q] - decay * w[q])
                        w[q] += rate * v[q]
                else:
                    for q in range(width):
                        w[q] += rate * (total[q] - decay * w[q])


def list_rows(values: Tensor, most: int) -> Listed | None:
    """List a matrix by rows, or return None if more than ``most`` of its entries are not zero."""
    rows, columns = values.shape
    values = row_by_row(values)
    index, value = lend(rows, columns, np.uint32), lend(rows, columns)
    start = np.empty((rows, -(-columns // BLOCK) + 1), np.int64)
    listed = launch(_list_rows, rows * columns, values.data_ptr(), values.stride(0), columns, most, index, value, start)
    if not listed:
        return None
    return Listed((rows, columns), index, value, start)


def multiply(listed: Listed, dense: Tensor, bias: Tensor) -> Tensor:
    """``listed @ dense + bias``."""
    bias, inside, columns = bias.contiguous(), *dense.shape
    out = padded(listed.shape[0], columns)
    if dense.stride(0) == 1 and dense.stride(1) > 1:
        launch(
            _multiply_turned, listed.shape[0] * columns,
            listed.index, listed.value, listed.start, dense.data_ptr(), dense.stride(1), bias.data_ptr(),
            columns, inside, lend((inside + len(out)) * torch.get_num_threads(), TILE), out.data_ptr(), out.stride(0),
        )  # fmt: skip
        return out
    dense = whole_tiles(dense)
    launch(
        _multiply, listed.shape[0] * columns,
        listed.index, listed.value, listed.start, dense.data_ptr(), len(dense), dense.stride(0), bias.data_ptr(),
        columns, lend(listed.shape[0], out.stride(0)), out.data_ptr(), out.stride(0),
    )  # fmt: skip
    return out


def ascend(
    weights: Tensor,
    velocity: Tensor | None,
    plus: tuple[Listed, Tensor],
    minus: tuple[Listed, Tensor],
    rate: float,
    momentum: float,
    decay: float,
) -> None:
    """Move ``weights`` along a difference of two correlations; see :func:`layerwise.kernels.ascend`.

    The gradient itself is never stored: each thread sums it tile by tile where it moves the weights.
    """
    (left, right), (left_minus, right_minus) = plus, minus
    right, right_minus = whole_tiles(right), whole_tiles(right_minus)
    columns, hidden = weights.shape
    both = len(right) + len(right_minus)
    moved = (0, weights.stride(0)) if velocity is None else (velocity.data_ptr(), velocity.stride(0))
    launch(
        _ascend, columns * hidden,
        left.index, left.value, left.start, right.data_ptr(),
        left_minus.index, left_minus.value, left_minus.start, right_minus.data_ptr(),
        right.stride(0), right_minus.stride(0), lend(columns, both + 1, np.uint32), lend(columns, both + 1),
        weights.data_ptr(), weights.stride(0), *moved, F(rate), F(momentum), F(decay),
        columns, hidden,
    )  # fmt: skip
