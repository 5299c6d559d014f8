r"""Machines small enough to be summed over: the states of one side, and the partition function.

With the units of one side counted and those of the other integrated out by their cumulant function,

.. math:: Z = \sum_h e^{b h - U_0(h) + \Gamma_v(a + W h)} = \sum_v e^{a v - U_0(v) + \Gamma_h(b + v^\top W)}.

The sites of the counted side are cut into two halves. Their joint states are pairs (i, j) and what they send to the
other side is a sum :math:`A_i + B_j`: no product of the size of the sum is ever made. Everything is done in float64,
block by block.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.units import UnitKind

__all__ = [
    "LARGEST",
    "Block",
    "CountedSide",
    "Side",
    "exact_log_partition",
    "state_count",
    "states_of",
]

Side = Literal["visible", "hidden"]

LARGEST = 2**24
"""Joint states that are counted if nothing else is said: a minute or two where the other side has 784 units."""
BLOCK = 2**18
"""Numbers of a block: what a core's second-level cache holds."""


def state_count(units: UnitKind) -> int | float:
    """How many joint states a layer has; infinite where they cannot be counted."""
    sites = units.states()
    return math.inf if sites is None else math.prod(len(site) for site in sites)


def states_of(units: UnitKind, numbers: Int64[Tensor, " batch"] | None = None) -> Float[Tensor, "batch unit"]:
    """Joint states of a layer, float32; the last site runs fastest.

    Parameters
    ----------
    units : UnitKind
        A kind whose states can be counted.
    numbers : Tensor of shape (batch,), optional
        Which states; all of them if left out.

    Returns
    -------
    Tensor of shape (batch, unit)

    Examples
    --------
    >>> from layerwise.units import SpinUnits
    >>> states_of(SpinUnits(2)).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    sites = units.states()
    if sites is None:
        raise OptionError("units", units.name, "must be of a kind whose states can be counted")
    return _states(sites, numbers)


@torch.no_grad()
def exact_log_partition(rbm: RBM, largest: int = LARGEST) -> float:
    """Log Z in nats, by the sum over the side with fewer joint states.

    Parameters
    ----------
    rbm : RBM
    largest : int
        Most joint states that are counted.

    Returns
    -------
    float

    Raises
    ------
    OptionError
        Neither side can be counted within ``largest``.

    Examples
    --------
    >>> from layerwise.energy import bernoulli_rbm
    >>> round(exact_log_partition(bernoulli_rbm(300, 4)) / math.log(2), 6)  # no couplings: 304 free bits
    304.0
    """
    counted = CountedSide.smaller(rbm, largest)
    return float(torch.stack([block.log_weight.logsumexp(0) for block in counted.blocks()]).logsumexp(0))


@dataclass(frozen=True)
class Block:
    """Some joint states of the counted side, all in float64."""

    states: Tensor
    field: Tensor
    """Of the other side."""
    log_weight: Tensor
    """Log of the sum over the other side, in nats."""


@dataclass(frozen=True)
class CountedSide:
    """A machine, in float64, and the side whose states are counted."""

    machine: RBM
    side: Side
    sites: list[Tensor]

    @classmethod
    def smaller(cls, rbm: RBM, largest: int) -> CountedSide:
        """The side with fewer states.

        Raises
        ------
        OptionError
            Neither side can be counted within ``largest``.
        """
        visible, hidden = state_count(rbm.visible), state_count(rbm.hidden)
        if min(visible, hidden) > largest:
            raise OptionError(
                "rbm",
                f"{_told(rbm.visible)} × {_told(rbm.hidden)} units",
                f"one side must have at most {largest:,} joint states that can be counted, to be summed over",
                "estimate by annealed importance sampling: log_likelihood(…, method='ais')",
            )
        return cls.of(rbm, "hidden" if hidden <= visible else "visible", largest)

    @classmethod
    def of(cls, rbm: RBM, side: Side, largest: int) -> CountedSide:
        """The side asked for."""
        units = rbm.visible if side == "visible" else rbm.hidden
        count, sites = state_count(units), units.states()
        if sites is None or count > largest:
            rule = f"must have at most {largest:,} joint states that can be counted"
            raise OptionError(f"{side} units", _told(units), rule, "take the other side, or sample")
        return cls(copy.deepcopy(rbm).double(), side, [site.to(rbm.weights).double() for site in sites])

    def states(self, numbers: Int64[Tensor, " batch"] | None = None) -> Tensor:
        """The states with the given numbers, or all."""
        return _states(self.sites, numbers)

    def blocks(self) -> Iterator[Block]:
        """All joint states in order, so many at a time that a block stays small."""
        machine = self.machine
        if self.side == "visible":
            units, other, weights = machine.visible, machine.hidden, machine.weights
        else:
            units, other, weights = machine.hidden, machine.visible, machine.weights.T
        first, second = _halves(self.sites)
        a = _states(first) if first else machine.weights.new_zeros(1, 0)
        b = _states(second)
        width = a.shape[1]
        of_a, of_b = a @ weights[:width] + other.bias, b @ weights[width:]
        many = max(1, BLOCK // other.size)
        step_b = min(len(b), many)
        step_a = max(1, many // len(b))
        for low_a in range(0, len(a), step_a):
            some_a = slice(low_a, low_a + step_a)
            for low_b in range(0, len(b), step_b):
                some_b = slice(low_b, low_b + step_b)
                field = (of_a[some_a, None] + of_b[some_b]).flatten(0, 1)
                pair = a[some_a, None].expand(-1, len(b[some_b]), -1), b[some_b].expand(len(a[some_a]), -1, -1)
                states = torch.cat(pair, dim=2).flatten(0, 1)
                yield Block(states, field, other.cumulant(field) - units.energy(states))


def _told(units: UnitKind) -> str:
    return f"{units.size} {units.name}"


def _halves(sites: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Cut so that the first half has as many joint states as it can without having more than the second."""
    half, count = math.sqrt(math.prod(len(site) for site in sites)), 1
    for i, site in enumerate(sites):
        count *= len(site)
        if count > half:
            return sites[:i], sites[i:]
    return [], sites


def _states(sites: list[Tensor], numbers: Tensor | None = None) -> Tensor:
    """Joint states of sites, all or those with the given numbers."""
    if numbers is None:
        numbers = torch.arange(math.prod(len(site) for site in sites), device=sites[0].device)
    columns: list[Tensor] = []
    for site in reversed(sites):
        columns.append(site[numbers % len(site)])
        numbers = numbers // len(site)
    return torch.cat(columns[::-1], dim=1)
