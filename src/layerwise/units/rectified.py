r"""Units on the half-line: a normal density cut off at zero and normalised again.

With :math:`z = f / \sqrt\gamma` everything is a function of the standard normal's density and distribution function:

.. math:: \Gamma(f) = \tfrac12 \log\frac{2\pi}{\gamma} + \tfrac{z^2}{2} + \log \Phi(z), \qquad
          E[x \mid f] = \frac{1}{\sqrt\gamma} \Big(z + \frac{\varphi(z)}{\Phi(z)}\Big).

All of it is computed in double precision: far below zero the two terms of the mean cancel.

References
----------
.. [1] V. Nair, G. E. Hinton (2010). Rectified linear units improve restricted Boltzmann machines. ICML.
.. [2] J. Tubiana, S. Cocco, R. Monasson (2019). Learning protein constitutive motifs from sequence data. eLife 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Bool
from torch import Tensor

from layerwise import kernels
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, UnitBatch, UnitVector
from layerwise.units.kind import per_row
from layerwise.units.quadratic import QuadraticUnits

__all__ = ["RectifiedUnits", "rising_root"]

# torch annotates none of its special functions.
_special = cast(Any, torch.special)
erfcx: Callable[[Tensor], Tensor] = _special.erfcx
log_ndtr: Callable[[Tensor], Tensor] = _special.log_ndtr
ndtri: Callable[[Tensor], Tensor] = _special.ndtri

FAR = -50.0
"""Below it the series of the mean in 1/z is exact to double precision, and the two terms of the formula cancel."""
TAIL = -35.0
"""Below it Φ(z) nears the smallest double; the density has become an exponential one, to a part in z² of its width."""


class RectifiedUnits(QuadraticUnits):
    """Non-negative real units with a learned precision, exactly normalised.

    Examples
    --------
    >>> import torch
    >>> RectifiedUnits(2).mean(torch.tensor([[0.0, 100.0]]))
    tensor([[  0.7979, 100.0000]])
    """

    name: ClassVar[str] = "rectified"

    def cumulant(self, field: UnitBatch) -> PerRow:
        """Log of the integral over the half-line."""
        z = self._standard(field)
        # Each branch where it keeps its digits; the other is fed a harmless number, so that its slope is one, too.
        below, above = z.clamp(max=0.0), z.clamp(min=0.0)
        log_integral = torch.where(
            z < 0, erfcx(-below / math.sqrt(2)).log() - math.log(2), above * above / 2 + log_ndtr(above)
        )
        return per_row(log_integral + 0.5 * (math.log(2 * math.pi) - self.log_precision.double())).to(field.dtype)

    def mean(self, field: UnitBatch) -> UnitBatch:
        """Mean of the cut-off normal."""
        return (standard_mean(self._standard(field)) * torch.exp(-0.5 * self.log_precision.double())).to(field.dtype)

    def mode(self, field: UnitBatch) -> UnitBatch:
        """Field over precision where that is positive, else 0."""
        return (field / self.log_precision.exp()).clamp_min(0.0)

    def sample(self, field: UnitBatch, random: RandomStream, first_row: int = 0) -> UnitBatch:
        """Invert the distribution function at a uniform number."""
        rows, units = field.shape
        u = kernels.uniform(rows, units, random, first_row, field.device).double()
        z = self._standard(field)
        below_zero = torch.erfc(-z.clamp_min(TAIL) / math.sqrt(2)) / 2  # Φ(z), to the last digit also where it is small
        near = z - ndtri(u * below_zero)
        log_u = torch.log(u)
        far = -2 * log_u / (torch.sqrt(z * z - 2 * log_u) + z.abs())
        x = torch.where(z < TAIL, far, near).clamp_min(0.0)
        return (x * torch.exp(-0.5 * self.log_precision.double())).to(field.dtype)

    def accepts(self, x: UnitBatch) -> Bool[Tensor, "batch unit"]:
        """Every finite number that is not negative."""
        return torch.isfinite(x) & (x >= 0)

    def field_for(self, mean: UnitVector) -> UnitVector:
        """The field with this mean (of at least 0.001), by bisection."""
        root = torch.exp(0.5 * self.log_precision.double())
        z = rising_root(standard_mean, mean.double().clamp_min(1e-3) * root, -1e4, 1e4)
        return (z * root).to(mean.dtype)

    def parameters_for(self, mean: UnitVector, variance: UnitVector) -> dict[str, Tensor]:
        """Bias and precision of the cut-off normal with these moments.

        Its standard deviation is between 0 and 1 of its mean; data that are sparser get the sparsest, an exponential.
        """
        dtype, mean = mean.dtype, mean.double().clamp_min(1e-3)
        ratio = (mean * mean / variance.double().clamp_min(1e-2)).clamp(1.0, 1e6)

        def mean_over_deviation(z: Tensor) -> Tensor:
            m = standard_mean(z)
            return m * m / (1 + z * m - m * m)

        z = rising_root(mean_over_deviation, ratio, -20.0, 1e3)
        root = standard_mean(z) / mean
        return {"bias": (z * root).to(dtype), "log_precision": (2 * root.log()).to(dtype)}

    def _standard(self, field: Tensor) -> Tensor:
        return field.double() * torch.exp(-0.5 * self.log_precision.double())


def standard_mean(z: Tensor) -> Tensor:
    """E[x] at precision 1, in float64: ``z + φ(z) / Φ(z)``, or its series in 1/z far below zero."""
    near = z.clamp_min(FAR)
    exact = near + math.sqrt(2 / math.pi) / erfcx(-near / math.sqrt(2))
    w = -1.0 / z.clamp_max(FAR)
    square = w * w
    series = w * (1 - square * (2 - square * (10 - square * (74 - square * 706))))
    return torch.where(z < FAR, series, exact)


def rising_root(function: Callable[[Tensor], Tensor], value: Tensor, low: float, high: float) -> Tensor:
    """Where a rising function has each of the values, by bisection; an end of the interval where it is not reached."""
    left, right = torch.full_like(value, low), torch.full_like(value, high)
    for _ in range(80):
        middle = (left + right) / 2
        below = function(middle) < value
        left, right = torch.where(below, middle, left), torch.where(below, right, middle)
    return (left + right) / 2
