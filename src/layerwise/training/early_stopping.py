"""Stop when it gets no better on rows that nothing is learned from, and keep the best State.

References
----------
.. [1] L. Prechelt (1998). Early stopping – but when? Neural networks: tricks of the trade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Generic

from layerwise.energy.rbm import RBM
from layerwise.errors import OptionError
from layerwise.training.contrastive_tree import snapshot
from layerwise.training.held_out import Measure
from layerwise.training.keeping import Keeper, State
from layerwise.training.loop import Observer, Place, Silent
from layerwise.training.ranges import at_least

__all__ = ["EarlyStopping"]


@dataclass
class EarlyStopping(Generic[State]):
    """Looks at a measure after each epoch; both observer and ``after_epoch`` of :func:`layerwise.training.loop.run`.

    Parameters
    ----------
    trainer : ContrastiveLearning or ClassificationLearning
        Whose State is kept.
    measure : callable
        From a machine to a number, greater being better; see :mod:`layerwise.training.held_out`.
    patience : int
        So many epochs in a row may be no good before it asks to stop.
    lowest : float, optional
        An epoch is good while the measure is no lower: what a gap wants, which is smallest before anything is learned.
        If left out an epoch is good if it is better than all before.
    observer : Observer, optional
        Who looks on beside it.

    Examples
    --------
    >>> from layerwise.data import Minibatches, Preparation, Rows
    >>> from layerwise.energy import bernoulli_rbm
    >>> from layerwise.randomness import RandomStream
    >>> from layerwise.training.contrastive import ContrastiveLearning
    >>> from layerwise.training.loop import run
    >>> rows = Rows.from_arrays([[0.0, 1.0], [1.0, 0.0]] * 50)
    >>> stream = Minibatches(rows, Preparation.fit(rows, "bernoulli"), 10, RandomStream(0))
    >>> trainer = ContrastiveLearning("cd")
    >>> state = trainer.init(bernoulli_rbm(2, 3), RandomStream(1))
    >>> stopping = EarlyStopping(trainer, lambda machine: -float(machine.weights.norm()), patience=2)
    >>> outcome = run(trainer, state, stream, 50, observer=stopping, after_epoch=stopping.after_epoch)
    >>> outcome.place.epoch, stopping.best_epoch
    (3, 0)
    >>> state = stopping.restore(outcome.state.rbm)
    """

    trainer: Keeper[State]
    measure: Measure
    patience: int = 5
    lowest: float | None = None
    observer: Observer = field(default_factory=Silent)
    best_epoch: int = -1
    """The last good epoch, counted from 0; -1 before there was one."""
    values: list[float] = field(default_factory=list[float])
    """What was measured, epoch by epoch."""
    _best: dict[str, Any] | None = None
    _no_good: int = 0

    def __post_init__(self) -> None:
        at_least("patience", self.patience, 1)

    def after_epoch(self, state: State, epoch: int) -> State:
        """Measure; the State goes on as it is."""
        value = self.measure(state.rbm)
        earlier = max((known for known in self.values if not math.isnan(known)), default=-math.inf)
        good = value > earlier if self.lowest is None else value >= self.lowest
        self.values.append(value)
        self._no_good = 0 if good else self._no_good + 1
        if good:
            self.best_epoch, self._best = epoch, snapshot(self.trainer.to_tree(state))
        return state

    def restore(self, rbm: RBM) -> State:
        """The State after the last good epoch; ``rbm`` is overwritten with its parameters.

        Raises
        ------
        OptionError
            No epoch was good.
        """
        if self._best is None:
            raise OptionError("lowest", self.lowest, "was reached by no epoch", "ask for less")
        return self.trainer.from_tree(rbm, snapshot(self._best))

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """Pass on."""
        self.observer.batch_done(place, rows, info)

    def epoch_done(self, epoch: int) -> None:
        """Pass on."""
        self.observer.epoch_done(epoch)

    def wants_to_stop(self) -> bool:
        """Out of patience, or asked by who looks on beside."""
        return self._no_good >= self.patience or self.observer.wants_to_stop()
