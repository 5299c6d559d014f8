"""Training one machine on rows and their labels: held-out rows, early stopping, a curve, and the last good State."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from layerwise.energy import RBM, class_log_probabilities
from layerwise.errors import DataError, DivergenceError
from layerwise.estimators.audience import Stage
from layerwise.estimators.class_options import ClassOptions
from layerwise.estimators.contrastive_fit import Lesson
from layerwise.randomness import RandomStream
from layerwise.training.classification_rbm import ClassificationLearning
from layerwise.training.classification_state import ClassificationState
from layerwise.training.early_stopping import EarlyStopping
from layerwise.training.keeping import whole
from layerwise.training.loop import Place, run
from layerwise.training.single_machine import ClassInfo, filled, measure_class_machine
from layerwise.training.vigilance import Vigilance

__all__ = ["ClassLearned", "divided_by_class", "learn_classes"]

Labelled = tuple[Tensor, Tensor]
"""Rows, and the labels of all of them."""


@dataclass(frozen=True)
class ClassLearned:
    """A trained machine on the CPU and all that goes on from it, chains of all ranks included."""

    machine: RBM
    state: ClassificationState
    trainer: ClassificationLearning
    n_iter: int
    curve: list[ClassInfo]
    scores: list[float] | None
    """Mean log p(label | row) of held-out rows after every epoch, where some were held out."""


@torch.no_grad()
def learn_classes(
    machine: RBM,
    lesson: Lesson,
    options: ClassOptions,
    random: RandomStream,
    name: str,
    keep: Callable[[ClassLearned], object],
) -> ClassLearned:
    """Train a machine with label units.

    Parameters
    ----------
    machine : RBM
        Moved in place where it is on the device already.
    lesson : Lesson
        With labels.
    options : ClassOptions
    random : RandomStream
        Of the draws; its children decide the order of the rows and which are held out.
    name : str
        How messages call the machine.
    keep : callable
        Is given what was learned before training diverged, if there was a good State.

    Raises
    ------
    DivergenceError
    DataError
        No row can be held out.
    """
    device = options.device
    machine, scores = machine.to(device), None
    held_out = None
    if options.early_stopping:
        lesson, held_out = divided_by_class(lesson, options.validation_fraction, random)
    ranks = options.trainer.ranks
    stream = lesson.batches(options.batch_size, random.child("rows"), device, ranks)
    trainer = options.scheduled(stream.n_batches)
    rows, labelled = _apart(lesson.some(random.child("measured"), device), lesson.classes)
    unseen = None if held_out is None else _apart(held_out.some(random.child("unseen"), device), lesson.classes)[1]
    stage = options.audience.stage(name, options.n_iter)
    watch = _Watch(machine, rows, None if unseen is None else unseen[0], labelled, name, options.verbose > 0, stage)
    vigilance, stopping = Vigilance(trainer, rows, name), None
    if unseen is not None:
        stopping = EarlyStopping(trainer, lambda rbm: _score(rbm, unseen), options.patience, None, watch)
        scores = stopping.values

    def after_epoch(state: ClassificationState, epoch: int) -> ClassificationState:
        state = vigilance.after_epoch(state, epoch)
        return state if stopping is None else stopping.after_epoch(state, epoch)

    def learned(state: ClassificationState, epochs: int) -> ClassLearned:
        state, alone = whole(trainer, state)
        return ClassLearned(state.rbm, state, alone, epochs, watch.curve, scores)

    state = trainer.init(machine, random)
    try:
        outcome = run(
            trainer, state, stream, options.n_iter, observer=stopping or watch, after_epoch=after_epoch, ranks=ranks
        )
    except DivergenceError:
        good = vigilance.restore(machine)
        if good is not None:
            keep(learned(good, vigilance.good_epoch + 1))
        raise
    state, epochs = outcome.state, outcome.place.epoch
    if stopping is not None and epochs:
        state = stopping.restore(machine)
    return learned(state, epochs)


def divided_by_class(lesson: Lesson, share: float, random: RandomStream) -> tuple[Lesson, Lesson]:
    """Rows to learn from, and labelled rows held out, of every class the same share; one of each is left.

    Raises
    ------
    DataError
        No row can be held out.
    """
    assert lesson.labels is not None
    labelled = (lesson.labels >= 0).nonzero()[:, 0]
    labelled = labelled[random.child("held out").permutation(len(labelled))]
    by_class = labelled[lesson.labels[labelled].argsort(stable=True)]
    counts = lesson.labels[labelled].bincount()
    counts = counts[counts > 0]
    place = torch.cat([torch.arange(1, int(n) + 1) / n for n in counts])
    count = min(math.ceil(len(labelled) * share), int((place < 1).sum()))
    if not count:
        remedy = "give more rows, or early_stopping=False"
        raise DataError("y", f"{len(labelled)} labels", "leaves none to hold out: one a class is learned from", remedy)
    chosen = torch.zeros(len(lesson.rows), dtype=torch.bool)
    chosen[by_class[place.argsort(stable=True)[:count]]] = True
    return lesson.select((~chosen).nonzero()[:, 0]), lesson.select(chosen.nonzero()[:, 0])


def _apart(both: Tensor, classes: int) -> tuple[Tensor, Labelled | None]:
    """Rows without their label units, and those of them that have a label with it; None where none has."""
    rows, units = both[:, :-classes], both[:, -classes:]
    known = ~units[:, 0].isnan()
    return rows, (rows[known], units[known].argmax(1)) if bool(known.any()) else None


def _score(rbm: RBM, labelled: Labelled) -> float:
    log_p = class_log_probabilities(rbm, filled(rbm, labelled[0]))
    return float(log_p.gather(1, labelled[1][:, None]).double().mean())


@dataclass
class _Watch:
    """Measures after each epoch, prints if asked to, and tells callbacks."""

    machine: RBM
    rows: Tensor
    held_out: Tensor | None
    labelled: Labelled | None
    name: str
    tells: bool
    stage: Stage
    curve: list[ClassInfo] = field(default_factory=list[ClassInfo])
    begin: float = field(default_factory=time.perf_counter)

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """See nothing."""

    def epoch_done(self, epoch: int) -> None:
        """Measure."""
        info = measure_class_machine(self.machine, self.rows, self.held_out, self.labelled)
        self.curve.append(info)
        if self.tells:
            end = time.perf_counter()
            what = f"loss = {info.loss:.3f}, accuracy = {info.accuracy:.3f}, time = {end - self.begin:.2f}s"
            print(f"[{self.name}] Iteration {epoch + 1}, {what}")  # noqa: T201  # this is what verbose asks for
            self.begin = end
        self.stage.epoch_done(epoch, info, self.machine)

    def wants_to_stop(self) -> bool:
        """Whether a callback has asked to."""
        return self.stage.enough
