"""Where an estimator's samples come from: chains from noise, from rows, from kept chains, tempered, or clamped."""

from __future__ import annotations

import torch
from torch import Tensor

from layerwise.energy import (
    RBM,
    Path,
    TemperedChains,
    adapt_ladder,
    gibbs,
    ladder,
    start_tempering,
    temper,
    warn_if_coarse,
)
from layerwise.energy.clamping import clamped_gibbs, draw_unknown
from layerwise.estimators.unit_rows import widened
from layerwise.randomness import RandomStream

__all__ = ["clamped_rows", "free_rows", "repeated", "tempered_rows"]

REPLICAS = 10


def repeated(v: Tensor, count: int) -> Tensor:
    """So many rows, begun again from the first where there are fewer."""
    return v[torch.arange(count) % len(v)]


@torch.no_grad()
def free_rows(machine: RBM, start: Tensor, steps: int, random: RandomStream) -> Tensor:
    """Gibbs chains; what is missing of their start is drawn from the visible units' own biases."""
    start = widened(machine, start)
    start = draw_unknown(machine, start, ~start.isnan(), random)
    return gibbs(machine, start, steps, random)[0]


@torch.no_grad()
def clamped_rows(machine: RBM, start: Tensor, given: Tensor, steps: int, random: RandomStream) -> Tensor:
    """Gibbs chains whose given units are held still; what is not given begins as in ``start``."""
    given, start = widened(machine, given), widened(machine, start)
    known = ~given.isnan()
    start = torch.where(known, given, start)
    start = draw_unknown(machine, start, ~start.isnan(), random)
    return clamped_gibbs(machine, start, known, steps, random)[0]


@torch.no_grad()
def tempered_rows(machine: RBM, mean: Tensor, count: int, steps: int, random: RandomStream) -> Tensor:
    """Parallel tempering from independent units; the ladder follows the swaps of the first half of the steps.

    Warns
    -----
    LadderWarning
        Neighbours hardly swap although it did.
    """
    path = Path.from_mean(machine, mean)
    state = start_tempering(path, ladder(REPLICAS), count, random)
    if steps >= 4:
        state = temper(path, state, steps // 2, random)
        state = state.on(adapt_ladder(*_swaps(state)))
    state = temper(path, state, steps - state.steps, random)
    warn_if_coarse(*_swaps(state))
    return state.rows


def _swaps(state: TemperedChains) -> tuple[list[float], list[float]]:
    return [float(beta) for beta in state.betas], [float(rate) for rate in state.rates]
