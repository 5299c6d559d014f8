"""Fine-tuning: the belief network unrolled, under a layer of class scores, trained by backpropagation.

References
----------
.. [1] G. E. Hinton, R. R. Salakhutdinov (2006). Reducing the dimensionality of data with neural networks. Science 313.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from layerwise import kernels
from layerwise.data.minibatches import Batch
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream

__all__ = ["FineTuning", "FineTuningInfo", "FineTuningState"]


@dataclass(frozen=True)
class FineTuningState:
    """All that the next step needs. The network and the optimiser are moved in place."""

    network: nn.Sequential
    optimiser: torch.optim.Optimizer
    steps_done: int
    random: RandomStream


@dataclass(frozen=True)
class FineTuningInfo:
    """What one step saw."""

    scores: Tensor
    labels: Tensor
    loss: Tensor
    """Mean cross-entropy, in nats a row."""


@dataclass(frozen=True)
class FineTuning:
    """Backpropagation of the cross-entropy, Adam, a learning rate that falls linearly to zero.

    Parameters
    ----------
    steps : int
        Minibatches in all; the learning rate reaches zero after the last.
    learning_rate : float
        Of the first step.
    weight_decay : float
        Decoupled L2 decay, as in ``torch.optim.AdamW``.
    dropout : float
        Share of each hidden layer's units that is silenced in a step, the others being scaled up.
    """

    steps: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise OptionError("steps", self.steps, "must be at least 1")
        if not 0 < self.learning_rate < float("inf"):
            raise OptionError("learning_rate", self.learning_rate, "must be a positive number", "start with 0.001")
        if not 0 <= self.weight_decay < float("inf"):
            raise OptionError("weight_decay", self.weight_decay, "must be at least 0")
        if not 0 <= self.dropout < 1:
            raise OptionError("dropout", self.dropout, "must be at least 0 and below 1")

    def init(self, network: nn.Sequential, random: RandomStream) -> FineTuningState:
        """The first State."""
        fused = next(network.parameters()).device.type in ("cpu", "cuda")
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, fused=fused
        )
        return FineTuningState(network, optimiser, 0, random)

    def step(self, state: FineTuningState, batch: Batch) -> tuple[FineTuningState, FineTuningInfo]:
        """Do one minibatch; every row must have a label."""
        if batch.labels is None or bool((batch.labels < 0).any()):
            received = None if batch.labels is None else "-1, a row without one"
            raise DataError("labels", received, "fine-tuning needs a label for every row", "give labelled rows only")
        for group in state.optimiser.param_groups:
            group["lr"] = self.learning_rate * max(0.0, 1.0 - state.steps_done / self.steps)
        scores = self._forward(state, batch)
        loss = functional.cross_entropy(scores, batch.labels)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        state.optimiser.step()
        info = FineTuningInfo(scores.detach(), batch.labels, loss.detach())
        return FineTuningState(state.network, state.optimiser, state.steps_done + 1, state.random), info

    def _forward(self, state: FineTuningState, batch: Batch) -> Tensor:
        if self.dropout == 0:
            return state.network(batch.values)
        x: Tensor = batch.values
        for module in state.network:
            x = module(x)
            if not isinstance(module, nn.Linear):
                rows, units = x.shape
                kept = kernels.uniform(rows, units, state.random, batch.first_row, x.device) >= self.dropout
                x = x * kept.to(x.dtype) / (1.0 - self.dropout)
        return x

    def to_tree(self, state: FineTuningState) -> dict[str, Any]:
        """The State as plain containers of tensors and numbers, for a checkpoint."""
        return {
            "network": dict(state.network.state_dict()),
            "optimiser": state.optimiser.state_dict(),
            "steps_done": state.steps_done,
            "random": [state.random.seed, state.random.position],
        }

    def from_tree(self, network: nn.Sequential, tree: dict[str, Any]) -> FineTuningState:
        """The State again: ``network`` is overwritten with the saved parameters."""
        network.load_state_dict(tree["network"])
        state = self.init(network, RandomStream(0))
        state.optimiser.load_state_dict(tree["optimiser"])
        return FineTuningState(network, state.optimiser, int(tree["steps_done"]), RandomStream(*tree["random"]))
