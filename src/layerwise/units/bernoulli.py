"""Units that are 0 or 1."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional

from layerwise import kernels
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch, UnitVector
from layerwise.units.kind import UnitKind, per_row

__all__ = ["BernoulliUnits"]


class BernoulliUnits(UnitKind):
    r"""Binary units: :math:`x \in \{0, 1\}`, :math:`U_0 = 0`, :math:`\Gamma(f) = \sum_i \log(1 + e^{f_i})`.

    Values between 0 and 1, such as grey levels, are taken as probabilities: every quantity here is linear in x.

    Examples
    --------
    >>> import torch
    >>> units = BernoulliUnits(2)
    >>> units.mean(torch.tensor([[0.0, 100.0]]))
    tensor([[0.5000, 1.0000]])
    """

    name: ClassVar[str] = "bernoulli"

    def base_energy(self, x: UnitBatch) -> PerRow:
        """Zero: a binary unit has nothing beside its bias."""
        return x.new_zeros(len(x))

    def cumulant(self, field: UnitBatch) -> PerRow:
        """Softplus of the field, summed."""
        return per_row(functional.softplus(field))

    def mean(self, field: UnitBatch) -> UnitBatch:
        """Sigmoid of the field."""
        return kernels.sigmoid(field)

    def mode(self, field: UnitBatch) -> UnitBatch:
        """1 where the field is positive."""
        return (field > 0).to(field.dtype)

    def sample(self, field: UnitBatch, random: RandomStream, first_row: int = 0) -> UnitBatch:
        """Draw zeros and ones."""
        return kernels.bernoulli(field, random, first_row)

    def mean_and_sample(
        self, field: UnitBatch, random: RandomStream, first_row: int = 0
    ) -> tuple[UnitBatch, UnitBatch]:
        """Both in one pass over the field."""
        return kernels.mean_and_bernoulli(field, random, first_row)

    def accepts(self, x: UnitBatch) -> Bool[Tensor, "batch unit"]:
        """0, 1 and what lies between them, a probability."""
        return (x >= 0) & (x <= 1)

    def field_for(self, mean: UnitVector) -> UnitVector:
        """Log-odds of the mean, kept within ±log(99): a pixel never seen may still be seen."""
        return torch.logit(mean.clamp(0.01, 0.99))

    def states(self) -> list[Tensor]:
        """Each unit: 0, 1."""
        return [torch.tensor([[0.0], [1.0]])] * self.size
