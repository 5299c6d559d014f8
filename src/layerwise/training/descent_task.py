"""A network trained by gradient descent as a stage of a course."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from layerwise.data.minibatches import MinibatchStream
from layerwise.networks.losses import CrossEntropy
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream
from layerwise.training.contrastive_tree import snapshot
from layerwise.training.course_observer import Info, RowsInfo, TargetsInfo, TuningInfo
from layerwise.training.divergence import LastGood
from layerwise.training.gradient_descent import DescentInfo, DescentState, GradientDescent
from layerwise.training.pretraining import check_finite
from layerwise.training.target_scale import TargetScale, explained
from layerwise.training.task import Task

__all__ = ["ClassesGauge", "DescentTask", "Gauge", "RowsGauge", "TargetsGauge"]

Gauge = Callable[[nn.Sequential], TuningInfo | TargetsInfo | RowsInfo]
"""From a network to what is measured of it on rows of its own."""


class ClassesGauge:
    """How well a network tells labelled rows apart.

    Parameters
    ----------
    seen, unseen : (values, labels) or None
        Training rows and rows held out.
    """

    def __init__(self, seen: tuple[Tensor, Tensor] | None, unseen: tuple[Tensor, Tensor] | None) -> None:
        self._seen, self._unseen, self._loss = seen, unseen, CrossEntropy()

    def __call__(self, network: nn.Sequential) -> TuningInfo:
        """Loss and accuracy of both."""
        if self._seen is None:
            return TuningInfo(float("nan"), float("nan"))
        unseen = (None, None) if self._unseen is None else self._of(network, *self._unseen)
        return TuningInfo(*self._of(network, *self._seen), *unseen)

    @torch.no_grad()
    def _of(self, network: nn.Sequential, values: Tensor, labels: Tensor) -> tuple[float, float]:
        scores = network(values)
        return float(self._loss.value(scores, labels)), float((scores.argmax(1) == labels).double().mean())


class TargetsGauge:
    """How near a network comes to the targets of rows.

    Parameters
    ----------
    seen, unseen : (values, targets) or None
        Training rows and rows held out, with targets of shape (batch, 1), mean 0 and standard deviation 1.
    scale : TargetScale
    """

    def __init__(
        self, seen: tuple[Tensor, Tensor] | None, unseen: tuple[Tensor, Tensor] | None, scale: TargetScale
    ) -> None:
        self._seen, self._unseen, self._variance = seen, unseen, float(scale.deviation[0]) ** 2

    def __call__(self, network: nn.Sequential) -> TargetsInfo:
        """Squared error and R² of both."""
        if self._seen is None:
            return TargetsInfo(float("nan"), float("nan"))
        unseen = (None, None) if self._unseen is None else self._of(network, *self._unseen)
        return TargetsInfo(*self._of(network, *self._seen), *unseen)

    @torch.no_grad()
    def _of(self, network: nn.Sequential, values: Tensor, targets: Tensor) -> tuple[float, float]:
        given = network(values)
        return self._variance * float((given - targets).square().double().mean()), explained(given, targets)


class RowsGauge:
    """How well rows come back from an autoencoder.

    Parameters
    ----------
    back : Reconstruction
    seen, unseen : Tensor of shape (batch, units), or None
        Training rows and rows held out.
    """

    def __init__(self, back: Reconstruction, seen: Tensor, unseen: Tensor | None) -> None:
        self._back, self._seen, self._unseen = back, seen, unseen

    def __call__(self, network: nn.Sequential) -> RowsInfo:
        """Loss and error of both."""
        unseen = (None, None) if self._unseen is None else self._of(network, self._unseen)
        return RowsInfo(*self._of(network, self._seen), *unseen)

    @torch.no_grad()
    def _of(self, network: nn.Sequential, rows: Tensor) -> tuple[float, float]:
        error = (rows - self._back.mean(network, rows)).square().sum(1).mean()
        return float(self._back.errors(network, rows).double().mean()), float(error)


class DescentTask(Task):
    """Trains a network, and watches how learning reaches its layers in the last minibatch of each epoch.

    Parameters
    ----------
    network : torch.nn.Sequential
        Moved in place.
    trainer : GradientDescent
        What it watches is set here.
    stream : MinibatchStream
    gauge : Gauge
    random : RandomStream
        Of the draws.
    title : str
        How messages call the stage.
    scale : TargetScale, optional
        Of targets: what is learned gives them on their own scale.
    """

    module: nn.Sequential
    _good: LastGood

    def __init__(
        self,
        network: nn.Sequential,
        trainer: GradientDescent,
        stream: MinibatchStream,
        gauge: Gauge,
        random: RandomStream,
        title: str,
        scale: TargetScale | None = None,
    ) -> None:
        super().__init__(replace(trainer, watch_every=stream.n_batches), stream, network)
        self._gauge, self._random, self._title, self._scale = gauge, random, title, scale

    def first_state(self) -> DescentState:
        """The State before the first minibatch."""
        return self._begun(self.trainer.init(self.module, self._random))

    def restored(self, tree: dict[str, Any]) -> DescentState:
        """The State that the trainer's ``to_tree`` gave."""
        return self._begun(self.trainer.from_tree(self.module, tree))

    def _begun(self, state: DescentState) -> DescentState:
        start = snapshot(dict(state.network.state_dict()))
        self._good = LastGood(start)
        self._good.epoch_done(self._gauge(state.network).loss, start)
        return state

    def measure(self, state: DescentState, seen: DescentInfo) -> Info:
        """Measure the network on rows seen and held out, and remember it if it is good."""
        check_finite(state.network, self._title)
        info = replace(self._gauge(state.network), flow=seen.flow)
        self._good.epoch_done(info.loss, snapshot(dict(state.network.state_dict())))
        self._good.batch_done(info.loss)  # it is the loss of what the epoch ended with
        return info

    def last_good(self) -> nn.Sequential:
        """The network before its loss began to explode."""
        network = copy.deepcopy(self.module)
        network.load_state_dict(self._good.kept)
        return self._used(network)

    def finish(self, state: DescentState) -> nn.Sequential:
        """The network."""
        return self._used(state.network)

    def _used(self, network: nn.Sequential) -> nn.Sequential:
        if self._scale is not None:
            self._scale.put_into(network)
        return network
