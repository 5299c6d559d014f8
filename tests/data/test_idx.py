"""The idx format: what is written is read, and nothing is believed that the file does not hold."""

from __future__ import annotations

import contextlib
import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layerwise.data.idx import is_idx, load_idx, read_idx
from layerwise.errors import DataError

WriteIdx = Callable[[Path, Any], Path]


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 4)])
def test_what_is_written_is_read(
    ending: str, dtype: str, shape: tuple[int, ...], tmp_path: Path, write_idx: WriteIdx
) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    found = read_idx(write_idx(tmp_path / f"some-idx-ubyte{ending}", array))
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, array)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.idx"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        array = read_idx(path)
        assert array.nbytes + 4 + 4 * array.ndim == len(content)


HEADER = bytes([0, 0, 8, 2]) + struct.pack(">2I", 2, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["'an empty file'", "two zero bytes"]),
        (b"\x89PNG", ["'89 50 4e 47'", "is not an idx file"]),
        (bytes([0, 0, 7, 1, 0, 0, 0, 0]), ["'00 00 07 01'", "08, 09, 0B to 0E"]),
        (bytes([0, 0, 8, 0]), ["number of axes"]),
        (HEADER[:9], ["'2 axes'", "ends inside its header"]),
        (HEADER + b"12345", ["'2 × 3'", "declares 6 bytes", "truncated"]),
        (HEADER + b"1234567", ["'2 × 3'", "more than the declared 6 bytes"]),
        (gzip.compress(HEADER + b"12345", mtime=0), ["declares 6 bytes but only 5 follow"]),
        (gzip.compress(HEADER + b"123456", mtime=0)[:-9], ["cannot be read as an idx file", "copy it again"]),
        (gzip.compress(HEADER + b"123456", mtime=0)[:-8] + b"\0" * 8, ["CRC check failed"]),
        (b"\x1f\x8bnot gzip at all", ["cannot be read as an idx file"]),
    ],
)
def test_a_damaged_file_says_so(content: bytes, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "some.idx"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert str(caught.value).startswith("some.idx = ")
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_a_huge_declared_size_takes_no_memory(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "some.idx"
    header = bytes([0, 0, 0x0E, 3]) + struct.pack(">3I", *[2**32 - 1] * 3)
    path.write_bytes(pack(header + bytes(1000)))
    tracemalloc.start()
    with pytest.raises(DataError, match="more than the file can hold"):
        read_idx(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_declared_size_that_gzip_could_hold_takes_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "some.idx.gz"
    n_noise = 1 << 17
    header = bytes([0, 0, 8, 1]) + struct.pack(">I", n_noise * 1000)
    path.write_bytes(gzip.compress(header + np.random.default_rng(0).bytes(n_noise)))
    tracemalloc.start()
    with pytest.raises(DataError, match=f"declares {n_noise * 1000} bytes but only {n_noise} follow"):
        read_idx(path)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train-images-idx3-ubyte.gz", True),
        ("train-images-idx3-ubyte", True),
        ("train-images.idx3-ubyte", True),
        ("rows.idx", True),
        ("rows.idx.gz", True),
        ("rows.IDX2.GZ", True),
        ("rows.csv", False),
        ("rows.gz", False),
        ("idx3.npy", False),
    ],
)
def test_idx_files_are_known_by_name(name: str, expected: bool) -> None:
    assert is_idx(Path(name)) is expected


def test_pictures_find_their_labels_and_their_test_part(
    tmp_path: Path, write_idx: WriteIdx, small_mnist: dict[str, Any]
) -> None:
    for name, array in small_mnist.items():
        write_idx(tmp_path / name, array)
    data = load_idx(tmp_path / "train-images-idx3-ubyte.gz")
    assert data.name == "train-images-idx3-ubyte"
    assert data.train.picture == (4, 3)
    assert data.train.full_scale == 255
    assert data.train.labels is not None
    assert data.train.labels.tolist() == small_mnist["train-labels-idx1-ubyte.gz"].tolist()
    assert data.test is not None
    assert len(data.test) == 10
    assert data.test.labels is not None
    alone = load_idx(tmp_path / "t10k-images-idx3-ubyte.gz")
    assert (len(alone.train), alone.test) == (10, None)


def test_labels_are_found_packed_or_not_and_may_be_missing(
    tmp_path: Path, write_idx: WriteIdx, small_mnist: dict[str, Any]
) -> None:
    images = write_idx(tmp_path / "train-images.idx3-ubyte", small_mnist["train-images-idx3-ubyte.gz"])
    assert load_idx(images).train.labels is None
    write_idx(tmp_path / "train-labels.idx1-ubyte.gz", small_mnist["train-labels-idx1-ubyte.gz"])
    assert load_idx(images).train.n_labelled == 20


def test_signed_labels_may_mark_rows_without(tmp_path: Path, write_idx: WriteIdx) -> None:
    images = write_idx(tmp_path / "a-images-idx3-ubyte", np.ones((3, 2, 2), dtype=np.uint8))
    write_idx(tmp_path / "a-labels-idx1-ubyte", np.array([1, -1, 0], dtype=np.int8))
    rows = load_idx(images).train
    assert rows.labels is not None
    assert rows.labels.tolist() == [1, -1, 0]


def test_a_matrix_of_numbers_is_rows(tmp_path: Path, write_idx: WriteIdx) -> None:
    rows = load_idx(write_idx(tmp_path / "rows.idx2", np.ones((4, 5), dtype=np.float32))).train
    assert (len(rows), rows.n_columns, rows.picture) == (4, 5, None)


def test_a_file_of_labels_is_no_file_of_pictures(tmp_path: Path, write_idx: WriteIdx) -> None:
    path = write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.arange(5, dtype=np.uint8))
    with pytest.raises(DataError, match=r"shape \(5,\).*one \(labels\); give the file of pictures"):
        load_idx(path)
    with pytest.raises(DataError, match="not more"):
        load_idx(write_idx(tmp_path / "four.idx", np.ones((1, 1, 1, 1), dtype=np.uint8)))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.arange(5, dtype=np.uint8), r"len\(a-labels-idx1-ubyte\) = 5: must hold one label for each of the 3 rows"),
        (np.ones((3, 1), dtype=np.uint8), r"uint8 of shape \(3, 1\).*one whole number a picture"),
        (np.ones(3, dtype=np.float32), "must hold one whole number a picture"),
    ],
)
def test_labels_that_do_not_belong_are_refused(labels: Any, words: str, tmp_path: Path, write_idx: WriteIdx) -> None:
    images = write_idx(tmp_path / "a-images-idx3-ubyte", np.ones((3, 2, 2), dtype=np.uint8))
    write_idx(tmp_path / "a-labels-idx1-ubyte", labels)
    with pytest.raises(DataError, match=words):
        load_idx(images)


def test_a_file_without_rows_is_refused(tmp_path: Path, write_idx: WriteIdx) -> None:
    with pytest.raises(DataError, match="at least one row"):
        load_idx(write_idx(tmp_path / "none.idx3", np.ones((0, 2, 2), dtype=np.uint8)))
