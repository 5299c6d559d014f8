"""What a machine that can be summed over is asked beside its partition function: all of it exact.

For tests, for figures that hold an estimate against the truth, and for machines that are small anyway.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from layerwise import kernels
from layerwise.energy.enumeration import CountedSide, Side
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenBatch, VisibleBatch

__all__ = ["exact_gradient", "exact_marginal", "exact_sample"]


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
    counted = CountedSide.of(rbm, side, largest)
    log_weight = torch.cat([block.log_weight for block in counted.blocks()])
    return counted.states().to(rbm.weights), log_weight - log_weight.logsumexp(0)


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
    counted = CountedSide.smaller(rbm, largest)
    log_weight = torch.cat([block.log_weight for block in counted.blocks()])
    reached = (log_weight - log_weight.logsumexp(0)).exp().cumsum(0)
    # Two uniform numbers make one of 46 bits: 24 alone would be as coarse as the states are many.
    u = kernels.uniform(count, 2, random, first_row, rbm.weights.device).double()
    place = (torch.floor(u[:, 0] * 2**23) + u[:, 1]) / 2**23 * reached[-1]
    numbers = torch.searchsorted(reached, place).clamp_max(len(reached) - 1)
    states = counted.states(numbers).to(rbm.weights)
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
    counted = CountedSide.smaller(rbm, largest)
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
