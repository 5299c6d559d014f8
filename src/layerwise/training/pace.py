"""When to stop and how fast to go, from epoch to epoch, by scikit-learn's rules for multilayer perceptrons."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from layerwise.networks.flow import GradientFlowInfo
from layerwise.training.divergence import LastGood
from layerwise.training.gradient_descent import DescentInfo, DescentState
from layerwise.training.loop import Place
from layerwise.training.network_epochs import Score, finished
from layerwise.training.pretraining import check_finite

__all__ = ["Pace"]

SLOWEST = 1e-6
"""A rate that adapts is not lowered further."""


@dataclass
class Pace:
    """Looks at the training loss, or at held-out rows, after each epoch; observer and ``after_epoch`` of a run.

    What it has seen stays from one run to the next, so that a warm start has to be better than all before.

    Parameters
    ----------
    rate : float
        The learning rate at the beginning of a run.
    schedule : {"constant", "invscaling", "adaptive"}
        How the rate changes: not at all; as ``rate / (rows seen + 1) ** power_t``; to a fifth where it would stop.
    power_t, tol : float
    patience : float
        It stops after more than so many epochs that did not improve by ``tol``.
    judge : callable, optional
        From a network to how good it is on held-out rows, greater being better. The best network is kept.
    outputs : int
        The loss is reported for one of so many outputs.
    tell : callable, optional
        Given a line after each epoch and before stopping.
    """

    rate: float
    schedule: str = "constant"
    power_t: float = 0.5
    tol: float = 1e-4
    patience: float | int = 10
    judge: Score | None = None
    outputs: int = 1
    tell: Callable[[str], None] | None = None

    losses: list[float] = field(default_factory=list[float])
    scores: list[float] = field(default_factory=list[float])
    flows: list[GradientFlowInfo] = field(default_factory=list[GradientFlowInfo])
    """Of each step that was watched."""
    best_loss: float = math.inf
    best_score: float = -math.inf
    rows_seen: int = 0
    epochs: int = 0
    """Of this run."""
    stopped: bool = False
    last: DescentState | None = None
    """The State after the last epoch of this run."""
    _good: LastGood = field(default_factory=lambda: LastGood({}))
    _best: dict[str, Tensor] | None = None
    _now: float = 0.0
    _idle: int = 0
    _sum: float = 0.0
    _rows: int = 0
    _seen: int = 0

    def begin(self, network: nn.Sequential, *, resumed: bool = False) -> None:
        """Start a run, at the first learning rate unless an earlier one is gone on with."""
        self.epochs, self.stopped, self.last, self._sum, self._rows, self._seen = 0, False, None, 0.0, 0, 0
        self._now = self._now if resumed else self.rate
        self._good, self._best = LastGood(_copies(network)), None

    def rest(self) -> None:
        """End a run: rows, the State, copies of parameters and who was told are not kept any longer."""
        self.judge = self.last = self._best = self.tell = None
        self._good = LastGood({})

    @property
    def kept(self) -> dict[str, Tensor]:
        """What the network with the best score consists of, or else the last good one."""
        return self._good.kept if self._best is None else self._best

    def factor(self, step: int) -> float:
        """What the first learning rate is multiplied with: a schedule that depends on what was seen."""
        return self._now / self.rate

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """Add up the loss."""
        assert isinstance(info, DescentInfo)
        self._seen += rows
        if not info.counted:
            return
        loss = info.loss.item() / self.outputs + info.penalties
        self._good.batch_done(loss)
        self._sum += loss * rows
        self._rows += rows
        if info.flow is not None:
            self.flows.append(info.flow)

    def after_epoch(self, state: DescentState, epoch: int) -> DescentState:
        """Take notice of an epoch; the State goes on as it is.

        Raises
        ------
        DivergenceError
            A parameter is no number any more.
        """
        network = finished(state)
        check_finite(network, f"epoch {epoch + 1}")
        self.losses.append(self._sum / self._rows)
        self.rows_seen += self._seen
        self.epochs, self.last = self.epochs + 1, state
        self._sum, self._rows, self._seen = 0.0, 0, 0
        self._say(f"Iteration {self.epochs}, loss = {self.losses[-1]:.8f}")
        if self.judge is None:
            better = self.losses[-1] <= self.best_loss - self.tol
            self.best_loss = min(self.best_loss, self.losses[-1])
            self._good.epoch_done(self.losses[-1], _copies(network))
        else:
            score = self.judge(network)
            self.scores.append(score)
            self._say(f"Validation score: {score:f}")
            better = not score < self.best_score + self.tol
            if score > self.best_score:
                self.best_score, self._best = score, _copies(network)
        self._idle = 0 if better else self._idle + 1
        if self.schedule == "invscaling":
            self._now = self.rate / (self.rows_seen + 1) ** self.power_t
        if self._idle > self.patience:
            self._slow_down_or_stop()
        return state

    def epoch_done(self, epoch: int) -> None:
        """Nothing is left to do."""

    def wants_to_stop(self) -> bool:
        """Whether nothing has become better for too long."""
        return self.stopped

    def _slow_down_or_stop(self) -> None:
        what = "Training loss" if self.judge is None else "Validation score"
        message = f"{what} did not improve more than tol={self.tol:f} for {self.patience} consecutive epochs."
        if self.schedule != "adaptive":
            self.stopped = True
            self._say(f"{message} Stopping.")
        elif self._now <= SLOWEST:
            self.stopped = True
            self._say(f"{message} Learning rate too small. Stopping.")
        else:
            self._now, self._idle = self._now / 5.0, 0
            self._say(f"{message} Setting learning rate to {self._now:f}")

    def _say(self, line: str) -> None:
        if self.tell is not None:
            self.tell(line)


@torch.no_grad()
def _copies(network: nn.Sequential) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}
