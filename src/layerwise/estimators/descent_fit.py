"""Training one network: a device, a curve, held-out rows that stop it, and the last good State."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from layerwise.data.minibatches import MinibatchStream
from layerwise.estimators.contrastive_fit import Lesson
from layerwise.estimators.descent_options import DescentOptions
from layerwise.estimators.holding_out import held_count
from layerwise.randomness import RandomStream
from layerwise.training.gradient_descent import DescentState, GradientDescent
from layerwise.training.network_epochs import Descended, EpochInfo, Score, descend, finished

__all__ = ["LearnedNetwork", "Teller", "divided", "learn_network", "on_the_cpu"]


@dataclass(frozen=True)
class LearnedNetwork:
    """A trained network on the CPU and all that goes on from it."""

    network: nn.Sequential
    tree: dict[str, Any]
    """The State as ``GradientDescent.to_tree`` gives it."""
    curve: list[EpochInfo]


def learn_network(
    network: nn.Sequential,
    trainer: GradientDescent,
    stream: MinibatchStream,
    options: DescentOptions,
    random: RandomStream,
    name: str,
    keep: Callable[[LearnedNetwork], object],
    seen: Score,
    unseen: Score | None = None,
) -> LearnedNetwork:
    """Train a network.

    Parameters
    ----------
    network : torch.nn.Sequential
        Moved in place.
    trainer : GradientDescent
    stream : MinibatchStream
        Of the device that the options name.
    options : DescentOptions
    random : RandomStream
        Of the draws.
    name : str
        How messages call the network.
    keep : callable
        Is given what was learned before training diverged, if there was a good State.
    seen, unseen : callable
        Measured after each epoch. If there is the latter, training stops when that gets no better, and the best
        network is kept.

    Raises
    ------
    DivergenceError
    """
    trainer = options.paced(trainer, stream.n_batches)

    def learned(descended: Descended) -> LearnedNetwork:
        return on_the_cpu(trainer, descended.state, descended.curve)

    stage, teller = options.audience.stage(name, options.epochs), Teller(name) if options.verbose else None

    def tell(epoch: int, info: EpochInfo) -> None:
        if teller is not None:
            teller(epoch, info)
        stage.epoch_done(epoch, info, network)

    descended = descend(
        trainer,
        trainer.init(network.to(options.device), random),
        stream,
        options.epochs,
        seen=seen,
        unseen=unseen,
        patience=None if unseen is None else options.patience,
        tell=tell,
        enough=lambda: stage.enough,
        keep=lambda good: keep(learned(good)),
        name=name,
    )
    return learned(descended)


def on_the_cpu(trainer: GradientDescent, state: DescentState, curve: list[EpochInfo]) -> LearnedNetwork:
    """What was learned, where it is kept."""
    if any(parameter.device.type != "cpu" for parameter in state.network.parameters()):
        tree = trainer.to_tree(state)
        state = trainer.from_tree(state.network.cpu(), tree)
    network = finished(state)
    network.zero_grad(set_to_none=True)
    return LearnedNetwork(network, trainer.to_tree(state), curve)


def divided(lesson: Lesson, options: DescentOptions, random: RandomStream) -> tuple[Lesson, Lesson | None]:
    """Rows to learn from, and rows held out where that is asked for.

    Raises
    ------
    DataError
        No row would be left to learn from.
    """
    if not options.held_out:
        return lesson, None
    rows = len(lesson.rows)
    count = held_count(rows, options.held_out)
    order = random.child("held out").permutation(rows)
    return lesson.select(order[count:]), lesson.select(order[:count])


class Teller:
    """Prints what was measured: what ``verbose`` asks for."""

    def __init__(self, name: str) -> None:
        self.name, self.begin = name, time.perf_counter()

    def __call__(self, epoch: int, info: EpochInfo) -> None:
        """One line."""
        end = time.perf_counter()
        unseen = "" if math.isnan(info.unseen) else f", held-out score = {info.unseen:.4g}"
        what = f"loss = {info.loss:.4g}, score = {info.seen:.4g}{unseen}, time = {end - self.begin:.2f}s"
        print(f"[{self.name}] Iteration {epoch + 1}, {what}")  # noqa: T201
        self.begin = end
