"""Epochs of gradient descent, measured after each, until nothing gets better; the best or the last good State is kept.

References
----------
.. [1] L. Prechelt (1998). Early stopping – but when? Neural networks: tricks of the trade.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from layerwise.data.minibatches import MinibatchStream
from layerwise.errors import DivergenceError
from layerwise.networks.flow import GradientFlowInfo
from layerwise.training.contrastive_tree import snapshot
from layerwise.training.divergence import LastGood
from layerwise.training.gradient_descent import DescentInfo, DescentState, GradientDescent
from layerwise.training.loop import Place, run
from layerwise.training.pretraining import check_finite

__all__ = ["Descended", "EpochInfo", "Score", "descend", "finished"]

Score = Callable[[nn.Sequential], float]
"""From a network, as it is used and not as it is trained, to how good it is: greater is better."""


@dataclass(frozen=True)
class EpochInfo:
    """What is known of a network after an epoch.

    Parameters
    ----------
    loss : float
        Mean over the rows, each as its minibatch met it: before the step, corrupted and with units dropped.
    seen, unseen : float
        How good the network is on training rows and on held-out ones; NaN where that was not measured.
    flow : GradientFlowInfo or None
        How learning reached each layer in the last minibatch that was watched, and how far its step moved them; None
        where the trainer watches none.
    """

    loss: float
    seen: float = math.nan
    unseen: float = math.nan
    flow: GradientFlowInfo | None = None


@dataclass(frozen=True)
class Descended:
    """Where a descent came to: the best State on unseen rows where they were measured, the last one otherwise."""

    state: DescentState
    curve: list[EpochInfo]
    """Of every epoch done, those after the best among them."""


def descend(
    trainer: GradientDescent,
    state: DescentState,
    stream: MinibatchStream,
    epochs: int,
    *,
    seen: Score | None = None,
    unseen: Score | None = None,
    patience: int | None = None,
    tell: Callable[[int, EpochInfo], None] | None = None,
    enough: Callable[[], bool] | None = None,
    keep: Callable[[Descended], object] | None = None,
    name: str = "network",
) -> Descended:
    """Do up to so many epochs.

    Parameters
    ----------
    trainer : GradientDescent
    state : DescentState
        Moved in place.
    stream : MinibatchStream
    epochs : int
    seen, unseen : callable, optional
        Measured after each epoch.
    patience : int, optional
        So many epochs in a row may be no better on unseen rows. Left out, all epochs are done.
    tell : callable, optional
        Shown the number of each epoch, from 0, and its Info.
    enough : callable, optional
        Asked after each epoch whether to stop there.
    keep : callable, optional
        Given what was good last, if training diverged: at the least what it started from.
    name : str
        How messages call the network.

    Returns
    -------
    Descended

    Raises
    ------
    DivergenceError
        The network left the finite numbers.
    """
    watch = _Watch(trainer, seen, unseen, patience, tell, enough, LastGood(snapshot(trainer.to_tree(state))))
    try:
        outcome = run(
            trainer, state, stream, epochs, observer=watch, after_epoch=watch.after_epoch, ranks=trainer.ranks
        )
    except DivergenceError as problem:
        if keep is not None:
            keep(watch.restore(state.network))
        raise DivergenceError(f"{name}: {problem}") from problem
    return Descended(outcome.state, watch.curve) if unseen is None else watch.restore(state.network)


@torch.no_grad()
def finished(state: DescentState) -> nn.Sequential:
    """The network as it is used: itself, or one with the running mean of its parameters where that was kept."""
    network = state.network
    if state.average:
        network = copy.deepcopy(network)
        for name, parameter in network.named_parameters():
            parameter.copy_(state.average[name])
    return network.eval()


@dataclass
class _Watch:
    """Measures after each epoch, keeps what is good and says when it is enough."""

    trainer: GradientDescent
    seen: Score | None
    unseen: Score | None
    patience: int | None
    tell: Callable[[int, EpochInfo], None] | None
    enough: Callable[[], bool] | None
    good: LastGood
    curve: list[EpochInfo] = field(default_factory=list[EpochInfo])
    _total: float = 0.0
    _rows: int = 0
    _flow: GradientFlowInfo | None = None
    _best: float = -math.inf
    _best_tree: dict[str, Any] | None = None
    _idle: int = 0

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """Add up the loss."""
        assert isinstance(info, DescentInfo)
        if not info.counted:
            return
        loss = float(info.loss)
        self.good.batch_done(loss)
        self._total += loss * rows
        self._rows += rows
        self._flow = info.flow or self._flow

    @torch.no_grad()
    def after_epoch(self, state: DescentState, epoch: int) -> DescentState:
        """Measure and keep; the State goes on as it is."""
        check_finite(state.network, f"epoch {epoch + 1}")
        loss = self._total / self._rows if self._rows else math.nan
        self._total, self._rows = 0.0, 0
        network = finished(state) if self.seen or self.unseen else state.network
        scores = (math.nan if score is None else score(network) for score in (self.seen, self.unseen))
        info, self._flow = EpochInfo(loss, *scores, flow=self._flow), None
        self.curve.append(info)
        if self.unseen is None:
            self.good.epoch_done(loss, snapshot(self.trainer.to_tree(state)))
        elif info.unseen > self._best:
            self._idle, self._best, self._best_tree = 0, info.unseen, snapshot(self.trainer.to_tree(state))
        else:
            self._idle += 1
        if self.tell is not None:
            self.tell(epoch, info)
        return state

    def epoch_done(self, epoch: int) -> None:
        """Nothing is left to do."""

    def wants_to_stop(self) -> bool:
        """Out of patience, or asked to."""
        out_of_patience = self.patience is not None and self._idle >= self.patience
        return out_of_patience or (self.enough is not None and self.enough())

    def restore(self, network: nn.Sequential) -> Descended:
        """The best State on unseen rows, or the last good one; the network is overwritten with its parameters."""
        kept = self.good.kept if self._best_tree is None else self._best_tree
        return Descended(self.trainer.from_tree(network, kept), self.curve)
