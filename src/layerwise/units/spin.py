"""Units that are -1 or +1."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool
from torch import Tensor

from layerwise import kernels
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch, UnitVector
from layerwise.units.kind import UnitKind, per_row

__all__ = ["SpinUnits"]


class SpinUnits(UnitKind):
    r"""Ising spins: :math:`x \in \{-1, +1\}`, :math:`U_0 = 0`, :math:`\Gamma(f) = \sum_i \log 2 \cosh f_i`.

    A spin given the field f is a binary unit given 2f. Values between -1 and 1 are taken as expectations.

    Examples
    --------
    >>> import torch
    >>> SpinUnits(2).mean(torch.tensor([[0.0, 100.0]]))
    tensor([[0., 1.]])
    """

    name: ClassVar[str] = "spin"

    def base_energy(self, x: UnitBatch) -> PerRow:
        """Zero: a spin has nothing beside its bias."""
        return x.new_zeros(len(x))

    def cumulant(self, field: UnitBatch) -> PerRow:
        """Log of twice the hyperbolic cosine, summed."""
        return per_row(torch.logaddexp(field, -field))

    def mean(self, field: UnitBatch) -> UnitBatch:
        """Hyperbolic tangent of the field."""
        return torch.tanh(field)

    def mode(self, field: UnitBatch) -> UnitBatch:
        """The sign of the field."""
        return (field > 0).to(field.dtype) * 2 - 1

    def sample(self, field: UnitBatch, random: RandomStream, first_row: int = 0) -> UnitBatch:
        """Draw minus and plus ones."""
        return kernels.bernoulli(2 * field, random, first_row) * 2 - 1

    def accepts(self, x: UnitBatch) -> Bool[Tensor, "batch unit"]:
        """-1, 1 and what lies between them, an expectation."""
        return (x >= -1) & (x <= 1)

    def field_for(self, mean: UnitVector) -> UnitVector:
        """Inverse hyperbolic tangent of the mean, kept within ±0.98."""
        return torch.atanh(mean.clamp(-0.98, 0.98))

    def states(self) -> list[Tensor]:
        """Each unit: -1, +1."""
        return [torch.tensor([[-1.0], [1.0]])] * self.size
