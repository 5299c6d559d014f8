"""Tables of different kinds of columns: what becomes of them, that it can be undone, and what is refused."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from layerwise.data import TablePreparation
from layerwise.errors import DataError, OptionError, RunError
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.units import kind_from

Lists = dict[str, list[Any]]
LIBRARIES: dict[str, Callable[[Lists], Any]] = {
    "dict": lambda columns: columns,
    "pandas": lambda columns: pd.DataFrame({k: pd.Series(v, dtype=_pandas_type(v)) for k, v in columns.items()}),
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}
MIXED: Lists = {
    "city": ["Ulm", "Bonn", None, "Ulm"],
    "age": [30.0, None, 50.0, 40.0],
    "smokes": [True, None, False, True],
    "children": [0, 3, 2, None],
    "owns": [1, 0, None, 1],
}
every_library = pytest.mark.parametrize("library", LIBRARIES)


def _pandas_type(values: list[Any]) -> str:
    """Nullable types, so that whole numbers and booleans keep theirs beside a gap."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return "boolean"
    return "Int64" if kinds <= {int} else "float64" if kinds <= {int, float} else "string"


def listed(table: Any) -> Lists:
    """A table as plain lists, None where a cell is missing."""
    if isinstance(table, pl.DataFrame):
        columns = table.to_dict(as_series=False)
    elif isinstance(table, pa.Table):
        columns = table.to_pydict()
    elif isinstance(table, pd.DataFrame):
        columns = {str(name): table[name].astype(object).tolist() for name in table.columns}
    else:
        columns = {name: np.asarray(values).tolist() for name, values in table.items()}
    return {
        name: [None if value is None or value is pd.NA or value != value else value for value in values]
        for name, values in columns.items()
    }


def as_floats(values: list[Any]) -> Any:
    return np.array([np.nan if value is None else value for value in values])


@every_library
def test_kinds_are_found_and_units_lie_kind_by_kind(library: str) -> None:
    table = LIBRARIES[library](MIXED)
    fitted = TablePreparation.fit(table)
    assert {column.name: column.kind for column in fitted.columns} == {
        "city": "categorical",
        "age": "gaussian",
        "smokes": "bernoulli",
        "children": "gaussian",
        "owns": "bernoulli",
    }
    assert fitted.unit_names == ("smokes", "owns", "age", "children", "city=Bonn", "city=Ulm")
    assert (fitted.n_columns, fitted.n_units) == (5, 6)
    assert fitted.slices["city"] == slice(4, 6)
    prepared = fitted.prepare(table)
    assert prepared.dtype == torch.float32
    torch.testing.assert_close(prepared, _expected(), equal_nan=True)


def _expected() -> torch.Tensor:
    age, children = np.array([30.0, 50, 40]), np.array([0.0, 3, 2])
    a, c = (age - age.mean()) / age.std(), (children - children.mean()) / children.std()
    gap = np.nan
    rows = [
        [1, 1, a[0], c[0], 0, 1],
        [gap, 0, gap, c[1], 1, 0],
        [0, gap, a[1], c[2], gap, gap],
        [1, 1, a[2], gap, 0, 1],
    ]
    return torch.tensor(rows, dtype=torch.float32)


@every_library
def test_a_table_is_restored_as_it_was(library: str) -> None:
    table = LIBRARIES[library](MIXED)
    fitted = TablePreparation.fit(table)
    prepared = fitted.prepare(table)
    for restored in (fitted.restore(prepared), fitted.restore(prepared, like=table)):
        assert type(restored) is type(table)
        again = listed(restored)
        np.testing.assert_allclose(as_floats(again["age"]), as_floats(MIXED["age"]), rtol=1e-6)
        assert again | {"age": None} == MIXED | {"age": None}
        if not isinstance(table, dict):
            assert restored.schema == table.schema if library != "pandas" else (restored.dtypes == table.dtypes).all()


def test_every_library_gives_the_same_rows() -> None:
    fitted = {name: TablePreparation.fit(make(MIXED)) for name, make in LIBRARIES.items()}
    for preparation in fitted.values():
        assert preparation.spec() == fitted["dict"].spec()
        for make in LIBRARIES.values():
            prepared = preparation.prepare(make(MIXED))
            torch.testing.assert_close(prepared, _expected(), equal_nan=True)


def test_the_units_accept_what_is_prepared_and_nothing_is_lost_between_the_rooms() -> None:
    everything = {
        "truth": [True, False, True],
        "spin": [-1, 1, 1],
        "size": [1.5, 2.0, 7.0],
        "count": [0, 4, 2],
        "letter": ["a", "b", "c"],
        "colour": ["red", "red", "blue"],
        "alone": ["x", "x", "x"],
        "constant": [3.0, 3.0, 3.0],
    }
    fitted = TablePreparation.fit(everything, {"spin": "spin", "count": "rectified"})
    units = kind_from(fitted.spec())
    prepared = fitted.prepare(everything)
    assert units.size == fitted.n_units == prepared.shape[1] == len(fitted.unit_names)
    assert bool(units.accepts(prepared).all())
    one_kind = TablePreparation.fit({"a": ["x", "y"], "b": ["u", "v"]})
    assert one_kind.spec() == {"kind": "categorical", "categories": [2, 2]}
    assert TablePreparation.fit(np.eye(3)).spec() == {"kind": "bernoulli", "size": 3}


CELLS: dict[str, st.SearchStrategy[Any]] = {
    "flag": st.booleans(),
    "number": st.floats(-1e6, 1e6, allow_subnormal=False),
    "count": st.integers(-1000, 1000),
    "word": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
}


@st.composite
def tables(draw: st.DrawFn) -> Lists:
    n_rows = draw(st.integers(1, 8))
    table: Lists = {}
    for name, cells in CELLS.items():
        values = draw(st.lists(st.none() | cells, min_size=n_rows, max_size=n_rows))
        values[draw(st.integers(0, n_rows - 1))] = draw(cells)
        table[name] = values
    return table


@every_library
@given(table=tables())
@settings(max_examples=25, deadline=None)
def test_any_table_comes_back(library: str, table: Lists) -> None:
    given_table = LIBRARIES[library](table)
    fitted = TablePreparation.fit(given_table)
    prepared = fitted.prepare(given_table)
    for name, values in table.items():
        gaps = prepared[:, fitted.slices[name]].isnan()
        assert gaps.all(dim=1).tolist() == gaps.any(dim=1).tolist() == [value is None for value in values]
    restored = listed(fitted.restore(prepared))
    for name in ("flag", "count", "word"):
        assert restored[name] == table[name]
    numbers = [value for value in table["number"] if value is not None]
    # float32 rounds the prepared number; among n rows none lies further than √n standard deviations.
    bound = 4 * np.finfo(np.float32).eps * (1 + np.ptp(numbers) * len(table["number"])) + 1e-9 * np.abs(numbers).max()
    np.testing.assert_allclose(as_floats(restored["number"]), as_floats(table["number"]), rtol=0, atol=bound)
    assert listed(fitted.restore(prepared, like=given_table)) == table


@every_library
@given(table=tables(), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_given_cells_are_kept_to_the_last_digit_and_only_gaps_are_filled(library: str, table: Lists, seed: int) -> None:
    given_table = LIBRARIES[library](table)
    fitted = TablePreparation.fit(given_table)
    guess = torch.rand(len(table["flag"]), fitted.n_units, generator=torch.Generator().manual_seed(seed))
    filled, guessed = listed(fitted.restore(guess, like=given_table)), listed(fitted.restore(guess))
    for name, values in table.items():
        expected = [guess if value is None else value for value, guess in zip(values, guessed[name], strict=True)]
        assert filled[name] == expected


@given(table=tables())
@settings(max_examples=12, deadline=None)
def test_a_preparation_survives_a_safe_file(table: Lists, tmp_path_factory: pytest.TempPathFactory) -> None:
    fitted = TablePreparation.fit(table)
    path: Path = tmp_path_factory.mktemp("tree") / "preparation.safetensors"
    write_tree(path, fitted.to_tree(), "test")
    again = TablePreparation.from_tree(read_tree(path, "test"))
    assert again == fitted
    assert [type(level) for c in again.columns for level in c.levels] == [
        type(v) for c in fitted.columns for v in c.levels
    ]
    assert again.slices == fitted.slices
    assert torch.equal(again.prepare(table).nan_to_num(9.0), fitted.prepare(table).nan_to_num(9.0))


def test_levels_keep_their_types_in_a_tree() -> None:
    table = {"a": [1, 2, 1], "b": [1.0, 2.5, 1.0], "c": [True, False, True], "d": ["1", "2", "1"]}
    fitted = TablePreparation.from_tree(TablePreparation.fit(table, "categorical").to_tree())
    assert [column.levels for column in fitted.columns] == [(1, 2), (1.0, 2.5), (False, True), ("1", "2")]
    assert [type(column.levels[0]) for column in fitted.columns] == [int, float, bool, str]
    assert listed(fitted.restore(fitted.prepare(table))) == table


@pytest.mark.parametrize(
    "damage",
    [
        {"backend": "abacus"},
        {"columns": []},
        {"columns": [{"name": "a"}]},
        {"columns": None},
    ],
)
def test_a_damaged_tree_is_refused(damage: dict[str, Any]) -> None:
    tree = TablePreparation.fit({"a": [0.5, 1.5]}).to_tree()
    with pytest.raises(RunError, match=r"preparation = .*must be what a table preparation gave"):
        TablePreparation.from_tree(tree | damage)
    for key, value in {"kind": "potts", "scale": float("nan"), "levels": [None], "sort": "date"}.items():
        column = tree["columns"][0] | {key: value}
        with pytest.raises(RunError):
            TablePreparation.from_tree(tree | {"columns": [column]})


@pytest.mark.parametrize(
    ("values", "kind", "prepared"),
    [
        ([True, False], None, [[1], [0]]),
        ([1, 0], None, [[1], [0]]),
        ([1.0, 0.0, None], None, [[1], [0], [np.nan]]),
        ([0, 0], None, [[0], [0]]),
        ([1.0, 1.0], None, [[0], [0]]),
        ([7, 7], None, [[0], [0]]),
        ([1, 3], None, [[-1], [1]]),
        (["a", "b"], None, [[1, 0], [0, 1]]),
        (["a"], None, [[1]]),
        ([3, 1, 3], "categorical", [[0, 1], [1, 0], [0, 1]]),
        ([True, False], "gaussian", [[1], [-1]]),
        ([0.25, 1.0], "bernoulli", [[0.25], [1]]),
        (["n", "y", None], "bernoulli", [[0], [1], [np.nan]]),
        ([True, False], "spin", [[1], [-1]]),
        ([0, 1, 1], "spin", [[-1], [1], [1]]),
        ([-1, 1, 1], "spin", [[-1], [1], [1]]),
        ([1, 1], "spin", [[1], [1]]),
        ([-0.5, 0.25], "spin", [[-0.5], [0.25]]),
        (["n", "y", "y"], "spin", [[-1], [1], [1]]),
        ([0, 2, None], "rectified", [[0], [2], [np.nan]]),
        ([0, 0], "rectified", [[0], [0]]),
        ([5.0, 5.0], "rectified", [[0], [0]]),
    ],
)
def test_what_a_column_becomes_and_that_it_is_restored(values: list[Any], kind: str | None, prepared: Any) -> None:
    table = {"a": values}
    fitted = TablePreparation.fit(table, kind)
    np.testing.assert_array_equal(fitted.prepare(table).numpy(), prepared)
    assert listed(fitted.restore(fitted.prepare(table))) == table
    assert bool(kind_from(fitted.spec()).accepts(fitted.prepare(table)[:1]).all())


def test_what_a_model_makes_becomes_the_likeliest_value() -> None:
    table = {"b": [True, False], "s": [-1, 1], "n": [2, 4], "r": [0, 2], "c": ["x", "y"], "p": [0.25, 0.5]}
    kinds = {"s": "spin", "r": "rectified", "p": "bernoulli"}
    fitted = TablePreparation.fit(table, kinds)
    units = torch.tensor([[0.4, 0.75, 0.1, 0.3, 0.6, 0.3, 0.7]])
    assert fitted.unit_names == ("b", "p", "s", "n", "r", "c=x", "c=y")
    restored = listed(fitted.restore(units))
    assert restored == {"b": [False], "p": [0.75], "s": [1], "n": [3], "r": [1], "c": ["y"]}
    assert listed(fitted.restore(units.numpy()[:0])) == {name: [] for name in table}


def test_columns_are_known_by_name_in_any_order() -> None:
    fitted = TablePreparation.fit({"a": [0.0, 2.0], "b": ["x", "y"]})
    swapped = {"b": ["y"], "a": [2.0]}
    assert fitted.prepare(swapped).tolist() == [[1, 0, 1]]
    assert list(fitted.restore(fitted.prepare(swapped), like=swapped)) == ["b", "a"]


@pytest.mark.parametrize(
    ("table", "kinds", "words"),
    [
        ({"a": [None, None]}, None, ["table, column 'a' = 'every cell missing'", "leave the column out"]),
        ({"a": [np.nan, np.nan]}, None, ["'every cell missing'"]),
        ({"a": [1.0, np.inf]}, None, ["table, row 1, column 'a' = inf", "finite number that float32 can hold"]),
        ({"a": [1.0, -1e39]}, None, ["row 1, column 'a' = -1e+39", "scale the column"]),
        ({"a": [10**400, 1]}, None, ["row 0, column 'a' = inf"]),
        ({"a": ["x", 1.5]}, None, ["row 1, column 'a' = 1.5", "like the cells above it, which hold text values"]),
        ({"a": [1, True]}, None, ["row 1, column 'a' = True", "which hold whole values"]),
        ({"a": [b"x", b"y"]}, None, ["column 'a' = b'x'", "decode it to text"]),
        ({"a": [1j, 2j]}, None, ["column 'a' = 1j", "numbers, booleans, texts or categories"]),
        ({"a": [object(), None]}, None, ["row 0, column 'a'", "turn it into one of these"]),
        ({"a": [datetime.date(2020, 1, 1)]}, None, ["2020-01-01", "this is a date or a time", "days since"]),
        ({"a": np.array(["2020-01-01"], dtype="M8[D]")}, None, ["column 'a' = 'datetime64[D]'", "days since"]),
        ({"a": [[1, 2], [3]]}, None, ["column 'a'", "numbers, booleans, texts"]),
        ({"a": np.zeros((2, 2))}, None, ["column 'a' = (2, 2): must be an array of one axis"]),
        ({"a": [1, 2], "b": [1]}, None, ["{'a': 2, 'b': 1}", "one length"]),
        ({"a": []}, None, ["'0 rows, 1 columns'", "at least one row"]),
        ({}, None, ["'0 rows, 0 columns'"]),
        ({1.5: [1]}, None, ["columns = 1.5", "texts or whole numbers"]),
        ({"a": [0.5, 2.0]}, "bernoulli", ["row 1, column 'a' = 2.0", "0, 1 or a probability", "'gaussian' or 'rect"]),
        ({"a": [0.5, -0.5]}, "bernoulli", ["row 1, column 'a' = -0.5", "'gaussian' or 'spin'"]),
        ({"a": [0.5, -2.0]}, "spin", ["row 1, column 'a' = -2.0", "-1, 1 or an expectation", "'gaussian' for it"]),
        ({"a": [0.5, -2.0]}, "rectified", ["row 1, column 'a' = -2.0", "not negative", "'gaussian' for it"]),
        ({"a": [-2.0, -2.0]}, "rectified", ["row 0, column 'a' = -2.0", "not negative"]),
        (
            {"a": [None, "x"]},
            "gaussian",
            ["row 1, column 'a' = 'x'", "must be a number", "visible={'a': 'categorical'}"],
        ),
        ({"a": ["x", "y", "z"]}, "bernoulli", ["'3 levels'", "tells two levels apart", "'categorical'"]),
        ({"a": ["x"]}, "spin", ["'1 levels'", "'categorical'"]),
        ({"a": [str(i) for i in range(1001)]}, None, ["'1,001 levels'", "at most 1,000", "leave the column out"]),
        (sparse.csr_array(np.eye(2)), None, ["a sparse csr_array", "give table.toarray()"]),
        (np.zeros(3), None, ["table.shape = (3,)", "X.reshape(1, -1)"]),
        (np.zeros((2, 2, 2)), None, ["table.shape = (2, 2, 2)"]),
        (np.zeros((0, 2)), None, ["'0 rows, 0 columns'"]),
        (np.zeros((2, 0)), None, ["'2 rows, 0 columns'"]),
        (np.zeros(2, dtype=[("a", int)]), None, ["a structured array", "array.dtype.names"]),
        ([[1, 2]], None, ["= 'list'", "must be a pandas, polars or pyarrow table"]),
        (pl.LazyFrame({"a": [1]}), None, ["'LazyFrame'", "call .collect() first"]),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), None, ["columns = 'a'", "different names"]),
        (pd.DataFrame({"a": pd.arrays.SparseArray([1, 0])}), None, ["must not be sparse", "sparse.to_dense()"]),
        (pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}), None, ["'datetime64", "a date or a time"]),
        (pl.DataFrame({"a": [datetime.timedelta(1)]}), None, ["column 'a'", "a date or a time"]),
        (pl.DataFrame({"a": [[1, 2]]}), None, ["column 'a'", "leave it out"]),
        (pl.DataFrame({"a": [None, None]}), None, ["every cell missing"]),
        (pa.table({"a": pa.array([1], pa.decimal128(5, 2))}), None, ["decimal128", "cast it to float64"]),
    ],
)
def test_a_table_that_is_not_acceptable_says_why(table: Any, kinds: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        TablePreparation.fit(table, kinds)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            {"n": [1.0], "c": ["q"], "b": [True]},
            ["table, row 0, column 'c' = 'q'", "known are 'x', 'y'", "leave it missing"],
        ),
        ({"n": [1.0], "c": [1], "b": [True]}, ["column 'c' = 1", "is no level"]),
        ({"n": [1.0], "c": ["x"], "b": [0.5]}, ["column 'b' = 0.5", "known are False, True"]),
        ({"n": [None, "z"], "c": ["x", "x"], "b": [True, True]}, ["row 1, column 'n' = 'z'", "must be a number"]),
        ({"n": [3e38], "c": ["x"], "b": [True]}, ["column 'n' = 3e+38", "further from the mean"]),
        ({"n": [1.0], "c": ["x"]}, ["columns = 'n, c'", "lacks b", "add a column of missing cells"]),
        (
            {"n": [1.0], "c": ["x"], "b": [True], "d": [1]},
            ["columns = 'd'", "only the columns that were fitted: n, c, b"],
        ),
        (np.zeros((1, 2)), ["columns = '0, 1'", "lacks n, c, b"]),
    ],
)
def test_rows_that_do_not_fit_the_fitted_columns_say_why(table: Any, words: list[str]) -> None:
    fitted = TablePreparation.fit({"n": [0.0, 1e-3], "c": ["x", "y"], "b": [True, False]})
    with pytest.raises(DataError) as caught:
        fitted.prepare(table)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_matrix_has_its_columns_in_the_order_of_the_fitted_table() -> None:
    table = {"n": [0.0, 2.0], "c": ["x", "y"]}
    matrix = np.array([[0.0, "x"], [2.0, "y"]], dtype=object)
    of_table, of_matrix = TablePreparation.fit(table), TablePreparation.fit(matrix)
    expected = of_table.prepare(table)
    assert torch.equal(of_table.prepare(matrix), expected)
    assert torch.equal(of_matrix.prepare(table), expected)
    gap = np.array([[0.0, None], [None, "y"]], dtype=object)
    assert of_table.restore(expected, gap).tolist() == matrix.tolist()


def test_kinds_that_are_not_there_are_refused() -> None:
    table = {"age": [1.0, 2.0]}
    with pytest.raises(OptionError, match=r"visible = 'agee': must name a column .* which has age; did you mean 'age'"):
        TablePreparation.fit(table, {"agee": "gaussian"})
    with pytest.raises(OptionError, match=r"visible\['age'\] = 'potts': must be one of bernoulli, spin"):
        TablePreparation.fit(table, {"age": "potts"})


def test_units_that_do_not_fit_are_refused() -> None:
    fitted = TablePreparation.fit({"a": [0.5, 1.5]})
    with pytest.raises(DataError, match=r"units.shape = \(1, 2\): must be \(rows, 1\)"):
        fitted.restore(torch.zeros(1, 2))
    with pytest.raises(DataError, match="row 1 = 'an infinite number'"):
        fitted.restore(torch.tensor([[0.0], [torch.inf]]))
    with pytest.raises(DataError, match="must have the 1 rows of table"):
        fitted.restore(torch.zeros(2, 1), like={"a": [None]})


def test_rows_and_columns_of_gaps_are_allowed_once_a_column_is_known() -> None:
    table = {"a": [0.5, 1.5, None], "c": ["x", "y", None], "b": [True, False, None]}
    fitted = TablePreparation.fit(table)
    assert bool(fitted.prepare(table)[2].isnan().all())
    for make in LIBRARIES.values():
        nothing = make({"a": [None], "c": [None], "b": [None]})
        assert bool(fitted.prepare(nothing).isnan().all())
        assert listed(fitted.restore(fitted.prepare(nothing))) == {"a": [None], "c": [None], "b": [None]}


def test_a_table_is_never_changed() -> None:
    table = pd.DataFrame(MIXED)
    before = table.copy(deep=True)
    fitted = TablePreparation.fit(table)
    fitted.restore(torch.zeros(4, fitted.n_units), like=table)
    pd.testing.assert_frame_equal(table, before)
