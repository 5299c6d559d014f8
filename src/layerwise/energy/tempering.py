r"""Parallel tempering: replicas of a chain along a path, which trade places.

Where a machine's modes lie far apart a Gibbs chain stays in one. Each chain is therefore kept at several places
:math:`\beta_0 < \dots < \beta_R = 1` of a :class:`~layerwise.energy.path.Path` at once; near :math:`\beta = 0` rows
change freely, and what is found there reaches :math:`\beta = 1` by swaps of neighbours. Two rows v, v' at β, β' are
swapped with probability

.. math:: \min\Big(1,\; \frac{p^*_\beta(v')\, p^*_{\beta'}(v)}{p^*_\beta(v)\, p^*_{\beta'}(v')}\Big),

the hidden units summed over, which keeps the joint distribution of all replicas. Even and odd pairs take turns: a row
that is on its way goes on, where pairs of chance would turn it back [1]_ [2]_. The rates tell where the ladder is too
coarse, and where its places must go for all rates to be equal [2]_.

References
----------
.. [1] T. Okabe, M. Kawata, Y. Okamoto, M. Mikami (2001). Replica-exchange Monte Carlo method for the
   isobaric-isothermal ensemble. Chemical Physics Letters 335.
.. [2] S. Syed, A. Bouchard-Côté, G. Deligiannidis, A. Doucet (2021). Non-reversible parallel tempering: a scalable
   highly parallel MCMC scheme. Journal of the Royal Statistical Society B 84.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from layerwise import kernels
from layerwise.energy.path import Path
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import VisibleBatch, VisibleChains

__all__ = ["LadderWarning", "TemperedChains", "adapt_ladder", "ladder", "start_tempering", "temper", "warn_if_coarse"]

LOWEST_RATE = 0.1
"""Of swaps: below it a pair of neighbours is nearly cut off."""


class LadderWarning(UserWarning):
    """Neighbours on a temperature ladder hardly ever swap: it is too coarse."""


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
        return TemperedChains(self.v, _checked(betas), none, none, self.steps)


def ladder(replicas: int) -> list[float]:
    """Equal steps from β = 0 to β = 1, to begin with; :func:`adapt_ladder` makes better ones.

    Examples
    --------
    >>> ladder(5)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if replicas < 2:
        raise OptionError("replicas", replicas, "must be at least 2", "with one there is nothing to swap: take gibbs")
    return [i / (replicas - 1) for i in range(replicas)]


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
    places = _checked(betas)
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


def adapt_ladder(betas: Sequence[float], rates: Sequence[float]) -> list[float]:
    r"""As many places as before, such that all swap rates are the same.

    The share of swaps refused, summed from the first place on, is nearly a function :math:`\Lambda(\beta)` of the path
    alone, its *communication barrier* [1]_; between the places it is taken as linear, and cut into equal parts. The
    more swaps the rates are of, the better; repeat it.

    Parameters
    ----------
    betas : sequence of float
        Places now.
    rates : sequence of float
        Share of swaps accepted by each pair of neighbours; NaN, none tried, leaves the ladder as it is.

    Returns
    -------
    list of float

    References
    ----------
    .. [1] S. Syed, A. Bouchard-Côté, G. Deligiannidis, A. Doucet (2021). Non-reversible parallel tempering: a scalable
       highly parallel MCMC scheme. Journal of the Royal Statistical Society B 84.

    Examples
    --------
    >>> adapt_ladder([0.0, 0.5, 1.0], [0.9, 0.7])
    [0.0, 0.6666666666666666, 1.0]
    """
    places = [float(place) for place in _checked(betas)]
    if len(rates) != len(places) - 1:
        raise OptionError("rates", list(rates), f"must be one for each pair of neighbours, {len(places) - 1}")
    if any(math.isnan(rate) for rate in rates):
        return places
    # At least a part in a thousand refused, lest places fall together.
    barrier = list(accumulate((max(1.0 - rate, 1e-3) for rate in rates), initial=0.0))
    heights = [barrier[-1] * i / len(rates) for i in range(1, len(rates))]
    between = cast(list[float], np.interp(heights, barrier, places).tolist())
    return [places[0], *between, places[-1]]


def warn_if_coarse(state: TemperedChains, lowest: float = LOWEST_RATE) -> None:
    """Say so, once, if some neighbours swap less often than they should.

    Parameters
    ----------
    state : TemperedChains
    lowest : float
        Share of swaps.

    Warns
    -----
    LadderWarning
        The rate of some pair is below ``lowest``.
    """
    rates = state.rates
    low = rates.nan_to_num(nan=1.0).min()
    if float(low) < lowest:
        pair = int(rates.nan_to_num(nan=1.0).argmin())
        barrier = float((1 - rates).nan_to_num(nan=0.0).sum())
        warnings.warn(
            f"the ladder of {len(state.betas)} temperatures is too coarse: only {float(low):.1%} of the swaps between "
            f"β = {float(state.betas[pair]):.3g} and {float(state.betas[pair + 1]):.3g} are accepted; space it by "
            f"adapt_ladder, and take at least {_enough(barrier, len(state.betas))} temperatures",
            LadderWarning,
            stacklevel=2,
        )


def _enough(barrier: float, now: int) -> int:
    """Places at which every pair accepts about half, and more than there are."""
    return max(now + 1, int(np.ceil(2 * barrier)) + 1)


def _checked(betas: Sequence[float]) -> Tensor:
    places = torch.as_tensor(betas, dtype=torch.float64).cpu()
    rising = len(places) > 1 and bool((places.diff() > 0).all())
    if not rising or float(places[0]) < 0 or float(places[-1]) != 1:
        raise OptionError("betas", list(betas), "must rise, from 0 or more to 1", "make them by ladder(10)")
    return places
