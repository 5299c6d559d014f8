"""The loss of reconstruction, for every kind of unit."""

from __future__ import annotations

from layerwise.networks.loss import Loss, Targets
from layerwise.shapes import PerRow, UnitBatch
from layerwise.units import UnitKind
from layerwise.units.kind import per_row

__all__ = ["KindLoss"]

_LINKS = {"bernoulli": "sigmoid", "spin": "tanh"}
"""Kinds whose mean is an activation of each unit's own field."""


class KindLoss(Loss):
    r"""How well units of a kind are reconstructed: :math:`-\log p(t \mid z)` with the scores as their field, in nats.

    .. math:: \ell = \Gamma(z) + U_0(t) - z \cdot t, \qquad \partial \ell / \partial z = E[x \mid z] - t

    For Bernoulli units it is the binary cross-entropy, for categorical ones the cross-entropy of each site, for
    Gaussian ones of precision 1 half the squared distance plus ½ log 2π a unit; for mixed ones their sum.

    Parameters
    ----------
    kind : UnitKind
        Its biases are not used: the network has its own.

    Examples
    --------
    >>> import torch
    >>> from layerwise.units import kind_named
    >>> KindLoss(kind_named("bernoulli", 1)).value(torch.zeros(1, 1), torch.ones(1, 1))
    tensor(0.6931)
    """

    def __init__(self, kind: UnitKind) -> None:
        self.kind = kind
        self.link = _LINKS.get(kind.name, "")

    def rows(self, z: UnitBatch, targets: Targets) -> PerRow:
        """Minus the log-probability of each row."""
        return self.kind.cumulant(z) + self.kind.base_energy(targets) - per_row(z * targets)

    def rows_derivative(self, z: UnitBatch, targets: Targets) -> UnitBatch:
        """What is expected minus what is there."""
        return self.kind.mean(z) - targets
