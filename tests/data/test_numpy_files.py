""".npy and .npz files, dense and sparse, whole and damaged."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from layerwise.data.numpy_files import load_npy, load_npz
from layerwise.errors import DataError

X = np.arange(12.0).reshape(4, 3)


def test_a_matrix_becomes_rows_without_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "some.npy", X)
    data = load_npy(tmp_path / "some.npy")
    assert (data.name, data.test, data.train.labels, data.train.picture) == ("some", None, None, None)
    np.testing.assert_array_equal(np.asarray(data.train.values), X)


@pytest.mark.parametrize("order", ["C", "F"])
def test_three_axes_are_pictures(tmp_path: Path, order: Any) -> None:
    pictures = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    np.save(tmp_path / "some.npy", np.asarray(pictures, order=order))
    rows = load_npy(tmp_path / "some.npy").train
    assert (rows.picture, rows.full_scale) == ((2, 3), 255)
    np.testing.assert_array_equal(np.asarray(rows.values).reshape(4, 2, 3), pictures)


def npy_bytes(array: Any, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy_bytes(X)[:-8], ["cannot be read as an .npy file"]),
        (npy_bytes(X)[:20], ["cannot be read as an .npy file"]),
        (b"\x93NUMPY", ["cannot be read as an .npy file"]),
        (b"a,b\n1,2\n", ["cannot be read as an .npy file"]),
        (npy_bytes(np.array([[None]]), allow_pickle=True), ["Object arrays cannot be loaded", "never loaded"]),
        (npy_bytes(np.ones((2, 2))).replace(b"(2, 2)", b"(2**9)"), ["cannot be read as an .npy file"]),
        (npy_bytes(np.ones(3)), ["some.npy.shape = (3,)"]),
        (npy_bytes(np.array([["a"]])), ["an array of texts"]),
        (npy_bytes(np.array([[1.0, np.nan]])), ["some.npy, row 0, column 1 = nan"]),
        (npy_bytes(np.zeros(2, dtype=[("a", "f4")])), ["some.npy = ", "must be numbers"]),
    ],
)
def test_an_npy_file_that_is_not_acceptable_says_why(content: bytes, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "some.npy"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_npy(path)
    assert all(word in str(caught.value) for word in [*words, "some.npy"]), str(caught.value)


def test_an_npy_header_that_declares_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.npy"
    content = npy_bytes(np.ones((2, 2)))
    shape = b"(1000000000000000, 2), }"
    start = content.index(b"(2, 2), }")
    path.write_bytes(content[:start] + shape + content[start + len(shape) :])
    with pytest.raises(DataError, match=r"some.npy = .*(memory|cannot be read)"):
        load_npy(path)


@pytest.mark.parametrize("rows", ["X", "x", "X_train", "x_train", "data", "rows"])
@pytest.mark.parametrize("labels", ["y", "y_train", "target", "labels", None])
def test_rows_and_labels_are_found_under_their_names(rows: str, labels: str | None, tmp_path: Path) -> None:
    arrays: dict[str, Any] = {rows: X, "comment": np.array("left alone")}
    if labels is not None:
        arrays[labels] = np.array([1, -1, 0, 1])
    np.savez(tmp_path / "some.npz", **arrays)
    data = load_npz(tmp_path / "some.npz")
    np.testing.assert_array_equal(np.asarray(data.train.values), X)
    if labels is None:
        assert data.train.labels is None
    else:
        assert data.train.labels is not None
        assert data.train.labels.tolist() == [1, -1, 0, 1]
        assert data.train.classes == ("0", "1")


def test_a_test_part_shares_the_classes(tmp_path: Path) -> None:
    np.savez_compressed(
        tmp_path / "some.npz", X=X, y=np.array(["b", "a", "", "b"]), X_test=X[:2], y_test=np.array(["c", "b"])
    )
    data = load_npz(tmp_path / "some.npz")
    assert data.test is not None
    assert data.test.labels is not None
    assert data.train.classes == data.test.classes == ("a", "b", "c")
    assert data.test.labels.tolist() == [2, 1]


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr"])
def test_a_sparse_matrix_stays_sparse(form: str, tmp_path: Path) -> None:
    matrix = sparse.random_array((6, 5), density=0.4, rng=np.random.default_rng(0), format=form)
    sparse.save_npz(tmp_path / "some.npz", matrix)
    rows = load_npz(tmp_path / "some.npz").train
    assert isinstance(rows.values, sparse.csr_array)
    np.testing.assert_array_equal(rows.values.toarray(), matrix.toarray())
    assert rows.labels is None


def test_a_sparse_matrix_may_have_labels_beside_it(tmp_path: Path) -> None:
    sparse.save_npz(tmp_path / "only.npz", sparse.csr_array(X))
    with np.load(tmp_path / "only.npz") as parts:
        np.savez(tmp_path / "some.npz", **parts, y=np.array([0, 1, 0, 1]))
    assert load_npz(tmp_path / "some.npz").train.n_labelled == 4


def test_several_labels_a_row_become_columns(tmp_path: Path) -> None:
    several = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 1]], dtype=np.uint8)
    np.savez(tmp_path / "some.npz", X_train=X.astype(np.float32), y_train=several, X_test=X[:2], y_test=several[:2])
    dataset = load_npz(tmp_path / "some.npz")
    assert dataset.test is not None
    for rows, n in ((dataset.train, 4), (dataset.test, 2)):
        np.testing.assert_array_equal(rows.values, np.hstack([X, several])[:n])
        assert rows.columns == ("column 0", "column 1", "column 2", "label 0", "label 1", "label 2")
        assert rows.labels is None
    assert dataset.train.values.dtype == np.float32
    sparse.save_npz(tmp_path / "only.npz", sparse.csr_array(X))
    with np.load(tmp_path / "only.npz") as parts:
        np.savez(tmp_path / "thin.npz", **parts, y=several)
    values = load_npz(tmp_path / "thin.npz").train.values
    assert isinstance(values, sparse.csr_array)
    np.testing.assert_array_equal(values.toarray(), np.hstack([X, several]))


def test_a_sparse_matrix_with_wild_indices_is_refused(tmp_path: Path) -> None:
    sparse.save_npz(tmp_path / "only.npz", sparse.csr_array(X))
    with np.load(tmp_path / "only.npz") as archive:
        parts = dict(archive)
    parts["indices"] = parts["indices"] + 1000
    np.savez(tmp_path / "some.npz", **parts)
    with pytest.raises(DataError, match=r"some.npz.*cannot be read|some.npz.*consistent sparse matrix"):
        load_npz(tmp_path / "some.npz")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, ["some.npz = 'no array'", "X, x, X_train"]),
        ({"Z": X}, ["some.npz = 'Z'", "must hold rows under one of the names X, x", "savez(file, X=rows, y=labels)"]),
        ({"X": X, "data": X}, ["'X, data'", "must hold only one of"]),
        ({"X": X, "y": [0], "target": [1]}, ["'y, target'", "only one of"]),
        ({"X": X, "y": [0, 1]}, ["len(some.npz: y) = 2", "4 rows of some.npz: X"]),
        ({"X": X, "y": np.zeros((4, 2))}, ["some.npz: y.shape = (4, 2)"]),
        ({"X": X, "y": np.eye(4)}, ["some.npz: y.shape = (4, 4)", "one label a row"]),
        ({"X": X, "y": np.ones((3, 2))}, ["len(some.npz: y) = 3", "4 rows of some.npz: X"]),
        ({"X": X, "y": [0, 1.5, 2, 3]}, ["some.npz: y, row 1 = 1.5"]),
        ({"X": X, "y_test": [0]}, ["y_test without X_test"]),
        ({"X": X, "X_test": X[:, :2]}, ["3 columns and 2 columns"]),
        ({"X": X, "X_test": np.full((1, 3), np.inf)}, ["some.npz: X_test, row 0, column 0 = inf"]),
        ({"X": np.zeros((0, 2))}, ["some.npz: X.shape = (0, 2)"]),
        ({"X": np.array([[None, 1]], dtype=object)}, ["Object arrays cannot be loaded", "never loaded"]),
        ({"X": X, "y": np.array(["a", None, "b", "c"], dtype=object)}, ["Object arrays cannot be loaded"]),
    ],
)
def test_an_npz_file_that_is_not_acceptable_says_why(arrays: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", **arrays)
    with pytest.raises(DataError) as caught:
        load_npz(tmp_path / "some.npz")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_damaged_archive_says_so(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    np.savez_compressed(path, X=np.random.default_rng(0).random((50, 50)))
    whole = path.read_bytes()
    middle = len(whole) // 2
    for content in (
        whole[:middle],
        whole[:middle] + bytes(64) + whole[middle + 64 :],
        b"PK\x03\x04 and no more",
        b"not a zip at all",
        whole[:-30],
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"some.npz = .*cannot be read as an .npz file"):
            load_npz(path)


def test_a_foreign_member_says_so(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", b"no array")
    with pytest.raises(DataError, match=r"some.npz"):
        load_npz(path)


def test_an_array_under_the_name_of_an_archive_says_so(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    path.write_bytes(npy_bytes(X))
    with pytest.raises(DataError, match=r"single array, not an .npz file; name it .npy"):
        load_npz(path)
