r"""Rectified units with noise, as they were first drawn: many binary units that share their couplings.

A unit stands for infinitely many binary units with the same field, the i-th of which has a bias of
:math:`-i + \tfrac12`; its value is how many of them are on. With :math:`q = e^{-1}`

.. math:: \Gamma(f) = \sum_{i \ge 1} \log(1 + e^{f - i + 1/2}), \qquad
          U_0(x) = \tfrac{x^2}{2} + \sum_{i \ge 1} \log \frac{1 - q^i}{1 - q^{x + i}},

which is softplus's integral and softplus to a part in 10⁸ where f is not small. Samples are the published stand-in for
counting them, :math:`\max(0, f + \mathcal N(0, \sigma(f)))`: a real number whose distribution is *near* that of the
count (at f = 0 their means are 0.28 and 0.68). A chain through such units therefore leaves the model's distribution
nearly, not exactly, invariant; for exactness take :class:`~layerwise.units.rectified.RectifiedUnits`.

References
----------
.. [1] V. Nair, G. E. Hinton (2010). Rectified linear units improve restricted Boltzmann machines. ICML.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional

from layerwise import kernels
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch, UnitVector
from layerwise.units.kind import UnitKind, per_row
from layerwise.units.rectified import rising_root

__all__ = ["NoisyRectifiedUnits"]

COPIES = 38
"""Binary units that are summed at a negative field; the next is on with a probability of 10⁻¹⁷."""
LOG_Q_PRODUCT = math.fsum(math.log1p(-math.exp(-i)) for i in range(1, COPIES))
RIPPLE = 2 * math.exp(-2 * math.pi**2)
"""What is left of the steps in the sum, as a share: 5·10⁻⁹."""


class NoisyRectifiedUnits(UnitKind):
    """Counts of binary units, drawn as a rectified normal; see the module.

    Examples
    --------
    >>> import torch
    >>> NoisyRectifiedUnits(2).mean(torch.tensor([[0.0, 100.0]]))
    tensor([[  0.6826, 100.0000]])
    """

    name: ClassVar[str] = "noisy_rectified"

    def base_energy(self, x: UnitBatch) -> PerRow:
        """The count's energy, continued to what lies between whole numbers."""
        copies = self._copies(x)
        rest = torch.log1p(-torch.exp(-copies)) - torch.log1p(-torch.exp(-copies - x[..., None]))
        return per_row(x * x / 2 + rest.sum(-1))

    def cumulant(self, field: UnitBatch) -> PerRow:
        """The sum of softplus.

        Jacobi's triple product turns the sum at f > 0 into the one at -f, where it ends soon.
        """
        small = functional.softplus(-field.abs()[..., None] - self._copies(field) + 0.5).sum(-1)
        ripple = torch.log1p(RIPPLE * torch.cos(2 * math.pi * field))
        large = field * field / 2 + 0.5 * math.log(2 * math.pi) + ripple - LOG_Q_PRODUCT - small
        return per_row(torch.where(field > 0, large, small))

    def mean(self, field: UnitBatch) -> UnitBatch:
        """The sum of sigmoids: nearly softplus of the field."""
        small = torch.sigmoid(-field.abs()[..., None] - self._copies(field) + 0.5).sum(-1)
        wave = 2 * math.pi * field
        large = field - 2 * math.pi * RIPPLE * torch.sin(wave) / (1 + RIPPLE * torch.cos(wave)) + small
        return torch.where(field > 0, large, small)

    def mode(self, field: UnitBatch) -> UnitBatch:
        """The most probable count: the field rounded, or one more near zero."""
        rounded = torch.floor(field + 0.5).clamp_min(0.0)
        more = field - rounded - 0.5 >= torch.log1p(-torch.exp(-rounded - 1))
        return rounded + more.to(field.dtype)

    def sample(self, field: UnitBatch, random: RandomStream, first_row: int = 0) -> UnitBatch:
        """Field plus normal noise of variance sigmoid(field), rectified."""
        rows, units = field.shape
        noise = kernels.normal(rows, units, random, first_row, field.device).to(field.dtype)
        return (field + noise * torch.sqrt(torch.sigmoid(field))).clamp_min(0.0)

    def accepts(self, x: UnitBatch) -> Bool[Tensor, "batch unit"]:
        """Every finite number that is not negative."""
        return torch.isfinite(x) & (x >= 0)

    def field_for(self, mean: UnitVector) -> UnitVector:
        """The field with this mean (of at least 0.001), by bisection."""
        return rising_root(lambda field: self.mean(field[None])[0], mean.clamp_min(1e-3), -30.0, 1e6)

    def _copies(self, like: Tensor) -> Tensor:
        return torch.arange(1, COPIES + 1, dtype=like.dtype, device=like.device)
