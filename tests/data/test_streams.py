"""Sources of any size as streams: the rows that memory would hold, each epoch each of them once, on every rank."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import sparse

from layerwise.data import Minibatches, Preparation, load
from layerwise.data.batches import Batch
from layerwise.data.stored import StoredValues
from layerwise.data.system_lock import take_lock
from layerwise.errors import DataError, InputError, OptionError, StorageError
from layerwise.randomness import RandomStream

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

RANDOM = np.random.default_rng(0)
COLUMNS = {
    "real": RANDOM.normal(size=90).astype(np.float32),
    "byte": RANDOM.integers(0, 9, 90),
    "flag": RANDOM.random(90) < 0.5,
    "word": np.array(["b", "", "a"])[np.arange(90) % 3],
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(path: Path, rows: slice = slice(None), **changed: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    given = {name: column for name, column in (COLUMNS | changed).items() if column is not None}
    table = pa.table({name: pa.array(column[rows]) for name, column in given.items()})
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=7)
    elif path.suffix == ".csv":
        importlib.import_module("pyarrow.csv").write_csv(table, path)
    else:
        importlib.import_module("pyarrow.feather").write_feather(table, str(path), chunksize=7)
    return path


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow", "feather"])
def test_a_folder_of_tables_is_the_table(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layerwise.data.stored._MOST_ROWS", 5)
    for number in range(3):
        write(tmp_path / "t" / f"{number}.{ending}", slice(30 * number, 30 * number + 30))
    (tmp_path / "t" / "_SUCCESS").touch()
    (tmp_path / "t" / f"none.{ending}").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "t" / f"pipe.{ending}")  # whoever opens it waits for a writer
    whole = load(write(tmp_path / "whole.parquet"), target="word").train
    rows = load(tmp_path / "t", target="word", stream=True).train
    assert rows.columns == whole.columns
    assert rows.classes == whole.classes == ("a", "b")
    assert np.array_equal(rows.labels, whole.labels)
    assert np.allclose(rows.in_memory().values, whole.values, rtol=1e-6)
    if ending != "csv":  # a text does not say of how many bits its numbers were
        assert rows.values.dtype == whole.values.dtype
        assert np.array_equal(rows.in_memory().values, whole.values)


def test_an_address_is_read_through_fsspec(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/rows/one.parquet", write(tmp_path / "one.parquet").read_bytes())
    rows = load("memory://rows", target="word", stream=True).train
    assert np.array_equal(rows.in_memory().values, load(tmp_path / "one.parquet", target="word").train.values)
    with pytest.raises(DataError, match="is an address, which is read as a stream"):
        load("memory://rows")
    with pytest.raises(DataError, match=r"nowhere://rows.*cannot be reached"):
        load("nowhere://rows", stream=True)


def test_without_fsspec_an_address_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def missing(name: str) -> Any:
        if name == "fsspec":
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr("layerwise.data.table_files.importlib.import_module", missing)
    with pytest.raises(DataError, match=r"needs the package fsspec; .*layerwise\[remote\]"):
        load("s3://bucket/rows", stream=True)


@pytest.mark.parametrize("folders", [True, False])
def test_a_folder_of_pictures_is_the_same_rows(tmp_path: Path, folders: bool) -> None:
    for number in range(12):
        folder = tmp_path / "p" / ("odd" if number % 2 else "even") if folders else tmp_path / "p"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RANDOM.integers(0, 256, (4, 3), dtype=np.uint8)).save(folder / f"{number:02}.png")
    rows, whole = load(tmp_path / "p", stream=True).train, load(tmp_path / "p").train
    assert (rows.picture, rows.full_scale, rows.classes) == (whole.picture, whole.full_scale, whole.classes)
    assert np.array_equal(rows.in_memory().values, whole.values)
    assert (rows.labels is None) == (whole.labels is None)
    assert rows.labels is None or np.array_equal(rows.labels, whole.labels)


def test_an_iterable_of_batches_is_asked_once() -> None:
    asked = []

    def batches() -> Iterator[tuple[Any, Any]]:
        for number in range(4):
            asked.append(number)
            rows = np.arange(6).reshape(3, 2) + 100 * number
            yield (sparse.csr_array(rows) if number == 5 else rows), ["a", "b" if number else "", "c"]

    rows = load(batches(), stream=True).train
    assert asked == [0, 1, 2, 3]
    assert rows.in_memory().values[:, 0].tolist() == [a + 100 * b for b in range(4) for a in (0, 2, 4)]
    assert rows.classes == ("a", "b", "c")
    assert rows.labels is not None
    assert rows.labels[:6].tolist() == [0, -1, 2, 0, 1, 2]


def test_the_copy_goes_when_nothing_refers_to_the_rows(cache: Path) -> None:
    rows = load([np.zeros((3, 2))]).train
    assert list((cache / "layerwise").iterdir())
    del rows
    assert not list((cache / "layerwise").iterdir())


def test_the_copy_of_a_killed_process_goes_with_the_next_copy_and_that_of_a_living_one_stays(cache: Path) -> None:
    code = "import sys, time, numpy\nfrom layerwise.data import load\nrows = load([numpy.zeros((3, 1))])\n"
    code += "print('there', flush=True)\ntime.sleep(60)"
    others = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for other in others:
            assert other.stdout is not None
            assert other.stdout.readline().strip() == b"there"
        assert len(list((cache / "layerwise").iterdir())) == 2
        others[0].kill()
        others[0].wait()
        rows = load([np.zeros((3, 1))]).train
        assert len(list((cache / "layerwise").iterdir())) == 2
        del rows
        assert len(list((cache / "layerwise").iterdir())) == 1
    finally:
        for other in others:
            other.kill()
            other.communicate()


def test_a_copy_that_another_process_takes_away_before_it_is_locked_is_begun_anew(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def late(handle: int) -> None:
        (folder,) = (cache / "layerwise").iterdir()
        tried.append(folder.name)
        if len(tried) < 3:
            shutil.rmtree(folder)
        if len(tried) == 1:
            raise BlockingIOError(errno.EAGAIN, "the other has it")
        take_lock(handle)

    monkeypatch.setattr("layerwise.data.spool.take_lock", late)
    assert load([np.ones((3, 2))]).train.values.toarray().sum() == 6
    assert len(set(tried)) == 3


PICTURE = np.zeros((2, 3, 2))
BAD: dict[str, tuple[Any, str]] = {
    "other width": ([np.zeros((2, 3)), np.zeros((1, 4))], r"batch 1, row 0 = '4 columns': must have 3 columns"),
    "other type": ([np.zeros((2, 3), np.uint8), np.zeros((1, 3))], "batch 1, row 0 = 'float64': must be uint8 or fit"),
    "no number": ([np.zeros((2, 3)), [["a", "b", "c"]]], "batch 1 = .*texts"),
    "not finite": ([np.zeros((2, 1)), np.array([[0.0], [np.inf]])], "batch 1, row 1, column 0 = inf: must be a finite"),
    "nothing": ([], "batches = '0 rows': must hold at least one row"),
    "half labelled": ([(np.zeros((1, 1)), [0]), np.zeros((1, 1))], "labels of batch 1 = None: must be given for all"),
    "few labels": ([(np.zeros((2, 1)), [0])], "labels of batch 0 = 1: must be one for each of its 2 rows"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_batch_is_named(case: str) -> None:
    batches, said = BAD[case]
    with pytest.raises(DataError, match=said):
        load(batches, stream=True)


def test_bad_folders_are_named(tmp_path: Path) -> None:
    first = write(tmp_path / "t" / "0.parquet")
    second = tmp_path / "t" / "1.parquet"

    def refused(said: str, kind: type[InputError] = DataError, **options: Any) -> None:
        with pytest.raises(kind, match=said):
            load(tmp_path / "t", stream=True, **({"target": "word"} | options))

    refused("target = 'wort': must be a column of 0.parquet.*did you mean 'word'", OptionError, target="wort")
    refused("0.parquet, column 'word' = 'string': columns must be numbers.*name it as target: word", target=None)
    write(second, flag=None)
    refused("1.parquet = \"column 'flag'\": must have the columns of 0.parquet")
    write(second, byte=COLUMNS["real"])
    refused("1.parquet, column 'byte' = 'float': must be int64 as in 0.parquet")
    gap = [None if row == 17 else float(value) for row, value in enumerate(COLUMNS["real"])]
    write(second, real=pa.array(gap, pa.float32()))
    refused("1.parquet, row 17, column 'real' = None: must not be missing; fill the gap or leave row 17 out")
    values = load(tmp_path / "t", stream=True, target="word", missing=True).train.in_memory().values
    assert np.argwhere(np.isnan(values)).tolist() == [[90 + 17, 0]]
    second.write_bytes(first.read_bytes()[:-30])
    refused("1.parquet.*cannot be read as a table")
    second.unlink()
    write(tmp_path / "t" / "1.csv")
    refused(r"holds parquet files \(0.parquet\) and csv files \(1.csv\); move one kind")
    with pytest.raises(DataError, match="is a folder of tables, which is read as a stream"):
        load(tmp_path / "t")


def test_a_file_that_says_nothing_of_a_column_has_the_type_of_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()

    def read(*texts: str, **options: Any) -> Any:
        for number, text in enumerate(texts):
            (folder / f"{number}.csv").write_text(text)
        return load(folder, stream=True, target="y", **options).train

    rows = read("a,b,y\n", "a,b,y\n1,true,\n2,false,\n", "a,b,y\n3,true,1\n4,false,0\n")
    assert rows.in_memory().values.tolist() == [[1, 1], [2, 0], [3, 1], [4, 0]]
    assert rows.labels.tolist() == [-1, -1, 1, 0]
    assert rows.classes == ("0", "1")
    rows = read("a,b,y\n1,,x\n", "a,b,y\n2,5,1\n", "a,b,y\n3,,x\n", missing=True)
    assert np.isnan(rows.in_memory().values).tolist() == [[False, True], [False, False], [False, True]]
    assert [rows.classes[label] for label in rows.labels] == ["x", "1", "x"]
    with pytest.raises(DataError, match=r"2.csv, column 'b' = 'string': must be double as in 1.csv; write numbers"):
        read("a,b,y\n", "a,b,y\n2,5,1\n", "a,b,y\n3,red,0\n")
    for path in folder.iterdir():
        path.unlink()
    for number, column in enumerate(([None, None], [1.5, 2.5])):
        parquet.write_table(pa.table({"a": column, "b": [1, 2]}), folder / f"{number}.parquet")
    values = load(folder, stream=True, missing=True).train.in_memory().values
    assert np.array_equal(values, [[np.nan, 1], [np.nan, 2], [1.5, 1], [2.5, 2]], equal_nan=True)


@pytest.mark.parametrize("packed", [None, "lz4", "zstd"])
def test_arrows_streaming_format_is_read_as_its_file_format_is(tmp_path: Path, packed: str | None) -> None:
    table = pa.table({"a": np.arange(90.0), "word": pa.array(["x", "y"] * 45).dictionary_encode()})
    with pa.ipc.new_stream(
        tmp_path / "a.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression=packed)
    ) as out:
        out.write_table(table, max_chunksize=7)
    rows = load(tmp_path / "a.arrow", stream=True, target="word").train
    assert rows.in_memory().values.ravel().tolist() == list(range(90))
    assert [rows.classes[label] for label in rows.labels] == ["x", "y"] * 45
    content = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"a.arrow .*the batch at byte \d.* is longer than the file"):
        load(tmp_path / "a.arrow", stream=True, target="word")
    (tmp_path / "a.arrow").write_bytes(b"FEA1" + bytes(40) + b"FEA1")
    with pytest.raises(DataError, match="Feather's first version: write it again"):
        load(tmp_path / "a.arrow", stream=True)


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_numbers_by_places_in_a_dictionary_are_numbers(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"t.{ending}", byte=pa.array([3, 1, 3] * 30, pa.int16()).dictionary_encode())
    rows = load(path, stream=True, target="word").train
    assert rows.in_memory().values[:, list(rows.columns).index("byte")].tolist() == [3, 1, 3] * 30


def test_a_text_below_numbers_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n" + "3,4\n" * 5 + "5,x\n")
    with pytest.raises(DataError, match=r"t.csv = .*column #1: Row #8: .*invalid value 'x'\)?; correct"):
        load(tmp_path / "t.csv", stream=True)
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"t.csv = '0 rows'"):
        load(tmp_path / "t.csv", stream=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        load(tmp_path / "empty", stream=True)


@pytest.mark.parametrize("name", ["digits", "x.npz"])
def test_what_is_held_in_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "x.npz", X=np.zeros((2, 2)))
    with pytest.raises(DataError, match="leave stream out"):
        load(name, stream=True)


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"a copy of the rows cannot be kept in .*give another cache folder"):
        load([np.zeros((1, 1))], cache=tmp_path / "file")


@pytest.mark.parametrize("rows", [3, 3000])
def test_a_disk_that_is_full_is_one_line_and_the_copy_goes(cache: Path, rows: int) -> None:
    resource, signal = pytest.importorskip("resource"), pytest.importorskip("signal")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100 * rows, before[1]))
        with pytest.raises(StorageError, match=r"a copy of the rows cannot be kept in .*File too large"):
            load([np.ones((rows, 20))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list((cache / "layerwise").iterdir())


def minibatches(rows: Any, size: int = 8, seed: int = 0, **options: Any) -> Minibatches:
    return Minibatches(rows, Preparation.fit(rows, "gaussian"), size, RandomStream(seed), **options)


def numbered(n: int, window: int) -> Any:
    rows = load([(np.stack([np.arange(n), np.ones(n)], 1).astype(np.float32), np.arange(n) % 3)], window=window)
    return rows.train


def same(first: list[Batch], second: list[Batch]) -> bool:
    return all(
        torch.equal(a.values, b.values) and a.labels is not None and b.labels is not None and a.labels.equal(b.labels)
        for a, b in zip(first, second, strict=True)
    )


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 90), st.integers(16, 800), st.integers(1, 12), st.booleans(), st.integers(0, 2))
def test_an_epoch_has_every_row_once_on_any_number_of_ranks(
    n: int, window: int, size: int, shuffle: bool, number: int
) -> None:
    rows = numbered(n, window)
    stream = minibatches(rows, size, shuffle=shuffle)
    batches = list(stream.epoch(number))
    seen = torch.cat([batch.values for batch in batches])
    assert sorted(seen[:, 0].tolist()) == sorted(
        minibatches(rows.in_memory(), n).epoch(0).__next__().values[:, 0].tolist()
    )
    assert [batch.total for batch in batches] == [min(size, n - first) for first in range(0, n, size)]
    for start in (0, len(batches) // 2, len(batches)):
        assert same(list(stream.epoch(number, start)), batches[start:])
    for ranks in (2, 4):
        parts = [
            list(minibatches(rows, size, shuffle=shuffle, rank=r, world_size=ranks).epoch(number)) for r in range(ranks)
        ]
        for place, whole in enumerate(batches):
            assert torch.equal(torch.cat([of_rank[place].values for of_rank in parts]), whole.values)
            assert [of_rank[place].first_row for of_rank in parts] == [whole.total * r // ranks for r in range(ranks)]


@pytest.mark.parametrize("shuffle", [False, True])
def test_one_window_or_rows_in_their_order_are_those_of_memory(shuffle: bool) -> None:
    for window in (2**20,) if shuffle else (2**20, 100):
        rows = numbered(83, window)
        stream, held = minibatches(rows, shuffle=shuffle), minibatches(rows.in_memory(), shuffle=shuffle)
        assert same(list(stream.epoch(1)), list(held.epoch(1)))


def test_the_order_does_not_depend_on_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = numbered(83, 160)
    expected = list(minibatches(rows).epoch(3))
    assert not same(expected, list(minibatches(rows).epoch(4)))

    def at_once(jobs: Any) -> Iterator[Any]:
        yield from [job() for job in jobs]

    monkeypatch.setattr("layerwise.data.minibatches.ahead", at_once)
    assert same(list(minibatches(rows).epoch(3)), expected)


def test_a_window_and_the_next_are_in_memory_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, alive, most = numbered(400, 320), [], []
    original = StoredValues.toarray

    class Counted(np.ndarray):
        def __del__(self) -> None:
            alive.pop()

    def toarray(values: StoredValues) -> Any:
        alive.append(1)
        most.append(len(alive))
        return original(values).view(Counted)

    stream = minibatches(rows, 3)
    monkeypatch.setattr(StoredValues, "toarray", toarray)
    assert sum(len(batch.values) for batch in stream.epoch(0)) == 400
    assert len(most) == 10
    assert max(most) <= 3  # the one that is read, the one that is learned from, and a moment of the one before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("layerwise-ahead")]


def test_a_file_that_vanishes_in_mid_epoch_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(400, 2)))
    batches = minibatches(load(tmp_path / "x.npy", stream=True, window=640).train).epoch(0)
    next(batches)
    (tmp_path / "x.npy").unlink()
    with pytest.raises(DataError, match=r"x.npy = .*cannot be read: No such file"):
        list(batches)
