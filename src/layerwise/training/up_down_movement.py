"""Going along the gradients of up-down, each a difference of two means over rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from layerwise import kernels
from layerwise.kernels import SparseRows
from layerwise.training.movement import blank_like
from layerwise.training.ranks import Ranks
from layerwise.units import UnitKind

__all__ = ["Difference", "Statistics", "Sums", "follow"]

Statistics = Mapping[str, Tensor]
Sums = tuple[Tensor | SparseRows, Tensor]


@dataclass(frozen=True)
class Difference:
    """The gradient of one set of couplings and of the parameters of the units at its ends, ready to be gone along."""

    name: str
    weights: Tensor
    plus: Sums
    minus: Sums
    units: list[tuple[str, UnitKind, Statistics, Statistics]]


def follow(
    difference: Difference, velocity: dict[str, Tensor], rate: float, momentum: float, decay: float, ranks: Ranks
) -> None:
    """Move couplings and units by momentum; the couplings' gradient is summed where they are, unless ranks share it.

    Parameters
    ----------
    difference : Difference
        Over this rank's rows.
    velocity : dict
        By name of the parameter; empty where ``momentum`` is zero.
    rate, momentum, decay : float
    ranks : Ranks
    """
    steps = {
        (side, name): kernels.mean_difference(of_data, minus[name])
        for side, _, plus, minus in difference.units
        for name, of_data in plus.items()
    }
    weights, own = difference.weights, velocity.get(f"{difference.name}.weights")
    if ranks.size == 1:
        kernels.ascend(weights, own, difference.plus, difference.minus, rate, momentum, decay)
    else:
        whole = blank_like(weights)
        kernels.ascend(whole, None, difference.plus, difference.minus, 1.0)
        ranks.average_(whole, *steps.values())
        whole.add_(weights, alpha=-decay)
        weights.add_(whole if own is None else own.mul_(momentum).add_(whole), alpha=rate)
    for side, units, plus, _ in difference.units:
        for name in plus:
            step = steps[side, name]
            if momentum:
                step = velocity[f"{side}.{name}"].mul_(momentum).add_(step)
            units.get_parameter(name).add_(step, alpha=rate)
        units.confine()
