"""Measures of a machine on rows it does not learn from: greater is better, nothing is changed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from layerwise.energy.rbm import RBM
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream, random_words
from layerwise.shapes import PerRow, VisibleBatch, VisibleChains

__all__ = ["Measure", "minus_free_energy_gap", "pseudo_log_likelihood", "pseudo_score"]

Measure = Callable[[RBM], float]
"""In nats a row; greater is better."""


def minus_free_energy_gap(rows: VisibleBatch, held_out: VisibleChains) -> Measure:
    """Minus the mean free energy of held-out rows less that of training rows [1]_.

    Near zero while both are equally probable; it falls when the machine begins to know its training rows by heart. The
    partition function, which cannot be known, drops out of the difference.

    Parameters
    ----------
    rows : Tensor of shape (batch, visible)
        Rows of the training data, without missing values.
    held_out : Tensor of shape (any number, visible)
        Rows that nothing is learned from, without missing values.

    References
    ----------
    .. [1] G. E. Hinton (2012). A practical guide to training restricted Boltzmann machines. Neural networks: tricks of
       the trade.
    """
    for name, values in (("rows", rows), ("held_out", held_out)):
        if not len(values) or bool(values.isnan().any()):
            raise DataError(name, f"{len(values)} rows", "must be some, none of them with a missing value")

    @torch.no_grad()
    def measure(rbm: RBM) -> float:
        return float(rbm.free_energy(rows).double().mean() - rbm.free_energy(held_out).double().mean())

    return measure


def pseudo_score(held_out: VisibleBatch, seed: int = 0) -> Measure:
    """Mean :func:`pseudo_log_likelihood` of held-out rows, at the same sites each time it is asked."""

    def measure(rbm: RBM) -> float:
        return float(pseudo_log_likelihood(rbm, held_out, RandomStream(seed)).double().mean())

    return measure


@torch.no_grad()
def pseudo_log_likelihood(rbm: RBM, v: VisibleBatch, random: RandomStream) -> PerRow:
    r"""Estimate :math:`\sum_s \log p(v_s \mid v_{-s})` of each row at one site of chance.

    Times the number of sites, one term is on average the sum of all [1]_.

    Parameters
    ----------
    rbm : RBM
        Its visible sites must have states that can be counted.
    v : Tensor of shape (batch, visible)
        Values between states are taken as their expectations.
    random : RandomStream
        One position is taken.

    Returns
    -------
    Tensor of shape (batch,)
        In nats.

    Raises
    ------
    OptionError
        Some visible unit takes real values.

    Examples
    --------
    >>> from layerwise.energy import bernoulli_rbm
    >>> pseudo_log_likelihood(bernoulli_rbm(3, 2), torch.ones(1, 3), RandomStream(0))  # three fair coins
    tensor([-2.0794])

    References
    ----------
    .. [1] J. Besag (1975). Statistical analysis of non-lattice data. The Statistician 24.
    """
    sites = rbm.visible.states()
    if sites is None:
        raise OptionError("measure", "pseudo-likelihood", "needs visible units whose states can be counted")
    result = v.new_zeros(len(v))
    chosen = random_words(random, len(v), 1)[:, 0] % len(sites)
    first = 0
    for site, states in enumerate(sites):
        states = states.to(v)
        columns = slice(first, first + states.shape[1])
        first = columns.stop
        rows = (chosen == site).nonzero()[:, 0].to(v.device)
        if len(rows):
            of_rows = v[rows]
            others = of_rows.repeat_interleave(len(states), 0)
            others[:, columns] = states.repeat(len(rows), 1)
            log_p = (-rbm.free_energy(others)).reshape(len(rows), -1).log_softmax(1)
            result[rows] = len(sites) * (_shares(of_rows[:, columns], states) * log_p).sum(1)
    return result


def _shares(values: Tensor, states: Tensor) -> Tensor:
    """How much of each state is in a value: one for a state itself."""
    if states.shape[1] > 1:
        return values  # one-hot
    if len(states) == 1:
        return torch.ones_like(values)
    upper = (values - states[0]) / (states[1] - states[0])
    return torch.cat([1 - upper, upper], 1)
