"""Label values become codes and come back as the same names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerwise.data.classes import UNLABELLED, class_order, encode_labels, recode
from layerwise.errors import DataError


@pytest.mark.parametrize(
    ("labels", "codes", "classes"),
    [
        ([3, 1, 3], [1, 0, 1], ("1", "3")),
        ([10, 9, -1], [1, 0, -1], ("9", "10")),
        ([-2, 5], [0, 1], ("-2", "5")),
        (np.array([2.0, -1.0, 0.0]), [1, -1, 0], ("0", "2")),
        (["b", "", "a"], [1, -1, 0], ("a", "b")),
        (["10", "9"], [1, 0], ("9", "10")),
        ([True, False], [1, 0], ("False", "True")),
        (np.array([b"b", b"a"]), [1, 0], ("a", "b")),
        (np.array([1, None, -1, 0], dtype=object), [1, -1, -1, 0], ("0", "1")),
        (np.array(["x", None, ""], dtype=object), [0, -1, -1], ("x",)),
        (np.array([None, None], dtype=object), [-1, -1], ()),
        (np.array([[1], [0]]), [1, 0], ("0", "1")),
        (np.array([2**64 - 1, 7], dtype=np.uint64), [1, 0], ("7", str(2**64 - 1))),
        (np.array([-1, -1]), [-1, -1], ()),
    ],
)
def test_labels_of_every_kind_become_codes(labels: Any, codes: list[int], classes: tuple[str, ...]) -> None:
    found, names = encode_labels(labels)
    assert found.tolist() == codes
    assert found.dtype == np.int64
    assert names == classes


@given(st.lists(st.one_of(st.integers(-3, 12), st.just(-1)), min_size=1))
def test_codes_name_the_labels_they_came_from(labels: list[int]) -> None:
    codes, classes = encode_labels(labels)
    back = [UNLABELLED if code == UNLABELLED else int(classes[code]) for code in codes]
    assert back == labels
    assert list(classes) == [str(label) for label in sorted(set(labels) - {UNLABELLED})]


@given(st.lists(st.text(max_size=3), min_size=1))
def test_texts_come_back(labels: list[str]) -> None:
    # NumPy's fixed-width texts end at the last character that is not NUL.
    labels = [label.rstrip("\0") for label in labels]
    codes, classes = encode_labels(labels)
    assert ["" if code == UNLABELLED else classes[code] for code in codes] == labels


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0.5, 1.0], ["y, row 0 = 0.5", "whole numbers"]),
        ([1.0, np.nan], ["y, row 1 = nan", "-1"]),
        ([1.0, np.inf], ["y, row 1 = inf"]),
        ([1e300, 0.0], ["y, row 0 = 1e+300"]),
        (np.zeros((3, 2)), ["y.shape = (3, 2)", "(rows,)"]),
        (np.array(1), ["y.shape = ()"]),
        ([[1], [2, 3]], ["y = 'list'", "labels must be"]),
        (np.array([1, "a"], dtype=object), ["y = 1", "one kind", "number, text"]),
        (np.array([object()], dtype=object), ["y = ", "found object"]),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), ["y = dtype('<M8[D]')"]),
        (np.array([1j]), ["complex128"]),
        (np.array([b"\xff"]), ["no text"]),
    ],
)
def test_what_is_no_label_is_refused(labels: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        encode_labels(labels)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_names_that_only_look_like_numbers_are_sorted_as_texts() -> None:
    assert class_order(["nan", "2", "10"]) == ("10", "2", "nan")
    assert class_order(["1.5", "-3", "1"]) == ("-3", "1", "1.5")


def test_recoding_keeps_names_and_marks() -> None:
    codes = np.array([0, 1, -1, 1])
    assert recode(codes, ("a", "b"), ("b", "c", "a")).tolist() == [2, 0, -1, 0]
    assert recode(np.array([-1]), (), ("a",)).tolist() == [-1]


def test_recoding_refuses_a_class_that_is_used_but_unknown() -> None:
    assert recode(np.array([0]), ("a", "b"), ("a",)).tolist() == [0]
    with pytest.raises(DataError, match=r"labels = 'b'.*known classes \(a\)"):
        recode(np.array([0, 1]), ("a", "b"), ("a",))
