"""The loss of counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerwise.networks.loss import Loss, Targets
from layerwise.shapes import PerRow, UnitBatch
from layerwise.units.kind import per_row

__all__ = ["Poisson"]


@dataclass(frozen=True)
class Poisson(Loss):
    r"""Half the deviance of counts, the scores being logarithms of the rates.

    .. math:: \ell = e^z - t z + t \log t - t, \qquad \partial \ell / \partial z = e^z - t

    Zero where every rate is what was counted. Targets are at least 0.

    Examples
    --------
    >>> import torch
    >>> Poisson().value(torch.tensor([[0.0]]), torch.tensor([[1.0]]))
    tensor(0.)
    """

    def rows(self, z: UnitBatch, targets: Targets) -> PerRow:
        """Nats, summed over the outputs."""
        return per_row(torch.xlogy(targets, targets) - targets - targets * z + z.exp())

    def rows_derivative(self, z: UnitBatch, targets: Targets) -> UnitBatch:
        """The rate minus what was counted."""
        return z.exp() - targets
