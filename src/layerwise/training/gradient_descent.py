r"""Gradient descent: the parameters of a network follow the gradient of one minibatch's loss after another.

Backpropagation is torch's, and so are the optimisers [1]_. What is drawn on the way, dropout [2]_ and corruption [3]_,
comes from the run's own stream, so that a resumed run goes on to the same bits.

References
----------
.. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams (1986). Learning representations by back-propagating errors.
   Nature 323.
.. [2] N. Srivastava et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.
.. [3] P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol (2008). Extracting and composing robust features with
   denoising autoencoders. ICML.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from layerwise.data.batches import Batch
from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.kernels.cores import cores_for
from layerwise.networks.backprop import Sweep, backpropagate
from layerwise.networks.dense_sweep import DenseSweep
from layerwise.networks.flow import gradient_flow
from layerwise.networks.layers import scores
from layerwise.networks.loss import Loss, Targets
from layerwise.networks.losses import CrossEntropy
from layerwise.randomness import RandomStream
from layerwise.shapes import Scalar
from layerwise.training import movement
from layerwise.training.averaging import average_in
from layerwise.training.descent_state import DescentInfo, DescentState
from layerwise.training.divergence import trouble
from layerwise.training.dropout import Dropout, scores_in_part
from layerwise.training.penalties import limit_norms
from layerwise.training.ranges import at_least, not_negative, positive, share
from layerwise.training.ranks import ALONE, Ranks
from layerwise.training.schedules import Schedule
from layerwise.training.shared_gradient import average_gradients, check_divisible, mean_count

__all__ = ["Corruption", "DescentInfo", "DescentState", "GradientDescent", "Penalty"]

Aim = Literal["labels", "targets", "values"]
Corruption = Callable[[Tensor, RandomStream, int], Tensor]
"""From rows, a stream and the global number of the first row to what the network is shown of them."""
Penalty = Callable[[nn.Sequential, Tensor], Scalar]
"""From a network and the rows that it is shown to what is added to their loss."""


@dataclass(frozen=True)
class GradientDescent:
    """Descent of any ``torch.nn.Sequential`` by any of torch's optimisers.

    Parameters
    ----------
    loss : Loss
    aim : {"labels", "targets", "values"}
        What of a minibatch the loss compares the scores with: its labels, its targets, or the rows themselves as they
        were before corruption, which is how an autoencoder learns.
    optimiser : str or class of torch.optim
    optimiser_options : mapping, optional
        What the optimiser is made with, learning rate and weight decay left out.
    learning_rate : float
    schedule : callable, optional
        From the number of steps done to a factor of the learning rate; see :mod:`layerwise.training.schedules`.
    torch_schedule : callable, optional
        From an optimiser to one of ``torch.optim.lr_scheduler``, asked once a step.
    weight_decay : float
        As the optimiser understands it, on weights alone and not on biases.
    dropout, input_dropout : float
        Share of each hidden layer's units, and of the inputs, that is silenced in a step, the others being scaled up.
    corruption : callable, optional
        What is done to rows before the network is shown them.
    penalty : callable, optional
        What is added to the loss.
    ridge : float
        Half of it times the squared weights, over the rows of the minibatch, is added to the loss: what scikit-learn
        calls ``alpha``. Where rows have weights, what they are relative to takes the place of one a row.
    by_minibatch : bool
        Whether what a row counts is relative to the mean weight of its minibatch, as scikit-learn has it, where a row
        alone counts one whatever its weight; and not to the mean of all rows.
    max_norm : float, optional
        Largest norm of the weights into one unit.
    clip_norm : float, optional
        Largest norm of the whole gradient.
    averaging : float
        Memory of the running mean of the parameters, 0 for none; see :mod:`layerwise.training.averaging`.
    watch_every : int
        In the last of so many steps the minibatch is also swept by :func:`~layerwise.networks.backpropagate`, for the
        profile in the Info: of the network as the minibatch met it, no unit being dropped and penalties left out. As
        many as an epoch has minibatches say it of each epoch's last, where a run that stopped never has to go on from.
        0 never does.
    ranks : Ranks
        Processes that train together, each on its part of every minibatch; what is watched is of all rows.
    """

    loss: Loss = field(default_factory=CrossEntropy)
    aim: Aim = "labels"
    optimiser: str | type[Optimizer] = "adamw"
    optimiser_options: Mapping[str, Any] | None = None
    learning_rate: float = 1e-3
    schedule: Schedule | None = None
    torch_schedule: movement.TorchSchedule | None = None
    weight_decay: float = 0.0
    dropout: float = 0.0
    input_dropout: float = 0.0
    corruption: Corruption | None = None
    penalty: Penalty | None = None
    ridge: float = 0.0
    by_minibatch: bool = False
    max_norm: float | None = None
    clip_norm: float | None = None
    averaging: float = 0.0
    watch_every: int = 0
    ranks: Ranks = ALONE

    def __post_init__(self) -> None:
        if self.aim not in ("labels", "targets", "values"):
            raise OptionError("aim", self.aim, "must be 'labels', 'targets' or 'values'")
        positive("learning_rate", self.learning_rate, "start with 0.001")
        not_negative("weight_decay", self.weight_decay)
        not_negative("ridge", self.ridge)
        at_least("watch_every", self.watch_every, 0)
        share("dropout", self.dropout)
        share("input_dropout", self.input_dropout)
        positive("max_norm", self.max_norm)
        positive("clip_norm", self.clip_norm)
        share("averaging", self.averaging, "start with 0.999")
        movement.check_optimiser(self.optimiser, self._made_with(), self.torch_schedule, self.schedule)

    def _made_with(self) -> dict[str, Any]:
        decay = {"weight_decay": self.weight_decay} if self.weight_decay else {}
        return {**(self.optimiser_options or {}), **decay}

    def init(self, network: nn.Sequential, random: RandomStream) -> DescentState:
        """The first State.

        Raises
        ------
        OptionError
            Several ranks are to train together, and the loss is no mean over rows: by a penalty or a batch norm.
        """
        check_divisible(network, self.penalty is not None, self.ranks)
        average = {name: p.detach().clone() for name, p in network.named_parameters()} if self.averaging else {}
        network.train()
        sweep = DenseSweep.of(network, self.loss) if self.penalty is None else None
        return DescentState(network, self._movement(network), average, 0, random, sweep)

    def _movement(self, network: nn.Sequential) -> movement.TorchMovement:
        weights = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.dim() > 1]
        biases = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.dim() <= 1]
        groups: list[dict[str, Any]] = [{"params": some} for some in (weights, biases) if some]
        if self.weight_decay and biases:
            groups[-1]["weight_decay"] = 0.0
        fused = all(p.device.type in ("cpu", "cuda") and p.is_contiguous() for p in network.parameters())
        made = self.optimiser, self.learning_rate, self._made_with(), self.torch_schedule
        return movement.first_movement(groups, *made, fused=fused)

    def step(self, state: DescentState, batch: Batch) -> tuple[DescentState, DescentInfo]:
        """Do one minibatch; a batch norm's running means move, too. One whose rows all weigh 0 moves nothing.

        Raises
        ------
        DataError
            The minibatch has not what the loss compares with, or is a single row under a batch norm.
        DivergenceError
            The loss is not finite any more: nothing was moved in this step.
        """
        if state.sweep is None:
            return self._step(state, batch)
        with cores_for(len(batch.values) * state.sweep.largest):
            return self._step(state, batch)

    def _step(self, state: DescentState, batch: Batch) -> tuple[DescentState, DescentInfo]:
        batch, part = self.ranks.own(batch)
        network, random, row = state.network, state.random, batch.first_row
        targets = self._targets(batch)
        factor = 1.0 if self.schedule is None else self.schedule(state.steps_done)
        movement.set_rate(state.movement, self.learning_rate * factor)
        of_row = mean_count(self.loss, targets, batch, part, self.ranks)
        if of_row == 0:
            movement.pass_by(state.movement)
            nothing, zero = batch.values.new_zeros(0, 0), batch.values.new_zeros(())
            info = DescentInfo(nothing, targets, zero, 0.0, counted=False)
            return replace(state, steps_done=state.steps_done + 1), info
        if not network.training:
            network.train()
        shown = batch.values if self.corruption is None else self.corruption(batch.values, random, row)
        loss, found, penalties = self._gradient(state, shown, targets, batch, part, of_row)
        whole = loss.item() + penalties
        if not math.isfinite(whole):
            raise DivergenceError(trouble(network, shown, state.steps_done + 1, whole))
        watched = bool(self.watch_every) and (state.steps_done + 1) % self.watch_every == 0
        before = {name: p.detach().clone() for name, p in network.named_parameters()} if watched else None
        sweep = self._sweep(network, shown, targets, batch) if watched else None

        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), self.clip_norm)
        movement.move(state.movement)
        done = state.steps_done + 1
        if self.max_norm is not None or self.averaging:
            self._confine_and_average(state, done)
        flow = None if sweep is None else gradient_flow(network, sweep, before)
        return replace(state, steps_done=done), DescentInfo(found, targets, loss, penalties, flow)

    @torch.no_grad()
    def _confine_and_average(self, state: DescentState, done: int) -> None:
        if self.max_norm is not None:
            for parameter in state.network.parameters():
                if parameter.requires_grad and parameter.dim() > 1:
                    limit_norms(parameter.flatten(1).T, self.max_norm)
        if self.averaging:
            average_in(state.average, state.network, self.averaging, done)

    def _sweep(self, network: nn.Sequential, shown: Tensor, targets: Targets, batch: Batch) -> Sweep:
        """The whole minibatch swept through the network, the rows of all ranks in their order."""
        rows, told = (self.ranks.rows(mine, batch.total) for mine in (shown, targets))
        weights = None if batch.weights is None else self.ranks.rows(batch.weights, batch.total)
        return backpropagate(network, rows, self.loss, told, weights)

    def _gradient(
        self, state: DescentState, shown: Tensor, targets: Targets, batch: Batch, part: float, of_row: float | None
    ) -> tuple[Tensor, Tensor, float]:
        """Loss, scores and penalties; the gradient of loss and penalties is left in the parameters' ``grad``."""
        network, penalties, decay = state.network, 0.0, 0.0
        mean_weight = None if self.by_minibatch else batch.mean_weight
        mean_weight = mean_weight or (of_row if self.ranks.size > 1 else None)  # one process takes it from the batch
        counts = batch.weights if part else None  # a row that counts nothing has a mean all the same
        weights = [p for group in state.movement.optimiser.param_groups for p in group["params"] if p.dim() > 1]
        if self.ridge:
            of_row = 1.0 if batch.weights is None else mean_weight or float(batch.weights.mean())
            decay = self.ridge / (batch.total * of_row)
            with torch.no_grad():
                penalties = decay / 2 * sum(torch.dot(flat := w.flatten(), flat).item() for w in weights)

        silences = bool(self.dropout or self.input_dropout)
        dropout = Dropout(self.dropout, self.input_dropout, state.random, batch.first_row) if silences else None
        if state.sweep is not None:
            inside = decay if self.ranks.size == 1 else 0.0  # it is no mean over rows
            loss, found = state.sweep(shown, targets, counts, mean_weight, inside, dropout)
            (loss,) = average_gradients(network, self.ranks, part, loss)
            _add(weights, decay - inside)
            return loss, found, penalties
        link = self.loss.link
        try:
            found = scores(network, shown, link) if dropout is None else scores_in_part(network, shown, link, dropout)
        except ValueError as problem:  # so torch's norms say it
            if len(shown) > 1 or "more than 1 value" not in str(problem):
                raise
            rule = "is a single row, and a batch norm needs the spread of several"
            raise DataError("minibatch", len(shown), rule, "give a batch_size that leaves no row over") from problem
        loss = self.loss.value(found, targets, counts, mean_weight)
        whole = loss if self.penalty is None else loss + self.penalty(network, shown)
        state.movement.optimiser.zero_grad(set_to_none=True)
        whole.backward()
        penalties += whole.item() - loss.item()
        (loss,) = average_gradients(network, self.ranks, part, loss.detach())
        _add(weights, decay)
        return loss, found.detach(), penalties

    def _targets(self, batch: Batch) -> Targets:
        if self.aim == "values":
            return batch.values
        if self.aim == "targets":
            if batch.targets is None:
                raise DataError("targets", None, "every row needs a target", "give a stream with targets")
            return batch.targets
        if batch.labels is None:  # a label of -1 is refused by the loss
            raise DataError("labels", None, "every row needs a label", "give labelled rows only")
        return batch.labels

    def to_tree(self, state: DescentState) -> dict[str, Any]:
        """The State as plain containers of tensors and numbers, for a checkpoint."""
        return {
            "network": dict(state.network.state_dict()),
            "movement": movement.to_tree(state.movement),
            "average": state.average,
            "steps_done": state.steps_done,
            "random": [state.random.seed, state.random.position],
        }

    def from_tree(self, network: nn.Sequential, tree: dict[str, Any]) -> DescentState:
        """The State again: ``network`` is overwritten with the saved parameters."""
        network.load_state_dict(tree["network"])
        state = self.init(network, RandomStream(*tree["random"]))
        movement.from_tree(state.movement, tree["movement"])
        for name, value in state.average.items():
            value.copy_(tree["average"][name])
        return replace(state, steps_done=int(tree["steps_done"]))


@torch.no_grad()
def _add(weights: list[nn.Parameter], decay: float) -> None:
    """Add a share of each weight to its gradient."""
    for weight in weights if decay else ():
        if weight.grad is not None:
            weight.grad.add_(weight, alpha=decay)
