r"""A path of machines, from independent units (:math:`\beta = 0`) to a given machine (:math:`\beta = 1`).

Every machine on the way has the same kinds of units; couplings grow with :math:`\beta` and biases go over from those of
the start to those of the end,

.. math:: -E_\beta(v, h) = -U_0(v) - U_0(h) + (1 - \beta)\,(a_0 v + b_0 h) + \beta\,(a v + b h + v^\top W h).

What one side sends to the other is linear in :math:`\beta`, too: one product with the couplings, the machine's own,
serves every place of the path. Annealed importance sampling [1]_ walks along the path, parallel tempering keeps chains
at several places of it.

References
----------
.. [1] R. Salakhutdinov, I. Murray (2008). On the quantitative analysis of deep belief networks. ICML.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from layerwise import kernels
from layerwise.energy.rbm import RBM
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenBatch, HiddenVector, PerRow, VisibleBatch, VisibleVector

__all__ = ["Beta", "Path"]

Beta = float | Tensor
"""One place for all rows, or a column of shape (batch, 1) with one for each."""


@dataclass(frozen=True)
class Path:
    """The machines between independent units and ``rbm``.

    Parameters
    ----------
    rbm : RBM
        The end.
    visible_bias, hidden_bias : Tensor of shape (visible,), (hidden,)
        Biases of the start.
    """

    rbm: RBM
    visible_bias: VisibleVector
    hidden_bias: HiddenVector

    @classmethod
    def from_mean(cls, rbm: RBM, mean: VisibleVector | None = None) -> Path:
        """From units with the mean of the data, or with the machine's own visible biases; hidden fields start at 0."""
        start = rbm.visible.bias if mean is None else rbm.visible.field_for(mean.to(rbm.visible.bias))
        return cls(rbm, start.detach().clone(), torch.zeros_like(rbm.hidden.bias))

    def sent_up(self, v: VisibleBatch) -> HiddenBatch:
        """What v sends up at β = 1: the one product that every place of the path needs."""
        return self.rbm.field_of_hidden(kernels.compress(v))

    def field_of_hidden(self, sent: HiddenBatch, beta: Beta) -> HiddenBatch:
        """The hidden units' field at β, from what is sent up at β = 1."""
        return _between(self.hidden_bias, sent, beta)

    def field_of_visible(self, sent: VisibleBatch, beta: Beta) -> VisibleBatch:
        """The visible units' field at β, from what is sent down at β = 1."""
        return _between(self.visible_bias, sent, beta)

    def sample_h_from_v(self, v: VisibleBatch, beta: Beta, random: RandomStream, first_row: int = 0) -> HiddenBatch:
        """Draw h ~ p_β(h | v)."""
        return self.rbm.hidden.sample(self.field_of_hidden(self.sent_up(v), beta), random, first_row)

    def sample_v_from_h(self, h: HiddenBatch, beta: Beta, random: RandomStream, first_row: int = 0) -> VisibleBatch:
        """Draw v ~ p_β(v | h)."""
        return self.rbm.visible.sample(self.field_of_visible(self.rbm.field_of_visible(h), beta), random, first_row)

    def sample_start(self, rows: int, random: RandomStream, first_row: int = 0) -> VisibleBatch:
        """Draw v from the independent units at β = 0, exactly."""
        return self.rbm.visible.sample(self.visible_bias.expand(rows, -1).contiguous(), random, first_row)

    def log_weight(self, v: VisibleBatch, beta: Beta) -> PerRow:
        """``log Σ_h exp(-E_β(v, h))`` of each row, in nats: log p_β(v) but for the partition function."""
        bias = _between(self.visible_bias, self.rbm.visible.bias.expand_as(v), beta)
        field = self.field_of_hidden(self.sent_up(v), beta)
        return (bias * v).sum(1) - self.rbm.visible.base_energy(v) + self.rbm.hidden.cumulant(field)

    def log_ratio(self, v: VisibleBatch, sent: HiddenBatch, here: Beta, there: Beta) -> PerRow:
        """``log_weight(v, there) - log_weight(v, here)`` of each row, in nats, float64.

        Parameters
        ----------
        v : Tensor of shape (batch, visible)
        sent : Tensor of shape (batch, hidden)
            :meth:`sent_up` of v.
        here, there : float or Tensor of shape (batch, 1)
        """
        at_here, at_there = (self.rbm.hidden.cumulant(self.field_of_hidden(sent, beta)) for beta in (here, there))
        of_biases = (v @ (self.rbm.visible.bias - self.visible_bias)).double()
        step = there - here
        return at_there.double() - at_here.double() + of_biases * (step[:, 0] if isinstance(step, Tensor) else step)

    def log_partition_at_start(self) -> float:
        """Log Z at β = 0, in nats: the units are independent."""
        visible = self.rbm.visible.cumulant(self.visible_bias[None])
        return float(visible.double() + self.rbm.hidden.cumulant(self.hidden_bias[None]).double())


def _between(start: Tensor, end: Tensor, beta: Beta) -> Tensor:
    return torch.lerp(start, end, beta.to(end.dtype) if isinstance(beta, Tensor) else beta)
