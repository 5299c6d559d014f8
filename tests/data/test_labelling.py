"""Splits and kept labels: sizes, proportions, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from layerwise.data.labelling import keep_labels, split
from layerwise.data.rows import Rows
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream

LABELS = st.lists(st.integers(-1, 4), min_size=2, max_size=60)


def numbered(labels: list[int] | None, n: int = 0) -> Rows:
    """Rows whose only column is their number."""
    n = n if labels is None else len(labels)
    return Rows.from_arrays(np.arange(n, dtype=np.float64)[:, None], labels)


def numbers(rows: Rows) -> list[int]:
    return np.asarray(rows.values)[:, 0].astype(int).tolist()


def counts(rows: Rows) -> dict[str, int]:
    assert rows.labels is not None
    return {name: int(np.count_nonzero(rows.labels == code)) for code, name in enumerate(rows.classes)}


@given(LABELS, st.floats(0.01, 0.99), st.integers(0, 5))
def test_a_split_is_a_partition_in_order_that_leaves_every_class(labels: list[int], fraction: float, seed: int) -> None:
    whole = numbered(labels)
    movable = len(labels) - len(set(labels) - {-1})
    assume(movable > 0 and set(labels) != {-1})
    kept, held_out = split(whole, fraction, RandomStream(seed))
    assert sorted(numbers(kept) + numbers(held_out)) == list(range(len(labels)))
    assert numbers(kept) == sorted(numbers(kept))
    assert numbers(held_out) == sorted(numbers(held_out))
    assert len(held_out) == min(max(round(len(labels) * fraction), 1), movable)
    assert all(counts(kept).values())
    assert kept.labels is not None
    assert [labels[number] for number in numbers(kept)] == [
        -1 if code == -1 else int(kept.classes[code]) for code in kept.labels
    ]


def test_a_split_gives_every_class_its_share() -> None:
    kept, held_out = split(numbered([0] * 50 + [1] * 30 + [2] * 20), 0.3, RandomStream(1))
    assert counts(held_out) == {"0": 15, "1": 9, "2": 6}
    assert counts(kept) == {"0": 35, "1": 21, "2": 14}


def test_rows_without_labels_are_split_too() -> None:
    kept, held_out = split(numbered(None, 10), 0.25, RandomStream(1))
    assert (len(kept), len(held_out)) == (8, 2)
    kept, held_out = split(numbered([-1] * 4), 0.99, RandomStream(1))
    assert (len(kept), len(held_out)) == (1, 3)


def test_a_split_depends_on_the_seed_alone() -> None:
    rows = numbered([0, 1] * 50)
    stream = RandomStream(3)
    first = numbers(split(rows, 0.5, stream)[1])
    assert stream == RandomStream(3)
    stream.take()
    assert numbers(split(rows, 0.5, stream)[1]) == first
    assert numbers(split(rows, 0.5, RandomStream(4))[1]) != first


def test_every_row_is_held_out_equally_often() -> None:
    rows, repeats = numbered([0] * 8 + [1] * 4), 600
    often = np.zeros(12)
    for seed in range(repeats):
        often[numbers(split(rows, 0.5, RandomStream(seed))[1])] += 1
    # Each count is binomial(repeats, 1/2): five standard deviations.
    assert np.abs(often - repeats / 2).max() < 5 * np.sqrt(repeats) / 2


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_a_share_outside_zero_and_one_is_refused(fraction: float) -> None:
    with pytest.raises(OptionError, match=r"fraction = .*between 0 and 1"):
        split(numbered([0, 1]), fraction, RandomStream(0))


@pytest.mark.parametrize("labels", [[0], [0, 1, 2]], ids=["one row", "one row a class"])
def test_nothing_can_be_held_out_of_single_rows(labels: list[int]) -> None:
    with pytest.raises(DataError, match="at least two"):
        split(numbered(labels), 0.5, RandomStream(0))


@given(LABELS, st.integers(0, 60), st.integers(0, 5))
def test_kept_labels_are_as_many_as_asked_and_hide_nothing_else(labels: list[int], count: int, seed: int) -> None:
    rows = numbered(labels)
    assume(len(rows.classes) > 0)
    count = min(max(count, len(rows.classes)), rows.n_labelled)
    kept = keep_labels(rows, count, RandomStream(seed))
    assert rows.labels is not None
    assert kept.labels is not None
    assert kept.n_labelled == count
    assert kept.classes == rows.classes
    assert kept.values is rows.values
    assert all(counts(kept).values())
    chosen = kept.labels != -1
    np.testing.assert_array_equal(kept.labels[chosen], rows.labels[chosen])


def test_kept_labels_are_in_proportion_to_the_classes() -> None:
    rows = numbered([0] * 500 + [1] * 300 + [2] * 200 + [-1] * 50)
    assert counts(keep_labels(rows, 100, RandomStream(0))) == {"0": 50, "1": 30, "2": 20}
    assert counts(keep_labels(rows, 7, RandomStream(0))) == {"0": 4, "1": 2, "2": 1}
    assert counts(keep_labels(rows, 3, RandomStream(0))) == {"0": 1, "1": 1, "2": 1}


def test_a_rare_class_keeps_one_label_at_the_expense_of_the_others() -> None:
    rows = numbered([0] * 1000 + [1, 2, 3])
    assert counts(keep_labels(rows, 10, RandomStream(0))) == {"0": 7, "1": 1, "2": 1, "3": 1}


def test_fewer_labels_are_a_part_of_more() -> None:
    rows = numbered([0] * 60 + [1] * 60)
    few, many = (keep_labels(rows, count, RandomStream(2)).labels for count in (10, 40))
    assert few is not None
    assert many is not None
    assert set(np.flatnonzero(few != -1)) < set(np.flatnonzero(many != -1))


def test_kept_labels_depend_on_the_seed_alone() -> None:
    rows = numbered([0, 1] * 50)
    stream = RandomStream(3, position=9)
    kept = [keep_labels(rows, 20, random).labels for random in (stream, RandomStream(3), RandomStream(4))]
    assert stream.position == 9
    assert all(labels is not None for labels in kept)
    assert np.array_equal(kept[0], kept[1])
    assert not np.array_equal(kept[0], kept[2])


@pytest.mark.parametrize("count", [-1, 0, 2, 11])
def test_a_count_of_labels_that_cannot_be_kept_is_refused(count: int) -> None:
    rows = numbered([0, 1, 2] * 3 + [0])
    with pytest.raises(OptionError, match=rf"labels = {count}: must be from 3 \(one label a class\) to 10"):
        keep_labels(rows, count, RandomStream(0))


@pytest.mark.parametrize("labels", [None, [-1, -1]])
def test_labels_cannot_be_kept_where_there_are_none(labels: list[int] | None) -> None:
    with pytest.raises(DataError, match="must have labels"):
        keep_labels(numbered(labels, 2), 1, RandomStream(0))
