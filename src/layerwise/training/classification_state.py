"""What learning to classify with an RBM carries from step to step, and what it shows of one."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerwise.energy.rbm import RBM
from layerwise.randomness import RandomStream
from layerwise.shapes import ClassBatch, HiddenChains, Labels

__all__ = ["ClassificationInfo", "ClassificationState"]


@dataclass(frozen=True)
class ClassificationState:
    """All that the next step needs. The machine and the optimiser are moved in place."""

    rbm: RBM
    optimiser: torch.optim.Optimizer
    chains: HiddenChains | None
    steps_done: int
    random: RandomStream


@dataclass(frozen=True)
class ClassificationInfo:
    """What one step saw, before it moved anything."""

    log_probabilities: ClassBatch
    """log p(k | x) of every class, in nats."""
    labels: Labels

    @property
    def log_likelihood(self) -> float:
        """Mean log p(y | x) of the labelled rows, in nats; NaN if there is none."""
        labelled = self.labels >= 0
        chosen = self.log_probabilities[labelled].gather(1, self.labels[labelled, None])
        return float(chosen.double().mean())

    @property
    def error(self) -> float:
        """Share of the labelled rows whose most probable class is another; NaN if there is none."""
        labelled = self.labels >= 0
        wrong = self.log_probabilities[labelled].argmax(1) != self.labels[labelled]
        return float(wrong.double().mean())
