r"""Contrastive learning: raise the probability of the data, lower that of what the model dreams.

The gradient of the mean log-likelihood with respect to any parameter :math:`\theta` is a difference of two averages,

.. math:: \Big\langle -\frac{\partial E}{\partial \theta} \Big\rangle_{data} -
          \Big\langle -\frac{\partial E}{\partial \theta} \Big\rangle_{model},

each over *its own* rows. CD-k [1]_ draws the second from k Gibbs steps that start at the data, PCD-k [2]_ from chains
that are kept between minibatches, parallel tempering [3]_ from the last replicas of chains that are kept at several
temperatures. The hidden units enter both by their expectations.

References
----------
.. [1] G. E. Hinton (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14.
.. [2] T. Tieleman (2008). Training restricted Boltzmann machines using approximations to the likelihood gradient. ICML.
.. [3] G. Desjardins, A. Courville, Y. Bengio, P. Vincent, O. Delalleau (2010). Tempered Markov chain Monte Carlo for
   training of restricted Boltzmann machines. AISTATS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch.optim import Optimizer

from layerwise.data.minibatches import Batch
from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenVector
from layerwise.training import contrastive_tree, movement
from layerwise.training.averaging import average_in
from layerwise.training.centring import first_offsets, slide
from layerwise.training.contrastive_state import ContrastiveInfo, ContrastiveState
from layerwise.training.gradient import gradient_of
from layerwise.training.negative_phase import adapted, dream, dream_tempered, first_tempering
from layerwise.training.penalties import (
    ACTIVITY_MEMORY,
    SparsityPenalty,
    check_sparsity,
    limit_norms,
    shrink,
    sparsity_signal,
)
from layerwise.training.phases import Phase, complete, data_phase, relative_weights, share_of
from layerwise.training.ranges import at_least, not_negative, positive, share
from layerwise.training.ranks import ALONE, Ranks
from layerwise.training.schedules import Schedule

__all__ = ["ContrastiveInfo", "ContrastiveLearning", "ContrastiveState"]

Method = Literal["cd", "pcd", "pt"]


@dataclass(frozen=True)
class ContrastiveLearning:
    """Contrastive learning of one machine, whatever the kinds of its units.

    Parameters
    ----------
    method : {"cd", "pcd", "pt"}
        Where the model's rows come from: Gibbs steps from the data, from the chains kept from the last step, or from
        chains kept at several temperatures that trade places (parallel tempering).
    steps : int
        Gibbs steps, k.
    chains : int
        Number of persistent chains; the two phases are averaged over their own rows, so it need not be the batch size.
    learning_rate, momentum : float
        ``velocity = momentum · velocity + gradient``, ``parameter += learning_rate · velocity``. The momentum is not
        used where an optimiser is named.
    weight_decay : float
        L2 penalty, on the couplings alone: ``weight_decay · couplings`` is taken from their gradient.
    centred : bool
        Whether the gradient is that of a machine with offsets; see :mod:`layerwise.training.centring`.
    sliding : float
        Share of the way that the offsets go after the means of each minibatch.
    temperatures : int
        Of parallel tempering: replicas of each chain. Their ladder is adapted to the swap rates as training goes on.
    optimiser : str or class of torch.optim, optional
        Takes the place of the momentum: "adam", ``torch.optim.SGD``.
    optimiser_options : mapping, optional
        What the optimiser is made with, its learning rate left out.
    schedule : callable, optional
        From the number of steps done to a factor of the learning rate; see :mod:`layerwise.training.schedules`.
    torch_schedule : callable, optional
        From an optimiser to one of ``torch.optim.lr_scheduler``, asked once a step.
    l1 : float
        L1 penalty on the couplings: after each step all are brought nearer to zero by ``learning_rate · l1``.
    max_norm : float, optional
        Largest norm of the couplings of one hidden unit.
    clip_norm : float, optional
        Largest norm of the gradient of all parameters together.
    sparsity_target : float, optional
        What the mean of every hidden unit over the data should be.
    sparsity_cost : float
        Weight of the penalty where it is not that.
    sparsity_penalty : {"kl", "quadratic"}
        Its form; see :func:`layerwise.training.penalties.sparsity_signal`.
    averaging : float
        Memory of the running mean of the parameters, 0 for none; see :mod:`layerwise.training.averaging`.
    missing_steps : int
        Clamped Gibbs steps that draw the NaN entries of a minibatch from the machine before each step.
    ranks : Ranks
        Processes that train together: each does its part of every minibatch and has its part of the chains.
    """

    method: Method = "pcd"
    steps: int = 1
    chains: int = 100
    learning_rate: float = 0.05
    momentum: float = 0.5
    weight_decay: float = 0.0
    centred: bool = False
    sliding: float = 0.01
    temperatures: int = 10
    optimiser: str | type[Optimizer] | None = None
    optimiser_options: Mapping[str, Any] | None = None
    schedule: Schedule | None = None
    torch_schedule: movement.TorchSchedule | None = None
    l1: float = 0.0
    max_norm: float | None = None
    clip_norm: float | None = None
    sparsity_target: float | None = None
    sparsity_cost: float = 0.1
    sparsity_penalty: SparsityPenalty = "kl"
    averaging: float = 0.0
    missing_steps: int = 10
    ranks: Ranks = ALONE

    def __post_init__(self) -> None:
        if self.method not in ("cd", "pcd", "pt"):
            raise OptionError("method", self.method, "must be 'cd', 'pcd' or 'pt'")
        at_least("steps", self.steps, 1, " Gibbs step")
        at_least("missing_steps", self.missing_steps, 1, " Gibbs step")
        at_least("chains", self.chains, 1 if self.method == "cd" else self.ranks.size, ", one for each rank")
        at_least("temperatures", self.temperatures, 2)
        positive("learning_rate", self.learning_rate, "start with 0.05")
        for name in ("max_norm", "clip_norm"):
            positive(name, getattr(self, name))
        share("sliding", self.sliding, "0 keeps the first offsets")
        for name in ("weight_decay", "l1", "sparsity_cost"):
            not_negative(name, getattr(self, name))
        share("momentum", self.momentum)
        share("averaging", self.averaging, "start with 0.999")
        if self.sparsity_penalty not in ("kl", "quadratic"):
            raise OptionError("sparsity_penalty", self.sparsity_penalty, "must be 'kl' or 'quadratic'")
        movement.check_optimiser(self.optimiser, self.optimiser_options, self.torch_schedule, self.schedule)

    @torch.no_grad()
    def init(self, rbm: RBM, random: RandomStream) -> ContrastiveState:
        """The first State; persistent chains start at the independent units that the biases describe.

        Raises
        ------
        OptionError
            The machine's hidden units cannot have the target of their activity.
        """
        if self.sparsity_target is not None:
            check_sparsity(rbm.hidden, self.sparsity_target, self.sparsity_penalty)
        velocity, moved = {}, None
        if self.optimiser is not None:
            made_with = self.optimiser, self.learning_rate, self.optimiser_options, self.torch_schedule
            moved = movement.first_movement(list(rbm.parameters()), *made_with)
        elif self.momentum:
            velocity = {name: torch.zeros_like(p) for name, p in rbm.named_parameters()}
            velocity["weights"] = movement.blank_like(rbm.weights)
        chains, tempering = None, None
        first, end = self.ranks.part(self.chains)
        if self.method == "pcd":
            field = rbm.hidden.bias.expand(end - first, -1).contiguous()
            chains = rbm.hidden.sample(field, random, first)
        elif self.method == "pt":
            tempering = first_tempering(rbm, self.temperatures, end - first, random, first)
        return ContrastiveState(
            *(rbm, velocity, chains, random),
            offsets=first_offsets(rbm) if self.centred else None,
            average={name: p.clone() for name, p in rbm.named_parameters()} if self.averaging else {},
            movement=moved,
            tempering=tempering,
        )

    @torch.no_grad()
    def step(self, state: ContrastiveState, batch: Batch) -> tuple[ContrastiveState, ContrastiveInfo]:
        """Do one minibatch; entries that are NaN are drawn from the machine given the others first.

        Raises
        ------
        DataError
            A weight of a row is negative, or none is above 0; or a categorical site is missing in part.
        """
        ranks, (first_chain, end_chain) = self.ranks, self.ranks.part(self.chains)
        batch, part = ranks.own(batch)
        rbm, random, row, tempering = state.rbm, state.random, batch.first_row, state.tempering
        weights = relative_weights(batch, ranks)
        share = share_of(batch.values, part, weights)
        fill = partial(complete, rbm, batch.values, self.missing_steps, random, row)
        data, h = data_phase(rbm, batch.values, share, random if self.method == "cd" else None, row, fill)
        chains = None
        if tempering is not None:
            model, tempering = dream_tempered(rbm, tempering, self.steps, random, first_chain)
        elif state.chains is not None:
            model, chains = dream(rbm, state.chains, self.steps, random, first_chain, None, keep=True)
        else:
            assert h is not None
            model, _ = dream(rbm, h, self.steps, random, row, share, keep=False)
        if self.method != "cd":
            # What is taken off weighs as much as what is put on: heavy minibatches would push all else.
            part = (end_chain - first_chain) * ranks.size / self.chains
            model.share = share_of(model.values, part, None if weights is None else ranks.mean(weights, batch.total))

        activity = state.activity
        if self.sparsity_target is not None:
            (now,) = data.means(ranks, data.hidden)
            activity = now if activity is None else torch.lerp(now, activity, ACTIVITY_MEMORY)
        if state.offsets is not None:
            slide(state.offsets, data, self.sliding, ranks)
        norm, done = self._move(state, data, model, activity), state.steps_done + 1
        if self.averaging:
            average_in(state.average, rbm, self.averaging, done)

        rates = None if tempering is None else tempering.chains.rates
        info = ContrastiveInfo(data.values, model.values, data.hidden, model.hidden, norm, rates)
        after = None if tempering is None else adapted(tempering, done, ranks)
        kept = state.velocity, chains, random, done, state.offsets, activity, state.average, state.movement, after
        return ContrastiveState(rbm, *kept), info

    def _move(self, state: ContrastiveState, data: Phase, model: Phase, activity: HiddenVector | None) -> float | None:
        """Move the machine; return the gradient's norm if it was looked at."""
        rbm, moved = state.rbm, state.movement
        rate = self.learning_rate * (1.0 if self.schedule is None else self.schedule(state.steps_done))
        if moved is not None:
            rate = movement.set_rate(moved, rate)
        signal = None
        if activity is not None and self.sparsity_target is not None:
            asked = self.sparsity_target, self.sparsity_cost, self.sparsity_penalty
            signal = sparsity_signal(rbm.hidden, data.field, activity, *asked)
        gradient = gradient_of(rbm, data, model, signal, state.offsets)
        norm = None
        if moved is None and self.clip_norm is None and self.ranks.size == 1:
            movement.follow(rbm, state.velocity, gradient, rate, self.momentum, self.weight_decay)
        else:
            whole = movement.whole_gradient(rbm, gradient, self.weight_decay, self.ranks)
            norm = None if self.clip_norm is None else movement.clip(whole, self.clip_norm)
            movement.move_along(rbm, state.velocity, moved, whole, rate, self.momentum)
        if self.l1:
            shrink(rbm.weights, rate * self.l1)
        if self.max_norm is not None:
            limit_norms(rbm.weights, self.max_norm)
        return norm

    def to_tree(self, state: ContrastiveState) -> dict[str, Any]:
        """The State as plain containers of tensors and numbers, for a checkpoint; all ranks ask for it together."""
        return contrastive_tree.to_tree(state, self.chains, self.ranks)

    def from_tree(self, rbm: RBM, tree: dict[str, Any]) -> ContrastiveState:
        """The State again: ``rbm`` is overwritten with the saved parameters."""
        rbm.load_state_dict(tree["rbm"])
        return contrastive_tree.from_tree(self.init(rbm, RandomStream(0)), tree, self.ranks)
