"""Rows that a single machine draws by itself: Gibbs chains from noise, looked at on their way."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from layerwise.energy.gibbs import gibbs
from layerwise.energy.mixing import Mixing, autocorrelation, mixing
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream

__all__ = ["dreams", "forgetting"]


@torch.no_grad()
def dreams(
    rbm: RBM,
    count: int,
    random: RandomStream,
    times: Sequence[int],
    *,
    means: bool = False,
    start: Tensor | None = None,
    labels: int = 0,
) -> dict[int, Tensor]:
    """Rows of the same chains after so many Gibbs steps each.

    Parameters
    ----------
    rbm : RBM
    count : int
    random : RandomStream
    times : sequence of int
        Steps, rising.
    means : bool
        Whether E[v | h] of the last hidden states is given in place of v: grey levels of pictures.
    start : Tensor of shape (count, visible), optional
        Where the chains start; units without couplings if left out.
    labels : int
        Label units at the end of the visible ones, which are not shown.

    Returns
    -------
    dict from steps to Tensor of shape (count, visible units beside labels)

    Raises
    ------
    OptionError
        ``count`` or a time is below 1.
    """
    if count < 1:
        raise OptionError("count", count, "must be at least 1")
    v = start
    if v is None:
        v = rbm.visible.sample(rbm.visible.bias.expand(count, -1).contiguous(), random)
    found: dict[int, Tensor] = {}
    done, shown = 0, rbm.visible.size - labels
    for time in times:
        v, h = gibbs(rbm, v, time - done, random)
        found[time] = (rbm.mean_v_from_h(h) if means else v)[:, :shown]
        done = time
    return found


@torch.no_grad()
def forgetting(rbm: RBM, v: Tensor, random: RandomStream, steps: int, burn_in: int) -> tuple[Mixing, list[float]]:
    """How fast Gibbs chains forget, seen by their free energy.

    Parameters
    ----------
    rbm : RBM
    v : Tensor of shape (chain, visible)
        Where they start.
    random : RandomStream
    steps, burn_in : int
        Steps that are looked at, and those before them.

    Returns
    -------
    Mixing
    list of float
        Autocorrelation of the free energy at each lag.
    """
    if burn_in:
        v, _ = gibbs(rbm, v, burn_in, random)
    traces: list[Tensor] = []
    for _ in range(steps):
        v, _ = gibbs(rbm, v, 1, random)
        traces.append(rbm.free_energy(v).double())
    trace = torch.stack(traces)
    return mixing(trace), [float(value) for value in autocorrelation(trace)]
