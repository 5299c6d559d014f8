r"""Contrastive learning: raise the probability of the data, lower that of what the model dreams.

The gradient of the mean log-likelihood with respect to any parameter :math:`\theta` is a difference of two averages,

.. math:: \Big\langle -\frac{\partial E}{\partial \theta} \Big\rangle_{data} -
          \Big\langle -\frac{\partial E}{\partial \theta} \Big\rangle_{model},

each over *its own* rows. CD-k [1]_ draws the second from k Gibbs steps that start at the data, PCD-k [2]_ from chains
that are kept between minibatches. The hidden units enter both by their expectations.

References
----------
.. [1] G. E. Hinton (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14.
.. [2] T. Tieleman (2008). Training restricted Boltzmann machines using approximations to the likelihood gradient. ICML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from layerwise import kernels
from layerwise.data.minibatches import Batch
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenChains, VisibleBatch, VisibleChains

__all__ = ["ContrastiveInfo", "ContrastiveLearning", "ContrastiveState"]

Method = Literal["cd", "pcd"]


@dataclass(frozen=True)
class ContrastiveState:
    """All that the next step needs. The machine and the velocities are moved in place."""

    rbm: RBM
    velocity: dict[str, Tensor]
    """Running mean of the gradient of each parameter by name; empty where there is no momentum."""
    chains: HiddenChains | None
    random: RandomStream


@dataclass(frozen=True)
class ContrastiveInfo:
    """What one step saw: nothing is computed until somebody looks."""

    data: VisibleBatch
    model: VisibleChains
    data_hidden: Tensor
    model_hidden: Tensor

    @property
    def hidden_activity(self) -> float:
        """Mean of E[h | v] over units and data rows."""
        return float(self.data_hidden.mean())


@dataclass(frozen=True)
class ContrastiveLearning:
    """CD-k or PCD-k with stochastic gradient ascent and momentum.

    Parameters
    ----------
    method : {"cd", "pcd"}
        Where the model's rows start: at the data, or at the chains kept from the last step.
    steps : int
        Gibbs steps, k.
    chains : int
        Number of persistent chains; the two phases are averaged over their own rows, so it need not be the batch size.
    learning_rate, momentum : float
        ``velocity = momentum · velocity + gradient``, ``parameter += learning_rate · velocity``.
    weight_decay : float
        L2 penalty, on the couplings alone.
    """

    method: Method = "pcd"
    steps: int = 1
    chains: int = 100
    learning_rate: float = 0.05
    momentum: float = 0.5
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in ("cd", "pcd"):
            raise OptionError("method", self.method, "must be 'cd' or 'pcd'")
        if self.steps < 1:
            raise OptionError("steps", self.steps, "must be at least 1 Gibbs step")
        if self.chains < 1:
            raise OptionError("chains", self.chains, "must be at least 1")
        if not 0 < self.learning_rate < float("inf"):
            raise OptionError("learning_rate", self.learning_rate, "must be a positive number", "start with 0.05")
        if not 0 <= self.momentum < 1:
            raise OptionError("momentum", self.momentum, "must be at least 0 and below 1")
        if not 0 <= self.weight_decay < float("inf"):
            raise OptionError("weight_decay", self.weight_decay, "must be at least 0")

    def init(self, rbm: RBM, random: RandomStream) -> ContrastiveState:
        """The first State; persistent chains start at the independent units that the biases describe."""
        velocity: dict[str, Tensor] = {}
        if self.momentum:
            velocity = {name: torch.zeros_like(p) for name, p in rbm.named_parameters()}
            if rbm.weights.device.type == "cpu" and rbm.weights.dtype == torch.float32:
                velocity["weights"] = kernels.padded(*rbm.weights.shape).zero_()
        chains = None
        if self.method == "pcd":
            field = rbm.hidden.bias.expand(self.chains, -1).contiguous()
            chains = rbm.hidden.sample(field, random)
        return ContrastiveState(rbm, velocity, chains, random)

    @torch.no_grad()
    def step(self, state: ContrastiveState, batch: Batch) -> tuple[ContrastiveState, ContrastiveInfo]:
        """Do one minibatch."""
        rbm, random = state.rbm, state.random
        v = kernels.compress(batch.values)
        field = rbm.field_of_hidden(v)
        if state.chains is None:
            chain_row = batch.first_row
            h_mean, h = rbm.hidden.mean_and_sample(field, random, chain_row)
        else:
            h_mean, h, chain_row = rbm.hidden.mean(field), state.chains, 0

        for _ in range(self.steps - 1):
            v_model = kernels.compress(rbm.sample_v_from_h(h, random, chain_row))
            h = rbm.hidden.sample(rbm.field_of_hidden(v_model), random, chain_row)
        v_dreamt = rbm.sample_v_from_h(h, random, chain_row)
        v_model = kernels.compress(v_dreamt)
        field_model = rbm.field_of_hidden(v_model)
        if state.chains is None:
            h_model, chains = rbm.hidden.mean(field_model), None
        else:
            h_model, chains = rbm.hidden.mean_and_sample(field_model, random, chain_row)

        # Biases first: a kind's statistics are taken at the parameters that the rows were drawn with.
        visible = rbm.visible.statistics(batch.values), rbm.visible.statistics(v_dreamt)
        hidden = rbm.hidden.expected_statistics(field, h_mean), rbm.hidden.expected_statistics(field_model, h_model)
        for side, units, (data, model) in (("visible", rbm.visible, visible), ("hidden", rbm.hidden, hidden)):
            for name, of_data in data.items():
                step = kernels.mean_difference(of_data, model[name])
                if self.momentum:
                    step = state.velocity[f"{side}.{name}"].mul_(self.momentum).add_(step)
                units.get_parameter(name).add_(step, alpha=self.learning_rate)
        kernels.ascend(
            rbm.weights,
            state.velocity.get("weights"),
            (v, h_mean),
            (v_model, h_model),
            self.learning_rate,
            self.momentum,
            self.weight_decay,
        )

        info = ContrastiveInfo(batch.values, v_dreamt, h_mean, h_model)
        return ContrastiveState(rbm, state.velocity, chains, random), info

    def to_tree(self, state: ContrastiveState) -> dict[str, Any]:
        """The State as plain containers of tensors and numbers, for a checkpoint."""
        return {
            "rbm": dict(state.rbm.state_dict()),
            "velocity": state.velocity,
            "chains": state.chains,
            "random": [state.random.seed, state.random.position],
        }

    def from_tree(self, rbm: RBM, tree: dict[str, Any]) -> ContrastiveState:
        """The State again: ``rbm`` is overwritten with the saved parameters."""
        rbm.load_state_dict(tree["rbm"])
        state = self.init(rbm, RandomStream(0))
        for name, velocity in state.velocity.items():
            velocity.copy_(tree["velocity"][name])
        chains = None if tree["chains"] is None else tree["chains"].to(rbm.weights.device)
        return ContrastiveState(rbm, state.velocity, chains, RandomStream(*tree["random"]))
