"""Training one machine on rows of units: held-out rows, early stopping, vigilance, a curve, and the last good State."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layerwise.data.batches import Batch, MinibatchStream
from layerwise.data.drawn import DrawnBits, bits_of
from layerwise.data.stored import StoredValues
from layerwise.energy import RBM, exact_log_partition
from layerwise.energy.enumeration import state_count
from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators.audience import Stage
from layerwise.estimators.contrastive_options import ContrastiveOptions, Stopping
from layerwise.estimators.conversion import parts
from layerwise.estimators.holding_out import held_count
from layerwise.estimators.unit_rows import UnitRows, moments
from layerwise.randomness import RandomStream
from layerwise.training.averaging import averaged
from layerwise.training.contrastive import ContrastiveLearning, ContrastiveState
from layerwise.training.early_stopping import EarlyStopping
from layerwise.training.held_out import Measure, minus_free_energy_gap, pseudo_score
from layerwise.training.keeping import whole
from layerwise.training.label_units import JoinedLabels, beside
from layerwise.training.loop import Place, run
from layerwise.training.pretraining import LayerInfo, measure_layer
from layerwise.training.ranks import ALONE, Ranks
from layerwise.training.vigilance import Vigilance
from layerwise.units import UnitKind

__all__ = ["Learned", "Lesson", "best_measure", "first_machine", "learn"]

MEASURED = 1000
"""Rows that are looked at after an epoch."""
MOST_STATES = 2**16
"""Of the smaller side, where the likelihood of held-out rows is asked for after every epoch."""

Upwards = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a machine learns from.

    Parameters
    ----------
    rows : UnitRows
    weights : Tensor of shape (rows,), float64, or None
    upwards : callable, optional
        From the rows' units to those of the machine, where there are layers between.
    labels : Tensor of shape (rows,), int64, optional
        For a machine with label units: codes, -1 where a row has none.
    classes : int
        Of the labels.
    drawn : bool
        Whether grey levels are drawn as bits, anew in every epoch.
    """

    rows: UnitRows
    weights: Tensor | None = None
    upwards: Upwards | None = None
    labels: Tensor | None = None
    classes: int = 0
    drawn: bool = False

    @classmethod
    def weighted(
        cls,
        rows: UnitRows,
        weights: npt.NDArray[np.float64] | None,
        labels: Tensor | None = None,
        classes: int = 0,
        drawn: bool = False,
    ) -> Lesson:
        """Rows with weights; those that count nothing are left out."""
        of_rows = None if weights is None else torch.from_numpy(weights)
        lesson = cls(rows, of_rows, labels=labels, classes=classes, drawn=drawn)
        if weights is None or (weights > 0).all():
            return lesson
        return lesson.select(torch.from_numpy(np.flatnonzero(weights > 0)))

    def select(self, indices: Tensor) -> Lesson:
        """Some of the rows."""
        some = indices.sort().values
        weights, labels = (None if of_rows is None else of_rows[some] for of_rows in (self.weights, self.labels))
        return replace(self, rows=self.rows.select(some.numpy()), weights=weights, labels=labels)

    def batches(
        self, batch_size: int, random: RandomStream, device: torch.device, ranks: Ranks = ALONE
    ) -> MinibatchStream:
        """Minibatches of the rows, their labels beside them; with several ranks this one's part of each."""
        batches: MinibatchStream = self.rows.stream(batch_size, random, device, self.weights, self.labels, ranks)
        return DrawnBits(batches, random.child("bits")) if self.drawn else batches

    def stream(
        self, batch_size: int, random: RandomStream, device: torch.device, ranks: Ranks = ALONE
    ) -> MinibatchStream:
        """Minibatches of the machine's units, label units among them."""
        batches = self.batches(batch_size, random, device, ranks)
        if self.upwards is not None:
            batches = batches.map(self.upwards)
        return batches if self.labels is None else JoinedLabels(batches, self.classes)

    def batch(self, random: RandomStream) -> Batch:
        """All rows as one minibatch, for a trainer that uses this stream next.

        Raises
        ------
        DataError
            They are on disk, and more than are held in memory at once.
        """
        values = self.rows.values
        if isinstance(values, StoredValues) and len(values) > values.window_rows:
            rule = f"partial_fit is one step on all of its rows, and a window of these holds {values.window_rows:,}"
            raise DataError("X", f"{len(values):,} rows on disk", rule, "give it minibatches, or call fit")
        v = self.rows.units()
        if self.drawn:
            v = bits_of(v, random.child(f"bits {random.position}"))
        return Batch(v, self.labels, 0, len(self.rows), self.weights)

    def some(self, random: RandomStream, device: torch.device) -> Tensor:
        """At most so many of the rows as units of the machine."""
        return self._units(random.permutation(len(self.rows))[:MEASURED].sort().values.numpy(), device)

    def moments(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Mean and variance of each unit of the machine over all rows that it is known in."""
        return moments(((part, self._units(part, device)) for part in parts(self.rows.values)), self.weights)

    def _units(self, part: slice | npt.NDArray[Any], device: torch.device) -> Tensor:
        v = self.rows.units(part).to(device)
        v = v if self.upwards is None else self.upwards(v)
        return v if self.labels is None else beside(v, self.labels[part].to(device), self.classes)


@dataclass(frozen=True)
class Learned:
    """A trained machine on the CPU and all that goes on from it, chains of all ranks included."""

    machine: RBM
    state: ContrastiveState
    trainer: ContrastiveLearning
    n_iter: int
    curve: list[LayerInfo]


@torch.no_grad()
def first_machine(visible: UnitKind, hidden: UnitKind, moments: tuple[Tensor, Tensor], random: RandomStream) -> RBM:
    """Small random couplings between two layers of units, the visible ones with the moments of the data."""
    machine = RBM(visible, hidden)
    machine.scatter_weights(random)
    machine.visible.start_from(*moments)
    return machine


@torch.no_grad()
def learn(
    machine: RBM,
    lesson: Lesson,
    options: ContrastiveOptions,
    random: RandomStream,
    name: str,
    keep: Callable[[Learned], object],
) -> Learned:
    """Train a machine.

    Parameters
    ----------
    machine : RBM
        Moved in place where it is on the device already.
    lesson : Lesson
    options : ContrastiveOptions
    random : RandomStream
        Of the draws; its children decide the order of the rows and which are held out.
    name : str
        How messages call the machine.
    keep : callable
        Is given what was learned before training diverged, if there was a good State.

    Raises
    ------
    DivergenceError
    DataError, OptionError
        The rows cannot be held out, or not measured as asked for.
    """
    device = options.device
    machine = machine.to(device)
    lesson, held_out = _divided(lesson, options, random)
    ranks = options.trainer.ranks
    stream = lesson.stream(options.batch_size, random.child("rows"), device, ranks)
    trainer = options.scheduled(stream.n_batches)
    sample = lesson.some(random.child("measured"), device)
    unseen = None if held_out is None else _complete(held_out.some(random.child("unseen"), device))
    stage = options.audience.stage(name, options.n_iter)
    watch = _Watch(machine, _complete(sample), unseen, name, options.verbose > 0, stage)
    vigilance, stopping = Vigilance(trainer, sample, name), None
    if unseen is not None:
        what = best_measure(machine) if options.stopping == "auto" else options.stopping
        lowest = -options.max_gap if what == "gap" else None
        measure = _measure(what, machine, watch.sample, unseen)
        stopping = EarlyStopping(trainer, measure, options.patience, lowest, watch)

    def after_epoch(state: ContrastiveState, epoch: int) -> ContrastiveState:
        state = vigilance.after_epoch(state, epoch)
        return state if stopping is None else stopping.after_epoch(state, epoch)

    state = trainer.init(machine, random)
    try:
        outcome = run(
            trainer, state, stream, options.n_iter, observer=stopping or watch, after_epoch=after_epoch, ranks=ranks
        )
    except DivergenceError:
        good = vigilance.restore(machine)
        if good is not None:
            keep(_learned(trainer, good, vigilance.good_epoch + 1, watch.curve))
        raise
    state, epochs = outcome.state, outcome.place.epoch
    if stopping is not None and epochs:
        state = stopping.restore(machine)
    return _learned(trainer, state, epochs, watch.curve)


def _learned(trainer: ContrastiveLearning, state: ContrastiveState, epochs: int, curve: list[LayerInfo]) -> Learned:
    state, trainer = whole(trainer, state)
    return Learned(averaged(state) if state.average else state.rbm, state, trainer, epochs, curve)


def _divided(lesson: Lesson, options: ContrastiveOptions, random: RandomStream) -> tuple[Lesson, Lesson | None]:
    if options.stopping == "no":
        return lesson, None
    rows = len(lesson.rows)
    count = held_count(rows, options.validation_fraction)
    order = random.child("held out").permutation(rows)
    return lesson.select(order[count:]), lesson.select(order[:count])


def _complete(v: Tensor) -> Tensor:
    return v[~v.isnan().any(1)]


def best_measure(machine: RBM) -> Stopping:
    """What held-out rows tell of a machine: their likelihood if it can be summed, else the next best."""
    if _fewest_states(machine) <= MOST_STATES:
        return "likelihood"
    return "gap" if machine.visible.states() is None else "pseudo-likelihood"


def _fewest_states(machine: RBM) -> int | float:
    return min(state_count(machine.visible), state_count(machine.hidden))


def _measure(what: str, machine: RBM, sample: Tensor, unseen: Tensor) -> Measure:
    if not len(unseen) or not len(sample):
        rule = "needs rows without a missing value, held out and to learn from"
        raise OptionError("early_stopping", what, rule, "give early_stopping=False")
    if what == "gap":
        return minus_free_energy_gap(sample, unseen)
    if what == "pseudo-likelihood":
        if machine.visible.states() is None:
            rule = "needs visible units whose states can be counted"
            raise OptionError("early_stopping", what, rule, "give 'gap', or 'likelihood' for a small machine")
        return pseudo_score(unseen)
    if _fewest_states(machine) > MOST_STATES:
        rule = f"needs a side of at most {MOST_STATES:,} joint states, such as 16 binary hidden units"
        raise OptionError("early_stopping", what, rule, "give 'pseudo-likelihood' or 'gap'")
    return lambda rbm: -float(rbm.free_energy(unseen).double().mean()) - exact_log_partition(rbm)


@dataclass
class _Watch:
    """Measures after each epoch, prints if asked to, and tells callbacks."""

    machine: RBM
    sample: Tensor
    held_out: Tensor | None
    name: str
    tells: bool
    stage: Stage
    curve: list[LayerInfo] = field(default_factory=list[LayerInfo])
    begin: float = field(default_factory=time.perf_counter)

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """See nothing."""

    def epoch_done(self, epoch: int) -> None:
        """Measure."""
        info = LayerInfo(math.nan, math.nan, math.nan)
        if len(self.sample):
            info = measure_layer(self.machine, self.sample, self.held_out)
        self.curve.append(info)
        if self.tells:
            end = time.perf_counter()
            gap = "" if self.held_out is None else f", free-energy gap = {info.free_energy_gap:.3f}"
            what = f"reconstruction error = {info.reconstruction_error:.3f}{gap}, time = {end - self.begin:.2f}s"
            print(f"[{self.name}] Iteration {epoch + 1}, {what}")  # noqa: T201  # this is what verbose asks for
            self.begin = end
        self.stage.epoch_done(epoch, info, self.machine)

    def wants_to_stop(self) -> bool:
        """Whether a callback has asked to."""
        return self.stage.enough
