"""The draws on the CPU, compiled by numba: one pass over the rows, all cores, the reference's numbers to the bit."""

# pyright: basic
from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange, uint64
from torch import Tensor

from layerwise.kernels.arithmetic import quantile, sigmoid, unit, words_of_group
from layerwise.kernels.layout import flat, padded
from layerwise.randomness import GROUP, RandomStream

__all__ = ["bernoulli", "mean_and_bernoulli", "normal", "uniform"]

ZERO, ONE = np.float32(0), np.float32(1)


@njit(parallel=True, cache=True)
def _sigmoid_bernoulli(shape, field, mean, keep_mean, sample, strides, seed, position, first_row, threads):
    rows, columns = shape
    field_row, mean_row, sample_row = strides
    for thread in prange(threads):
        words = np.empty(GROUP, np.uint32)
        p = np.empty(GROUP, np.float32)
        for i in range(rows * thread // threads, rows * (thread + 1) // threads):
            f = field[i * field_row : i * field_row + columns]
            m = mean[i * mean_row : i * mean_row + columns]
            s = sample[i * sample_row : i * sample_row + columns]
            for group in range((columns + GROUP - 1) // GROUP):
                words_of_group(words, group, uint64(first_row + i), uint64(position), uint64(seed))
                base = group * GROUP
                width = min(GROUP, columns - base)
                for j in range(width):
                    p[j] = sigmoid(f[base + j])
                for j in range(width):
                    s[base + j] = ONE if unit(words[j]) < p[j] else ZERO
                if keep_mean:
                    for j in range(width):
                        m[base + j] = p[j]


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


def _draw(field: Tensor, mean: Tensor | None, random: RandomStream, first_row: int) -> Tensor:
    sample = padded(*field.shape)
    fields, field_row = flat(field)
    samples, sample_row = flat(sample)
    means, mean_row = (samples, sample_row) if mean is None else flat(mean)
    _sigmoid_bernoulli(
        (field.shape[0], field.shape[1]),
        fields,
        means,
        mean is not None,
        samples,
        (field_row, mean_row, sample_row),
        np.uint64(random.seed),
        random.take(),
        first_row,
        torch.get_num_threads(),
    )
    return sample


def bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
    """See :func:`layerwise.kernels.bernoulli`."""
    return _draw(field, None, random, first_row)


def mean_and_bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> tuple[Tensor, Tensor]:
    """See :func:`layerwise.kernels.mean_and_bernoulli`."""
    mean = padded(*field.shape)
    return mean, _draw(field, mean, random, first_row)


def _filled(rows: int, columns: int, gaussian: bool, random: RandomStream, first_row: int) -> Tensor:
    out = torch.empty(rows, columns)
    _fill(out.numpy(), gaussian, np.uint64(random.seed), random.take(), first_row, torch.get_num_threads())
    return out


def uniform(rows: int, columns: int, random: RandomStream, first_row: int = 0, device: str = "cpu") -> Tensor:
    """See :func:`layerwise.kernels.uniform`."""
    return _filled(rows, columns, False, random, first_row)


def normal(rows: int, columns: int, random: RandomStream, first_row: int = 0, device: str = "cpu") -> Tensor:
    """See :func:`layerwise.kernels.normal`."""
    return _filled(rows, columns, True, random, first_row)
