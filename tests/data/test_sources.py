"""One door for every name and path."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse

from layerwise.data import load
from layerwise.errors import DataError, OptionError

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 0, 1])


def write_everything(folder: Path, write_idx: Callable[[Path, Any], Path]) -> dict[str, int | None]:
    """One file of each kind, and how many labels it holds."""
    np.save(folder / "rows.npy", X)
    np.savez(folder / "rows.npz", X=X, y=Y)
    sparse.save_npz(folder / "thin.npz", sparse.csr_array(X))
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_parquet(folder / "ROWS.PARQUET")
    write_idx(folder / "a-images-idx3-ubyte.gz", np.ones((4, 3, 1), dtype=np.uint8))
    write_idx(folder / "a-labels-idx1-ubyte.gz", Y.astype(np.uint8))
    for place, row in enumerate(X.astype(np.uint8)):
        (folder / "pictures" / str(Y[place])).mkdir(parents=True, exist_ok=True)
        Image.fromarray(row[None, :]).save(folder / "pictures" / str(Y[place]) / f"{place}.png")
    return {
        "rows.npy": None,
        "rows.npz": 4,
        "thin.npz": None,
        "rows.csv": None,
        "ROWS.PARQUET": None,
        "a-images-idx3-ubyte.gz": 4,
        "pictures": 4,
    }


def test_every_kind_of_path_is_read(tmp_path: Path, write_idx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, n_labels in write_everything(tmp_path, write_idx).items():
        for path in (tmp_path / name, str(tmp_path / name)):
            rows = load(path).train
            assert (len(rows), rows.n_columns) == (4, 3), name
            assert (rows.labels is None) == (n_labels is None), name
            assert rows.n_labelled == (n_labels or 0), name
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("~/rows.npy").name == "rows"


def test_a_name_goes_before_a_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits").mkdir()
    assert len(load("digits").train) == 1797
    for path in ("./digits", Path("digits")):
        with pytest.raises(DataError, match="holds no pictures"):
            load(path)


def test_only_tables_have_a_target(tmp_path: Path, write_idx: Any) -> None:
    names = write_everything(tmp_path, write_idx)
    for name in ("digits", *names):
        if name in ("rows.csv", "ROWS.PARQUET"):
            assert load(tmp_path / name, target="c").train.n_labelled == 4
        else:
            with pytest.raises(OptionError, match=r"target = 'c': names a column of a table \(.csv, .parquet\);"):
                load(name if name == "digits" else tmp_path / name, target="c")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("nmist", ["DATA = 'nmist'", "neither a built-in data set (digits, mnist, fashion-mnist)", "mean 'mnist'?"]),
        ("Fashion_MNIST", ["mean 'fashion-mnist'?"]),
        ("row.csv", ["DATA = 'row.csv'", "did you mean 'rows.csv'?"]),
        ("sub/row.csv", ["did you mean", "rows.csv"]),
        ("qqqqqq", [".npz", "folder of pictures with one folder a class"]),
        ("nowhere/rows.csv", ["there is no folder nowhere", ".parquet"]),
        ("", ["DATA = ''", "digits"]),
        ("rows.txt", ["rows.txt = ", "has the ending '.txt'; accepted is an .npy", "convert it"]),
        ("rows.csv.gz", ["has the ending '.gz'", "decompress it first"]),
        ("noending", ["has the ending ''"]),
        ("empty.csv", ["empty.csv = ", "is an empty file"]),
        ("empty.npy", ["is an empty file"]),
        ("rows.csv/below", ["rows.csv"]),
        ("x" * 300, ["xxx"]),
        ("a\0b", ["neither a built-in data set"]),
    ],
)
def test_a_path_that_is_not_acceptable_says_why(
    data: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    for name in ("rows.csv", "sub/rows.csv", "rows.txt", "rows.csv.gz", "noending"):
        Path(name).write_text("a\n1\n")
    for name in ("empty.csv", "empty.npy"):
        Path(name).touch()
    with pytest.raises(DataError) as caught:
        load(data)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "rows.npy", X)

    def refuse(self: Path, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"rows.npy = .*cannot be read: Permission denied; check path and permissions"):
        load(tmp_path / "rows.npy")


def test_the_room_imports_no_reader_before_it_reads() -> None:
    readers = {"PIL", "narwhals", "pandas", "polars", "pooch", "pyarrow", "requests", "rich", "sklearn"}
    code = f"import layerwise.data, sys; print(*({readers} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
