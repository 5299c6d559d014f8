r"""The restricted Boltzmann machine: two layers of units and the couplings between them.

.. math::
    E(v, h) = U_v(v) + U_h(h) - v^\top W h, \qquad p(v, h) = e^{-E(v, h)} / Z

Each layer's kind owns its energy, its conditional distribution and its cumulant function; the machine owns ``W``.

References
----------
.. [1] P. Smolensky (1986). Information processing in dynamical systems: foundations of harmony theory.
.. [2] G. E. Hinton (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14.
"""

from __future__ import annotations

from torch import Tensor, nn

from layerwise import kernels
from layerwise.errors import OptionError
from layerwise.kernels import SparseRows
from layerwise.randomness import RandomStream
from layerwise.shapes import Couplings, HiddenBatch, PerRow, VisibleBatch
from layerwise.units import BernoulliUnits, GaussianUnits, UnitKind

__all__ = ["RBM", "bernoulli_rbm", "gaussian_rbm"]


class RBM(nn.Module):
    """Two layers of units of any kind and the couplings between them.

    Parameters
    ----------
    visible, hidden : UnitKind
        The two layers.
    weights : Tensor of shape (visible, hidden), optional
        Zero if left out.

    Examples
    --------
    >>> import torch
    >>> rbm = bernoulli_rbm(3, 2)
    >>> rbm.free_energy(torch.ones(1, 3))  # no couplings, no biases: -2 log 2
    tensor([-1.3863])
    """

    def __init__(self, visible: UnitKind, hidden: UnitKind, weights: Couplings | None = None) -> None:
        super().__init__()
        shape = (visible.size, hidden.size)
        if weights is not None and tuple(weights.shape) != shape:
            raise OptionError("weights.shape", tuple(weights.shape), f"must be (visible, hidden) = {shape}")
        self.visible, self.hidden = visible, hidden
        # Rows that begin on a cache line: the sparse product reads them by whole vectors.
        self.weights = nn.Parameter(kernels.padded(*shape).zero_(), requires_grad=False)
        if weights is not None:
            self.to(weights.dtype)  # double precision is kept where it is given
            self.weights.copy_(weights)

    def extra_repr(self) -> str:
        """Show the size of the couplings."""
        return f"weights {self.visible.size} × {self.hidden.size}"

    def scatter_weights(self, random: RandomStream, scale: float = 0.01) -> None:
        """Small random couplings, N(0, scale²): without them every hidden unit would learn the same thing."""
        self.weights.copy_(kernels.normal(self.visible.size, self.hidden.size, random) * scale)

    def field_of_hidden(self, v: VisibleBatch | SparseRows) -> HiddenBatch:
        """What v sends up: ``v W + b``."""
        return kernels.product(v, self.weights, self.hidden.bias)

    def field_of_visible(self, h: HiddenBatch | SparseRows) -> VisibleBatch:
        """What h sends down: ``h Wᵀ + a``."""
        return kernels.product(h, self.weights.T, self.visible.bias)

    def energy(self, v: VisibleBatch, h: HiddenBatch) -> PerRow:
        """``E(v, h)`` of each row, in nats."""
        return self.visible.energy(v) + self.hidden.energy(h) - ((v @ self.weights) * h).sum(1)

    def free_energy(self, v: VisibleBatch) -> PerRow:
        """``F(v) = -log Σ_h exp(-E(v, h))`` of each row, in nats; ``-log p(v) = F(v) + log Z``."""
        return self.visible.energy(v) - self.hidden.cumulant(self.field_of_hidden(v))

    def mean_h_from_v(self, v: VisibleBatch) -> HiddenBatch:
        """E[h | v]."""
        return self.hidden.mean(self.field_of_hidden(v))

    def mean_v_from_h(self, h: HiddenBatch) -> VisibleBatch:
        """E[v | h]."""
        return self.visible.mean(self.field_of_visible(h))

    def sample_h_from_v(self, v: VisibleBatch, random: RandomStream, first_row: int = 0) -> HiddenBatch:
        """Draw h ~ p(h | v)."""
        return self.hidden.sample(self.field_of_hidden(v), random, first_row)

    def sample_v_from_h(self, h: HiddenBatch, random: RandomStream, first_row: int = 0) -> VisibleBatch:
        """Draw v ~ p(v | h)."""
        return self.visible.sample(self.field_of_visible(h), random, first_row)

    def reconstruct(self, v: VisibleBatch) -> VisibleBatch:
        """Up and down by means: ``E[v | E[h | v]]``."""
        return self.mean_v_from_h(self.mean_h_from_v(v))


def bernoulli_rbm(visible: int, hidden: int, weights: Tensor | None = None) -> RBM:
    """An RBM of binary visible and hidden units."""
    return RBM(BernoulliUnits(visible), BernoulliUnits(hidden), weights)


def gaussian_rbm(visible: int, hidden: int, weights: Tensor | None = None) -> RBM:
    """An RBM of Gaussian visible and binary hidden units."""
    return RBM(GaussianUnits(visible), BernoulliUnits(hidden), weights)
