r"""Parallel tempering: replicas of a chain along a path, which trade places.

Where a machine's modes lie far apart a Gibbs chain stays in one. Each chain is therefore kept at several places
:math:`\beta_0 < \dots < \beta_R = 1` of a :class:`~layerwise.energy.path.Path` at once; near :math:`\beta = 0` rows
change freely, and what is found there reaches :math:`\beta = 1` by swaps of neighbours. Two rows v, v' at β, β' are
swapped with probability

.. math:: \min\Big(1,\; \frac{p^*_\beta(v')\, p^*_{\beta'}(v)}{p^*_\beta(v)\, p^*_{\beta'}(v')}\Big),

the hidden units summed over, which keeps the joint distribution of all replicas. Even and odd pairs take turns: a row
that is on its way goes on, where pairs of chance would turn it back [1]_ [2]_. The rates tell whether the ladder is too
coarse (:mod:`~layerwise.energy.ladder`).

References
----------
.. [1] T. Okabe, M. Kawata, Y. Okamoto, M. Mikami (2001). Replica-exchange Monte Carlo method for the
   isobaric-isothermal ensemble. Chemical Physics Letters 335.
.. [2] S. Syed, A. Bouchard-Côté, G. Deligiannidis, A. Doucet (2021). Non-reversible parallel tempering: a scalable
   highly parallel MCMC scheme. Journal of the Royal Statistical Society B 84.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from layerwise import kernels
from layerwise.energy.ladder import checked_ladder
from layerwise.energy.path import Path
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import VisibleBatch, VisibleChains

__all__ = ["TemperedChains", "start_tempering", "temper"]


@dataclass(frozen=True)
class TemperedChains:
    """All that the next step needs: tensors and a number."""

    v: VisibleBatch
    """Replicas of the first chain by rising β, then those of the second, …: of shape (chain · replica, visible)."""
    betas: Float[Tensor, " replica"]
    """float64."""
    tried: Int64[Tensor, " pair"]
    """Swaps of each pair of neighbours, summed over chains, since the ladder was set."""
    accepted: Int64[Tensor, " pair"]
    steps: int
    """Its parity says which pairs are next."""

    @property
    def chains(self) -> int:
        """How many chains there are, each of several replicas."""
        return len(self.v) // len(self.betas)

    @property
    def rates(self) -> Float[Tensor, " pair"]:
        """Share of swaps accepted by each pair of neighbours; NaN where none was tried."""
        return self.accepted.double() / self.tried.double()

    @property
    def rows(self) -> VisibleChains:
        """The rows at β = 1, one a chain: the machine's."""
        return self.at(len(self.betas) - 1)

    def at(self, replica: int) -> VisibleChains:
        """The rows at one place of the ladder, one a chain."""
        return self.v.reshape(self.chains, len(self.betas), -1)[:, replica].contiguous()

    def on(self, betas: Sequence[float]) -> TemperedChains:
        """The same rows on another ladder of as many places; counting of swaps starts anew."""
        if len(betas) != len(self.betas):
            raise OptionError("betas", list(betas), f"must be as many as before, {len(self.betas)}")
        none = torch.zeros_like(self.tried)
        places = torch.tensor(checked_ladder(betas), dtype=torch.float64)
        return TemperedChains(self.v, places, none, none, self.steps)


def start_tempering(
    path: Path, betas: Sequence[float], chains: int, random: RandomStream, first_row: int = 0
) -> TemperedChains:
    """Every replica at rows of the independent units.

    Parameters
    ----------
    path : Path
    betas : sequence of float
        Places, rising to 1.
    chains : int
        Each has a replica at every place.
    random : RandomStream
    first_row : int
        Global number of the first chain.
    """
    if chains < 1:
        raise OptionError("chains", chains, "must be at least 1")
    places = torch.tensor(checked_ladder(betas), dtype=torch.float64)
    v = path.sample_start(chains * len(places), random, first_row * len(places))
    none = torch.zeros(len(places) - 1, dtype=torch.int64)
    return TemperedChains(v, places, none, none, 0)


@torch.no_grad()
def temper(path: Path, state: TemperedChains, steps: int, random: RandomStream, first_row: int = 0) -> TemperedChains:
    """Swap neighbours, then a Gibbs step of every replica at its place, so many times.

    Both need what the rows send up, so a step takes one product up and one down for all replicas together.

    Parameters
    ----------
    path : Path
    state : TemperedChains
    steps : int
    random : RandomStream
    first_row : int
        Global number of the first chain.

    Returns
    -------
    TemperedChains

    Raises
    ------
    OptionError
        ``steps`` is below 1.
    """
    if steps < 1:
        raise OptionError("steps", steps, "must be at least 1")
    rbm, v, replicas, chains = path.rbm, state.v, len(state.betas), state.chains
    row = first_row * replicas
    column = state.betas.to(v.device).repeat(chains)[:, None]
    tried, accepted = state.tried.clone(), state.accepted.clone()
    for step in range(state.steps, state.steps + steps):
        sent = path.sent_up(v)
        order, swapped = _swaps(path, v, sent, state.betas.to(v.device), step % 2, random, first_row)
        v, sent = v[order], sent[order]
        pairs = slice(step % 2, None, 2)
        tried[pairs] += chains
        accepted[pairs] += swapped.cpu()
        h = rbm.hidden.sample(path.field_of_hidden(sent, column), random, row)
        v = path.sample_v_from_h(h, column, random, row)
    return TemperedChains(v, state.betas, tried, accepted, state.steps + steps)


def _swaps(
    path: Path, v: Tensor, sent: Tensor, betas: Tensor, first: int, random: RandomStream, first_row: int
) -> tuple[Tensor, Tensor]:
    """Which row comes to each place, and how many swaps each of the pairs first, first + 2, … accepted."""
    replicas = len(betas)
    chains = len(v) // replicas
    partner = torch.arange(replicas, device=v.device)
    lower = partner[first : replicas - 1 : 2]
    partner = partner.scatter(0, lower, lower + 1).scatter(0, lower + 1, lower)
    here, there = (place.repeat(chains)[:, None] for place in (betas, betas[partner]))
    gain = path.log_ratio(v, sent, here, there).reshape(chains, replicas)
    u = kernels.uniform(chains, replicas - 1, random, first_row, v.device)[:, lower].double()
    swap = u.log() < gain[:, lower] + gain[:, lower + 1]
    order = torch.arange(len(v), device=v.device).reshape(chains, replicas)
    low, high = order[:, lower], order[:, lower + 1]
    order = order.clone()
    order[:, lower], order[:, lower + 1] = torch.where(swap, high, low), torch.where(swap, low, high)
    return order.flatten(), swap.sum(0)
