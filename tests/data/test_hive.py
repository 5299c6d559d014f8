"""Folders that name columns: the rows that pyarrow reads there, and a column like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layerwise.data import load
from layerwise.data.hive import named_columns
from layerwise.errors import DataError, OptionError

pa = pytest.importorskip("pyarrow")
dataset = pytest.importorskip("pyarrow.dataset")
parquet = pytest.importorskip("pyarrow.parquet")

RANDOM = np.random.default_rng(0)
TABLE = pa.table(
    {
        "a": RANDOM.normal(size=60).astype(np.float32),
        "b": RANDOM.integers(0, 9, 60),
        "year": RANDOM.integers(2020, 2024, 60),
        "kind": np.array(["owl", "cat/x", "a b"])[np.arange(60) % 3],
    }
)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def written(folder: Path, columns: list[str], table: Any = TABLE, form: str = "parquet") -> Path:
    dataset.write_dataset(table, folder, format=form, partitioning=columns, partitioning_flavor="hive")
    return folder


def by_pyarrow(folder: Path) -> Any:
    """Its rows in the order of the files' names."""
    files = sorted(str(path) for path in folder.rglob("*.parquet"))
    return dataset.dataset(files, partitioning="hive", partition_base_dir=str(folder)).to_table()


def test_the_column_of_the_folders_is_the_target(tmp_path: Path) -> None:
    folder = written(tmp_path / "rows", ["kind"])
    rows, expected = load(folder, target="kind", stream=True).train, by_pyarrow(folder)
    assert (rows.columns, rows.classes) == (("a", "b", "year"), ("a b", "cat/x", "owl"))
    assert rows.labels is not None
    assert [rows.classes[label] for label in rows.labels] == expected.column("kind").to_pylist()
    for place, name in enumerate(("a", "b", "year")):
        assert np.array_equal(rows.in_memory().values[:, place], expected.column(name).to_numpy())


def test_the_column_of_the_folders_is_an_input(tmp_path: Path) -> None:
    folder = written(tmp_path / "rows", ["kind", "year"], TABLE.drop_columns(["b"]))
    rows, expected = load(folder, target="kind", stream=True).train, by_pyarrow(folder)
    assert rows.columns == ("a", "year")
    assert rows.values.dtype == np.float32
    assert np.array_equal(rows.in_memory().values[:, 1], expected.column("year").to_numpy())
    with pytest.raises(DataError, match=r"column 'kind' = 'string': columns must be numbers.*name it as target: kind"):
        load(folder, stream=True)
    with pytest.raises(OptionError, match=r"target = 'knd': must be a column of .*did you mean 'kind'"):
        load(folder, stream=True, target="knd")


@pytest.mark.parametrize("form", ["csv", "feather"])
def test_files_of_other_kinds_lie_in_such_folders_too(tmp_path: Path, form: str) -> None:
    found = load(written(tmp_path / "rows", ["kind", "year"], form=form), target="kind", stream=True).train
    expected = load(written(tmp_path / "p" / "rows", ["kind", "year"]), target="kind", stream=True).train
    assert (found.columns, found.classes) == (expected.columns, expected.classes)
    assert np.allclose(found.in_memory().values, expected.in_memory().values, rtol=1e-6)
    assert np.array_equal(found.labels, expected.labels)


def test_an_address_has_such_folders_too(tmp_path: Path) -> None:
    memory: Any = pytest.importorskip("fsspec").filesystem("memory")
    folder = written(tmp_path / "rows", ["kind"])
    for path in folder.rglob("*.parquet"):
        memory.pipe(f"/hive/{path.relative_to(folder).as_posix()}", path.read_bytes())
    found, expected = (load(source, target="kind", stream=True).train for source in ("memory://hive", folder))
    assert found.classes == expected.classes
    assert np.array_equal(found.labels, expected.labels)
    assert np.array_equal(found.in_memory().values, expected.in_memory().values)


def test_a_missing_value_is_one(tmp_path: Path) -> None:
    years = [None if row % 4 == 0 else row % 4 for row in range(60)]
    folder = written(tmp_path / "rows", ["year"], TABLE.drop_columns(["kind", "year"]).append_column("year", [years]))
    assert load(folder, target="year", stream=True).train.n_labelled == 45
    gaps = load(folder, stream=True, missing=True).train.in_memory().values
    assert np.isnan(gaps[:, 2]).sum() == 15
    with pytest.raises(DataError, match="row 0, column 'year' = None: must not be missing"):
        load(folder, stream=True)


def test_a_column_that_the_files_have_as_well_is_theirs(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "t" / f"b={number}").mkdir(parents=True)
        parquet.write_table(TABLE.select(["a", "b"]), tmp_path / "t" / f"b={number}" / "0.parquet")
    rows = load(tmp_path / "t", stream=True).train
    assert rows.columns == ("a", "b")
    assert np.array_equal(rows.in_memory().values[:60, 1], TABLE.column("b").to_numpy())


def test_files_whose_folders_name_other_columns_are_refused(tmp_path: Path) -> None:
    for name in ("kind=a", "sort=a"):
        (tmp_path / "t" / name).mkdir(parents=True)
        parquet.write_table(TABLE.select(["a"]), tmp_path / "t" / name / "0.parquet")
    with pytest.raises(DataError, match=r"sort=a.0.parquet = \"column 'sort'\": must have the columns of kind=a"):
        load(tmp_path / "t", stream=True, target="kind")


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["01", "2"], "uint8", [1, 2]),
        (["-1", "300"], "int32", [-1, 300]),
        (["1", "2.5", "__HIVE_DEFAULT_PARTITION__"], "double", [1.0, 2.5, None]),
        (["1", "x%2Fy"], "string", ["1", "x/y"]),
        (["nan", "1"], "string", ["nan", "1"]),
        (["1_0"], "string", ["1_0"]),
        (["9" * 30], "double", [1e30]),
        (["__HIVE_DEFAULT_PARTITION__"], "null", [None]),
        ([""], "string", [""]),
    ],
)
def test_the_type_of_a_column_is_that_of_all_its_values(texts: list[str], kind: str, values: list[Any]) -> None:
    columns = [one for (one,) in named_columns([f"plain/k={text}/0.parquet" for text in texts])]
    assert {str(one.kind) for one in columns} == {kind}
    assert [one.value for one in columns] == values
    assert [one.repeated(2).to_pylist() for one in columns] == [[value, value] for value in values]


def test_a_column_that_is_named_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"column 'k'.*is named by two of its folders"):
        named_columns(["k=1/k=2/0.parquet"])
