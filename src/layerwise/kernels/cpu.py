"""The draws on the CPU, compiled by numba: one pass over the rows, all cores, the reference's numbers to the bit."""

# pyright: basic
from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange, uint64
from torch import Tensor

from layerwise.kernels.arithmetic import quantile, sigmoid_of, unit, words_of_group
from layerwise.kernels.layout import padded, row_by_row
from layerwise.kernels.threads import launch
from layerwise.kernels.vectors import matrix_at
from layerwise.randomness import GROUP, RandomStream

__all__ = ["bernoulli", "mean_and_bernoulli", "mean_difference", "normal", "permutation", "sigmoid", "uniform"]

ZERO, ONE = np.float32(0), np.float32(1)


@njit(parallel=True, cache=True)
def _draw(rows, columns, field, field_row, mean, mean_row, sample, sample_row, seed, position, first_row, threads):
    """Where ``mean`` is 0, no address, the mean is not kept."""
    fields = matrix_at(field, rows, field_row)
    samples = matrix_at(sample, rows, sample_row)
    means = matrix_at(mean if mean != 0 else sample, rows, mean_row)
    for thread in prange(threads):
        words = np.empty(GROUP, np.uint32)
        p = np.empty(GROUP, np.float32)
        for i in range(rows * thread // threads, rows * (thread + 1) // threads):
            f, m, s = fields[i], means[i], samples[i]
            for group in range((columns + GROUP - 1) // GROUP):
                words_of_group(words, group, uint64(first_row + i), uint64(position), uint64(seed))
                base = group * GROUP
                width = min(GROUP, columns - base)
                for j in range(width):
                    p[j] = sigmoid_of(f[base + j])
                for j in range(width):
                    s[base + j] = ONE if unit(words[j]) < p[j] else ZERO
                if mean != 0:
                    for j in range(width):
                        m[base + j] = p[j]


@njit(parallel=True, cache=True)
def _sigmoid(rows, columns, field, field_row, mean, mean_row, threads):
    fields, means = matrix_at(field, rows, field_row), matrix_at(mean, rows, mean_row)
    for thread in prange(threads):
        for i in range(rows * thread // threads, rows * (thread + 1) // threads):
            f, m = fields[i], means[i]
            for j in range(columns):
                m[j] = sigmoid_of(f[j])


@njit(cache=True)
def _mean_difference(columns, plus, plus_rows, plus_row, minus, minus_rows, minus_row, out):
    up, down = np.float32(1.0 / plus_rows), np.float32(1.0 / minus_rows)
    more, less = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    pluses, minuses = matrix_at(plus, plus_rows, plus_row), matrix_at(minus, minus_rows, minus_row)
    for i in range(plus_rows):
        row = pluses[i]
        for j in range(columns):
            more[j] += row[j]
    for i in range(minus_rows):
        row = minuses[i]
        for j in range(columns):
            less[j] += row[j]
    result = matrix_at(out, 1, columns)[0]
    for j in range(columns):
        result[j] = more[j] * up - less[j] * down


@njit(parallel=True, cache=True)
def _fill(out, gaussian, seed, position, first_row, threads):
    rows, columns = out.shape
    for thread in prange(threads):
        words = np.empty(GROUP, np.uint32)
        for i in range(rows * thread // threads, rows * (thread + 1) // threads):
            for group in range((columns + GROUP - 1) // GROUP):
                words_of_group(words, group, uint64(first_row + i), uint64(position), uint64(seed))
                base = group * GROUP
                width = min(GROUP, columns - base)
                for j in range(width):
                    out[i, base + j] = unit(words[j])
                if gaussian:
                    for j in range(width):
                        out[i, base + j] = quantile(out[i, base + j])


@njit(cache=True)
def _sort_keys(keys, seed, position):
    """Of each thing the two words that :meth:`layerwise.randomness.RandomStream.permutation` sorts it by, as one."""
    count = len(keys)
    words = np.empty(GROUP, np.uint32)
    for group in range((2 * count + GROUP - 1) // GROUP):
        words_of_group(words, group, uint64(0), uint64(position), uint64(seed))
        base = group * GROUP
        for j in range(min(GROUP, 2 * count - base)):
            if base + j < count:
                keys[base + j] = np.int64(words[j]) << np.int64(30)
            else:
                keys[base + j - count] ^= np.int64(words[j])


def _drawn(field: Tensor, mean: Tensor | None, random: RandomStream, first_row: int) -> Tensor:
    rows, columns = field.shape
    field = row_by_row(field)
    sample = padded(rows, columns)
    keep, keep_row = (0, sample.stride(0)) if mean is None else (mean.data_ptr(), mean.stride(0))
    launch(
        _draw, rows * columns,
        rows, columns, field.data_ptr(), field.stride(0), keep, keep_row, sample.data_ptr(), sample.stride(0),
        np.uint64(random.seed), random.take(), first_row,
    )  # fmt: skip
    return sample


def sigmoid(field: Tensor) -> Tensor:
    """See :func:`layerwise.kernels.sigmoid`."""
    rows, columns = field.shape
    field, mean = row_by_row(field), padded(rows, columns)
    sizes = rows, columns
    launch(_sigmoid, rows * columns, *sizes, field.data_ptr(), field.stride(0), mean.data_ptr(), mean.stride(0))
    return mean


def mean_difference(plus: Tensor, minus: Tensor) -> Tensor:
    """See :func:`layerwise.kernels.mean_difference`."""
    plus, minus = row_by_row(plus), row_by_row(minus)
    columns = plus.shape[1]
    out = torch.empty(columns)
    _mean_difference(
        columns, plus.data_ptr(), len(plus), plus.stride(0), minus.data_ptr(), len(minus), minus.stride(0),
        out.data_ptr(),
    )  # fmt: skip
    return out


def bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
    """See :func:`layerwise.kernels.bernoulli`."""
    return _drawn(field, None, random, first_row)


def mean_and_bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> tuple[Tensor, Tensor]:
    """See :func:`layerwise.kernels.mean_and_bernoulli`."""
    mean = padded(*field.shape)
    return mean, _drawn(field, mean, random, first_row)


def _filled(rows: int, columns: int, gaussian: bool, random: RandomStream, first_row: int) -> Tensor:
    out = torch.empty(rows, columns)
    launch(_fill, rows * columns, out.numpy(), gaussian, np.uint64(random.seed), random.take(), first_row)
    return out


def uniform(rows: int, columns: int, random: RandomStream, first_row: int = 0, device: str = "cpu") -> Tensor:
    """See :func:`layerwise.kernels.uniform`."""
    return _filled(rows, columns, False, random, first_row)


def normal(rows: int, columns: int, random: RandomStream, first_row: int = 0, device: str = "cpu") -> Tensor:
    """See :func:`layerwise.kernels.normal`."""
    return _filled(rows, columns, True, random, first_row)


def permutation(count: int, random: RandomStream) -> Tensor:
    """See :func:`layerwise.kernels.permutation`."""
    keys = np.empty(count, np.int64)
    _sort_keys(keys, np.uint64(random.seed), random.take())
    return torch.argsort(torch.from_numpy(keys), stable=True)
