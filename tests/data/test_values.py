"""Which numbers are accepted as rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from layerwise.data.values import checked_values
from layerwise.errors import DataError


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([[True, False]]), np.uint8),
        (np.array([[0, 255]], dtype=np.uint8), np.uint8),
        (np.array([[0, 255]]), np.uint8),
        (np.array([[0, 256]]), np.float32),
        (np.array([[-1, 1]]), np.float32),
        (np.array([[2**24 + 1]]), np.float64),
        (np.array([[0.5]], dtype=np.float16), np.float32),
        (np.array([[0.5]], dtype=np.float32), np.float32),
        (np.array([[0.5]], dtype=">f4"), np.float32),
        (np.array([[0.5]]), np.float64),
        ([[1, 2], [3, 4]], np.uint8),
        (torch.tensor([[0.5]]), np.float32),
    ],
)
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_numbers_are_stored_compactly_and_exactly(array: Any, dtype: Any, form: str) -> None:
    if form == "sparse":
        native = np.asarray(array).astype(np.asarray(array).dtype.newbyteorder("="))
        if native.dtype == np.float16:
            pytest.skip("scipy has no sparse float16")
        values: Any = checked_values(sparse.csr_array(native))
        dense = values.toarray()
    else:
        dense = values = checked_values(array)
    assert values.dtype == np.dtype(dtype)
    assert values.dtype.isnative
    np.testing.assert_array_equal(dense, np.asarray(array))


@given(hnp.arrays(hnp.integer_dtypes() | hnp.unsigned_integer_dtypes(), (3, 2), elements=st.integers(0, 127)))
def test_whole_numbers_keep_their_value(array: npt.NDArray[Any]) -> None:
    np.testing.assert_array_equal(checked_values(array), array)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_what_has_its_final_form_is_not_copied(dtype: Any) -> None:
    array = np.ones((3, 2), dtype=dtype)
    assert np.shares_memory(checked_values(array), array)
    matrix = sparse.csr_array(array)
    assert np.shares_memory(checked_values(matrix).data, matrix.data)


def test_columns_first_becomes_rows_first() -> None:
    assert checked_values(np.asfortranarray(np.ones((3, 2), dtype=np.float32))).flags.c_contiguous


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.coo_matrix], ids=["dense", "csr", "coo"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_an_entry_that_is_not_finite_is_named(form: Any, bad: float) -> None:
    array = np.ones((4, 3))
    array[2, 1] = bad
    with pytest.raises(DataError) as caught:
        checked_values(form(array))
    assert str(caught.value).startswith(f"X, row 2, column 1 = {bad}: must be a finite number")
    with pytest.raises(DataError, match="row 2, column 'age'"):
        checked_values(form(array), columns=["a", "age", "b"])


def test_an_entry_of_a_picture_is_named_by_its_place_in_the_row() -> None:
    pictures = np.zeros((2, 3, 4))
    pictures[1, 2, 3] = np.nan
    with pytest.raises(DataError, match=r"row 1, column 11 = nan.*leave row 1 out"):
        checked_values(pictures)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros(3), ["X.shape = (3,)", "reshape(1, -1)"]),
        (np.array(1.0), ["X.shape = ()"]),
        (np.zeros((1, 1, 1, 1)), ["X.shape = (1, 1, 1, 1)"]),
        (np.zeros((0, 3)), ["X.shape = (0, 3)", "at least one row"]),
        (np.zeros((3, 0)), ["X.shape = (3, 0)", "one column"]),
        ([], ["X.shape = (0,)"]),
        ([[1.0], [2.0, 3.0]], ["X = 'list'", "must be numbers"]),
        (np.array([["a"]]), ["an array of texts"]),
        (np.array([[None]]), ["an array of Python objects", "turn every column into numbers"]),
        (np.array([[1j]]), ["an array of complex128"]),
        (np.array([["2020"]], dtype="datetime64[Y]"), ["an array of dates"]),
        (np.zeros(2, dtype=[("a", "f4")]), ["an array of [('a', '<f4')]"]),
        (np.ma.masked_array([[1.0, 2.0]], mask=[[False, True]]), ["masked"]),
        (sparse.csr_array((0, 3)), ["X.shape = (0, 3)"]),
        (sparse.coo_array(np.ones(3)), ["X.shape = (3,)"]),
        (sparse.csr_array(np.array([[1j]])), ["complex128"]),
        ("text", ["an array of texts"]),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(values: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        checked_values(values)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_masked_array_without_masked_entry_is_an_array() -> None:
    assert checked_values(np.ma.masked_array([[1.0]])).tolist() == [[1.0]]


def test_a_sparse_index_outside_the_matrix_is_refused() -> None:
    matrix = sparse.csr_array(np.eye(3))
    matrix.indices[1] = 7
    with pytest.raises(DataError, match="must be a consistent sparse matrix"):
        checked_values(matrix)


def test_repeated_sparse_entries_are_summed_in_a_copy() -> None:
    matrix = sparse.csr_array((np.array([1.0, 2.0]), np.array([0, 0]), np.array([0, 2])), shape=(1, 2))
    assert checked_values(matrix).toarray().tolist() == [[3.0, 0.0]]
    assert matrix.nnz == 2


def test_an_empty_sparse_matrix_is_zeros() -> None:
    values = checked_values(sparse.csr_array((2, 3)))
    assert values.dtype == np.uint8
    assert values.shape == (2, 3)
