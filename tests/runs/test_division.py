"""Which rows learn, which are watched and which are the test."""

from __future__ import annotations

import numpy as np
import pytest

from layerwise.data import Dataset, Rows
from layerwise.errors import DataError, OptionError
from layerwise.runs.division import Division, divide
from layerwise.runs.recipe import DataTable


def numbered(count: int, labels: object = None) -> Rows:
    """Each row holds its own number, so that it is known again."""
    return Rows.from_arrays(np.arange(count, dtype=np.float64)[:, None], labels)


def dataset(count: int, labels: object = None, test: Rows | None = None) -> Dataset:
    return Dataset.from_parts("numbers", numbered(count, labels), test, "here")


def table(**changes: object) -> DataTable:
    return DataTable(source="numbers", **changes)  # type: ignore[arg-type]


def numbers(rows: Rows | None) -> set[int]:
    return set() if rows is None else {int(value) for value in np.asarray(rows.values)[:, 0]}


def parts(division: Division) -> tuple[set[int], set[int], set[int]]:
    return numbers(division.learning), numbers(division.monitored), numbers(division.test)


def test_every_row_has_one_use() -> None:
    learning, monitored, test = parts(divide(dataset(100), table(), "gaussian", 0))
    assert (len(learning), len(monitored), len(test)) == (72, 8, 20)
    assert learning | monitored | test == set(range(100))


def test_the_seed_alone_decides() -> None:
    labels = np.arange(100) % 2
    first, again, other = (divide(dataset(100, labels), table(labels=10), "gaussian", seed) for seed in (3, 3, 4))
    assert parts(first) == parts(again)
    assert np.array_equal(first.learning.labels, again.learning.labels)  # type: ignore[arg-type]
    assert parts(first) != parts(other)


def test_data_with_a_test_part_keep_it() -> None:
    own = numbered(5, np.arange(5) % 2)
    learning, monitored, test = parts(divide(dataset(50, np.arange(50) % 2, own), table(), "gaussian", 0))
    assert test == set(range(5))
    assert learning | monitored == set(range(50))


def test_no_more_than_a_tenth_is_watched_and_nothing_where_that_is_asked_for() -> None:
    assert len(parts(divide(dataset(100), table(monitoring_rows=3), "gaussian", 0))[1]) == 3
    assert divide(dataset(100), table(monitoring_rows=0), "gaussian", 0).monitored is None
    assert divide(dataset(9), table(), "gaussian", 0).monitored is None


def test_labels_are_kept_among_the_learning_rows_only() -> None:
    division = divide(dataset(100, np.arange(100) % 4), table(labels=8), "gaussian", 0)
    assert division.learning.n_labelled == 8
    labelled = division.labelled
    assert labelled is not None
    assert np.bincount(labelled.labels).tolist() == [2, 2, 2, 2]  # type: ignore[arg-type]
    assert division.scored is not None
    assert len(division.scored) == 20


def test_all_labelled_rows_are_not_copied() -> None:
    division = divide(dataset(40, np.arange(40) % 2), table(), "gaussian", 0)
    assert division.labelled is division.learning


def test_too_many_and_too_few_labels_are_refused_with_the_range() -> None:
    for count in (3, 73):
        with pytest.raises(OptionError, match=rf"labels = {count}: must be from 4 .* to 72 .*only watched"):
            divide(dataset(100, np.arange(100) % 4), table(labels=count), "gaussian", 0)
    with pytest.raises(DataError, match="must have labels"):
        divide(dataset(100), table(labels=8), "gaussian", 0)


def test_one_class_and_one_row_are_refused() -> None:
    with pytest.raises(DataError, match=r"all of them 'a'.*at least two classes"):
        divide(dataset(30, ["a"] * 30), table(), "gaussian", 0)
    with pytest.raises(DataError, match="rows of numbers = 1: must be at least 2"):
        divide(dataset(1), table(), "gaussian", 0)


def test_rows_that_never_had_a_label_stay_without() -> None:
    labels = np.where(np.arange(100) < 30, np.arange(100) % 2, -1)
    division = divide(dataset(100, labels), table(), "gaussian", 0)
    assert division.labelled is not None
    assert 15 < len(division.labelled) < 30
    assert division.scored is not None
    assert len(division.scored) < 20


def test_lessons_hold_measured_rows_of_each_part() -> None:
    lessons = divide(dataset(3000, np.arange(3000) % 2), table(labels=100), "gaussian", 0).lessons(64, 0, "cpu")
    assert lessons.rows.n_rows == 3000 - 600 - 240
    assert lessons.sample.shape == (1000, 1)
    assert lessons.held_out is not None
    assert lessons.held_out.shape == (240, 1)
    assert lessons.labelled is not None
    assert lessons.labelled.n_rows == 100
    assert lessons.labelled_sample is not None
    assert lessons.labelled_sample[1].tolist().count(0) == 50


def test_a_share_that_leaves_no_row_to_watch_is_named() -> None:
    labels = np.arange(100) % 10
    with pytest.raises(OptionError, match=r"test_share = 0\.9999999: leaves 10 rows to learn from, one a class"):
        divide(dataset(100, labels), table(test_share=0.9999999), "gaussian", 0)
    own = numbered(10, np.arange(10))
    with pytest.raises(OptionError, match=r"monitoring_rows = 1000: leaves 10 rows .* give monitoring_rows = 0"):
        divide(dataset(10, np.arange(10), own), table(), "gaussian", 0)
    assert divide(dataset(100, labels), table(test_share=0.9999999, monitoring_rows=0), "gaussian", 0).monitored is None
