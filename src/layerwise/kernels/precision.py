"""How exactly torch computes dense float32 products."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import torch

__all__ = ["products_at"]


@contextmanager
def products_at(precision: Literal["highest", "high", "medium"]) -> Generator[None]:
    """Let torch round the factors of dense products, and put its setting back afterwards.

    Draws and products that skip zeros are layerwise's own and stay float32.

    Parameters
    ----------
    precision : str
        ``highest``: float32. ``high``: TF32 where a GPU has it, 10 bits of mantissa. ``medium``: bfloat16, 7 bits,
        where GPU or processor has it. Sums are of float32 in all of them.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
