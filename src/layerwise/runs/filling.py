"""Missing values of rows filled by a single machine, in the units that it sees."""

from __future__ import annotations

import torch
from torch import Tensor

from layerwise.energy.clamping import impute
from layerwise.energy.class_rbm import classes_of
from layerwise.randomness import RandomStream
from layerwise.runs.energy_model import EnergyModel

__all__ = ["fill"]

CHAINS = 5
ROWS_AT_ONCE = 1000


@torch.no_grad()
def fill(
    model: EnergyModel,
    prepared: Tensor,
    random: RandomStream,
    steps: int,
    chains: int = CHAINS,
    burn_in: int | None = None,
) -> Tensor:
    """Prepared rows with every NaN replaced by its expectation given the row's other values.

    Parameters
    ----------
    model : EnergyModel
        Of a single machine; a label counts as missing, too.
    prepared : Tensor of shape (rows, units)
    random : RandomStream
    steps, chains : int
        Gibbs steps that are averaged over, and chains a row.
    burn_in : int, optional
        Steps before them; as many if left out.
    """
    labels = classes_of(model.machine) if model.kind == "class-rbm" else 0
    filled = prepared.clone()
    gaps = torch.nonzero(prepared.isnan().any(1))[:, 0]
    position = random.position
    for first in range(0, len(gaps), ROWS_AT_ONCE):
        random.position = position  # a row's draws do not depend on how many are done at once
        places = gaps[first : first + ROWS_AT_ONCE]
        rows = prepared[places]
        if labels:
            rows = torch.cat([rows, rows.new_full((len(rows), labels), torch.nan)], dim=1)
        waited = steps if burn_in is None else burn_in
        back = impute(model.machine, rows, random, steps=steps, burn_in=waited, chains=chains, first_row=first)
        filled[places] = back[:, : prepared.shape[1]]
    return filled
