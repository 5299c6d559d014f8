"""The few hot loops, one function an operation; each picks its implementation by device, type and measured density.

:mod:`~layerwise.kernels.reference` says what each means. The CPU's draws (:mod:`~layerwise.kernels.cpu`) and CUDA's
(:mod:`~layerwise.kernels.cuda`) equal it to the bit; products are equal up to the order of summation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from layerwise.kernels import reference
from layerwise.kernels.layout import in_whole_tiles, padded
from layerwise.randomness import RandomStream

if TYPE_CHECKING:
    from layerwise.kernels.sparse import Listed

__all__ = [
    "Phase",
    "SparseRows",
    "ascend",
    "bernoulli",
    "compress",
    "mean_and_bernoulli",
    "mean_difference",
    "normal",
    "padded",
    "permutation",
    "product",
    "sigmoid",
    "uniform",
]

SPARSE_BELOW = 1 / 3
"""Density under which the products skip zeros; they break even with the dense ones between 0.3 and 0.45, by the
processor (docs/design_notes.md)."""
SMALLEST_SPARSE = 32 * 1024
"""Numbers of a batch below which listing it costs more than its products."""


@dataclass(slots=True)
class SparseRows:
    """A minibatch with few non-zero entries, as it was given and listed."""

    dense: Tensor
    listed: Listed

    def __len__(self) -> int:
        return len(self.dense)


def _single_on_cpu(*tensors: Tensor) -> bool:
    return all(tensor.is_cpu and tensor.dtype == torch.float32 for tensor in tensors)


@cache
def _module(name: str) -> Any:
    """An implementation, imported when the first tensor needs it."""
    return import_module(f"layerwise.kernels.{name}")


def _on(device: torch.device) -> Any:
    """The module that serves a device: the reference where nothing faster is there, such as a GPU without Triton."""
    if device.type == "cpu" or (device.type == "cuda" and _triton_is_there()):
        return _module(device.type)
    return reference


@cache
def _triton_is_there() -> bool:
    return find_spec("triton") is not None


def _differentiated(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def compress(values: Tensor) -> Tensor | SparseRows:
    """List the non-zero entries of a minibatch if few enough are, else return it as it is."""
    if not _single_on_cpu(values) or values.numel() < SMALLEST_SPARSE:
        return values
    listed = _module("sparse").list_rows(values, int(SPARSE_BELOW * values.numel()))
    return values if listed is None else SparseRows(values, listed)


def product(rows: Tensor | SparseRows, weights: Tensor, bias: Tensor) -> Tensor:
    """``rows @ weights + bias``; a zero that is skipped stays without effect on weights that are no numbers, too.

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
        if _single_on_cpu(weights, bias):
            return _module("sparse").multiply(rows.listed, weights, bias)
        rows = rows.dense
    if _single_on_cpu(rows, weights, bias) and not _differentiated(rows, weights, bias):
        return torch.addmm(bias, rows, weights, out=padded(len(rows), weights.shape[1]))
    return reference.product(rows, weights, bias)


Phase = tuple[Tensor | SparseRows, Tensor]
"""Rows of one side of a layer and, for each, what stood on the other side."""


def ascend(
    weights: Tensor,
    velocity: Tensor | None,
    plus: Phase,
    minus: Phase,
    rate: float,
    momentum: float = 0.0,
    decay: float = 0.0,
) -> None:
    """Move weights up the difference of two correlations, in place.

    With ``gradient = mean(plus[0] ⊗ plus[1]) - mean(minus[0] ⊗ minus[1])``, each mean over its own rows::

        velocity = momentum · velocity + gradient - decay · weights
        weights = weights + rate · velocity

    Parameters
    ----------
    weights : Tensor of shape (in, out)
    velocity : Tensor of shape (in, out) or None
        None where ``momentum`` is zero.
    plus, minus : (left, right)
        ``left`` of shape (rows, in), ``right`` of shape (rows, out); the two phases may differ in their rows.
    rate, momentum, decay : float
    """
    (left, right), (left_minus, right_minus) = plus, minus
    moved = (weights,) if velocity is None else (weights, velocity)
    if (
        isinstance(left, SparseRows)
        and isinstance(left_minus, SparseRows)
        and _single_on_cpu(right, right_minus, *moved)
        and all(in_whole_tiles(tensor) for tensor in moved)
    ):
        _module("sparse").ascend(
            weights, velocity, (left.listed, right), (left_minus.listed, right_minus), rate, momentum, decay
        )
        return
    reference.ascend(weights, velocity, (_dense(left), right), (_dense(left_minus), right_minus), rate, momentum, decay)


def mean_difference(plus: Tensor, minus: Tensor) -> Tensor:
    """``plus.mean(0) - minus.mean(0)``, of shape (columns,)."""
    if _single_on_cpu(plus, minus):
        return _module("cpu").mean_difference(plus, minus)
    return reference.mean_difference(plus, minus)


def _dense(rows: Tensor | SparseRows) -> Tensor:
    return rows.dense if isinstance(rows, SparseRows) else rows


def sigmoid(field: Tensor) -> Tensor:
    """1 / (1 + exp(-field)): the mean that :func:`bernoulli` draws with, rounded to the field's precision."""
    if field.dtype != torch.float32 or _differentiated(field):
        return torch.sigmoid(field)
    return _on(field.device).sigmoid(field)


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
    if field.dtype != torch.float32:
        return bernoulli(field.to(torch.float32), random, first_row).to(field.dtype)
    return _on(field.device).bernoulli(field, random, first_row)


def mean_and_bernoulli(field: Tensor, random: RandomStream, first_row: int = 0) -> tuple[Tensor, Tensor]:
    """``sigmoid(field)`` and what :func:`bernoulli` draws with it, in one pass."""
    if field.dtype != torch.float32:
        return sigmoid(field), bernoulli(field, random, first_row)
    return _on(field.device).mean_and_bernoulli(field, random, first_row)


def uniform(
    rows: int, columns: int, random: RandomStream, first_row: int = 0, device: torch.device | str = "cpu"
) -> Tensor:
    """Odd multiples of 2⁻²⁴ in (0, 1), of shape (rows, columns), float32. One position is taken."""
    device = torch.device(device)
    return _on(device).uniform(rows, columns, random, first_row, str(device))


def normal(
    rows: int, columns: int, random: RandomStream, first_row: int = 0, device: torch.device | str = "cpu"
) -> Tensor:
    """Standard normal numbers of shape (rows, columns), float32. One position is taken."""
    device = torch.device(device)
    return _on(device).normal(rows, columns, random, first_row, str(device))


def permutation(count: int, random: RandomStream) -> Tensor:
    """A uniformly random order of ``count`` things, of shape (count,), int64: that of ``random.permutation``."""
    return _module("cpu").permutation(count, random)
