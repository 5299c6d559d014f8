"""What gradient descent keeps from step to step, and what it saw of one."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from layerwise.networks.dense_sweep import DenseSweep
from layerwise.networks.flow import GradientFlowInfo
from layerwise.randomness import RandomStream
from layerwise.training.movement import TorchMovement

__all__ = ["DescentInfo", "DescentState"]


@dataclass(frozen=True)
class DescentState:
    """All that the next step needs. Network, optimiser and running mean are moved in place."""

    network: nn.Sequential
    movement: TorchMovement
    average: dict[str, Tensor]
    """Running mean of each parameter; empty where none is asked for."""
    steps_done: int
    random: RandomStream
    sweep: DenseSweep | None = None
    """How the gradient is found where that needs no autograd."""


@dataclass(frozen=True)
class DescentInfo:
    """What one step saw, before it moved anything."""

    scores: Tensor
    targets: Tensor
    loss: Tensor
    """Mean over the rows, penalties left out."""
    penalties: float
    """What was added to that."""
    flow: GradientFlowInfo | None = None
    """How learning reached each layer, and how far the step moved it, where that is watched."""
    counted: bool = True
    """Whether any row counts. Where none does nothing was asked of the network and nothing moved: there are no scores,
    and the loss is no part of a mean."""
