"""A ladder of temperatures: its first guess, its adaptation to the swaps seen, and a word where it is too coarse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from layerwise.errors import OptionError
from layerwise.warning import warn

__all__ = ["LadderWarning", "adapt_ladder", "checked_ladder", "ladder", "warn_if_coarse"]

LOWEST_RATE = 0.1
"""Of swaps: below it a pair of neighbours is nearly cut off."""


class LadderWarning(UserWarning):
    """Neighbours on a temperature ladder hardly ever swap: it is too coarse."""


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
    >>> adapt_ladder([0.0, 0.5, 1.0], [0.75, 0.25])
    [0.0, 0.6666666666666666, 1.0]
    """
    places = checked_ladder(betas)
    if len(rates) != len(places) - 1:
        raise OptionError("rates", list(rates), f"must be one for each pair of neighbours, {len(places) - 1}")
    if any(math.isnan(rate) for rate in rates):
        return places
    # At least a part in a thousand refused, lest places fall together.
    barrier = list(accumulate((max(1.0 - rate, 1e-3) for rate in rates), initial=0.0))
    heights = [barrier[-1] * i / len(rates) for i in range(1, len(rates))]
    between: list[float] = np.interp(heights, barrier, places).tolist()
    return [places[0], *between, places[-1]]


def warn_if_coarse(betas: Sequence[float], rates: Sequence[float], lowest: float = LOWEST_RATE) -> None:
    """Say so if some neighbours swap less often than they should.

    Parameters
    ----------
    betas : sequence of float
    rates : sequence of float
        Share of swaps accepted by each pair of neighbours; NaN where none was tried.
    lowest : float
        Share of swaps.

    Warns
    -----
    LadderWarning
        The rate of some pair is below ``lowest``.
    """
    places = checked_ladder(betas)
    tried = [(rate, low, high) for rate, (low, high) in zip(rates, pairwise(places), strict=True) if rate == rate]
    rate, low, high = min(tried, default=(1.0, 0.0, 1.0))
    if rate < lowest:
        # With about half of the swaps accepted a row crosses the ladder fastest for its cost.
        enough = max(len(places), math.ceil(2 * sum(1 - rate for rate, _, _ in tried))) + 1
        warn(
            f"the ladder of {len(places)} temperatures is too coarse: only {rate:.1%} of the swaps between "
            f"β = {low:.3g} and {high:.3g} are accepted; space it by adapt_ladder, and take about {enough}",
            LadderWarning,
        )


def checked_ladder(betas: Sequence[float]) -> list[float]:
    """The places as they are, if they rise to 1."""
    places = [float(place) for place in betas]
    if len(places) < 2 or places[0] < 0 or places[-1] != 1 or not all(low < high for low, high in pairwise(places)):
        raise OptionError("betas", places, "must rise, from 0 or more to 1", "make them by ladder(10)")
    return places
