"""The few hot loops, one function an operation; each picks its implementation by device, type and measured density.

:mod:`~layerwise.kernels.reference` says what each means. The CPU's draws (:mod:`~layerwise.kernels.cpu`) and CUDA's
(:mod:`~layerwise.kernels.cuda`) equal it to the bit; products are equal up to the order of summation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from layerwise.kernels import reference
from layerwise.kernels.layout import padded, whole_tiles
from layerwise.randomness import RandomStream

if TYPE_CHECKING:
    from layerwise.kernels.sparse import Listed

__all__ = [
    "SparseRows",
    "bernoulli",
    "compress",
    "correlation_difference",
    "mean_and_bernoulli",
    "normal",
    "padded",
    "product",
    "uniform",
]

SPARSE_BELOW = 0.25
"""Density under which the products skip zeros; they break even with the dense ones near 0.3 (docs/design_notes.md)."""
SMALLEST_SPARSE = 32 * 1024
"""Multiply-adds saved by skipping must exceed this, or the call costs more than the product."""


@dataclass(frozen=True)
class SparseRows:
    """A minibatch with few non-zero entries, as it was given and listed."""

    dense: Tensor
    listed: Listed

    def __len__(self) -> int:
        return len(self.dense)


def _on_cpu(*tensors: Tensor) -> bool:
    return all(t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors)


def _drawing(device: torch.device, dtype: torch.dtype) -> Any:
    """The module whose draws serve a device; float64 has the reference only."""
    if dtype == torch.float32 and device.type == "cpu":
        from layerwise.kernels import cpu

        return cpu
    if dtype == torch.float32 and device.type == "cuda":
        from layerwise.kernels import cuda

        return cuda
    return reference


def compress(values: Tensor) -> Tensor | SparseRows:
    """List the non-zero entries of a minibatch if few enough are, else return it as it is."""
    if not _on_cpu(values) or values.numel() < SMALLEST_SPARSE:
        return values
    from layerwise.kernels import sparse

    threads = torch.get_num_threads()
    array = values.detach().numpy()
    counts = sparse.count_nonzero(array, threads)
    if counts.sum() >= SPARSE_BELOW * array.size:
        return values
    return SparseRows(values, sparse.list_rows(array, counts, threads))


def product(rows: Tensor | SparseRows, weights: Tensor, bias: Tensor) -> Tensor:
    """``rows @ weights + bias``.

    Parameters
    ----------
    rows : Tensor or SparseRows of shape (batch, in)
    weights : Tensor of shape (in, out)
    bias : Tensor of shape (out,)

    Returns
    -------
    Tensor of shape (batch, out)
    """
    if isinstance(rows, SparseRows):
        if _on_cpu(weights, bias):
            from layerwise.kernels import sparse

            out = padded(len(rows), weights.shape[1])
            sparse.multiply(
                rows.listed,
                whole_tiles(weights),
                whole_tiles(bias[None])[0],
                whole_tiles(out),
                torch.get_num_threads(),
            )
            return out
        rows = rows.dense
    return reference.product(rows, weights, bias)


def correlation_difference(
    left: Tensor | SparseRows,
    right: Tensor,
    left_minus: Tensor | SparseRows,
    right_minus: Tensor,
) -> Tensor:
    """Mean of ``left ⊗ right`` over its own rows less the mean of ``left_minus ⊗ right_minus`` over its own.

    Parameters
    ----------
    left, left_minus : Tensor or SparseRows of shape (rows, in)
        The two phases may differ in their number of rows.
    right, right_minus : Tensor of shape (rows, out)

    Returns
    -------
    Tensor of shape (in, out)
    """
    if isinstance(left, SparseRows) and isinstance(left_minus, SparseRows) and _on_cpu(right, right_minus):
        from layerwise.kernels import sparse

        out = padded(left.dense.shape[1], right.shape[1])
        sparse.correlate(
            left.listed,
            left_minus.listed,
            whole_tiles(right),
            whole_tiles(right_minus),
            whole_tiles(out),
            torch.get_num_threads(),
        )
        return out
    return reference.correlation_difference(_dense(left), right, _dense(left_minus), right_minus)


def _dense(rows: Tensor | SparseRows) -> Tensor:
    return rows.dense if isinstance(rows, SparseRows) else rows


def bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
    """Zeros and ones with P(1) = sigmoid(field).

    Parameters
    ----------
    field : Tensor of shape (rows, units)
        Log-odds.
    random : RandomStream
        One position is taken.
    first_row : int
        Global number of the first row: a rank that holds rows 50 … 99 draws what one rank would have drawn for them.

    Returns
    -------
    Tensor of shape (rows, units)
    """
    return _drawing(field.device, field.dtype).bernoulli(field, random, first_row)


def mean_and_bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> tuple[Tensor, Tensor]:
    """``sigmoid(field)`` and what :func:`bernoulli` draws with it, in one pass."""
    return _drawing(field.device, field.dtype).mean_and_bernoulli(field, random, first_row)


def uniform(
    rows: int, columns: int, random: RandomStream, first_row: int = 0, device: torch.device | str = "cpu"
) -> Tensor:
    """Odd multiples of 2⁻²⁴ in (0, 1), of shape (rows, columns), float32. One position is taken."""
    device = torch.device(device)
    return _drawing(device, torch.float32).uniform(rows, columns, random, first_row, str(device))


def normal(
    rows: int, columns: int, random: RandomStream, first_row: int = 0, device: torch.device | str = "cpu"
) -> Tensor:
    """Standard normal numbers of shape (rows, columns), float32. One position is taken."""
    device = torch.device(device)
    return _drawing(device, torch.float32).normal(rows, columns, random, first_row, str(device))
