"""Rows of bits, as an array or a tensor holds them."""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from layerwise.errors import DataError

__all__ = ["Bits", "like", "read_bits"]

Bits = TypeVar("Bits", np.ndarray, Tensor)


def read_bits(x: np.ndarray | Tensor, inputs: int) -> Tensor:
    """Rows of zeros and ones, in double precision.

    Parameters
    ----------
    x : array or Tensor of shape (batch, inputs)
    inputs : int

    Raises
    ------
    DataError
        Another number of columns, or a value that is neither 0 nor 1.
    """
    bits = torch.as_tensor(x).to(torch.float64)
    if bits.ndim != 2 or bits.shape[1] != inputs:
        rule = f"must be rows of {inputs} bits, of shape (batch, {inputs})"
        raise DataError("x", tuple(bits.shape), rule, "give one column an input")
    strange = bits[(bits != 0) & (bits != 1)]
    if len(strange):
        raise DataError("x", strange[0].item(), "every value must be 0 or 1", "compare with a threshold first")
    return bits


def like(x: Bits, bits: Tensor) -> Bits:
    """Bits of the type that ``x`` has; an array where it is a list."""
    if isinstance(x, Tensor):
        return cast(Bits, bits.to(x.dtype))
    return cast(Bits, bits.cpu().numpy().astype(np.asarray(x).dtype))
