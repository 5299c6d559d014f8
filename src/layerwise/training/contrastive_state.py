"""What contrastive learning carries from step to step, and what a step shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from layerwise.energy.path import Path
from layerwise.energy.rbm import RBM
from layerwise.energy.tempering import TemperedChains
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenChains, HiddenVector, VisibleBatch, VisibleChains
from layerwise.training.centring import Offsets
from layerwise.training.movement import TorchMovement

__all__ = ["ContrastiveInfo", "ContrastiveState", "Tempering"]


@dataclass(frozen=True)
class Tempering:
    """Replicas of the model's rows along a path whose start was fixed by the first State."""

    path: Path
    chains: TemperedChains


@dataclass(frozen=True)
class ContrastiveState:
    """All that the next step needs. The machine and everything that runs beside it are moved in place."""

    rbm: RBM
    velocity: dict[str, Tensor]
    """Running mean of the gradient of each parameter by name; empty where there is no momentum."""
    chains: HiddenChains | None
    """Hidden states that the next step's dreams start from; None where they start at the data or are tempered."""
    random: RandomStream
    steps_done: int = 0
    offsets: Offsets | None = None
    """Of the centred gradient."""
    activity: HiddenVector | None = None
    """Running mean of E[h | v] over the data, where it has a target."""
    average: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    """Running mean of each parameter by name; empty where none is kept."""
    movement: TorchMovement | None = None
    tempering: Tempering | None = None


@dataclass(frozen=True)
class ContrastiveInfo:
    """What one step saw: nothing is computed until somebody looks."""

    data: VisibleBatch
    model: VisibleChains
    data_hidden: Tensor
    model_hidden: Tensor
    gradient_norm: float | None = None
    """Before it was clipped; None where it is not."""
    swap_rates: Tensor | None = None
    """Share of swaps accepted by each pair of neighbouring temperatures since the ladder was last set, the lowest
    first; NaN before the first, None without tempering."""

    @property
    def hidden_activity(self) -> float:
        """Mean of E[h | v] over units and data rows."""
        return float(self.data_hidden.mean())
