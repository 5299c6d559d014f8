r"""A lower bound on the log-likelihood of a deep belief network.

With the recognition's distribution :math:`q` of the layers below the top machine

.. math:: \log p(v) \ge E_q\Big[\log p^*(h^{L-1}) + \sum_{l=0}^{L-2} \log p(h^l \mid h^{l+1})
          - \sum_{l=0}^{L-2} \log q(h^{l+1} \mid h^l)\Big] - \log Z, \qquad h^0 = v

and the two sides differ by the divergence from q to the true posterior [1]_. The top's hidden units, and its label if
it has one that is not given, are summed away exactly. What is left is an average over draws of q, with a standard
error, and the top's log Z: a sum where the top is small, annealed in both directions where it is not [2]_.

References
----------
.. [1] G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief nets.
   Neural Computation 18.
.. [2] R. Salakhutdinov, I. Murray (2008). On the quantitative analysis of deep belief networks. ICML.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from layerwise.energy.class_rbm import free_energy_of_features, join_labels
from layerwise.energy.directed_stack import DirectedStack
from layerwise.energy.likelihood import LikelihoodMethod, log_likelihood
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import Labels, PerRow, UnitVector, VisibleBatch
from layerwise.units import NoisyRectifiedUnits

__all__ = ["Bound", "Posterior", "log_weight", "variational_bound"]

Posterior = Literal["samples", "means"]

ROWS_AT_ONCE = 1024
MOST_STARTS = 1000
"""Rows at the top that annealing is shown: it starts its way back at some of them."""


@dataclass(frozen=True)
class Bound:
    """What a deep belief network says of some rows at least, in nats a row.

    Parameters
    ----------
    mean : float
        Mean of ``per_row``.
    standard_error : float
        Of ``mean``, as an estimate of the bound for these rows: what drawing q and annealing add, squared, summed, and
        the root of it. (How rows like these would differ is the spread of ``per_row``.)
    log_partition, log_partition_error : float
        The top's log Z and its standard error; 0 where it is exact.
    lower : float
        The mean with the top's log Z from backward annealing, which is too high on average; ``mean`` where it is exact.
    per_row : Tensor of shape (batch,)
        The estimate for each row, float64.
    """

    mean: float
    standard_error: float
    log_partition: float
    log_partition_error: float
    lower: float
    per_row: PerRow

    def moved(self, constant: float) -> Bound:
        """The same with a constant added to what is said of every row: the rows in other units."""
        moved = {name: getattr(self, name) + constant for name in ("mean", "lower", "per_row")}
        return replace(self, **moved)

    def __str__(self) -> str:
        return (
            f"log-likelihood at least {self.mean:.2f} ± {self.standard_error:.2f} nats a row ({len(self.per_row):,} "
            f"rows; the top's log Z {self.log_partition:.2f} ± {self.log_partition_error:.2f})"
        )


@torch.no_grad()
def variational_bound(
    net: DirectedStack,
    v: VisibleBatch,
    labels: Labels | None = None,
    *,
    draws: int = 10,
    posterior: Posterior = "samples",
    random: RandomStream | None = None,
    method: LikelihoodMethod = "auto",
    chains: int = 100,
    temperatures: int = 10_000,
    mean: UnitVector | None = None,
) -> Bound:
    """Estimate the bound on log p(v), or on log p(v, label) where labels are given.

    Parameters
    ----------
    net : DirectedStack
    v : Tensor of shape (batch, visible)
    labels : Tensor of shape (batch,), int64, optional
        For a top with label units: bounds the joint probability of row and label.
    draws : int
        Times that q is drawn for each row, at least 2, for an error.
    posterior : {"samples", "means"}
        What the recognition passes on to its next layer: what it has drawn, or its means (mean field: all layers are
        independent given v). Each is a distribution q of its own, and the better one bounds better.
    random : RandomStream, optional
        ``RandomStream(0)`` if left out.
    method, chains, temperatures, mean
        Of the top's log Z: :func:`~layerwise.energy.likelihood.log_likelihood`. The mean is that of the top's visible
        units over the training rows.

    Returns
    -------
    Bound

    Raises
    ------
    OptionError
        Too few draws, or noisy rectified units below the top, which are not drawn as their density says.
    DataError
        There are no rows, or labels that the top does not know.

    Examples
    --------
    >>> from layerwise.energy import BeliefNet, bernoulli_rbm
    >>> net = BeliefNet([bernoulli_rbm(4, 3), bernoulli_rbm(3, 2)])  # all couplings zero: every row 2⁻⁴
    >>> print(variational_bound(net, torch.eye(4)))
    log-likelihood at least -2.77 ± 0.00 nats a row (4 rows; the top's log Z 3.47 ± 0.00)
    """
    if draws < 2:
        raise OptionError("draws", draws, "must be at least 2, for an error")
    if posterior not in ("samples", "means"):
        raise OptionError("posterior", posterior, "must be 'samples' or 'means'")
    if len(v) == 0:
        raise DataError("rows", 0, "must be at least one")
    if labels is not None and not net.classes:
        raise OptionError("labels", labels, "the top has no label units", "leave the labels out")
    for layer in net.recognition:
        if any(isinstance(module, NoisyRectifiedUnits) for module in layer.units.modules()):
            rule = "are not drawn as their density says, so that nothing is bounded"
            raise OptionError("hidden units", layer.units.name, rule, "take rectified units")
    random = RandomStream(0) if random is None else random
    of_posterior, at_top = random.child("posterior"), random.child("top")

    starts = range(0, len(v), ROWS_AT_ONCE)
    position, parts = of_posterior.position, list[Tensor]()
    for low in starts:
        of_posterior.position = position  # a row's draws do not depend on how many rows are done at once
        rows = slice(low, low + ROWS_AT_ONCE)
        some = None if labels is None else labels[rows]
        of_rows = [log_weight(net, v[rows], some, posterior, of_posterior, low) for _ in range(draws)]
        parts.append(torch.stack(of_rows))
    log_weights = torch.cat(parts, dim=1)

    # log Z from the rows that the recognition sends to the top, where annealing starts its way back.
    shown = net.top_rows(v[:MOST_STARTS], None if labels is None else labels[:MOST_STARTS], at_top)
    top = log_likelihood(
        net.top, shown, method=method, chains=chains, temperatures=temperatures, random=at_top, mean=mean
    )
    per_row = log_weights.mean(0) - top.log_partition
    from_draws = float((log_weights.var(0) / draws).sum().sqrt()) / len(v)
    average = float(per_row.mean())
    return Bound(
        average,
        math.hypot(from_draws, top.log_partition_error),
        top.log_partition,
        top.log_partition_error,
        average - (top.upper - top.lower),
        per_row,
    )


@torch.no_grad()
def log_weight(
    net: DirectedStack,
    v: VisibleBatch,
    labels: Labels | None,
    posterior: Posterior,
    random: RandomStream,
    first_row: int = 0,
) -> PerRow:
    """``log p*(v, h) - log q(h | v)`` of each row for one draw of h, whose mean less log Z is the bound.

    Parameters
    ----------
    net : DirectedStack
    v : Tensor of shape (batch, visible)
    labels : Tensor of shape (batch,), int64, optional
    posterior : {"samples", "means"}
        As for :func:`variational_bound`.
    random : RandomStream
    first_row : int
        Global number of the first row.

    Returns
    -------
    Tensor of shape (batch,)
        In nats, float64.
    """
    total = v.new_zeros(len(v), dtype=torch.float64)
    carried = below = v
    for up, down in zip(net.recognition, net.generation, strict=True):
        h = up.sample(carried, random, first_row)
        total += down.log_probability(below, h).double() - up.log_probability(h, carried).double()
        carried = up.mean(carried) if posterior == "means" else h
        below = h
    if labels is not None:
        free = net.top.free_energy(join_labels(below, labels, net.classes))
    elif net.classes:
        free = free_energy_of_features(net.top, below)
    else:
        free = net.top.free_energy(below)
    return total - free.double()
