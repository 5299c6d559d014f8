"""Real-valued units with a learned precision."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Bool
from torch import Tensor

from layerwise import kernels
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch, UnitVector
from layerwise.units.kind import per_row
from layerwise.units.quadratic import QuadraticUnits

__all__ = ["GaussianUnits"]


class GaussianUnits(QuadraticUnits):
    r"""Real units: :math:`\Gamma(f) = \sum_i f_i^2 / 2\gamma_i + \tfrac12 \log(2\pi / \gamma_i)`.

    Given the field the mean is :math:`f / \gamma` and the variance :math:`1 / \gamma`.
    """

    name: ClassVar[str] = "gaussian"

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

    def accepts(self, x: UnitBatch) -> Bool[Tensor, "batch unit"]:
        """Every finite number."""
        return torch.isfinite(x)

    def field_for(self, mean: UnitVector) -> UnitVector:
        """Mean times precision."""
        return mean * self.log_precision.exp()

    def parameters_for(self, mean: UnitVector, variance: UnitVector) -> dict[str, Tensor]:
        """Precision = 1 / variance (of at least 0.01), bias = mean times precision."""
        precision = 1.0 / variance.clamp_min(0.01)
        return {"bias": mean * precision, "log_precision": precision.log()}
