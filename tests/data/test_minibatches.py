"""Minibatches: every row once, the same for every rank, resumed in the middle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from layerwise.data.minibatches import Batch, Minibatches, MinibatchStream
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream


def stream(n: int, batch_size: int, *, seed: int = 0, labelled: bool = True, **options: Any) -> Minibatches:
    """Minibatches whose only column and whose label are the row's number."""
    numbers = np.arange(n, dtype=np.float32)[:, None]
    rows = Rows(numbers, np.arange(n) if labelled else None, tuple(map(str, range(n))) if labelled else ())
    preparation = Preparation("gaussian", torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    return Minibatches(rows, preparation, batch_size, RandomStream(seed), **options)


def rows_of(batches: list[Batch]) -> list[list[float]]:
    return [batch.values[:, 0].tolist() for batch in batches]


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 9))
def test_an_epoch_gives_every_row_once(n: int, batch_size: int, number: int) -> None:
    batches = stream(n, batch_size)
    epoch = list(batches.epoch(number))
    assert len(epoch) == batches.n_batches == -(-n // batch_size)
    assert sorted(row for batch in rows_of(epoch) for row in batch) == list(range(n))
    assert [batch.total for batch in epoch[:-1]] == [batch_size] * (len(epoch) - 1)
    assert epoch[-1].total == n - batch_size * (len(epoch) - 1)
    for batch in epoch:
        assert batch.first_row == 0
        assert batch.total == len(batch.values)
        assert batch.labels is not None
        assert batch.labels.tolist() == batch.values[:, 0].tolist()


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 6), st.booleans())
def test_the_ranks_share_the_batch_of_one_rank(n: int, batch_size: int, world_size: int, shuffle: bool) -> None:
    alone = list(stream(n, batch_size, shuffle=shuffle).epoch(3))
    ranks = [
        list(stream(n, batch_size, shuffle=shuffle, rank=rank, world_size=world_size).epoch(3))
        for rank in range(world_size)
    ]
    for place, whole in enumerate(alone):
        parts = [batches[place] for batches in ranks]
        assert torch.equal(torch.cat([part.values for part in parts]), whole.values)
        assert [part.total for part in parts] == [whole.total] * world_size
        sizes = [len(part.values) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        assert [part.first_row for part in parts] == [sum(sizes[:rank]) for rank in range(world_size)]


@given(st.integers(1, 30), st.integers(1, 10), st.integers(0, 35))
def test_an_epoch_can_be_entered_anywhere(n: int, batch_size: int, start: int) -> None:
    batches = stream(n, batch_size)
    assert rows_of(list(batches.epoch(2, start))) == rows_of(list(batches.epoch(2))[start:])


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    first = rows_of(list(stream(50, 7).epoch(4)))
    moved = stream(50, 7)
    list(moved.epoch(1))
    assert rows_of(list(moved.epoch(4))) == first
    assert rows_of(list(moved.epoch(5))) != first
    assert rows_of(list(stream(50, 7, seed=1).epoch(4))) != first
    # Only the seed counts: a stream that was drawn from makes the same batches.
    later = Minibatches(Rows.from_arrays(np.arange(50.0)[:, None]), identity(1), 7, RandomStream(0, position=99))
    assert rows_of(list(later.epoch(4))) == first


def test_rows_can_be_given_in_their_order() -> None:
    assert rows_of(list(stream(5, 2, shuffle=False).epoch(0))) == [[0, 1], [2, 3], [4]]


def test_skipped_batches_are_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    gathered: list[int] = []
    original = Minibatches._gather
    monkeypatch.setattr(Minibatches, "_gather", lambda *given: gathered.append(1) or original(*given))
    assert len(list(stream(100, 10).epoch(0, 8))) == 2
    assert len(gathered) == 2


def test_rows_without_labels_make_batches_without() -> None:
    assert next(stream(3, 2, labelled=False).epoch(0)).labels is None


def identity(columns: int) -> Preparation:
    return Preparation("gaussian", torch.zeros(columns, dtype=torch.float64), torch.ones(columns, dtype=torch.float64))


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("read_only", [False, True])
def test_batches_are_the_prepared_rows(kind: Any, dtype: Any, form: Any, read_only: bool) -> None:
    array = np.random.default_rng(0).poisson(0.6, (23, 5)).astype(dtype)
    expected_rows = Rows.from_arrays(array)
    given_values: Any = form(array)
    if read_only and form is np.asarray:
        given_values.flags.writeable = False
    rows = Rows.from_arrays(given_values)
    preparation = Preparation.fit(expected_rows, kind)
    prepared = preparation.prepare(expected_rows.values)
    epoch = list(Minibatches(rows, preparation, 4, RandomStream(0), shuffle=False).epoch(0))
    assert all(batch.values.dtype == torch.float32 for batch in epoch)
    assert torch.equal(torch.cat([batch.values for batch in epoch]), prepared)


def test_a_batch_may_be_written_to() -> None:
    values = np.ones((4, 2), dtype=np.float32)
    batches = Minibatches(Rows.from_arrays(values), identity(2), 4, RandomStream(0), shuffle=False)
    next(batches.epoch(0)).values.zero_()
    assert values.all()
    assert bool(next(batches.epoch(0)).values.all())


def test_rows_outside_the_interval_are_clipped_though_the_scale_is_one() -> None:
    preparation = Preparation.fit(Rows.from_arrays(np.array([[0.0], [1.0]], dtype=np.float32)), "bernoulli")
    rows = Rows.from_arrays(np.array([[-1.0], [2.0]], dtype=np.float32))
    batch = next(Minibatches(rows, preparation, 2, RandomStream(0), shuffle=False).epoch(0))
    assert batch.values.tolist() == [[0.0], [1.0]]


def test_a_mapped_stream_carries_values_and_nothing_else() -> None:
    calls: list[int] = []

    def up(values: torch.Tensor) -> torch.Tensor:
        calls.append(len(values))
        return torch.cat([values, values + 1], dim=1)

    below = stream(5, 2)
    mapped = below.map(up)
    # The run-time type check looks at every attribute of a protocol, the width among them, which asks the function.
    calls.clear()
    pairs = list(zip(below.epoch(1), mapped.epoch(1), strict=True))
    assert calls == [2, 2, 1]
    for low, high in pairs:
        assert torch.equal(high.values, torch.cat([low.values, low.values + 1], dim=1))
        assert low.labels is not None
        assert high.labels is not None
        assert torch.equal(high.labels, low.labels)
        assert (high.first_row, high.total) == (low.first_row, low.total)
    assert (mapped.n_rows, mapped.n_batches) == (5, 3)
    assert mapped.n_columns == 2
    assert rows_of(list(mapped.epoch(1, 2))) == rows_of(list(below.epoch(1, 2)))
    twice = mapped.map(lambda values: values.sum(dim=1, keepdim=True))
    assert twice.n_columns == 1
    assert rows_of(list(twice.epoch(1))) == [[2 * row + 1 for row in batch] for batch in rows_of(list(below.epoch(1)))]


def test_both_kinds_of_stream_are_streams() -> None:
    batches = stream(3, 2)
    assert isinstance(batches, MinibatchStream)
    assert isinstance(batches.map(lambda values: values), MinibatchStream)
    assert (batches.n_rows, batches.n_batches, batches.n_columns) == (3, 2, 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size = 0: must be at least 1"),
        ({"world_size": 0}, "world_size = 0: must be at least 1"),
        ({"rank": 2, "world_size": 2}, "rank = 2: must be from 0 to 1"),
        ({"rank": -1}, "rank = -1: must be from 0 to 0"),
    ],
)
def test_impossible_shares_are_refused(options: dict[str, int], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        stream(4, **{"batch_size": 2, **options})


def test_a_negative_start_is_refused_at_once() -> None:
    with pytest.raises(OptionError, match="start = -1"):
        stream(4, 2).epoch(0, -1)


def test_rows_that_do_not_fit_are_refused() -> None:
    rows = Rows.from_arrays([[1.0, 2.0]])
    with pytest.raises(DataError, match=r"rows.n_columns = 2: must be 3"):
        Minibatches(rows, identity(3), 1, RandomStream(0))
    with pytest.raises(DataError, match="rows = 0: must be at least one"):
        Minibatches(rows.select(slice(0, 0)), identity(2), 1, RandomStream(0))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_gpu_gets_the_same_batches_to_the_bit(
    resident: bool, kind: Any, form: Any, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not resident:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, 0))
    array = (np.random.default_rng(0).random((57, 9)) * 200).astype(dtype)
    rows = Rows.from_arrays(form(array), np.arange(57) % 3)
    preparation = Preparation.fit(rows, kind)
    here = Minibatches(rows, preparation, 10, RandomStream(0))
    there = Minibatches(rows, preparation, 10, RandomStream(0), device="cuda")
    for ours, theirs in zip(here.epoch(1), there.epoch(1), strict=True):
        assert theirs.values.is_cuda
        assert torch.equal(ours.values, theirs.values.cpu())
        assert ours.labels is not None
        assert theirs.labels is not None
        assert torch.equal(ours.labels, theirs.labels.cpu())


def test_weights_go_with_their_rows() -> None:
    weights = torch.arange(7) * 0.5
    for batch in stream(7, 3, weights=weights).map(lambda x: x + 1).epoch(2):
        assert batch.weights is not None
        assert batch.weights.tolist() == ((batch.values[:, 0] - 1) * 0.5).tolist()
    assert all(batch.weights is None for batch in stream(7, 3).epoch(0))
    with pytest.raises(DataError, match="weights = '7 of them': must be one for each of the 6 rows"):
        stream(6, 3, weights=weights)
