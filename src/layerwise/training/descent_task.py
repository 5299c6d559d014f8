"""A network trained by gradient descent as a stage of a course; how learning reaches its layers is seen beside."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from layerwise.data.minibatches import MinibatchStream
from layerwise.networks.backprop import backpropagate
from layerwise.networks.flow import GradientFlowInfo, gradient_flow
from layerwise.networks.losses import CrossEntropy
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream
from layerwise.training.contrastive_tree import snapshot
from layerwise.training.course_observer import Info, RowsInfo, TuningInfo
from layerwise.training.divergence import LastGood
from layerwise.training.gradient_descent import DescentState, GradientDescent
from layerwise.training.pretraining import check_finite
from layerwise.training.task import Task

__all__ = ["ClassesGauge", "DescentTask", "Gauge", "RowsGauge"]

FLOW_ROWS = 250
"""Rows that the gradient's way is looked at on: as many as a large minibatch."""


Gauge = Callable[[nn.Sequential, Mapping[str, Tensor]], TuningInfo | RowsInfo]
"""From a network, and its parameters before the last step, to what is measured of it on rows of its own."""


class ClassesGauge:
    """How well a network tells labelled rows apart.

    Parameters
    ----------
    seen, unseen : (values, labels) or None
        Training rows and rows held out.
    """

    def __init__(self, seen: tuple[Tensor, Tensor] | None, unseen: tuple[Tensor, Tensor] | None) -> None:
        self._seen, self._unseen, self._loss = seen, unseen, CrossEntropy()

    def __call__(self, network: nn.Sequential, before: Mapping[str, Tensor]) -> TuningInfo:
        """Loss and accuracy of both, and the gradient's way."""
        if self._seen is None:
            return TuningInfo(float("nan"), float("nan"))
        values, labels = self._seen
        flow = _flow(network, values, self._loss, labels, before)
        unseen = () if self._unseen is None else self._of(network, *self._unseen)
        return TuningInfo(*self._of(network, values, labels), *unseen, flow=flow)

    @torch.no_grad()
    def _of(self, network: nn.Sequential, values: Tensor, labels: Tensor) -> tuple[float, float]:
        scores = network(values)
        return float(self._loss.value(scores, labels)), float((scores.argmax(1) == labels).double().mean())


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

    def __call__(self, network: nn.Sequential, before: Mapping[str, Tensor]) -> RowsInfo:
        """Loss and error of both, and the gradient's way."""
        flow = _flow(network, self._seen, self._back.loss, self._seen, before)
        unseen = () if self._unseen is None else self._of(network, self._unseen)
        return RowsInfo(*self._of(network, self._seen), *unseen, flow=flow)

    @torch.no_grad()
    def _of(self, network: nn.Sequential, rows: Tensor) -> tuple[float, float]:
        error = (rows - self._back.mean(network, rows)).square().sum(1).mean()
        return float(self._back.errors(network, rows).double().mean()), float(error)


class DescentTask(Task):
    """Trains a network.

    Parameters
    ----------
    network : torch.nn.Sequential
        Moved in place.
    trainer : GradientDescent
    stream : MinibatchStream
    gauge : Gauge
    random : RandomStream
        Of the draws.
    title : str
        How messages call the stage.
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
    ) -> None:
        super().__init__(trainer, stream, network)
        self._gauge, self._random, self._title = gauge, random, title

    def first_state(self) -> DescentState:
        """The State before the first minibatch."""
        return self._begun(self.trainer.init(self.module, self._random))

    def restored(self, tree: dict[str, Any]) -> DescentState:
        """The State that the trainer's ``to_tree`` gave."""
        return self._begun(self.trainer.from_tree(self.module, tree))

    def _begun(self, state: DescentState) -> DescentState:
        start = snapshot(dict(state.network.state_dict()))
        self._good = LastGood(start)
        self._good.epoch_done(self._gauge(state.network, {}).loss, start)
        return state

    def measure(self, state: DescentState, before: Mapping[str, Tensor]) -> Info:
        """Measure the network on rows seen and held out, and remember it if it is good."""
        check_finite(state.network, self._title)
        info = self._gauge(state.network, before)
        self._good.epoch_done(info.loss, snapshot(dict(state.network.state_dict())))
        self._good.batch_done(info.loss)  # it is the loss of what the epoch ended with
        return info

    def last_good(self) -> nn.Sequential:
        """The network before its loss began to explode."""
        network = copy.deepcopy(self.module)
        network.load_state_dict(self._good.kept)
        return network

    def watched(self, state: DescentState) -> dict[str, Tensor]:
        """The parameters, with which an update is compared."""
        return {name: parameter.detach().clone() for name, parameter in state.network.named_parameters()}

    def finish(self, state: DescentState) -> nn.Sequential:
        """The network."""
        return state.network


def _flow(
    network: nn.Sequential, rows: Tensor, loss: Any, targets: Tensor, before: Mapping[str, Tensor]
) -> GradientFlowInfo:
    sweep = backpropagate(network, rows[:FLOW_ROWS], loss, targets[:FLOW_ROWS])
    return gradient_flow(network, sweep, before or None)
