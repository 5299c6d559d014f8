"""What real-valued units share: half a learned precision times the square."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from layerwise.shapes import PerRow, UnitBatch
from layerwise.units.kind import UnitKind, per_row

__all__ = ["QuadraticUnits"]

FARTHEST = math.log(1e4)


class QuadraticUnits(UnitKind):
    r"""Units with :math:`U_0(x) = \tfrac12 \sum_i \gamma_i x_i^2`; a subclass says where x may lie.

    In these natural parameters the couplings need no division by a standard deviation. The precision is stored as its
    logarithm, so that no step can make it negative. On the line as on the half-line integration by parts gives
    :math:`\gamma E[x^2] = 1 + f E[x]`.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.log_precision = nn.Parameter(torch.zeros(size), requires_grad=False)

    def base_energy(self, x: UnitBatch) -> PerRow:
        """Half the precision times the square."""
        return per_row(0.5 * self.log_precision.exp() * x * x)

    def statistics(self, x: UnitBatch) -> dict[str, UnitBatch]:
        """x for the bias, -γx²/2 for the logarithm of the precision."""
        return {"bias": x, "log_precision": -0.5 * self.log_precision.exp() * x * x}

    def expected_statistics(self, field: UnitBatch, mean: UnitBatch) -> dict[str, UnitBatch]:
        """Their expectations."""
        return {"bias": mean, "log_precision": -0.5 * (1.0 + field * mean)}

    def confine(self) -> None:
        """Keep the precision within a factor of 10⁴ of 1: that of a column that never varies would grow for ever."""
        self.log_precision.clamp_(-FARTHEST, FARTHEST)

    @abstractmethod
    def parameters_for(self, mean: Tensor, variance: Tensor) -> dict[str, Tensor]:
        """Bias and precision: two parameters for the two moments."""
