r"""How fast chains forget: autocorrelation time, effective sample size, and whether chains agree.

For a trace x of one number a step, with autocorrelation :math:`\rho_t`, the mean over n steps is as sure as that of
:math:`n / \tau` independent draws,

.. math:: \tau = 1 + 2 \sum_{t \ge 1} \rho_t.

The sum is cut off at the first M of at least five τ [1]_: beyond it there is only noise.

References
----------
.. [1] A. Sokal (1997). Monte Carlo methods in statistical mechanics: foundations and new algorithms. In Functional
   Integration, NATO ASI 361.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from layerwise.errors import DataError

__all__ = ["Mixing", "autocorrelation", "mixing"]

WINDOW = 5.0
"""Autocorrelation times that the sum reaches: of an exponential tail it leaves out e⁻⁵."""


@dataclass(frozen=True)
class Mixing:
    """How fast some chains forget.

    Parameters
    ----------
    time : float
        Integrated autocorrelation time τ, in steps: 1 for independent draws; infinite where nothing moved.
    error : float
        Standard error of ``time``.
    effective : float
        Effective sample size of all chains together, steps · chains / τ.
    r_hat : float
        Square root of the variance of all over that within the halves of chains [1]_: above 1.01 the
        chains have not yet seen the same distribution.

    References
    ----------
    .. [1] A. Gelman, J. Carlin, H. Stern, D. Dunson, A. Vehtari, D. Rubin (2013). Bayesian Data Analysis, 3rd edition.
    """

    time: float
    error: float
    effective: float
    r_hat: float


def autocorrelation(traces: Float[Tensor, "step chain"]) -> Float[Tensor, " step"]:
    """Autocorrelation at every lag, averaged over chains, float64.

    Deviations are from the mean of all chains: chains that stay apart are correlated for ever.

    Parameters
    ----------
    traces : Tensor of shape (step, chain)

    Returns
    -------
    Tensor of shape (step,)
        1 at lag 0; NaN everywhere where nothing moved.
    """
    x = traces.double()
    steps = len(x)
    x = x - x.mean()
    # Padded to twice its length: the end must not meet the beginning.
    spectrum = cast(Tensor, torch.fft.rfft(x, n=2 * steps, dim=0))
    products = cast(Tensor, torch.fft.irfft(spectrum * spectrum.conj(), n=2 * steps, dim=0))
    covariance = products[:steps].mean(1) / torch.arange(steps, 0, -1, dtype=torch.float64, device=x.device)
    return covariance / covariance[0]


def mixing(traces: Float[Tensor, "step chain"], window: float = WINDOW) -> Mixing:
    """Autocorrelation time, effective sample size and R̂ of a number that was watched along chains.

    Parameters
    ----------
    traces : Tensor of shape (step, chain)
        For instance the energy of every chain, step by step, after burn-in.
    window : float
        Autocorrelation times after which the sum is cut off.

    Returns
    -------
    Mixing

    Raises
    ------
    DataError
        Fewer than four steps, or something that is no finite number.

    Examples
    --------
    >>> alternating = torch.tensor([[1.0], [-1.0]]).repeat(500, 8)
    >>> mixing(alternating).time < 0.1  # every pair of steps cancels: better than independent draws
    True
    """
    steps, chains = traces.shape
    if steps < 4 or chains < 1:
        raise DataError("traces", f"{steps} steps of {chains} chains", "must have at least 4 steps of a chain")
    if not bool(torch.isfinite(traces).all()):
        raise DataError("traces", "NaN or infinite", "must be finite numbers")
    x = traces.double()
    if float(x.max()) == float(x.min()):
        return Mixing(math.inf, math.inf, 0.0, math.nan)
    sums = 2 * autocorrelation(x).cumsum(0) - 1  # τ if cut off at each lag
    lags = torch.arange(steps, dtype=torch.float64, device=x.device)
    inside = torch.nonzero(lags >= window * sums)
    cut = int(inside[0]) if len(inside) else steps - 1
    # At least what a trace of this length could tell from nothing.
    time = max(float(sums[cut]), 1 / steps)
    error = time * math.sqrt(2 * (2 * cut + 1) / (steps * chains))
    return Mixing(time, error, steps * chains / time, _r_hat(x))


def _r_hat(x: Tensor) -> float:
    half = len(x) // 2
    halves = torch.cat([x[:half], x[-half:]], dim=1)
    within = float(halves.var(0).mean())
    if within == 0:
        return math.inf
    between = float(halves.mean(0).var())
    return math.sqrt((half - 1) / half + between / within)
