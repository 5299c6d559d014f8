r"""The units of a directed layer, drawn one after another given the layer above them and the layer below.

Once the layer below is looked at the units hang together: what one of them explains is explained away for the others.
Each is drawn given all others,

.. math:: \log p(h_j = s \mid \dots) = s\,\Big(f_j + \sum_{i\ known} G_{ji} x_i\Big)
          - \sum_{i\ known} \Gamma_i\big((h G + a)_i\big) + const.

with the field :math:`f` that the layer above sends, the couplings :math:`G` and biases :math:`a` down to the layer
below, its units :math:`x` and their cumulant functions. Units below that are not known are summed away in this.

References
----------
.. [1] R. M. Neal (1992). Connectionist learning of belief networks. Artificial Intelligence 56.
"""

from __future__ import annotations

import torch
from torch import Tensor

from layerwise import kernels
from layerwise.energy.conditional import Conditional
from layerwise.randomness import RandomStream
from layerwise.units import UnitKind

__all__ = ["draw_one_by_one"]


@torch.no_grad()
def draw_one_by_one(
    x: Tensor,
    field: Tensor,
    kind: UnitKind,
    down: Conditional,
    below: Tensor,
    known: Tensor | None,
    random: RandomStream,
    first_row: int,
) -> Tensor:
    """Draw the units of a directed layer, site after site, given the field from above and the layer below.

    Parameters
    ----------
    x : Tensor of shape (batch, units)
    field : Tensor of shape (batch, units)
        What the layer above sends, their bias included.
    kind : UnitKind
        Of the units; there may be a label's after them, which is not drawn here.
    down : Conditional
        The layer below given the units.
    below : Tensor of shape (batch, units below)
    known : bool Tensor of shape (batch, units below), or None
        What is looked at of the layer below; all of it if None.
    random : RandomStream
        One position is taken.
    first_row : int
        Global number of the first row.

    Returns
    -------
    Tensor of shape (batch, units)
        ``x`` with every site drawn anew, a label's left as it is.
    """
    sites = kind.states() or []
    u = kernels.uniform(len(x), len(sites), random, first_row, x.device)
    seen = below if known is None else torch.where(known, below, 0.0)
    field = field + seen @ down.weights.T
    sent = down.field(x)
    drawn, first = x.clone(), 0
    for number, states in enumerate(sites):
        site = slice(first, first + states.shape[1])
        if site.stop > x.shape[1]:
            break  # the label
        first = site.stop
        if len(states) == 1:
            continue
        states = states.to(x)
        towards = states @ down.weights[site]
        # What every state would send down: the cumulants of units that are not looked at are the same for all.
        tried = (sent - drawn[:, site] @ down.weights[site])[:, None] + towards
        looked_at = tried if known is None else torch.where(known[:, None], tried, 0.0)
        cumulants = down.units.cumulant(looked_at.flatten(0, 1)).reshape(tried.shape[:2])
        reached = (field[:, site] @ states.T - cumulants).softmax(1).cumsum(1)
        chosen = (reached < u[:, number, None].to(reached) * reached[:, -1:]).sum(1)
        drawn[:, site] = states[chosen]
        sent = tried[torch.arange(len(x), device=x.device), chosen]
    return drawn
