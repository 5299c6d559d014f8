"""Plain rows of spins, of non-negative numbers and of codes, and rows with gaps: prepared, restored and refused."""

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

from layerwise.data import Minibatches, Preparation, Rows, TablePreparation
from layerwise.data.preparation import PlainKind
from layerwise.errors import DataError, OptionError, RunError
from layerwise.randomness import RandomStream
from layerwise.units import kind_from

DOMAINS: dict[PlainKind, Any] = {
    "bernoulli": st.floats(0, 1, allow_subnormal=False),
    "gaussian": st.floats(-1e3, 1e3, allow_subnormal=False),
    "spin": st.floats(-1, 1, allow_subnormal=False),
    "rectified": st.floats(0, 1e3, allow_subnormal=False),
    "categorical": st.integers(0, 5).map(float),
}
every_kind = pytest.mark.parametrize("kind", DOMAINS)


@every_kind
@given(data=st.data())
def test_rows_with_gaps_are_accepted_by_their_units_and_come_back(kind: PlainKind, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 4)))
    array = data.draw(hnp.arrays(np.float64, shape, elements=DOMAINS[kind]))
    gaps = data.draw(hnp.arrays(np.bool_, shape))
    gaps[data.draw(st.integers(0, shape[0] - 1))] = False
    rows = Rows.from_arrays(np.where(gaps, np.nan, array), missing=True)
    fitted = Preparation.fit(rows, kind)
    units, prepared = kind_from(fitted.spec()), fitted.prepare(rows.values)
    assert units.size == fitted.n_units == prepared.shape[1]
    whole = prepared[~prepared.isnan().any(dim=1)]
    assert bool(units.accepts(whole).all())
    restored = fitted.restore(prepared)
    np.testing.assert_array_equal(np.isnan(restored), gaps)
    # float32 rounds the prepared number; a column of n rows lies within √n standard deviations.
    np.testing.assert_allclose(restored[~gaps], array[~gaps], rtol=0, atol=1e-6 * (1 + 2 * np.abs(array).max()) * 3)
    again = Preparation.from_tensors(fitted.to_tensors())
    assert (again.kind, again.categories) == (fitted.kind, fitted.categories)
    torch.testing.assert_close(again.prepare(rows.values), prepared, equal_nan=True, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "rectified"])
def test_a_gap_is_left_out_of_what_is_measured(kind: PlainKind) -> None:
    array = np.random.default_rng(0).gamma(2.0, 3.0, (9001, 2))
    with_gaps = np.vstack([array, np.full((500, 2), np.nan)])[np.random.default_rng(1).permutation(9501)]
    full, fitted = (Preparation.fit(Rows.from_arrays(x, missing=True), kind) for x in (array, with_gaps))
    torch.testing.assert_close(fitted.shift, full.shift)
    torch.testing.assert_close(fitted.scale, full.scale)


@pytest.mark.parametrize(
    ("array", "prepared", "restored"),
    [
        ([[0, 1], [1, 1]], [[-1, 1], [1, 1]], [[0, 1], [1, 1]]),
        ([[-1, 1], [1, 1]], [[-1, 1], [1, 1]], [[-1, 1], [1, 1]]),
        ([[1, 1]], [[1, 1]], [[1, 1]]),
        ([[0.5, -0.25]], [[0.5, -0.25]], [[0.5, -0.25]]),
        ([[True, False]], [[1, -1]], [[1, 0]]),
    ],
)
def test_spins(array: Any, prepared: Any, restored: Any) -> None:
    rows = Rows.from_arrays(np.array(array))
    fitted = Preparation.fit(rows, "spin")
    assert fitted.prepare(rows.values).tolist() == prepared
    assert fitted.restore(fitted.prepare(rows.values)).tolist() == restored


def test_pictures_become_spins_and_rectified_rows_by_their_white() -> None:
    rows = Rows.from_arrays(np.array([[[0, 255]], [[51, 204]]], dtype=np.uint8))
    for kind, expected in (("spin", [[-1, 1], [-0.6, 0.6]]), ("rectified", [[0, 1], [0.2, 0.8]])):
        prepared = Preparation.fit(rows, kind).prepare(rows.values)
        torch.testing.assert_close(prepared, torch.tensor(expected, dtype=torch.float32))
        assert float(prepared.max()) <= 1


def test_rectified_rows_keep_their_zero() -> None:
    rows = Rows.from_arrays([[0.0, 7.0, 0.0], [4.0, 7.0, 0.0]])
    fitted = Preparation.fit(rows, "rectified")
    assert fitted.prepare(rows.values).tolist() == [[0, 0, 0], [2, 0, 0]]
    assert fitted.restore(fitted.prepare(rows.values)).tolist() == rows.values.tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_codes_share_an_alphabet_or_have_their_own(dtype: Any) -> None:
    rows = Rows.from_arrays(np.array([[0, 2], [1, 0]], dtype=dtype))
    shared = Preparation.fit(rows, "categorical")
    assert shared.spec() == {"kind": "categorical", "categories": [3, 3]}
    assert shared.prepare(rows.values).tolist() == [[1, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 0]]
    own = Preparation.fit(rows, "categorical", categories=[2, 4])
    assert own.prepare(rows.values).tolist() == [[1, 0, 0, 0, 1, 0], [0, 1, 1, 0, 0, 0]]
    assert Preparation.fit(rows, "categorical", categories=9).n_units == 18
    assert own.to("cpu").categories == (2, 4)
    probable = torch.tensor([[0.4, 0.6, 0.1, 0.2, 0.4, 0.3], [0.6, 0.4, torch.nan, 0.2, 0.4, 0.3]])
    np.testing.assert_array_equal(own.restore(probable), [[1, 2], [0, np.nan]])


@pytest.mark.parametrize("kind", ["spin", "rectified", "categorical"])
def test_sparse_rows_are_prepared_as_dense_ones(kind: PlainKind) -> None:
    array = (np.random.default_rng(0).random((50, 6)) < 0.3).astype(np.uint8)
    dense, thin = Rows.from_arrays(array), Rows.from_arrays(sparse.csr_array(array))
    ours, theirs = Preparation.fit(dense, kind), Preparation.fit(thin, kind)
    torch.testing.assert_close(theirs.prepare(thin.values), ours.prepare(dense.values))


def test_minibatches_are_as_wide_as_the_units() -> None:
    rows = Rows.from_arrays([[0.0, 2.0], [np.nan, 0.0]], missing=True)
    batches = Minibatches(rows, Preparation.fit(rows, "categorical"), 2, RandomStream(0), shuffle=False)
    assert batches.n_columns == 6
    (batch,) = batches.epoch(0)
    gap = np.nan
    np.testing.assert_array_equal(batch.values, [[1, 0, 0, 0, 0, 1], [gap, gap, gap, 1, 0, 0]])
    assert batches.map(lambda values: values[:, :4]).n_columns == 4


def test_prepared_rows_go_through_minibatches_unchanged() -> None:
    values = np.array([[-3.0, np.nan], [0.5, 7.0]], dtype=np.float32)
    rows = Rows.from_arrays(values, missing=True)
    unchanged = Preparation.unchanged(2)
    assert unchanged.leaves(rows.values)
    (batch,) = Minibatches(rows, unchanged, 2, RandomStream(0), shuffle=False).epoch(0)
    np.testing.assert_array_equal(batch.values, values)


def test_a_tables_rows_go_through_minibatches() -> None:
    fitted = TablePreparation.fit({"c": ["x", "y", None], "n": [-1.0, 3.0, None]})
    rows = fitted.rows({"c": ["y", None], "n": [1.0, 3.0]}, ["yes", ""])
    assert (rows.columns, rows.classes) == (("n", "c=x", "c=y"), ("yes",))
    batches = Minibatches(rows, Preparation.unchanged(fitted.n_units), 2, RandomStream(0), shuffle=False)
    (batch,) = batches.epoch(0)
    np.testing.assert_array_equal(batch.values, [[0, 0, 1], [1, np.nan, np.nan]])
    assert batch.labels is not None
    assert batch.labels.tolist() == [0, -1]


def test_only_rows_inside_the_domain_are_left_as_they_are() -> None:
    values = np.array([[-1.0, 1.0]], dtype=np.float32)
    fitted = Preparation.fit(Rows.from_arrays(values), "spin")
    assert fitted.leaves(values)
    assert not fitted.leaves(values * 2)
    codes = np.array([[0.0, 1.0]], dtype=np.float32)
    assert not Preparation.fit(Rows.from_arrays(codes), "categorical").leaves(codes)


@pytest.mark.parametrize(
    ("kind", "array", "words"),
    [
        ("spin", [[0.0, 1.0], [0.0, 3.0]], ["rows, row 1, column 1 = 3.0", "-1, 1 or", "'gaussian' or 'rectified'"]),
        ("spin", [[0.0, -1.5]], ["column 1 = -1.5", "take 'gaussian' units"]),
        ("rectified", [[0.0, 1.0], [0.0, -3.0]], ["row 1, column 1 = -3.0", "not be negative", "'gaussian'"]),
        ("rectified", [[-3.0], [-3.0]], ["row 0, column 0 = -3.0"]),
        ("categorical", [[0.0, 1.5]], ["row 0, column 1 = 1.5", "codes 0 to 1", "'gaussian' units"]),
        ("categorical", [[0.0, -1.0]], ["row 0, column 1 = -1.0", "codes 0 to 0"]),
        ("categorical", [[0.0, 1e6]], ["greatest entry = 1000000.0", "below 1,000", "'gaussian'"]),
        ("gaussian", [[0.0, np.nan]], ["column 1 = 'every entry missing'", "leave the column out"]),
        ("categorical", [[0.0, np.nan]], ["column 1 = 'every entry missing'"]),
    ],
)
def test_rows_outside_a_domain_say_which_entry_and_what_accepts_it(
    kind: PlainKind, array: Any, words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        Preparation.fit(Rows.from_arrays(array, missing=True), kind)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_row_is_named_beyond_the_first_chunk() -> None:
    array = np.ones((9000, 2))
    array[8765, 1] = -1
    with pytest.raises(DataError, match=r"row 8765, column 1 = -1.0"):
        Preparation.fit(Rows.from_arrays(array), "rectified")


@pytest.mark.parametrize(
    ("kind", "train", "later", "words"),
    [
        ("spin", [[-1.0, 1.0]], [[0.0, 2.0]], "row 0, column 1 = 2.0"),
        ("spin", [[0, 1]], [[-1, 1]], "row 0, column 0 = -1.0"),
        ("rectified", [[1.0], [2.0]], [[-1.0]], "row 0, column 0 = -1.0"),
        ("categorical", [[0, 1]], [[0, 2]], "row 0, column 1 = 2.0: must be one of the codes 0 to 1"),
    ],
)
def test_later_rows_outside_a_domain_are_refused(kind: PlainKind, train: Any, later: Any, words: str) -> None:
    fitted = Preparation.fit(Rows.from_arrays(train), kind)
    for values in (np.array(later), torch.tensor(later)):
        with pytest.raises(DataError, match=words):
            fitted.prepare(values)


def test_categories_that_do_not_fit_are_refused() -> None:
    rows = Rows.from_arrays([[0, 1]])
    for categories in ([2], [2, 0], 0):
        with pytest.raises(OptionError, match=r"categories = .*one number for all of the 2 columns or one for each"):
            Preparation.fit(rows, "categorical", categories=categories)
    with pytest.raises(OptionError, match="categories = 2: belong to categorical units; visible is 'spin'"):
        Preparation.fit(rows, "spin", categories=2)


@pytest.mark.parametrize("categories", [torch.tensor([2]), torch.tensor([2, 0]), None])
def test_damaged_categories_are_refused(categories: torch.Tensor | None) -> None:
    tensors = Preparation.fit(Rows.from_arrays([[0, 1]]), "categorical").to_tensors()
    del tensors["categories"]
    damaged = tensors if categories is None else tensors | {"categories": categories}
    with pytest.raises(RunError, match="preparation categories"):
        Preparation.from_tensors(damaged)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_missing_values_stay_only_where_they_are_asked_for(dtype: Any) -> None:
    array: npt.NDArray[Any] = np.array([[0.5, np.nan], [1.0, 2.0]], dtype=dtype)
    with pytest.raises(DataError, match="row 0, column 1 = nan"):
        Rows.from_arrays(array)
    np.testing.assert_array_equal(Rows.from_arrays(array, missing=True).values, array)
    with pytest.raises(DataError, match="row 1, column 1 = inf"):
        Rows.from_arrays(np.where(array == 2, np.inf, array), missing=True)
    masked = np.ma.masked_array([[1, 2], [3, 4]], [[False, True], [False, False]])
    np.testing.assert_array_equal(Rows.from_arrays(masked, missing=True).values, [[1, np.nan], [3, 4]])
    assert np.isnan(Rows.from_arrays(np.full((2, 2), np.nan), missing=True).values).all()
    with pytest.raises(DataError, match="nan"):
        Rows.from_arrays(sparse.csr_array(array.astype(np.float64)), missing=True)
