"""Tables of every library and type: read without a change, and built again with the types they had."""

from __future__ import annotations

from typing import Any

import narwhals
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from layerwise.data import TablePreparation
from layerwise.data.frames import read_frame
from layerwise.errors import DataError


def round_trip(table: Any, **options: Any) -> Any:
    fitted = TablePreparation.fit(table, **options)
    return TablePreparation.from_tree(fitted.to_tree()).restore(fitted.prepare(table))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, 5], "int8"),
        ([1, 2, 5], "uint16"),
        ([1, 2, 5], "int64"),
        ([1, 2, None], "Int32"),
        ([1, 2, None], "UInt8"),
        ([1.0, 3.0, None], "float32"),
        ([1.0, 3.0, None], "Float64"),
        ([True, False, True], "bool"),
        ([True, False, None], "boolean"),
        ([True, False, None], "object"),
        (["a", "b", None], "object"),
        (["a", "b", None], "str"),
        (["a", "b", None], "string"),
        (["a", "b", None], "category"),
        ([3, 1, None], "category"),
        ([1, 2, None], "int64[pyarrow]"),
        ([1.0, 3.0, None], "double[pyarrow]"),
        ([True, False, None], "bool[pyarrow]"),
    ],
)
def test_pandas_types_are_kept(values: list[Any], dtype: str) -> None:
    table = pd.DataFrame({"a": pd.Series(values, dtype=dtype)})
    restored = round_trip(table)
    pd.testing.assert_frame_equal(restored, table)
    fitted = TablePreparation.fit(table)
    pd.testing.assert_frame_equal(fitted.restore(torch.zeros(3, fitted.n_units) + 0.25, like=table)[:2], table[:2])


def test_pandas_categories_keep_their_order_and_those_that_do_not_occur() -> None:
    sizes = pd.Categorical(["M", None, "S"], categories=["S", "M", "L"], ordered=True)
    table = pd.DataFrame({"size": sizes}, index=["x", "y", "z"])
    fitted = TablePreparation.fit(table)
    assert fitted.unit_names == ("size=S", "size=M", "size=L")
    guess = torch.tensor([[0.0, 0.0, 1.0]]).expand(3, 3)
    filled = fitted.restore(guess, like=table)
    assert filled["size"].tolist() == ["M", "L", "S"]
    assert filled["size"].cat.categories.tolist() == ["S", "M", "L"]
    assert filled["size"].cat.ordered
    assert filled.index.tolist() == ["x", "y", "z"]
    assert fitted.restore(guess)["size"].cat.ordered


def test_a_filled_level_that_the_given_table_does_not_declare_is_declared() -> None:
    fitted = TablePreparation.fit(pd.DataFrame({"c": pd.Categorical(["a", "b"])}))
    guess = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    pandas = fitted.restore(guess, like=pd.DataFrame({"c": pd.Categorical(["a", None])}))
    assert pandas["c"].tolist() == ["a", "b"]
    polars = fitted.restore(guess, like=pl.DataFrame({"c": ["a", None]}, schema={"c": pl.Enum(["a"])}))
    assert polars["c"].to_list() == ["a", "b"]
    arrow = fitted.restore(guess, like=pa.table({"c": pa.array(["a", None]).dictionary_encode()}))
    assert arrow["c"].to_pylist() == ["a", "b"]


def test_pandas_columns_may_be_named_by_numbers() -> None:
    table = pd.DataFrame({0: [0.5, 1.5], 3: ["a", "b"]})
    restored = round_trip(table)
    assert restored.columns.tolist() == [0, 3]
    fitted = TablePreparation.fit(table, {3: "bernoulli"})
    assert fitted.spec()["parts"] == [{"kind": "bernoulli", "size": 1}, {"kind": "gaussian", "size": 1}]


def test_a_sample_with_gaps_takes_a_type_that_has_them() -> None:
    table = pd.DataFrame({"n": np.array([1, 5], dtype=np.int16), "b": [True, False]})
    restored = TablePreparation.fit(table).restore(torch.full((1, 2), torch.nan))
    assert restored.dtypes.astype(str).to_dict() == {"n": "Int16", "b": "boolean"}
    assert restored.isna().all(axis=None)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, None], pl.Int8),
        ([1, 2, None], pl.UInt64),
        ([1.0, 3.0, None], pl.Float32),
        ([True, False, None], pl.Boolean),
        (["a", "b", None], pl.String),
        (["a", "b", None], pl.Categorical),
        (["b", "a", None], pl.Enum(["b", "a", "c"])),
    ],
)
def test_polars_types_are_kept(values: list[Any], dtype: Any) -> None:
    table = pl.DataFrame({"a": values}, schema={"a": dtype})
    restored = round_trip(table)
    assert restored.schema == table.schema
    assert restored["a"].to_list() == values
    fitted = TablePreparation.fit(table)
    filled = fitted.restore(torch.zeros(3, fitted.n_units), like=table)
    assert filled.schema == table.schema
    assert filled["a"].to_list()[:2] == values[:2]
    assert filled["a"].null_count() == 0


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, None], pa.int8()),
        ([1, 2, None], pa.uint64()),
        ([1.0, 3.0, None], pa.float16()),
        ([1.0, 3.0, None], pa.float32()),
        ([True, False, None], pa.bool_()),
        (["a", "b", None], pa.string()),
        (["a", "b", None], pa.large_string()),
        (["a", "b", None], pa.dictionary(pa.int8(), pa.string())),
    ],
)
def test_pyarrow_types_are_kept(values: list[Any], dtype: Any) -> None:
    table = pa.table({"a": pa.array(values, type=dtype)})
    restored = round_trip(table)
    assert restored.schema == table.schema
    assert restored["a"].to_pylist() == values


def test_pyarrow_tables_in_pieces_are_one_table() -> None:
    pieces = [
        pa.table({"a": ["x", None], "n": [1.0, 2.0]}),
        pa.table({"a": ["y"], "n": [None]}).cast(pa.schema([("a", pa.string()), ("n", pa.float64())])),
    ]
    table = pa.concat_tables(pieces)
    assert TablePreparation.fit(table).prepare(table).isnan().any(dim=1).tolist() == [False, True, True]


MATRIX = np.array([[0.5, 1.0, 4.0], [1.5, 0.0, 2.0], [np.nan, 1.0, np.nan], [2.5, 1.0, 8.0]])


@pytest.mark.parametrize(
    "matrix",
    [
        np.asfortranarray(MATRIX),
        np.repeat(MATRIX, 2, axis=1)[:, ::2],
        MATRIX[::-1][::-1],
        MATRIX.astype(">f8"),
        MATRIX.astype(np.float32),
        MATRIX.astype(np.float16),
        MATRIX.astype(np.longdouble),
        MATRIX.astype(object),
        np.ma.masked_invalid(MATRIX),
        torch.from_numpy(MATRIX),
    ],
    ids=["fortran", "strided", "reversed", "big-endian", "float32", "float16", "long", "object", "masked", "tensor"],
)
def test_matrices_of_every_layout_and_type(matrix: Any) -> None:
    fitted = TablePreparation.fit(matrix)
    assert [column.kind for column in fitted.columns] == ["gaussian", "bernoulli", "gaussian"]
    expected = TablePreparation.fit(MATRIX).prepare(MATRIX)
    torch.testing.assert_close(fitted.prepare(matrix), expected, equal_nan=True)
    restored = fitted.restore(fitted.prepare(matrix))
    assert isinstance(restored, np.ndarray)
    if isinstance(matrix, np.ndarray) and matrix.dtype != object:
        assert restored.dtype == matrix.dtype
        np.testing.assert_array_equal(
            fitted.restore(torch.zeros(4, 3), like=matrix)[[0, 1, 3]], np.asarray(matrix)[[0, 1, 3]]
        )
    np.testing.assert_allclose(restored.astype(np.float64), MATRIX, rtol=1e-3)


def test_a_read_only_matrix_is_read() -> None:
    matrix = MATRIX.copy()
    matrix.flags.writeable = False
    fitted = TablePreparation.fit(matrix)
    fitted.restore(fitted.prepare(matrix), like=matrix)
    np.testing.assert_array_equal(matrix, MATRIX)


@pytest.mark.parametrize(
    ("matrix", "with_gap"),
    [
        (np.array([[True], [False]]), object),
        (np.array([[3], [7]], dtype=np.uint8), np.float64),
        (np.array([[0.5], [7]], dtype=np.float32), np.float32),
        (np.array([["a"], ["b"]]), object),
        (np.array([["a"], [None]], dtype=object), object),
    ],
)
def test_a_matrix_has_its_type_again_or_one_with_gaps(matrix: npt.NDArray[Any], with_gap: Any) -> None:
    fitted = TablePreparation.fit(matrix)
    restored = fitted.restore(fitted.prepare(matrix))
    assert restored.dtype == matrix.dtype
    assert restored.tolist() == matrix.tolist()
    assert fitted.restore(torch.full((1, fitted.n_units), torch.nan)).dtype == with_gap


@pytest.mark.parametrize("matrix", [np.array([[0.5]]), np.array([[1, 2, 0.5]]), np.array([[1], [2], [3]])])
def test_one_row_and_one_column(matrix: npt.NDArray[Any]) -> None:
    np.testing.assert_allclose(round_trip(matrix), matrix, rtol=1e-6)


@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.uint8, np.int16, np.bool_]), st.tuples(st.integers(1, 9), st.integers(1, 3))
    )
)
def test_any_matrix_of_whole_numbers_comes_back(matrix: npt.NDArray[Any]) -> None:
    restored = round_trip(matrix)
    assert restored.dtype == matrix.dtype
    np.testing.assert_array_equal(restored, matrix)


def test_draws_stay_inside_an_integer_type() -> None:
    fitted = TablePreparation.fit(np.array([[0], [250]], dtype=np.uint8))
    assert fitted.restore(torch.tensor([[-9.0], [9.0]])).tolist() == [[0], [255]]


def test_a_table_fitted_with_one_library_prepares_and_fills_that_of_another() -> None:
    fitted = TablePreparation.fit(pl.DataFrame({"n": [1, 3], "c": ["a", "b"]}))
    table = pd.DataFrame({"n": [1, None], "c": ["a", None]})
    filled = fitted.restore(torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]]), like=table)
    assert isinstance(filled, pd.DataFrame)
    assert filled.to_dict("list") == {"n": [1.0, 3.0], "c": ["a", "b"]}


GAPS = {
    "pandas": pd.DataFrame({"c": [None, None], "n": [np.nan, np.nan], "b": [None, None], "f": [np.nan, np.nan]}),
    "polars": pl.DataFrame({name: [None, None] for name in "cnbf"}),
    "pyarrow": pa.table({name: pa.nulls(2) for name in "cnbf"}),
    "numpy": {name: np.array([np.nan, np.nan]) for name in "cnbf"},
}


@pytest.mark.parametrize("library", GAPS)
@pytest.mark.parametrize("fitted_on", ["same", "another"])
def test_columns_of_nothing_but_gaps_are_filled_whatever_their_type(library: str, fitted_on: str) -> None:
    values = {"c": ["a", "b"], "n": [3, 5], "b": [True, False], "f": [0.5, 1.5]}
    made: dict[str, Any] = {
        "pandas": pd.DataFrame(values),
        "polars": pl.DataFrame(values),
        "pyarrow": pa.table(values),
        "numpy": values,
    }
    place = list(made).index(library) + (fitted_on == "another")
    fitted = TablePreparation.fit(list(made.values())[place % 4])
    filled = fitted.restore(fitted.prepare(values), like=GAPS[library])
    assert type(filled) is type(GAPS[library])
    for name, column in values.items():
        assert (filled[name].to_pylist() if library == "pyarrow" else list(filled[name])) == column


def test_a_level_longer_than_the_given_texts_is_not_cut() -> None:
    fitted = TablePreparation.fit({"c": ["a", "long"]})
    guess = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert fitted.restore(guess, like={"c": np.ma.masked_array(["a", "b"], [False, True])})["c"].tolist() == [
        "a",
        "long",
    ]
    assert fitted.restore(guess[:1])["c"].dtype == np.dtype("<U4")


def test_numpys_own_texts_and_arrows_dictionaries_in_pandas_keep_their_type() -> None:
    if hasattr(np.dtypes, "StringDType"):
        texts = np.array([["a"], ["long"]], dtype=np.dtypes.StringDType())
        restored = round_trip(texts)
        assert restored.dtype == texts.dtype
        assert restored.tolist() == texts.tolist()
    dtype = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    table = pd.DataFrame({"c": pd.Series(["a", "b", None], dtype=dtype)})
    restored = round_trip(table)
    assert restored["c"].dtype == dtype
    assert restored["c"].tolist()[:2] == ["a", "b"]


def test_a_restored_table_of_a_library_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = TablePreparation.fit(pl.DataFrame({"n": [1, 3]}))
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(DataError, match=r"restore = 'polars': .*pip install polars"):
        fitted.restore(torch.zeros(1, 1))


def test_tables_without_narwhals_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "narwhals", None)
    with pytest.raises(DataError, match=r"need the package narwhals; install it with: pip install 'layerwise\[data\]'"):
        TablePreparation.fit(pd.DataFrame({"n": [1, 3]}))
    assert TablePreparation.fit({"n": [1, 3]}).n_units == TablePreparation.fit(np.eye(2)[:, :1]).n_units == 1


def test_a_narwhals_table_is_the_table_below_it() -> None:
    table = pd.DataFrame({"a": [0.5, 1.5]})
    pd.testing.assert_frame_equal(round_trip(narwhals.from_native(table)), table)


def test_names_of_several_levels_are_refused() -> None:
    with pytest.raises(DataError, match="must be named by texts or whole numbers; rename the column"):
        read_frame(pd.DataFrame({("a", "b"): [1]}))
