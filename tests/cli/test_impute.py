"""``layerwise impute`` of numbers of one kind, in tables and arrays; tables of several kinds are with machines."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

Command = Any
SHORT = ("--model", "rbm", "--hidden", 3, "--epochs", 2, "--batch-size", 20, "--device", "cpu")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layerwise.runs.machine_portrait.CHAIN_TIMES", (1, 2))
    for name, value in (("STEPS", 20), ("BURN_IN", 1), ("CHAINS", 5)):
        monkeypatch.setattr(f"layerwise.runs.machine_portrait.FORGETTING_{name}", value)
    monkeypatch.setattr("layerwise.runs.machine_portrait.FILLING_STEPS", 2)


def rows_of(kind: str) -> np.ndarray:
    """Rows with gaps, of one common cause."""
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 1)) + 0.5 * random.normal(size=(60, 3))
    if kind != "gaussian":
        values = np.where(values > 0, 1.0, -1.0 if kind == "spin" else 0.0)
    return np.where(random.random(values.shape) < 0.15, np.nan, values)


def write(path: str, values: np.ndarray, form: str) -> list[list[str]]:
    cells = [["" if np.isnan(value) else format(value, form) for value in row] for row in values]
    Path(path).write_text("\n".join(["a,b,c", *(",".join(row) for row in cells), ""]))
    return cells


def read(path: str) -> list[list[str]]:
    return list(csv.reader(Path(path).read_text().splitlines()))


@pytest.mark.parametrize(
    ("kind", "form"), [("gaussian", ".3f"), ("bernoulli", ".0f"), ("spin", ".0f"), ("categorical", ".0f")]
)
def test_numbers_of_one_kind_are_filled_in_a_table(layerwise: Command, kind: str, form: str) -> None:
    given = write("gaps.csv", rows_of(kind), form)
    assert layerwise("train", "gaps.csv", "--visible", kind, "--out", "run", *SHORT).code == 0
    done = layerwise("impute", "run", "gaps.csv", "-o", "whole.csv", "--steps", 5)
    n_gaps = sum(cell == "" for row in given for cell in row)
    assert (done.code, done.out, done.err) == (0, f"whole.csv: {n_gaps} missing values filled\n", "")
    head, *back = read("whole.csv")
    assert head == ["a", "b", "c"]
    for before, after in zip(given, back, strict=True):
        for old, new in zip(before, after, strict=True):
            assert float(new) == float(old) if old else np.isfinite(float(new))
            if kind != "gaussian":  # whole numbers stay what they are
                assert new in (("-1", "1") if kind == "spin" else ("0", "1"))


def test_columns_are_found_by_name_and_a_whole_column_may_be_missing(layerwise: Command) -> None:
    write("gaps.csv", rows_of("gaussian"), ".3f")
    assert layerwise("train", "gaps.csv", "--visible", "gaussian", "--out", "run", *SHORT).code == 0
    Path("other.csv").write_text("c,b,a\n1.5,,0.25\n2.5,,0.5\n")
    assert layerwise("impute", "run", "other.csv", "-o", "whole.csv").code == 0
    head, *back = read("whole.csv")
    assert head == ["c", "b", "a"]
    assert [(row[0], row[2]) for row in back] == [("1.5", "0.25"), ("2.5", "0.5")]
    assert all(np.isfinite(float(row[1])) for row in back)
    for refused, text in (
        ("a,b\n1,\n", "must contain c as well"),
        ("a,b,c\n1,,x\n", "column 'c' = 'x': columns must be numbers or booleans"),
    ):
        Path("other.csv").write_text(refused)
        done = layerwise("impute", "run", "other.csv", "-o", "whole.csv")
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert text in done.err


def test_truth_values_and_labels_of_a_table_stay_what_they_are(layerwise: Command) -> None:
    values = rows_of("gaussian")
    flags = [None if place % 7 == 0 else place % 2 == 0 for place in range(60)]
    labels = ["u" if place % 3 else "v" for place in range(60)]
    parquet.write_table(pa.table({"a": values[:, 0], "kind": labels, "flag": flags}), "gaps.parquet")
    train = ("train", "gaps.parquet", "--visible", "gaussian", "--target", "kind", "--out", "run")
    assert layerwise(*train, *SHORT).code == 0
    done = layerwise("impute", "run", "gaps.parquet", "-o", "whole.parquet")
    n_gaps = int(np.isnan(values[:, 0]).sum()) + sum(flag is None for flag in flags)  # NaN, too, is missing
    assert done.out == f"whole.parquet: {n_gaps} missing values filled\n"
    back = parquet.read_table("whole.parquet")
    assert back.column_names == ["a", "kind", "flag"]
    assert back.column("kind").to_pylist() == labels
    assert back.column("flag").type == pa.bool_()
    assert all(old in (None, new) for old, new in zip(flags, back.column("flag").to_pylist(), strict=True))
    assert np.isfinite(back.column("a").to_numpy()).all()


def test_a_table_gives_a_table_and_an_array_an_array(layerwise: Command) -> None:
    values = rows_of("gaussian")
    write("gaps.csv", values, ".3f")
    np.save("gaps.npy", values)
    assert layerwise("train", "gaps.npy", "--out", "run", *SHORT).code == 0
    assert layerwise("impute", "run", "gaps.npy", "-o", "whole.npy").code == 0
    assert layerwise("impute", "run", "gaps.csv", "-o", "whole.parquet").code == 0
    Path("folder.csv").mkdir()
    for data, output, text in (
        ("gaps.npy", "x.csv", "-o = x.csv: must end in .npy: gaps.npy is an array"),
        ("gaps.csv", "x.npy", "-o = x.npy: must end in .csv or .parquet: gaps.csv is a table"),
        ("gaps.csv", "folder.csv", "must be a file, and there is a folder of that name"),
        ("digits", "x.csv", "DATA = 'digits': must be a file that ends in .csv, .parquet or .npy"),
        ("none.csv", "x.csv", "DATA = 'none.csv': is no file"),
    ):
        done = layerwise("impute", "run", data, "-o", output)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert text in done.err


def test_a_machine_with_labels_fills_what_is_missing_too(layerwise: Command) -> None:
    rows = rows_of("bernoulli")
    species = ["ox" if row[0] == 1 else "cow" for row in rows]
    text = ["" if np.isnan(value) else str(int(value)) for row in rows for value in row]
    lines = [f"{','.join(text[3 * i : 3 * i + 3])},{species[i]}" for i in range(len(rows))]
    Path("gaps.csv").write_text("\n".join(["a,b,c,species", *lines, ""]))
    trained = layerwise(
        *("train", "gaps.csv", "--target", "species", "--visible", "bernoulli", "--out", "run"),
        *("--model", "class-rbm", "--hidden", 3, "--epochs", 2, "--device", "cpu"),
    )
    assert trained.code == 0, trained.err
    done = layerwise("impute", "run", "gaps.csv", "-o", "whole.csv", "--steps", 5)
    assert (done.code, done.out) == (0, f"whole.csv: {text.count('')} missing values filled\n")
    head, *back = read("whole.csv")
    assert head == ["a", "b", "c", "species"]
    for line, row in zip(lines, back, strict=True):
        assert all(new == old if old else new in ("0", "1") for old, new in zip(line.split(","), row, strict=True))


def test_a_stack_is_refused_and_what_to_train_is_said(layerwise: Command, digits_run: Path) -> None:
    refused = layerwise("impute", digits_run, "x.npy", "-o", "y.npy")
    assert refused.code == 2
    assert "only an rbm or a class-rbm fills missing values; train one on such rows" in refused.err
