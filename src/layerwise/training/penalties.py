r"""What is asked of the parameters beside likelihood: few or small couplings, bounded ones, seldom active hidden units.

References
----------
.. [1] H. Lee, C. Ekanadham, A. Y. Ng (2008). Sparse deep belief net model for visual area V2. NIPS 20.
.. [2] G. E. Hinton (2012). A practical guide to training restricted Boltzmann machines. Neural networks: tricks of the
   trade.
.. [3] N. Parikh, S. Boyd (2014). Proximal algorithms. Foundations and Trends in Optimization 1.
.. [4] N. Srivastava et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor
from torch.nn import functional

from layerwise.errors import OptionError
from layerwise.shapes import Couplings, HiddenBatch, HiddenVector
from layerwise.units import UnitKind

__all__ = ["ACTIVITY_MEMORY", "SparsityPenalty", "check_sparsity", "limit_norms", "shrink", "sparsity_signal"]

SparsityPenalty = Literal["kl", "quadratic"]

ACTIVITY_MEMORY = 0.9
"""Share of the running mean of the activities that each minibatch keeps: one alone says little of a rare event."""


def check_sparsity(units: UnitKind, target: float, penalty: SparsityPenalty) -> None:
    """Refuse a target for the mean activity that the hidden units cannot have.

    Raises
    ------
    OptionError
        The units have no such mean, or the divergence is asked for of units that are no events.
    """
    states = units.states()
    events = states is not None and all(bool(((s >= 0) & (s <= 1)).all()) for s in states)
    if penalty == "kl" and not (events and 0 < target < 1):
        rule = "'kl' needs hidden units that are 0 or 1 and a target between them"
        raise OptionError("sparsity_penalty", penalty, rule, "take 'quadratic'")


def sparsity_signal(
    units: UnitKind, field: HiddenBatch, activity: HiddenVector, target: float, cost: float, penalty: SparsityPenalty
) -> HiddenBatch:
    r"""What the penalty on the mean activities :math:`q` sends back to the fields.

    .. math:: R = c \sum_j (q_j - p)^2 \quad\text{or}\quad
              c \sum_j p \log\frac{p}{q_j} + (1 - p) \log\frac{1 - p}{1 - q_j}

    Parameters
    ----------
    units : UnitKind
        The hidden units.
    field : Tensor of shape (batch, hidden)
    activity : Tensor of shape (hidden,)
        q, the running mean of E[h | v].
    target, cost : float
        p and c.
    penalty : {"kl", "quadratic"}

    Returns
    -------
    Tensor of shape (batch, hidden)
        :math:`-\partial R / \partial f` of each row, times the number of rows: it is added to the hidden units'
        expectations where the data phase is averaged.
    """
    q = activity
    if penalty == "quadratic":
        slope = 2.0 * (q - target)
    else:
        q = q.clamp(1e-6, 1 - 1e-6)
        slope = (q - target) / (q * (1.0 - q))
    with torch.enable_grad():
        at = field.detach().clone().requires_grad_()
        (signal,) = torch.autograd.grad(units.mean(at), at, (-cost * slope).expand_as(field))
    return signal


def shrink(weights: Couplings, amount: float) -> None:
    """Bring couplings nearer to zero by an amount, and to zero itself those that lie within it.

    This is the proximal step of an L1 penalty [3]_: unlike its gradient it leaves couplings that are exactly zero.
    """
    weights.copy_(functional.softshrink(weights, amount))


def limit_norms(weights: Couplings, most: float) -> None:
    """Scale the couplings of each hidden unit down to a norm, where theirs is greater [4]_."""
    norms = cast(Tensor, torch.linalg.vector_norm(weights, dim=0))
    weights.mul_(most / norms.clamp_min(most))
