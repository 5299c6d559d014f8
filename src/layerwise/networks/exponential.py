"""The exponential as a module, which torch lacks: the mean of counts from its logarithm."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Exponential"]


class Exponential(nn.Module):
    """``exp(z)``, number by number."""

    def forward(self, z: Tensor) -> Tensor:
        """The exponential of each number."""
        return z.exp()
