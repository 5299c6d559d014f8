"""Units given those of a neighbouring layer: one directed layer of a deep model."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from layerwise import kernels
from layerwise.randomness import RandomStream
from layerwise.shapes import Couplings, PerRow
from layerwise.units import UnitKind

__all__ = ["Conditional"]


@dataclass(frozen=True)
class Conditional:
    r"""Independent units given a row of the layer they look at, :math:`p(y \mid x) = p(y \mid f = x W + b)`.

    Parameters
    ----------
    weights : Tensor of shape (looked at, units)
    units : UnitKind
        With their bias b.
    """

    weights: Couplings
    units: UnitKind

    def field(self, x: Tensor) -> Tensor:
        """What a row sends to the units, their bias included."""
        return kernels.product(x, self.weights, self.units.bias)

    def mean(self, x: Tensor) -> Tensor:
        """E[y | x]."""
        return self.units.mean(self.field(x))

    def sample(self, x: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
        """Draw y ~ p(y | x)."""
        return self.units.sample(self.field(x), random, first_row)

    def log_probability(self, y: Tensor, x: Tensor) -> PerRow:
        """``log p(y | x)`` of each row, in nats: a density where the units are real."""
        field = self.field(x)
        return (field * y).sum(1) - self.units.base_energy(y) - self.units.cumulant(field)
