"""Training the layers of a deep belief network: one after the other, then all of them together."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from layerwise.data.preparation import Preparation
from layerwise.energy import RBM, BeliefNet
from layerwise.energy.class_rbm import class_rbm
from layerwise.energy.wake_sleep_net import WakeSleepNet
from layerwise.estimators.audience import Stage
from layerwise.estimators.contrastive_fit import Learned, Lesson, first_machine, learn
from layerwise.estimators.contrastive_options import ContrastiveOptions
from layerwise.estimators.unit_rows import UnitRows
from layerwise.randomness import RandomStream
from layerwise.training.loop import Silent, run
from layerwise.training.phases import complete
from layerwise.training.pretraining import LayerInfo, check_finite
from layerwise.training.up_down import UpDown
from layerwise.units import BernoulliUnits, UnitKind

__all__ = ["Layer", "learn_layers", "learn_together", "without_gaps"]

GAP_STEPS = 100
"""Clamped Gibbs steps that draw the gaps of the rows that the upper layers learn from."""


@dataclass(frozen=True)
class Layer:
    """A trained layer, and the mean of its visible units over the rows."""

    learned: Learned
    mean: Tensor

    @property
    def machine(self) -> RBM:
        """The machine itself."""
        return self.learned.machine


Keep = Callable[[list[Layer]], object]


def learn_layers(
    visible: UnitKind,
    sizes: Sequence[int],
    lesson: Lesson,
    options: Sequence[ContrastiveOptions],
    random: RandomStream,
    name: str,
    keep: Keep,
) -> list[Layer]:
    """Train each layer on the means that the layers below send it; the top beside the label's units, if there are any.

    Parameters
    ----------
    visible : UnitKind
        The units that meet the rows.
    sizes : sequence of int
        Of each layer of hidden units, from the rows upwards.
    lesson : Lesson
        Labels are for the top.
    options : sequence of ContrastiveOptions
        Of each layer.
    random : RandomStream
        Its children are the layers'.
    name : str
        How messages call the network.
    keep : callable
        Is given the layers learned before training diverged, the last good State of the last among them.

    Raises
    ------
    DivergenceError
    """
    layers: list[Layer] = []
    for number, (size, of_layer) in enumerate(zip(sizes, options, strict=True), 1):
        stream = random.child(f"layer {number}")
        if layers:
            machines = [layer.machine for layer in layers]
            visible = BernoulliUnits(machines[-1].hidden.size)
            below = copy.deepcopy(BeliefNet(machines)).to(of_layer.device)
            lesson = replace(without_gaps(lesson, machines[0], random), upwards=below.up)
        own = lesson if number == len(sizes) else replace(lesson, labels=None, classes=0)
        if own.classes:
            visible = class_rbm(visible, size, own.classes).visible
        with torch.no_grad():
            moments = own.moments(of_layer.device)
        machine = first_machine(visible, BernoulliUnits(size), moments, stream.child("weights"))
        keep_good = partial(_keep_good, keep, layers, moments[0])
        learned = learn(machine, own, of_layer, stream, f"{name}, layer {number}", keep_good)
        layers.append(Layer(learned, moments[0]))
    return layers


def _keep_good(keep: Keep, below: list[Layer], mean: Tensor, good: Learned) -> None:
    keep([*below, Layer(good, mean)])


@torch.no_grad()
def without_gaps(lesson: Lesson, machine: RBM, random: RandomStream) -> Lesson:
    """The lesson with missing values drawn once from the machine of the rows given the others."""
    if lesson.rows.complete():
        return lesson
    v = lesson.rows.units().clone()
    torn = v.isnan().any(1)
    v[torn] = complete(machine, v[torn], GAP_STEPS, random.child("gaps"), 0)
    return replace(lesson, rows=UnitRows(v.numpy(), Preparation.unchanged(v.shape[1]), lesson.rows.precision))


@torch.no_grad()
def learn_together(
    net: BeliefNet,
    lesson: Lesson,
    epochs: int,
    learning_rate: float,
    options: ContrastiveOptions,
    random: RandomStream,
    name: str,
) -> tuple[WakeSleepNet, list[LayerInfo]]:
    """Untie a network's directions and train all layers by up-down.

    Parameters
    ----------
    net : BeliefNet
        Is not changed.
    lesson : Lesson
        Without gaps.
    epochs : int
    learning_rate : float
        Of the first minibatch; it falls linearly to zero.
    options : ContrastiveOptions
        Momentum, weight decay, size of a minibatch, device and verbosity.
    random : RandomStream
    name : str
        How messages call the network.

    Returns
    -------
    net : WakeSleepNet
    curve : list of LayerInfo
        Of each epoch: the error of the reconstruction through the lowest layer, and the activity of the top.

    Raises
    ------
    DivergenceError
    """
    untied = WakeSleepNet.untied(net).to(options.device)
    rows = lesson.rows
    ranks, told = options.trainer.ranks, (lesson.weights, lesson.labels)
    stream = rows.stream(options.batch_size, random.child("rows"), options.device, *told, ranks)
    trainer = UpDown(
        max(1, epochs * stream.n_batches),
        learning_rate=learning_rate,
        momentum=options.trainer.momentum,
        weight_decay=options.trainer.weight_decay,
        ranks=ranks,
    )
    sample = Lesson(rows).some(random.child("measured"), options.device)
    stage = options.audience.stage(name, epochs)
    watch = _Watch(untied, sample, name, options.verbose > 0, stage)
    run(trainer, trainer.init(untied, random), stream, epochs, observer=watch, ranks=ranks)
    return untied.cpu(), watch.curve


@dataclass
class _Watch(Silent):
    """Measures after each epoch, prints if asked to, and tells callbacks."""

    net: WakeSleepNet
    sample: Tensor
    name: str
    tells: bool
    stage: Stage
    curve: list[LayerInfo] = field(default_factory=list[LayerInfo])
    begin: float = field(default_factory=time.perf_counter)

    def epoch_done(self, epoch: int) -> None:
        """Measure."""
        check_finite(self.net, self.name)
        back = self.net.reconstruct(self.sample, 1)
        error = (self.sample - back).square().sum(1).mean()
        info = LayerInfo(float(error), math.nan, float(self.net.up(self.sample).mean()))
        self.curve.append(info)
        if self.tells:
            end = time.perf_counter()
            what = f"reconstruction error = {float(error):.3f}, time = {end - self.begin:.2f}s"
            print(f"[{self.name}] Iteration {epoch + 1}, {what}")  # noqa: T201  # this is what verbose asks for
            self.begin = end
        self.stage.epoch_done(epoch, info, self.net)

    def wants_to_stop(self) -> bool:
        """Whether a callback has asked to."""
        return self.stage.enough
