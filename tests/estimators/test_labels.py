"""Labels as callers write them: classes of their own type, marks for rows without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning

from layerwise import DBNClassifier, MLPClassifier, Perceptron
from layerwise.errors import DataError
from layerwise.estimators.labels import encode_classes, known_labels


@pytest.mark.parametrize(
    ("y", "classes", "codes"),
    [
        ([3, 1, 3], [1, 3], [1, 0, 1]),
        ([3, -1, 1], [1, 3], [1, -1, 0]),
        ([3.0, -1.0, 1.0], [1.0, 3.0], [1, -1, 0]),
        (np.array([3, 255, 1], np.uint8), [1, 3, 255], [1, 2, 0]),
        ([True, False, True], [False, True], [1, 0, 1]),
        (["b", "a", ""], ["a", "b"], [1, 0, -1]),
        (["b", "a", "-1"], ["a", "b"], [1, 0, -1]),
        (np.array(["b", "a", -1]), ["a", "b"], [1, 0, -1]),
        (np.array(["b", "a", -1], dtype=object), ["a", "b"], [1, 0, -1]),
        (np.array(["b", "a", None], dtype=object), ["a", "b"], [1, 0, -1]),
        (np.array([7, 5, -1], dtype=object), [5, 7], [1, 0, -1]),
        (np.array([7, 5, None], dtype=object), [5, 7], [1, 0, -1]),
        (np.array([7, 5, np.nan], dtype=object), [5, 7], [1, 0, -1]),
        (np.array(["b", "a", np.nan], dtype=object), ["a", "b"], [1, 0, -1]),
        (pd.Series(["b", "a", None], dtype="string"), ["a", "b"], [1, 0, -1]),
        (pd.Series(["b", "a", None], dtype="str"), ["a", "b"], [1, 0, -1]),
        (pd.Series(["b", "a", None], dtype="category"), ["a", "b"], [1, 0, -1]),
        (pd.Series([7, 5, None], dtype="Int64"), [5, 7], [1, 0, -1]),
        (pd.Series([True, False, None], dtype="boolean"), [False, True], [1, 0, -1]),
        (pl.Series(["b", "a", None]), ["a", "b"], [1, 0, -1]),
        (pl.Series([7, 5, None]), [5, 7], [1, 0, -1]),
    ],
)
def test_classes_keep_their_type_and_marks_are_no_class(y: Any, classes: list[Any], codes: list[int]) -> None:
    found, places = encode_classes(y, 3)
    assert found.tolist() == classes
    assert [type(name) for name in found.tolist()] == [type(name) for name in classes]
    assert places.tolist() == codes
    assert places.dtype == np.int64


@given(st.lists(st.integers(-1, 5), min_size=2, max_size=30))
def test_codes_lead_back_to_the_labels(y: list[int]) -> None:
    labels = np.array(y)
    if len(set(y) - {-1}) < 2:
        with pytest.raises(DataError):
            encode_classes(labels, len(y))
        return
    classes, codes = encode_classes(labels, len(y))
    assert np.array_equal(np.where(codes == -1, -1, classes[codes]), labels)
    assert np.array_equal(classes, np.unique(labels[labels != -1]))


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, r"requires y to be passed, but the target y is None; mark rows without label with -1"),
        ([0, 1], r"len\(y\) = 2: must be 3, one label for each row of X; mark rows without label with -1"),
        ([0, 1, 0, 1], r"len\(y\) = 4: must be 3"),
        ([1, 1, 1], r"y = \[1\]: one class leaves nothing to tell apart, .* at least two; add rows of another class"),
        ([1, -1, -1], r"y = \[1\]: one class .*; -1 means no label: recode a class called -1"),
        ([-1, -1, -1], r"y = '3 rows without label': some rows must have a label.*; to learn .* use RBM, DBN or "),
        (["", "", "-1"], "3 rows without label"),
        ([0.5, 1.2, 3.1], "Unknown label type: continuous"),
        ([0.0, np.nan, 1.0], "row 1 = nan: Input y contains NaN.*; mark rows without label with -1"),
        (np.array([0.0, np.inf, 1.0], dtype=object), "Input y contains infinity"),
        ([0.0, np.inf, 1.0], "Input y contains infinity"),
        ([[0, 1], [1, 0], [1, 1]], "y should be a 1d array"),
        (np.array([1, "a", 2], dtype=object), r"y = \[1, 'a', 2\]: labels must be all texts or all numbers; turn"),
        (np.array([{}, {}, None], dtype=object), "Unknown label type"),
    ],
)
def test_labels_that_say_nothing_are_refused(y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        encode_classes(y, 3)


def test_known_labels_are_those_of_the_labelled_rows() -> None:
    present, known = known_labels(pd.Series([4, None, -1, 2], dtype="Int64"), 4)
    assert present.tolist() == [True, False, False, True]
    assert known.tolist() == [4, 2]


def test_a_column_of_labels_is_flattened_with_a_warning() -> None:
    with pytest.warns(DataConversionWarning, match="column-vector"):
        classes, codes = encode_classes(np.array([[0], [1], [-1]]), 3)
    assert classes.tolist() == [0, 1]
    assert codes.tolist() == [0, 1, -1]


@pytest.mark.parametrize("kind", [MLPClassifier, Perceptron])
@pytest.mark.parametrize(
    ("entries", "row", "shown"),
    [
        (np.array(["a", None, "b"], dtype=object), 1, "None"),
        (["a", "b", None], 2, "None"),
        (np.array([None, 1, 2], dtype=object), 0, "None"),
        (np.array(["a", 1, "b"], dtype=object), 1, "1"),
        (np.array([1, "a", 2], dtype=object), 1, "'a'"),
        (np.array([["a"], [1], ["b"]], dtype=object), 1, "1"),
        (pd.Series(["a", "b", None], dtype="string"), 2, "<NA>"),
        (pl.Series(["a", None, "b"]), 1, "None"),
    ],
    ids=str,
)
def test_labels_of_several_types_or_none_are_refused_where_every_row_has_one(
    kind: Any, entries: Any, row: int, shown: str
) -> None:
    X = np.random.default_rng(0).normal(size=(3, 2))
    said = f"y, row {row} = {shown}: labels must all be numbers, or all texts; leave rows without a label out"
    for learn in (kind().fit, lambda X, y: kind().partial_fit(X, y, classes=["a", "b"])):
        with pytest.raises(DataError, match=said):
            learn(X, entries)
    with pytest.raises(DataError, match=said.replace("y, row", "classes, row")):
        kind().partial_fit(X, ["a", "b", "a"], classes=entries)
    if kind is Perceptron:
        with pytest.raises(DataError, match=said):
            kind().separability(X, entries)


def test_where_rows_may_lack_a_label_none_is_the_mark_of_that() -> None:
    X = np.random.default_rng(0).random((6, 2))
    model = DBNClassifier((2,), epochs=1, fine_tune_epochs=1).fit(X, np.array(["a", None, "b"] * 2, dtype=object))
    assert model.classes_.tolist() == ["a", "b"]
