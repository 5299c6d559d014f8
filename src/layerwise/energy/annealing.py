r"""Annealed importance sampling: the partition function of a machine too large to be summed over.

Chains start at the independent units of a :class:`~layerwise.energy.path.Path`, where Z is known, and walk to the
machine, by one Gibbs step at every place. With :math:`p^*_k(v)` the unnormalised marginal at :math:`\beta_k`

.. math:: w = \prod_{k=0}^{K-1} \frac{p^*_{k+1}(v_k)}{p^*_k(v_k)}, \qquad E[w] = Z / Z_0

without bias [1]_; by Jensen's inequality what follows for log Z is too low on average. Walked back from rows of the
machine itself the inverse ratio is unbiased, and what follows for log Z too high [2]_: the two enclose the truth, as
far as the rows that the way back starts at are the machine's. (The draws of ``noisy_rectified`` units are approximate,
and so is all of this for machines that have some.)

References
----------
.. [1] R. M. Neal (2001). Annealed importance sampling. Statistics and Computing 11.
.. [2] Y. Burda, R. Grosse, R. Salakhutdinov (2015). Accurate and conservative estimates of MRF log-likelihood using
   reverse annealing. AISTATS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from layerwise.energy.path import Path
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import PerRow, VisibleBatch, VisibleChains

__all__ = ["Annealing", "anneal", "anneal_back", "schedule"]

CHAINS_AT_ONCE = 512
"""What stays in the cache. Draws do not depend on it, nor do weights, but for the last digit of a sum."""


@dataclass(frozen=True)
class Annealing:
    """What a set of annealed chains says of log Z.

    Parameters
    ----------
    log_partition : float
        The estimate of log Z, in nats.
    standard_error : float
        Of it, by the delta method: the relative standard error of the mean weight.
    effective : float
        Effective number of chains, ``(Σ w)² / Σ w²``: far below their count, few chains carry the estimate.
    log_weights : Tensor of shape (chain,)
        float64.
    """

    log_partition: float
    standard_error: float
    effective: float
    log_weights: Float[Tensor, " chain"]


def schedule(temperatures: int, steepness: float = 0.0) -> list[float]:
    r"""Places from β = 0 to β = 1: equal steps, or denser towards both ends, a sigmoid cut off and stretched [1]_.

    .. math:: \beta_k = \frac{\tilde\beta_k - \tilde\beta_0}{\tilde\beta_K - \tilde\beta_0}, \qquad
              \tilde\beta_k = \sigma\Big(s\,\frac{2k - K}{K}\Big)

    Parameters
    ----------
    temperatures : int
        Steps K, at least 1; one place more is returned.
    steepness : float
        s; 0 for equal steps: no other spacing was better by much where it was measured (docs/design_notes.md).

    Returns
    -------
    list of float

    References
    ----------
    .. [1] R. Grosse, C. Maddison, R. Salakhutdinov (2013). Annealing between distributions by averaging moments. NIPS.

    Examples
    --------
    >>> schedule(4)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if temperatures < 1:
        raise OptionError("temperatures", temperatures, "must be at least 1", "10,000 are usual")
    if steepness < 0 or not math.isfinite(steepness):
        raise OptionError("steepness", steepness, "must be a number of at least 0", "0 makes equal steps")
    places = torch.linspace(-1, 1, temperatures + 1, dtype=torch.float64)
    if steepness:
        places = torch.tanh(places * (steepness / 2))  # a sigmoid but for scale and shift
    places = (places - places[0]) / (places[-1] - places[0])
    return [float(place) for place in places]


@torch.no_grad()
def anneal(path: Path, betas: list[float], chains: int, random: RandomStream, first_row: int = 0) -> Annealing:
    """Walk from independent units to the machine: on average a little below log Z.

    Parameters
    ----------
    path : Path
    betas : list of float
        Places, rising from 0 to 1; :func:`schedule` makes them.
    chains : int
        At least 2, for an error.
    random : RandomStream
    first_row : int
        Global number of the first chain.

    Returns
    -------
    Annealing
        ``exp(log_weights)`` are estimates of Z / Z₀.

    Raises
    ------
    OptionError
        Too few chains, or places that do not rise from 0 to 1.
    """
    _check(betas, chains)
    position, parts = random.position, list[Tensor]()
    for low in range(0, chains, CHAINS_AT_ONCE):
        random.position = position
        v = path.sample_start(min(CHAINS_AT_ONCE, chains - low), random, first_row + low)
        parts.append(_walk(path, betas, v, random, first_row + low))
    log_weights = torch.cat(parts)
    return _estimate(log_weights, path.log_partition_at_start(), 1.0)


@torch.no_grad()
def anneal_back(
    path: Path, betas: list[float], starts: VisibleChains, random: RandomStream, first_row: int = 0
) -> Annealing:
    """Walk from rows of the machine to independent units: on average a little above log Z.

    Parameters
    ----------
    path : Path
    betas : list of float
        Places, rising from 0 to 1, as for :func:`anneal`.
    starts : Tensor of shape (chain, visible)
        Rows drawn from the machine: exactly, or from chains that have run for long. What they miss of the machine, the
        estimate misses.
    random : RandomStream
    first_row : int
        Global number of the first chain.

    Returns
    -------
    Annealing
        ``exp(log_weights)`` are estimates of Z₀ / Z.

    Raises
    ------
    OptionError
        Too few chains, or places that do not rise from 0 to 1.
    """
    _check(betas, len(starts))
    position, parts = random.position, list[Tensor]()
    for low in range(0, len(starts), CHAINS_AT_ONCE):
        random.position = position
        parts.append(_walk(path, betas[::-1], starts[low : low + CHAINS_AT_ONCE], random, first_row + low))
    return _estimate(torch.cat(parts), path.log_partition_at_start(), -1.0)


def _walk(path: Path, betas: list[float], v: VisibleBatch, random: RandomStream, first_row: int) -> PerRow:
    """Log-weights of chains; after a weight is taken, a Gibbs step at the place that was gone to."""
    log_weights = torch.zeros(len(v), dtype=torch.float64, device=v.device)
    for here, there in pairwise(betas):
        sent = path.sent_up(v)
        log_weights += path.log_ratio(v, sent, here, there)
        if there == betas[-1]:
            break  # nobody asks where the chain would go
        h = path.rbm.hidden.sample(path.field_of_hidden(sent, there), random, first_row)
        v = path.sample_v_from_h(h, there, random, first_row)
    return log_weights


def _estimate(log_weights: Tensor, log_start: float, sign: float) -> Annealing:
    """``log_start + sign · log mean(w)`` and how sure it is; all in float64."""
    count = len(log_weights)
    log_mean = float(log_weights.logsumexp(0)) - math.log(count)
    share = log_weights.softmax(0)
    error = math.sqrt(float(((share - 1 / count) ** 2).sum()) * count / (count - 1))
    return Annealing(log_start + sign * log_mean, error, float(1 / (share**2).sum()), log_weights)


def _check(betas: list[float], chains: int) -> None:
    if chains < 2:
        raise OptionError("chains", chains, "must be at least 2", "one chain says nothing of its error; take 100")
    if len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or not all(low < high for low, high in pairwise(betas)):
        raise OptionError("betas", betas, "must rise from 0 to 1", "make them by schedule(10_000)")
