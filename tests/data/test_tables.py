"""Tables: files and frames, targets, and what is wrong with an entry."""

from __future__ import annotations

import datetime
import decimal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pyarrow import parquet

from layerwise.data.tables import load_table, rows_from_table
from layerwise.errors import DataError, OptionError

FLOWERS: dict[str, list[Any]] = {"length": [1.5, 2.5, 3.5], "open": [True, False, True], "kind": ["b", "", "a"]}


def csv_file(folder: Path, text: str) -> Path:
    path = folder / "some.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_numbers_are_columns_and_the_target_holds_the_labels(form: str, tmp_path: Path) -> None:
    frame, path = pd.DataFrame(FLOWERS), tmp_path / f"flowers.{form}"
    frame.to_csv(path, index=False) if form == "csv" else frame.to_parquet(path)
    data = load_table(path, "kind")
    assert (data.name, data.source, data.test) == ("flowers", str(path), None)
    assert data.train.columns == ("length", "open")
    assert np.asarray(data.train.values).tolist() == [[1.5, 1], [2.5, 0], [3.5, 1]]
    assert data.train.classes == ("a", "b")
    assert data.train.labels is not None
    assert data.train.labels.tolist() == [1, -1, 0]


@pytest.mark.parametrize("make", [pa.table, pd.DataFrame, pl.DataFrame], ids=["pyarrow", "pandas", "polars"])
def test_frames_of_every_library_give_the_same_rows(make: Any) -> None:
    rows = rows_from_table(make(FLOWERS), "kind")
    assert np.asarray(rows.values).tolist() == [[1.5, 1], [2.5, 0], [3.5, 1]]
    assert rows.labels is not None
    assert rows.labels.tolist() == [1, -1, 0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(np.float64, (3, 2), elements=st.floats(-1e30, 1e30)))
def test_numbers_come_back_from_both_kinds_of_file(tmp_path: Path, array: Any) -> None:
    frame = pl.DataFrame(array, schema=["a", "b"])
    frame.write_csv(tmp_path / "some.csv")
    frame.write_parquet(tmp_path / "some.parquet")
    for name in ("some.csv", "some.parquet"):
        np.testing.assert_array_equal(np.asarray(load_table(tmp_path / name).train.values), array)


@pytest.mark.parametrize(
    ("columns", "dtype"),
    [
        ({"a": [0, 255], "b": [True, False]}, np.uint8),
        ({"a": [0, 256]}, np.float32),
        ({"a": [0.5, 1.5]}, np.float64),
        ({"a": np.array([0.5, 1.5], dtype=np.float32), "b": [0, 1]}, np.float32),
        ({"a": [decimal.Decimal("1.5"), decimal.Decimal("2.5")]}, np.float64),
    ],
)
def test_columns_are_stored_compactly(columns: dict[str, Any], dtype: Any) -> None:
    rows = rows_from_table(pa.table(columns))
    assert rows.values.dtype == dtype
    expected = np.array([[float(value) for value in column] for column in columns.values()]).T
    np.testing.assert_array_equal(np.asarray(rows.values), expected)


@pytest.mark.parametrize(
    ("target", "labels", "classes"),
    [
        ([3, None, 10], [0, -1, 1], ("3", "10")),
        ([3, -1, 10], [0, -1, 1], ("3", "10")),
        ([1.0, None, 0.0], [1, -1, 0], ("0", "1")),
        ([True, None, False], [1, -1, 0], ("False", "True")),
        (["x", None, ""], [0, -1, -1], ("x",)),
        (pa.array(["x", None, "y"]).dictionary_encode(), [0, -1, 1], ("x", "y")),
    ],
)
def test_targets_of_every_kind_are_labels(target: Any, labels: list[int], classes: tuple[str, ...]) -> None:
    table = pa.table({"a": [1, 2, 3], "t": target})
    for frame in (table, pl.from_arrow(table), table.to_pandas()):
        rows = rows_from_table(frame, "t")
        assert rows.labels is not None
        assert rows.labels.tolist() == labels
        assert rows.classes == classes


def test_an_empty_target_in_a_file_means_no_label(tmp_path: Path) -> None:
    rows = load_table(csv_file(tmp_path, "a,t\n1,5\n2,\n3,7\n"), "t").train
    assert rows.labels is not None
    assert rows.labels.tolist() == [0, -1, 1]


@pytest.mark.parametrize(
    ("columns", "target", "words"),
    [
        (
            {"a": [1, 2], "c": ["1.5", "red"]},
            None,
            ["t, row 1, column 'c' = 'red'", "numbers or booleans", "as target: c"],
        ),
        ({"a": [1, 2], "c": ["x", "y"], "k": [0, 1]}, "k", ["row 0, column 'c' = 'x'", "leave it out"]),
        ({"c": ["1", "2"]}, None, ["row 0, column 'c' = '1'"]),
        ({"a": [1.0, None]}, None, ["t, row 1, column 'a' = None", "must not be missing", "leave row 1 out"]),
        ({"a": [1.0, float("nan")]}, None, ["row 1, column 'a'"]),
        ({"a": [1.0, float("inf")]}, None, ["row 1, column 'a' = inf", "finite"]),
        ({"a": [True, None]}, None, ["row 1, column 'a' = None"]),
        ({"a": [datetime.date(2020, 1, 2)]}, None, ["row 0, column 'a' = datetime.date(2020, 1, 2)"]),
        ({"a": [1, 2], "k": [0.5, 1.0]}, "k", ["t, column 'k', row 0 = 0.5", "whole numbers"]),
        ({"a": [1], "k": [datetime.date(2020, 1, 2)]}, "k", ["t, column 'k'", "labels must be"]),
        ({"k": [1, 2]}, "k", ["2 rows, 0 columns beside the target"]),
        ({"a": []}, None, ["0 rows, 1 columns"]),
    ],
)
@pytest.mark.parametrize("make", [pa.table, pl.DataFrame], ids=["pyarrow", "polars"])
def test_an_entry_that_is_not_acceptable_is_named(
    make: Any, columns: Any, target: str | None, words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        rows_from_table(make(columns), target, "t")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_missing_target_lists_the_columns() -> None:
    with pytest.raises(OptionError) as caught:
        rows_from_table(pa.table(FLOWERS), "Kind", "flowers.csv")
    assert str(caught.value) == (
        "target = 'Kind': must be a column of flowers.csv, which has length, open, kind; did you mean 'kind'?"
    )
    with pytest.raises(OptionError, match="give one of them"):
        rows_from_table(pa.table(FLOWERS), "zzz")


def test_repeated_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"some.csv, columns = 'a': must have different names"):
        load_table(csv_file(tmp_path, "a,b,a\n1,2,3\n"))
    with pytest.raises(DataError, match="must have different names"):
        rows_from_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(DataError, match=r"table = 'list': must be a pyarrow, pandas or polars table"):
        rows_from_table([[1, 2]])


def test_numbered_columns_are_columns() -> None:
    assert rows_from_table(pd.DataFrame([[1, 2], [3, 4]]), "1").columns == ("0",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a;b\n1;2\n", ["some.csv = 'a;b'", "separated by commas"]),
        ("5.1,3.5\n4.9,3.0\n", ["some.csv = '5.1, 3.5'", "first line must name the columns"]),
        (",a\n0,1\n", ["'column 0'", "every column must have a name", "index=False"]),
        ("a,b\n1,2\n3\n", ["some.csv = ", "cannot be read as a .csv table", "Expected 2 columns, got 1"]),
        ("a,b\n", ["0 rows, 2 columns"]),
        ("a\n1\n\xff\n", ["column 'a'"]),
        ("\n\n", ["cannot be read as a .csv table"]),
        ("a,b\n1,2\n3,\n", ["some.csv, row 1, column 'b' = None"]),
        ("a,b\n1,NA\n", ["some.csv, row 0, column 'b' = None"]),
        ("a,b\n1,x\n", ["some.csv, row 0, column 'b' = 'x'", "name it as target: b (rows are counted from 0)"]),
        ("0.1,0.2,cat0\n0.3,0.4,cat1\n", ["some.csv = '0.1, 0.2, cat0'", "first line must name the columns"]),
        ("3,7,cat0\n1,2,cat1\n4,5,cat0\n", ["some.csv = '3, 7, cat0'", "first line must name the columns"]),
        ("0,0,cat0\n1,2,cat1\n", ["first line must name the columns"]),
    ],
)
def test_a_csv_file_that_is_not_acceptable_says_why(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_table(csv_file(tmp_path, text))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_csv_file_that_is_no_text_says_so(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes(b"\xff\xfe\x00\x81,b\n1,2\n")
    with pytest.raises(DataError, match=r"some.csv = "):
        load_table(path)


def test_the_names_that_pandas_numbers_are_names(tmp_path: Path) -> None:
    pd.DataFrame([[1, 2], [3, 4]]).to_csv(tmp_path / "some.csv", index=False)
    assert load_table(tmp_path / "some.csv").train.columns == ("0", "1")


@pytest.mark.parametrize("names", ["2019,2020,country", "0,1,country", "a,0.5,country"])
def test_numbers_beside_a_name_may_be_names(names: str, tmp_path: Path) -> None:
    rows = load_table(csv_file(tmp_path, f"{names}\n1,2,x\n3,4,y\n"), "country").train
    assert (len(rows), rows.columns) == (2, tuple(names.split(",")[:2]))


def test_a_late_text_in_a_column_of_numbers_is_found(tmp_path: Path) -> None:
    # Later than the block of bytes from which pyarrow guesses a column's type.
    lines = ["a,b", *["1,2"] * 400_000, "1,red", "1,2"]
    with pytest.raises(DataError, match=r"row 400000, column 'b' = 'red'"):
        load_table(csv_file(tmp_path, "\n".join(lines) + "\n"))


def test_a_damaged_parquet_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "some.parquet"
    parquet.write_table(pa.table({"a": np.random.default_rng(0).random(1000)}), path, write_page_checksum=True)
    whole = path.read_bytes()
    for content in (whole[:500], b"PAR1" + bytes(100), b"no parquet", whole[:100] + bytes(800) + whole[900:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"some.parquet"):
            load_table(path)


@pytest.mark.parametrize(("module", "file"), [("pyarrow.csv", "some.csv"), ("pyarrow.parquet", "some.parquet")])
def test_a_missing_package_says_how_to_install_it(
    module: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=r"needs the package pyarrow; install it with: pip install 'layerwise\[data\]'"):
        load_table(tmp_path / file)
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with pytest.raises(DataError, match="needs the package narwhals"):
        rows_from_table(pa.table(FLOWERS))
