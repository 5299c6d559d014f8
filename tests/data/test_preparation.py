"""Preparation: what it does to rows, that it can be undone, and that it survives a file."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from layerwise.data import preparation
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Rows
from layerwise.errors import DataError, OptionError, RunError

Kind = Literal["bernoulli", "gaussian"]
KINDS: tuple[Kind, ...] = ("bernoulli", "gaussian")
MATRICES = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.floats(-1e6, 1e6, allow_subnormal=False)
)


def test_byte_pictures_are_divided_by_their_white() -> None:
    pictures = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    rows = Rows.from_arrays(pictures)
    prepared = Preparation.fit(rows, "bernoulli").prepare(rows.values)
    assert prepared.dtype == torch.float32
    assert float(prepared.min()) == 0
    assert float(prepared.max()) == 1
    np.testing.assert_allclose(prepared.numpy(), pictures.reshape(4, -1) / 255, rtol=2e-7)


def test_a_white_that_the_source_fixes_does_not_depend_on_the_rows() -> None:
    dark = Rows.from_arrays([[0, 4], [8, 4]], picture=(1, 2), full_scale=16.0)
    assert Preparation.fit(dark, "bernoulli").prepare(dark.values).tolist() == [[0, 0.25], [0.5, 0.25]]


def test_each_other_column_goes_from_its_least_to_its_greatest_value() -> None:
    rows = Rows.from_arrays([[-2.0, 0.2, 7.0, 0], [2.0, 0.3, 7.0, 1], [0.0, 0.25, 7.0, 1]])
    prepared = Preparation.fit(rows, "bernoulli").prepare(rows.values)
    torch.testing.assert_close(prepared, torch.tensor([[0, 0.2, 0, 0], [1, 0.3, 0, 1], [0.5, 0.25, 0, 1]]))


def test_rows_that_were_not_measured_are_clipped_for_bernoulli_units() -> None:
    fitted = Preparation.fit(Rows.from_arrays([[0.0, 0.0, 5.0], [4.0, 1.0, 5.0]]), "bernoulli")
    assert fitted.prepare(np.array([[-1.0, 2.0, 9.0], [9.0, -3.0, 5.0]])).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_gaussian_columns_are_standardised_and_not_clipped() -> None:
    rows = Rows.from_arrays([[0.0, 3.0], [2.0, 3.0]])
    fitted = Preparation.fit(rows, "gaussian")
    assert fitted.prepare(rows.values).tolist() == [[-1, 0], [1, 0]]
    assert fitted.prepare(np.array([[11.0, 4.0]])).tolist() == [[10, 0]]


@pytest.mark.parametrize("kind", KINDS)
@given(array=MATRICES)
def test_what_is_prepared_can_be_restored(kind: Kind, array: npt.NDArray[np.float64]) -> None:
    rows = Rows.from_arrays(array)
    fitted = Preparation.fit(rows, kind)
    prepared = fitted.prepare(rows.values)
    assert bool(torch.isfinite(prepared).all())
    assert kind == "gaussian" or (float(prepared.min()) >= 0 and float(prepared.max()) <= 1)
    spread = np.ptp(array, axis=0)
    # float32 rounds the prepared number; a column of n rows lies within √n standard deviations.
    tolerance = 4 * np.finfo(np.float32).eps * (1 + spread * np.sqrt(len(array))) + 1e-9 * np.abs(array).max(axis=0)
    assert (np.abs(fitted.restore(prepared) - array) <= tolerance).all()


@given(array=MATRICES)
def test_standardised_columns_have_mean_zero_and_deviation_one(array: npt.NDArray[np.float64]) -> None:
    rows = Rows.from_arrays(array)
    prepared = Preparation.fit(rows, "gaussian").prepare(rows.values).double().numpy()
    wide = np.ptp(array, axis=0) > 1e-6 * np.abs(array).max(axis=0) + 1e-6
    np.testing.assert_allclose(prepared.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.std(axis=0)[wide], 1, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_sparse_rows_are_prepared_as_dense_ones(kind: Kind, dtype: Any) -> None:
    array = np.random.default_rng(0).poisson(0.4, (50, 6)).astype(dtype)
    array[:, 2], array[:, 3] = 0, 3
    dense, thin = Rows.from_arrays(array), Rows.from_arrays(sparse.csr_array(array))
    ours, theirs = Preparation.fit(dense, kind), Preparation.fit(thin, kind)
    torch.testing.assert_close(theirs.prepare(thin.values), ours.prepare(dense.values))
    torch.testing.assert_close(theirs.scale, ours.scale)


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_of_rows_are_measured_as_one(kind: Kind) -> None:
    array = np.random.default_rng(0).normal(5, 3, (9001, 2))
    fitted = Preparation.fit(Rows.from_arrays(array), kind)
    if kind == "gaussian":
        np.testing.assert_allclose(fitted.shift, array.mean(axis=0))
        np.testing.assert_allclose(1 / fitted.scale, array.std(axis=0))
    else:
        np.testing.assert_allclose(fitted.shift, array.min(axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_spread_beside_a_large_offset_is_kept(kind: Kind) -> None:
    seconds = 1.7e9 + np.arange(101.0)[:, None]
    rows = Rows.from_arrays(seconds)
    fitted = Preparation.fit(rows, kind)
    prepared = fitted.prepare(rows.values)
    assert len(set(prepared[:, 0].tolist())) == 101
    np.testing.assert_allclose(fitted.restore(prepared), seconds, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.1, 1e-300, 3.0, -7.3])
def test_a_constant_column_becomes_zero_or_stays_inside_the_interval(kind: Kind, value: float) -> None:
    rows = Rows.from_arrays(np.full((7, 1), value))
    fitted = Preparation.fit(rows, kind)
    expected = value if kind == "bernoulli" and 0 <= value <= 1 else 0
    np.testing.assert_allclose(fitted.prepare(rows.values), expected, atol=1e-12)
    np.testing.assert_allclose(fitted.restore(fitted.prepare(rows.values)), value, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_spread_below_what_float32_holds_counts_as_constant(kind: Kind, dtype: Any) -> None:
    rows = Rows.from_arrays(np.array([[-1e-40], [0.0]], dtype=dtype))
    assert Preparation.fit(rows, kind).prepare(rows.values).tolist() == [[0], [0]]


def test_rows_are_never_changed() -> None:
    values = torch.tensor([[2.0, 0.5]])
    fitted = Preparation.fit(Rows.from_arrays([[0.0, 0.0], [4.0, 9.0]]), "bernoulli")
    fitted.prepare(values)
    assert values.tolist() == [[2.0, 0.5]]
    array = np.array([[2.0, 0.5]], dtype=np.float32)
    array.flags.writeable = False
    assert fitted.prepare(array).tolist()[0][0] == 0.5


def test_a_preparation_knows_which_rows_it_leaves_as_they_are() -> None:
    inside = np.array([[0.0, 1.0], [0.5, 0.25]], dtype=np.float32)
    fitted = Preparation.fit(Rows.from_arrays(inside), "bernoulli")
    assert fitted.leaves(inside)
    assert not fitted.leaves(inside + 1)
    assert not fitted.leaves(inside.astype(np.float64))
    assert not Preparation.fit(Rows.from_arrays(inside), "gaussian").leaves(inside)


@pytest.mark.parametrize("kind", KINDS)
def test_a_preparation_survives_as_tensors(kind: Kind) -> None:
    rows = Rows.from_arrays([[-2.0, 0.2, 7.0], [2.0, 0.3, 7.0]])
    fitted = Preparation.fit(rows, kind)
    again = Preparation.from_tensors(fitted.to_tensors())
    assert again.kind == kind
    assert torch.equal(again.prepare(rows.values), fitted.prepare(rows.values))
    assert again.n_columns == 3


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"scale": None}, "must hold kind, shift and scale"),
        ({"scale": torch.ones(2)}, "two vectors of one length"),
        ({"shift": torch.zeros(1, 3)}, "two vectors of one length"),
        ({"kind": torch.tensor(7)}, "must be a known kind"),
        ({"scale": torch.tensor([1.0, float("nan"), 1.0])}, "finite"),
    ],
)
def test_damaged_tensors_are_refused(damage: dict[str, torch.Tensor | None], words: str) -> None:
    tensors = {**Preparation.fit(Rows.from_arrays([[1.0, 2.0, 3.0]]), "bernoulli").to_tensors(), **damage}
    with pytest.raises(RunError, match=rf"preparation = .*{words}"):
        Preparation.from_tensors({name: tensor for name, tensor in tensors.items() if tensor is not None})


def test_other_columns_and_other_units_are_refused() -> None:
    rows = Rows.from_arrays([[1.0, 2.0]])
    fitted = Preparation.fit(rows, "bernoulli")
    with pytest.raises(DataError, match=r"rows.shape = \(1, 3\): must be \(rows, 2\)"):
        fitted.prepare(np.zeros((1, 3)))


def test_unknown_units_are_refused_where_no_type_check_does_it() -> None:
    # Under another name the module escapes the run-time type check of the tests, as it does at a user's.
    spec = importlib.util.spec_from_file_location("unchecked_preparation", preparation.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with pytest.raises(OptionError, match="visible = 'potts': must be one of bernoulli, gaussian, spin"):
        module.Preparation.fit(Rows.from_arrays([[1.0, 2.0]]), "potts")
    del sys.modules[spec.name]
