"""The data sets that are known by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from layerwise.data.builtin import BUILT_IN, load_built_in
from layerwise.errors import DataError

WriteIdx = Callable[[Path, Any], Path]


def test_the_names() -> None:
    assert BUILT_IN == ("digits", "mnist", "fashion-mnist")


def test_digits_keep_their_counts() -> None:
    data = load_built_in("digits")
    rows, theirs = data.train, load_digits()
    assert (rows.picture, rows.full_scale, rows.values.dtype, data.test) == ((8, 8), 16.0, np.uint8, None)
    np.testing.assert_array_equal(np.asarray(rows.values), theirs.data)
    assert rows.labels is not None
    np.testing.assert_array_equal(rows.labels, theirs.target)
    assert rows.classes == tuple("0123456789")
    assert "scikit-learn" in data.source


@pytest.mark.parametrize(
    ("name", "folder", "prefix", "note"),
    [
        ("mnist", "mnist", "", ""),
        ("fashion-mnist", "fashion-mnist", "", ""),
        ("fashion-mnist", "fashion_mnist_v1", "fashion-v1-", "first release"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_of_data_is_read(
    name: str,
    folder: str,
    prefix: str,
    note: str,
    packed: bool,
    tmp_path: Path,
    write_idx: WriteIdx,
    small_mnist: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAYERWISE_DATA", str(tmp_path))
    for file, array in small_mnist.items():
        write_idx(tmp_path / folder / (prefix + (file if packed else file.removesuffix(".gz"))), array)
    data = load_built_in(name)
    assert data.name == name
    assert str(tmp_path / folder) in data.source
    assert note in data.source
    assert ("first release" in data.source) == bool(note)
    assert data.test is not None
    assert (len(data.train), len(data.test)) == (20, 10)
    assert data.train.labels is not None
    assert data.train.labels.tolist() == small_mnist["train-labels-idx1-ubyte.gz"].tolist()
    assert data.train.classes == data.test.classes
    assert data.train.classes[9] == ("9" if name == "mnist" else "Ankle boot")
    np.testing.assert_array_equal(
        np.asarray(data.test.values).reshape(10, 4, 3), small_mnist["t10k-images-idx3-ubyte.gz"]
    )


def test_a_folder_without_the_data_set_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERWISE_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        load_built_in("fashion-mnist")
    text = str(caught.value)
    assert text.startswith(f"LAYERWISE_DATA = {tmp_path}"[:60])
    assert "fashion-mnist/train-images-idx3-ubyte.gz" in text
    assert "unset LAYERWISE_DATA to download" in text


def test_an_incomplete_folder_names_the_missing_file(
    tmp_path: Path, write_idx: WriteIdx, small_mnist: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERWISE_DATA", str(tmp_path))
    for file, array in list(small_mnist.items())[:3]:
        write_idx(tmp_path / "mnist" / file, array)
    with pytest.raises(DataError, match=r"MNIST needs t10k-labels-idx1-ubyte.gz beside train-images"):
        load_built_in("mnist")


def test_labels_beyond_the_classes_are_refused(
    tmp_path: Path, write_idx: WriteIdx, small_mnist: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERWISE_DATA", str(tmp_path))
    small_mnist["t10k-labels-idx1-ubyte.gz"] = np.arange(10, dtype=np.uint8) + 1
    for file, array in small_mnist.items():
        write_idx(tmp_path / "mnist" / file, array)
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz = '1 … 10': labels must be from 0 to 9"):
        load_built_in("mnist")
