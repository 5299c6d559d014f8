"""Rows on disk: the same numbers as in memory, bounded memory, one clear error for a file that is not what it was."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layerwise.data.npy_rows import npy_rows, stored_memmap
from layerwise.data.preparation import Preparation
from layerwise.data.row_file import RUN, RowFile
from layerwise.data.rows import Rows
from layerwise.data.stored import StoredValues
from layerwise.errors import DataError, OptionError

ROWS = np.random.default_rng(0).normal(size=(500, 7))


def stored(folder: Path, array: np.ndarray[Any, Any], **options: Any) -> StoredValues:
    np.save(folder / "rows.npy", array)
    return StoredValues.of_file(npy_rows(folder / "rows.npy")[0], **options)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 499), max_size=40), st.integers(1, 5))
def test_rows_come_as_asked_for_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, places: list[int], run: int
) -> None:
    values = stored(tmp_path_factory.mktemp("rows"), ROWS)
    asked = np.array(places, dtype=np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("layerwise.data.row_file.RUN", run * 56)
        patch.setattr("layerwise.data.row_file._NEAR", run * 20)
        assert np.array_equal(values[asked].toarray(), ROWS[asked])
        assert np.array_equal(values[100:300][np.arange(200) % 3 == 0].toarray(), ROWS[100:300:3])


@pytest.mark.parametrize("dtype", ["?", "u1", "<i2", "<i8", ">f4", "<f2", "<f8"])
def test_they_are_stored_as_rows_in_memory_are(tmp_path: Path, dtype: str) -> None:
    array = (np.arange(60).reshape(20, 3) % 5).astype(dtype)
    values, held = stored(tmp_path, array), Rows.from_arrays(array).values
    assert values.dtype == held.dtype
    assert values.toarray().dtype == held.dtype
    assert np.array_equal(values.toarray(), held)
    wide = stored(tmp_path, array.astype(np.int64) * 3_000_000)
    assert wide.dtype == Rows.from_arrays(wide.toarray()).values.dtype


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "rectified", "spin", "categorical"])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_preparation_is_measured_to_the_same_bits(
    tmp_path: Path, kind: Any, gaps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerwise.data.stored._MOST_ROWS", 64)
    array = np.abs(ROWS)
    if kind in ("spin", "categorical"):
        array = (array > 0.5).astype(np.float64)
    if gaps:
        array[::9, 2] = np.nan
    rows = Rows(stored(tmp_path, array, missing=gaps))
    fitted = [Preparation.fit(of, kind) for of in (rows, Rows.from_arrays(array, missing=gaps))]
    for name, tensor in fitted[0].to_tensors().items():
        assert tensor.equal(fitted[1].to_tensors()[name])
    known = array[~np.isnan(array[:, 2])][:, 2]
    if kind == "gaussian":
        assert float(fitted[0].shift[2]) == pytest.approx(known.mean(), rel=1e-12)
        assert float(1 / fitted[0].scale[2]) == pytest.approx(known.std(), rel=1e-12)


def test_moments_keep_the_digits_of_a_large_offset(tmp_path: Path) -> None:
    array = 1e9 + np.random.default_rng(0).integers(0, 2, (10_000, 1)).astype(np.float64)
    prepared = Preparation.fit(Rows(stored(tmp_path, array)), "gaussian")
    assert float(1 / prepared.scale[0]) == pytest.approx(array.std(), rel=1e-9)


def test_a_missing_or_infinite_entry_is_named_with_file_and_row(tmp_path: Path) -> None:
    array = ROWS.copy()
    array[321, 4] = np.nan
    with pytest.raises(DataError, match=r"rows.npy, row 321, column 4 = nan: .*; fill the gap or leave row 321 out"):
        stored(tmp_path, array)
    values = stored(tmp_path, array, missing=True)
    assert not values.complete
    assert values[:300].complete
    array[321, 4] = np.inf
    with pytest.raises(DataError, match=r"row 321, column 4 = inf"):
        stored(tmp_path, array, missing=True)


def test_a_file_that_is_gone_cut_short_or_written_to_is_named(tmp_path: Path) -> None:
    values = stored(tmp_path, ROWS)
    path = tmp_path / "rows.npy"
    content = path.read_bytes()
    os.truncate(path, len(content) - 100)
    with pytest.raises(DataError, match=r"rows.npy = .*was written to since it was opened.*begin again"):
        values.toarray()
    with pytest.raises(DataError, match=r"rows.npy = '28,028 bytes': must have 28,128 bytes for its 500 rows"):
        npy_rows(path)
    path.unlink()
    with pytest.raises(DataError, match=r"rows.npy = .*: cannot be read: No such file"):
        values.toarray()


def test_a_file_that_ends_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(ROWS.tobytes())
    file = RowFile(path, "rows", 0, 500, 7, ROWS.dtype)
    os.truncate(path, 56 * 400)
    status = path.stat()
    object.__setattr__(file, "_seen", (status.st_size, status.st_mtime_ns))
    with pytest.raises(DataError, match=r"rows, row 400 = 'end of file': is cut short"):
        file.read(np.arange(500))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.asfortranarray(ROWS), "column after column"),
        (np.zeros((0, 3)), "at least one"),
        (np.zeros(5), "must be rows"),
        (np.array([["a"]]), "numbers or booleans"),
    ],
)
def test_an_array_that_cannot_be_streamed_is_refused(tmp_path: Path, array: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        stored(tmp_path, array)


def test_a_window_holds_a_row(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="window = 8: must hold at least one row, of 56 bytes"):
        stored(tmp_path, ROWS, window=8)


def test_rows_on_disk_do_not_come_into_memory_unasked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is on disk, and this needs all rows in memory"):
        np.asarray(stored(tmp_path, ROWS))


def test_measuring_takes_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sixth of the rows' own bytes: three arrays of a part, float64 ones of float32 rows, and a little."""
    monkeypatch.setattr("layerwise.data.stored._MOST_ROWS", 256)
    array = np.random.default_rng(0).random((20_000, 100), dtype=np.float32)
    np.save(tmp_path / "rows.npy", array)
    size = array.nbytes
    del array
    tracemalloc.start()
    try:
        values = StoredValues.of_file(npy_rows(tmp_path / "rows.npy")[0], window=RUN)
        Preparation.fit(Rows(values), "gaussian")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size / 6


def test_a_large_memmap_is_read_where_it_lies(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for part in (mapped, mapped[100:], mapped[100:][50:80]):
        values = stored_memmap(part, window=100)
        assert values is not None
        assert np.array_equal(values.toarray(), part)
    assert stored_memmap(mapped) is None
    assert stored_memmap(mapped[:, :3], window=100) is None
    assert stored_memmap(np.load(tmp_path / "rows.npy", mmap_mode="c"), window=100) is None
