r"""Machines small enough to be summed over: the partition function, samples and the likelihood's gradient, exactly.

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

from layerwise import kernels
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenBatch, VisibleBatch
from layerwise.units import UnitKind

__all__ = [
    "LARGEST",
    "Side",
    "exact_gradient",
    "exact_log_partition",
    "exact_marginal",
    "exact_sample",
    "state_count",
    "states_of",
]

Side = Literal["visible", "hidden"]

LARGEST = 2**24
"""Joint states that are counted if nothing else is said: a minute or two where the other side has 784 units."""
BLOCK = 2**18
"""Numbers of a block: what a core's second-level cache holds."""


def state_count(units: UnitKind) -> float:
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
    counted = _Counted.smaller(rbm, largest)
    return float(torch.stack([block.log_weight.logsumexp(0) for block in counted.blocks()]).logsumexp(0))


@torch.no_grad()
def exact_marginal(rbm: RBM, side: Side, largest: int = 2**20) -> tuple[Tensor, Float[Tensor, " state"]]:
    """Log-probability of every joint state of one side, the other integrated out.

    Parameters
    ----------
    rbm : RBM
    side : {"visible", "hidden"}
    largest : int
        Most joint states that are counted.

    Returns
    -------
    states : Tensor of shape (state, units of the side)
        In the machine's precision, in the order of :func:`states_of`.
    log_p : Tensor of shape (state,)
        In nats, float64.

    Raises
    ------
    OptionError
        The side has more states, or cannot be counted.
    """
    counted = _Counted.of(rbm, side, largest)
    log_weight = torch.cat([block.log_weight for block in counted.blocks()])
    return _states(counted.sites).to(rbm.weights), log_weight - log_weight.logsumexp(0)


@torch.no_grad()
def exact_sample(
    rbm: RBM, count: int, random: RandomStream, first_row: int = 0, largest: int = 2**20
) -> tuple[VisibleBatch, HiddenBatch]:
    """Draw rows from the machine itself: no chain, no burn-in.

    A state of the side with fewer is drawn by its marginal probability, then the other side given it. (Units whose own
    draws are approximate, ``noisy_rectified``, stay so on the side that is not counted.)

    Parameters
    ----------
    rbm : RBM
    count : int
    random : RandomStream
    first_row : int
        Global number of the first row.
    largest : int
        Most joint states that are counted.

    Returns
    -------
    v : Tensor of shape (count, visible)
    h : Tensor of shape (count, hidden)

    Raises
    ------
    OptionError
        ``count`` is below 1, or neither side can be counted within ``largest``.
    """
    if count < 1:
        raise OptionError("count", count, "must be at least 1")
    counted = _Counted.smaller(rbm, largest)
    log_weight = torch.cat([block.log_weight for block in counted.blocks()])
    reached = (log_weight - log_weight.logsumexp(0)).exp().cumsum(0)
    # Two uniform numbers make one of 46 bits: 24 alone would be as coarse as the states are many.
    u = kernels.uniform(count, 2, random, first_row, rbm.weights.device).double()
    place = (torch.floor(u[:, 0] * 2**23) + u[:, 1]) / 2**23 * reached[-1]
    numbers = torch.searchsorted(reached, place).clamp_max(len(reached) - 1)
    states = _states(counted.sites, numbers).to(rbm.weights)
    if counted.side == "hidden":
        return rbm.sample_v_from_h(states, random, first_row), states
    return states, rbm.sample_h_from_v(states, random, first_row)


@torch.no_grad()
def exact_gradient(rbm: RBM, rows: VisibleBatch, largest: int = 2**20) -> dict[str, Tensor]:
    r"""Gradient of the mean log-likelihood of rows, with the model's expectations as sums over its states.

    .. math:: \frac{\partial}{\partial\theta} \langle \log p(v) \rangle = \Big\langle -\frac{\partial E}{\partial\theta}
              \Big\rangle_{data} - \Big\langle -\frac{\partial E}{\partial\theta} \Big\rangle_{model}

    Parameters
    ----------
    rbm : RBM
    rows : Tensor of shape (batch, visible)
    largest : int
        Most joint states that are counted.

    Returns
    -------
    dict of str to Tensor
        By the names of ``rbm.named_parameters()``, in nats per unit of the parameter, float64.

    Raises
    ------
    OptionError
        Neither side can be counted within ``largest``.
    """
    counted = _Counted.smaller(rbm, largest)
    log_z = torch.stack([block.log_weight.logsumexp(0) for block in counted.blocks()]).logsumexp(0)
    machine, rows = counted.machine, rows.double()
    share = torch.full((len(rows),), 1 / len(rows), dtype=torch.float64, device=rows.device)
    result = _weighted(machine, "visible", rows, machine.field_of_hidden(rows), share)
    for block in counted.blocks():
        of_block = _weighted(machine, counted.side, block.states, block.field, (block.log_weight - log_z).exp())
        for name, value in of_block.items():
            result[name] -= value
    return {name: result[name] for name, _ in rbm.named_parameters()}


def _weighted(machine: RBM, side: Side, states: Tensor, field: Tensor, p: Tensor) -> dict[str, Tensor]:
    """Sum of statistics over states of one side with weights p, the other side by its expectations."""
    one, other = (machine.visible, machine.hidden) if side == "visible" else (machine.hidden, machine.visible)
    mean = other.mean(field)
    correlation = states.T @ (p[:, None] * mean)
    other_side = "hidden" if side == "visible" else "visible"
    sums = {"weights": correlation if side == "visible" else correlation.T}
    sums |= {f"{side}.{name}": p @ value for name, value in one.statistics(states).items()}
    return sums | {f"{other_side}.{name}": p @ value for name, value in other.expected_statistics(field, mean).items()}


@dataclass(frozen=True)
class _Block:
    """Some joint states of the counted side."""

    states: Tensor
    field: Tensor
    """Of the other side."""
    log_weight: Tensor
    """Log of the sum over the other side, in nats."""


@dataclass(frozen=True)
class _Counted:
    """A machine, in float64, and the side whose states are counted."""

    machine: RBM
    side: Side
    sites: list[Tensor]

    @classmethod
    def smaller(cls, rbm: RBM, largest: int) -> _Counted:
        """The side with fewer states."""
        visible, hidden = state_count(rbm.visible), state_count(rbm.hidden)
        if min(visible, hidden) > largest:
            raise OptionError(
                "rbm",
                f"{_told(rbm.visible, visible)} visible, {_told(rbm.hidden, hidden)} hidden",
                f"one side must have at most {largest:,} joint states to be summed over",
                "estimate by annealed importance sampling: method='ais'",
            )
        return cls.of(rbm, "hidden" if hidden <= visible else "visible", largest)

    @classmethod
    def of(cls, rbm: RBM, side: Side, largest: int) -> _Counted:
        units = rbm.visible if side == "visible" else rbm.hidden
        count, sites = state_count(units), units.states()
        if sites is None or count > largest:
            rule = f"must have at most {largest:,} joint states to be summed over"
            raise OptionError(f"{side} units", _told(units, count), rule, "take the other side, or sample")
        device = rbm.weights.device
        return cls(copy.deepcopy(rbm).double(), side, [site.double().to(device) for site in sites])

    def blocks(self) -> Iterator[_Block]:
        """All joint states in order, so many at a time that a block stays small."""
        machine = self.machine
        if self.side == "visible":
            units, other, weights = machine.visible, machine.hidden, machine.weights
        else:
            units, other, weights = machine.hidden, machine.visible, machine.weights.T
        first, second = _halves(self.sites)
        a, b = _states(first), _states(second)
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
                yield _Block(states, field, other.cumulant(field) - units.energy(states))


def _told(units: UnitKind, count: float) -> str:
    states = "states that cannot be counted" if math.isinf(count) else f"{count:.3g} states"
    return f"{units.size} {units.name} units with {states}"


def _halves(sites: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Where to cut so that the two halves have about as many joint states."""
    half, count = math.sqrt(math.prod(len(site) for site in sites)), 1
    for i, site in enumerate(sites):
        if count * len(site) > half:
            return sites[:i], sites[i:]
        count *= len(site)
    return sites, []


def _states(sites: list[Tensor], numbers: Tensor | None = None) -> Tensor:
    """Joint states of sites, all or those with the given numbers."""
    if not sites:
        return torch.zeros(1, 0, dtype=torch.float64)
    if numbers is None:
        numbers = torch.arange(math.prod(len(site) for site in sites), device=sites[0].device)
    columns: list[Tensor] = []
    for site in reversed(sites):
        columns.append(site[numbers % len(site)])
        numbers = numbers // len(site)
    return torch.cat(columns[::-1], dim=1)
