"""Windows of a stream: every row once, bounded, and as well mixed as the derivation says."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layerwise import kernels
from layerwise.data.ahead import ahead
from layerwise.data.windows import Window, windows_of
from layerwise.randomness import RandomStream

sizes_of_groups = st.lists(st.integers(1, 6), min_size=1, max_size=25)


def order_of(windows: list[Window]) -> np.ndarray:
    return np.concatenate([window.numbers()[window.order().numpy()] for window in windows])


@settings(max_examples=40)
@given(sizes_of_groups, st.integers(1, 60), st.integers(0, 5), st.booleans())
def test_every_row_is_in_one_window(sizes: list[int], most: int, seed: int, shuffle: bool) -> None:
    groups = np.cumsum([0, *sizes])
    windows = list(windows_of(groups, most, RandomStream(seed) if shuffle else None))
    assert sorted(order_of(windows).tolist()) == list(range(groups[-1]))
    assert [window.first for window in windows] == [0, *(window.end for window in windows[:-1])]
    assert max(len(window) for window in windows) <= max(most, *sizes) + max(sizes)
    if not shuffle:
        assert order_of(windows).tolist() == list(range(groups[-1]))


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("rows", [1, 2, 7, 40, 99])
def test_no_window_holds_more_rows_than_asked_for(rows: int, group: int) -> None:
    """But for a part of a group; and there are no more windows than they must be."""
    groups = np.append(np.arange(0, rows, group), rows)
    for most in range(group, rows + 3):
        windows = list(windows_of(groups, most, RandomStream(most)))
        assert max(len(window) for window in windows) <= most + group - 1
        assert len(windows) <= -(-rows // most)


@settings(max_examples=20)
@given(sizes_of_groups, st.integers(0, 5))
def test_a_window_that_holds_all_rows_is_a_full_shuffle(sizes: list[int], seed: int) -> None:
    groups = np.cumsum([0, *sizes])
    (window,) = windows_of(groups, int(groups[-1]), RandomStream(seed))
    assert order_of([window]).tolist() == kernels.permutation(int(groups[-1]), RandomStream(seed)).tolist()


def test_the_order_is_a_function_of_the_seed() -> None:
    groups = np.arange(0, 101, 4)
    moved = RandomStream(3, position=7)
    first = order_of(list(windows_of(groups, 20, RandomStream(3)))).tolist()
    assert order_of(list(windows_of(groups, 20, moved))).tolist() == first
    assert order_of(list(windows_of(groups, 20, RandomStream(4)))).tolist() != first


@pytest.mark.parametrize(("group", "window"), [(1, 400), (5, 400), (20, 400), (20, 2000)])
def test_rows_are_mixed_as_derived(group: int, window: int) -> None:
    """Of rows sorted by class, a group being of one class: the variance of a minibatch's mean over that of a full
    shuffle is 1 + (b - 1) (g - 1) / (w - 1) within a window, and rows of different windows are as good as apart.

    The mean over m minibatches of a squared deviation of a near-normal number has the relative error √(2 / m).
    """
    rows, batch, epochs = 4000, 20, 30
    values = np.random.default_rng(0).normal(size=rows // group).repeat(group)
    values = (values - values.mean()) / values.std()
    groups, squares = np.arange(0, rows + 1, group), []
    for epoch in range(epochs):
        order = order_of(list(windows_of(groups, window, RandomStream(1).child(f"order {epoch}"))))
        squares.append(values[order].reshape(-1, batch).mean(1) ** 2)
    found = float(np.mean(squares)) * batch
    derived = 1 + (batch - 1) * (group - 1) / (window - 1)
    count = epochs * rows // batch
    # Leaving a row in the finite file costs (b - 1) / (n - 1); the normal numbers' own kurtosis is in the batch of 20.
    assert found == pytest.approx(derived, abs=4 * derived * math.sqrt(2 / count) + 2 * batch / rows + 0.02 * derived)


def test_displacement_of_a_full_window_is_that_of_a_full_shuffle() -> None:
    """The mean |place - row| / n of a random order is 1/3; one such difference has the variance 1/18, and a thousand
    groups, which move as one, are at least as many independent differences as a quarter of that."""
    rows, groups = 10_000, np.arange(0, 10_001, 10)
    for most in (10_000, 500):
        order = order_of(list(windows_of(groups, most, RandomStream(0))))
        found = np.abs(np.argsort(order) - np.arange(rows)).mean() / rows
        assert found == pytest.approx(1 / 3, abs=4 * math.sqrt(1 / 18 / 250))


def test_work_is_done_ahead_in_order_and_its_thread_ends() -> None:
    begun: list[int] = []

    def job(number: int) -> int:
        begun.append(number)
        return number

    results = ahead(lambda number=number: job(number) for number in range(5))
    assert begun == []
    assert next(results) == 0
    assert next(results) == 1
    assert len(begun) <= 3
    results.close()
    assert begun in ([0, 1], [0, 1, 2])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("layerwise-ahead")]


def test_what_a_job_raises_is_raised_where_its_result_is_asked_for() -> None:
    def fail() -> int:
        raise ValueError("here")

    results = ahead([lambda: 1, fail])
    assert next(results) == 1
    with pytest.raises(ValueError, match="here"):
        next(results)
