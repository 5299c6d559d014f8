"""Epochs over a stream of minibatches; knows no model.

A trainer is a function from (State, Batch) to (State, Info). State is what the next step needs, all of it; Info is what
a person may want to see and never flows back. The loop carries the State, shows the Info and stops where it is told to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from layerwise.data.minibatches import Batch, MinibatchStream
from layerwise.training.ranks import ALONE, Ranks

__all__ = ["Observer", "Place", "Silent", "Trainer", "run"]

State = TypeVar("State")
Info = TypeVar("Info", covariant=True)


@dataclass(frozen=True, order=True)
class Place:
    """The next minibatch to be done: where a run is, and where it goes on from."""

    epoch: int = 0
    batch: int = 0


@runtime_checkable
class Trainer(Protocol[State, Info]):
    """Moves parameters by one minibatch."""

    def step(self, state: State, batch: Batch) -> tuple[State, Info]:
        """Do one minibatch; ``state`` must not be used again."""
        ...


@runtime_checkable
class Observer(Protocol):
    """Looks on. Nothing it does changes the training, except that it may ask it to stop."""

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """Called after each minibatch with the place it had and its number of rows."""
        ...

    def epoch_done(self, epoch: int) -> None:
        """Called after each epoch."""
        ...

    def wants_to_stop(self) -> bool:
        """Asked after each minibatch."""
        ...


class Silent:
    """An observer that neither looks nor stops."""

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        """See nothing."""

    def epoch_done(self, epoch: int) -> None:
        """See nothing."""

    def wants_to_stop(self) -> bool:
        """Never."""
        return False


@dataclass(frozen=True)
class Outcome(Generic[State]):
    """Where a run ended: at ``Place(epochs, 0)`` if it was not stopped."""

    state: State
    place: Place
    finished: bool


def run(
    trainer: Trainer[State, object],
    state: State,
    stream: MinibatchStream,
    epochs: int,
    *,
    start: Place = Place(),
    observer: Observer | None = None,
    after_epoch: Callable[[State, int], State] | None = None,
    enough: Callable[[State], bool] | None = None,
    ranks: Ranks = ALONE,
) -> Outcome[State]:
    """Train from ``start`` until ``epochs`` are done or the observer asks to stop.

    Parameters
    ----------
    trainer : Trainer
    state : State
    stream : MinibatchStream
    epochs : int
        Number of epochs in all, those before ``start`` counted.
    start : Place
    observer : Observer, optional
    after_epoch : callable, optional
        ``after_epoch(state, epoch)`` gives the State to go on with: a learning-rate schedule, for example.
    enough : callable, optional
        Asked after each epoch whether those that are left would change nothing: then they count as done.
    ranks : Ranks
        Who trains together: all of them stop where the observer of one asks for it.
    """
    observer = observer or Silent()
    for epoch in range(start.epoch, epochs):
        first = start.batch if epoch == start.epoch else 0
        for number, batch in enumerate(stream.epoch(epoch, first), first):
            state, info = trainer.step(state, batch)
            observer.batch_done(Place(epoch, number), batch.total, info)
            if ranks.any(observer.wants_to_stop()) and number + 1 < stream.n_batches:
                return Outcome(state, Place(epoch, number + 1), finished=False)
        if after_epoch is not None:
            state = after_epoch(state, epoch)
        observer.epoch_done(epoch)
        if enough is not None and ranks.any(enough(state)):
            break
        if ranks.any(observer.wants_to_stop()) and epoch + 1 < epochs:
            return Outcome(state, Place(epoch + 1), finished=False)
    return Outcome(state, Place(epochs), finished=True)
