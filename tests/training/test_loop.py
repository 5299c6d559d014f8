"""The loop: which minibatches are done in which order, where it stops, and where it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from layerwise.data import Batch, MinibatchStream
from layerwise.training.loop import Place, run

EPOCHS, BATCHES = 3, 4


@dataclass(frozen=True)
class Numbered:
    """A stream whose only value says which batch of which epoch it is."""

    n_rows: int = BATCHES * 2
    n_batches: int = BATCHES
    n_columns: int = 1

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        for batch in range(start, self.n_batches):
            yield Batch(torch.full((2, 1), 10.0 * number + batch), None, 0, 2)

    def map(self, function: Callable[[Tensor], Tensor]) -> MinibatchStream:
        raise NotImplementedError


class Diary:
    """A trainer whose State is the list of what it has done."""

    def step(self, state: tuple[int, ...], batch: Batch) -> tuple[tuple[int, ...], str]:
        number = int(batch.values[0, 0])
        return (*state, number), f"did {number}"


@dataclass
class Witness:
    stop_after: int | None = None
    seen: list[tuple[Place, int, object]] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)

    def batch_done(self, place: Place, rows: int, info: object) -> None:
        self.seen.append((place, rows, info))

    def epoch_done(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def wants_to_stop(self) -> bool:
        return self.stop_after is not None and len(self.seen) >= self.stop_after


EVERYTHING = tuple(10 * epoch + batch for epoch in range(EPOCHS) for batch in range(BATCHES))


def test_every_minibatch_is_done_once_in_order() -> None:
    witness = Witness()
    outcome = run(Diary(), (), Numbered(), EPOCHS, observer=witness)
    assert outcome.state == EVERYTHING
    assert (outcome.finished, outcome.place) == (True, Place(EPOCHS))
    places = [Place(epoch, batch) for epoch in range(EPOCHS) for batch in range(BATCHES)]
    assert witness.seen == [(place, 2, f"did {n}") for place, n in zip(places, EVERYTHING, strict=True)]
    assert witness.epochs == list(range(EPOCHS))


@given(st.lists(st.integers(1, 15), max_size=6))
def test_stopped_anywhere_and_going_on_there_it_does_the_same(stops: list[int]) -> None:
    state: tuple[int, ...] = ()
    place, epochs = Place(), []
    for stop in [*stops, None]:
        witness = Witness(stop)
        outcome = run(Diary(), state, Numbered(), EPOCHS, start=place, observer=witness)
        state, place = outcome.state, outcome.place
        epochs += witness.epochs
        assert outcome.finished == (place == Place(EPOCHS))
        if not outcome.finished:
            assert len(witness.seen) == stop
            assert place == Place(*divmod(len(state), BATCHES))
    assert state == EVERYTHING
    assert epochs == list(range(EPOCHS))


def test_to_stop_after_the_last_minibatch_is_to_finish() -> None:
    outcome = run(Diary(), (), Numbered(), EPOCHS, observer=Witness(stop_after=len(EVERYTHING)))
    assert (outcome.finished, outcome.place) == (True, Place(EPOCHS))


def test_after_an_epoch_the_state_can_be_replaced() -> None:
    outcome = run(Diary(), (), Numbered(), 2, after_epoch=lambda state, epoch: (*state, -epoch - 1))
    assert outcome.state == (0, 1, 2, 3, -1, 10, 11, 12, 13, -2)


@pytest.mark.parametrize("epochs", [0, 2])
def test_nothing_is_done_where_nothing_is_left(epochs: int) -> None:
    outcome = run(Diary(), (7,), Numbered(), epochs, start=Place(epochs))
    assert outcome.state == (7,)
    assert outcome.finished


def test_places_are_ordered_by_epoch_and_then_by_batch() -> None:
    assert sorted([Place(1, 0), Place(0, 3), Place(0, 1), Place(1, 2)]) == [
        Place(0, 1), Place(0, 3), Place(1, 0), Place(1, 2),
    ]  # fmt: skip
