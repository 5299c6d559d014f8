"""Real-valued units with a learned precision."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import nn

from layerwise import kernels
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch, UnitVector
from layerwise.units.kind import UnitKind, per_row

__all__ = ["GaussianUnits"]


class GaussianUnits(UnitKind):
    r"""Real units: :math:`U_0(x) = \tfrac12 \sum_i \gamma_i x_i^2`.

    Given the field the mean is :math:`f / \gamma` and the variance :math:`1 / \gamma`.

    In these natural parameters the couplings need no division by a standard deviation, and
    :math:`\Gamma(f) = \sum_i f_i^2 / 2\gamma_i + \tfrac12 \log(2\pi / \gamma_i)`. The precision is stored as its
    logarithm, so that no step can make it negative.
    """

    name: ClassVar[str] = "gaussian"

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.log_precision = nn.Parameter(torch.zeros(size), requires_grad=False)

    def base_energy(self, x: UnitBatch) -> PerRow:
        """Half the precision times the square."""
        return per_row(0.5 * self.log_precision.exp() * x * x)

    def cumulant(self, field: UnitBatch) -> PerRow:
        """Log of the Gaussian integral."""
        return per_row(0.5 * (field * field / self.log_precision.exp() + math.log(2 * math.pi) - self.log_precision))

    def mean(self, field: UnitBatch) -> UnitBatch:
        """Field over precision."""
        return field / self.log_precision.exp()

    def mode(self, field: UnitBatch) -> UnitBatch:
        """The mean."""
        return self.mean(field)

    def sample(self, field: UnitBatch, random: RandomStream, first_row: int = 0) -> UnitBatch:
        """Mean plus noise of standard deviation 1/√γ."""
        rows, units = field.shape
        noise = kernels.normal(rows, units, random, first_row, field.device).to(field.dtype)
        return self.mean(field) + noise * torch.exp(-0.5 * self.log_precision)

    def statistics(self, x: UnitBatch) -> dict[str, UnitBatch]:
        """x for the bias, -γx²/2 for the logarithm of the precision."""
        return {"bias": x, "log_precision": -0.5 * self.log_precision.exp() * x * x}

    def expected_statistics(self, field: UnitBatch, mean: UnitBatch) -> dict[str, UnitBatch]:
        """Their expectations: γ E[x²] = γ mean² + 1."""
        return {"bias": mean, "log_precision": -0.5 * (self.log_precision.exp() * mean * mean + 1.0)}

    def start_from(self, mean: UnitVector, variance: UnitVector) -> None:
        """Precision = 1 / variance (of at least 0.01), bias = mean times precision."""
        precision = 1.0 / variance.clamp_min(0.01)
        self.log_precision.copy_(precision.log())
        self.bias.copy_(mean * precision)
