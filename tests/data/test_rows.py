"""Rows and data sets: what is stored, selected and put together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from layerwise.data.rows import Dataset, Rows
from layerwise.errors import DataError


def pictures(n: int = 5, top: int = 255) -> Any:
    array = np.arange(n * 6, dtype=np.uint8).reshape(n, 2, 3) % 7
    array[0, 0, 0] = top
    return array


def test_pictures_become_row_major_rows() -> None:
    array = pictures()
    rows = Rows.from_arrays(array)
    assert rows.picture == (2, 3)
    assert (len(rows), rows.n_columns) == (5, 6)
    np.testing.assert_array_equal(np.asarray(rows.values)[3].reshape(2, 3), array[3])
    assert np.shares_memory(rows.values, array)


@pytest.mark.parametrize(
    ("array", "full_scale"),
    [
        (pictures(), 255.0),
        (pictures().astype(np.int64), 255.0),
        (pictures() > 0, 1.0),
        (pictures().astype(np.float32), None),
        (pictures().reshape(5, 6), None),
    ],
    ids=["bytes", "whole numbers", "black and white", "floats", "no pictures"],
)
def test_only_byte_pictures_have_a_white_of_their_own(array: Any, full_scale: float | None) -> None:
    assert Rows.from_arrays(array).full_scale == full_scale


def test_a_matrix_can_be_said_to_hold_pictures() -> None:
    rows = Rows.from_arrays(pictures().reshape(5, 6), picture=(2, 3), full_scale=16.0)
    assert (rows.picture, rows.full_scale) == ((2, 3), 16.0)
    with pytest.raises(DataError, match=r"picture = \(2, 2\).*number of columns, 6"):
        Rows.from_arrays(pictures().reshape(5, 6), picture=(2, 2))


def test_labels_and_columns_are_kept() -> None:
    rows = Rows.from_arrays([[1, 2], [3, 4], [5, 6]], ["b", "", "a"], columns=["u", "v"])
    assert rows.labels is not None
    assert rows.labels.tolist() == [1, -1, 0]
    assert rows.classes == ("a", "b")
    assert rows.columns == ("u", "v")
    assert rows.n_labelled == 2
    assert rows.labelled().values.tolist() == [[1, 2], [5, 6]]


def test_rows_without_labels_have_none_that_are_labelled() -> None:
    rows = Rows.from_arrays([[1], [2]])
    assert (rows.labels, rows.classes, rows.n_labelled, len(rows.labelled())) == (None, (), 0, 0)


def test_one_label_a_row_is_required() -> None:
    with pytest.raises(DataError, match=r"len\(y\) = 2: must hold one label for each of the 3 rows of X"):
        Rows.from_arrays([[1], [2], [3]], [0, 1])
    with pytest.raises(DataError, match="columns = 1: must name each of the 2 columns"):
        Rows.from_arrays([[1, 2]], columns=["a"])


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    "indices", [np.array([2, 0, 2]), np.array([True, False, True]), slice(1, None), np.array([], dtype=np.int64)]
)
def test_selection_takes_values_and_labels_alike(form: Any, indices: Any) -> None:
    array, labels = np.array([[1, 0], [0, 3], [5, 6]]), np.array([4, 5, 6])
    rows = Rows.from_arrays(form(array), labels)
    chosen = rows.select(indices)
    values: Any = chosen.values
    np.testing.assert_array_equal(values.toarray() if sparse.issparse(values) else values, array[indices])
    assert chosen.labels is not None
    assert [chosen.classes[code] for code in chosen.labels] == [str(label) for label in labels[indices]]
    assert len(chosen) == len(array[indices])


def test_classes_can_be_those_of_a_model() -> None:
    rows = Rows.from_arrays([[1], [2], [3]], ["b", "", "b"])
    moved = rows.with_classes(("a", "b"))
    assert moved.labels is not None
    assert moved.labels.tolist() == [1, -1, 1]
    with pytest.raises(DataError, match="labels = 'b'"):
        rows.with_classes(("a", "c"))
    assert Rows.from_arrays([[1]]).with_classes(("a",)).classes == ()


def test_both_parts_of_a_data_set_share_their_classes_and_their_white() -> None:
    train = Rows.from_arrays(pictures(3), ["b", "c", "b"])
    test = Rows.from_arrays(pictures(2, top=1) > 9, ["c", "a"])
    both = Dataset.from_parts("both", train, test, "nowhere")
    assert both.test is not None
    assert both.test.full_scale == both.train.full_scale == 255.0
    assert both.train.classes == both.test.classes == ("a", "b", "c")
    assert both.train.labels is not None
    assert both.test.labels is not None
    assert both.train.labels.tolist() == [1, 2, 1]
    assert both.test.labels.tolist() == [2, 0]


def test_a_test_part_without_labels_leaves_the_class_order_alone() -> None:
    train = Rows.from_arrays([[1], [2]], ["a", "b"]).with_classes(("b", "a"))
    both = Dataset.from_parts("both", train, Rows.from_arrays([[1]]), "nowhere")
    assert both.train.classes == ("b", "a")


@pytest.mark.parametrize("test", [np.ones((2, 7)), np.ones((2, 3, 2))], ids=["columns", "pictures"])
def test_parts_of_different_layout_do_not_fit(test: Any) -> None:
    with pytest.raises(DataError, match=r"both = '6 columns \(2 × 3 pictures\) and .*same columns"):
        Dataset.from_parts("both", Rows.from_arrays(pictures()), Rows.from_arrays(test), "nowhere")
