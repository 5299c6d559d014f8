"""Whatever lies in a file, its reader answers or refuses it in one line: no crash, hang or bomb."""

from __future__ import annotations

import gc
import gzip
import io
import json
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import damaged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import Target, idx, targets

from layerwise.data import limits
from layerwise.data.column_tables import load_columns
from layerwise.data.sources import load
from layerwise.errors import DataError, LayerwiseError, OptionError, RunError
from layerwise.runs.draft import Draft
from layerwise.runs.metrics import Metrics

TARGETS = targets()
MIB = 1 << 20

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")


def answer(target: Target, path: Path) -> str:
    """What a reader refuses a file with; nothing where it reads it."""
    try:
        target.read(path)
    except LayerwiseError as refusal:
        return str(refusal)
    return ""


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data())
def test_a_damaged_file_is_read_or_refused(name: str, tmp_path: Path, chosen: st.DataObject) -> None:
    target = TARGETS[name]
    path = tmp_path / target.name
    path.parent.mkdir(parents=True, exist_ok=True)
    seeds = target.seeds()
    content = damaged(
        seeds[chosen.draw(st.integers(0, len(seeds) - 1))], lambda below: chosen.draw(st.integers(0, below - 1))
    )
    path.write_bytes(target.sign(content))
    assert "\n" not in answer(target, path)


@pytest.mark.parametrize("name", [name for name in TARGETS if "by columns" not in name])
def test_the_good_files_are_read(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    path = tmp_path / target.name
    path.parent.mkdir(parents=True, exist_ok=True)
    answers: list[str] = []
    for content in target.seeds():
        path.write_bytes(target.sign(content))
        answers.append(answer(target, path))
    assert all(not said or "must be numbers" in said or "must not be missing" in said for said in answers)
    assert "" in answers or name == "parquet"  # whose seeds have texts


def nested(word: str) -> bytes:
    return ("x = " + word * 200_000).encode()


RECIPES = {
    "brackets": nested("["),
    "tables": nested("{a="),
    "digits": b"x = " + b"9" * 100_000,
    "dots": b"a." * 100_000 + b"b = 1",
    "long": b"#" * (2 * MIB),
    "no text": b"\xff\xfe\0",
    "header": b"[a" + b".a" * 100_000 + b"]",
}


@pytest.mark.parametrize("content", RECIPES.values(), ids=RECIPES)
def test_a_recipe_that_is_a_trap_is_refused_soon(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    since = time.process_time()
    with pytest.raises(OptionError):
        Draft.from_file(path).complete()
    assert time.process_time() - since < 10


def test_a_long_text_with_points_is_saved_all_the_same(tmp_path: Path) -> None:
    import layerwise

    machine = layerwise.RBM(1, n_iter=1, random_state=0).fit(np.eye(2, dtype=np.float32))
    machine.visible = "." * 5000  # a parameter that nobody looks at again
    assert layerwise.load(machine.save(tmp_path / "saved")).visible == machine.visible


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "recipe.toml")
    with pytest.raises(OptionError, match="cannot be a recipe: it is no file"):
        Draft.from_file(tmp_path / "recipe.toml")
    os.mkfifo(tmp_path / "metrics.jsonl")
    with pytest.raises(RunError, match="it is no file"):
        Metrics.read(tmp_path / "metrics.jsonl")
    os.mkfifo(tmp_path / "rows.csv")
    with pytest.raises(DataError, match="is an empty file"):
        load(tmp_path / "rows.csv")


def test_a_name_with_a_line_separator_of_unicode_is_one_line(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    for name in ("a\u2028b", "\x85", "\x1c", "\x0b"):
        metrics.append({"repeat": 0, "result": {"neurons": [{"name": name}]}})
    assert Metrics.read(metrics.path).lines == Metrics.read(metrics.path, 4).lines == metrics.lines


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": None},
        {"flow": {"names": ["b", "c"], "gradient": [1.0, 2.0]}},
        {"flow": {"gradient": [1.0]}},
        {"flow": {"names": ["a"], "gradient": ["much"]}},
        {"of_neurons": [1]},
        {"error": "much"},
        {"error": 10**400},
        {"stage": ["net"]},
        {"repeat": "0"},
    ],
    ids=str,
)
def test_a_line_that_no_run_writes_is_damage(changes: dict[str, object], tmp_path: Path) -> None:
    good: dict[str, object] = {"repeat": 0, "stage": "net", "epoch": 1, "error": 1.0, "of_neurons": [1, 2]}
    good |= {"flow": {"names": ["a"], "gradient": [1.0]}}
    path = tmp_path / "metrics.jsonl"
    path.write_text(f"{json.dumps(good)}\n{json.dumps(good)}\n")
    Metrics.read(path)
    path.write_text(f"{json.dumps(good)}\n{json.dumps(good | changes)}\n")
    with pytest.raises(RunError, match=r"metrics\.jsonl"):
        Metrics.read(path)


def zeros(n_bytes: int, first: bytes) -> bytes:
    """A gzipped file of so many zeros, in memory only as it is packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    part = bytes(MIB)
    return gzip.compress(first) + b"".join([packer.compress(part) for _ in range(n_bytes // MIB)]) + packer.flush()


def npy_header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def wide_sparse() -> bytes:
    """A matrix without entries, of 2 ** 40 rows."""
    from scipy.sparse import coo_array, save_npz

    file = io.BytesIO()
    save_npz(file, coo_array((2**40, 3), dtype=np.float32))
    return file.getvalue()


def parquet(columns: dict[str, object]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def black(side: int) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (side, side)).save(file, format="PNG")
    return file.getvalue()


BOMBS: dict[str, tuple[str, Callable[[], bytes], int]] = {
    "idx": ("a-idx2-ubyte", lambda: b"\0\0\x0e\x02" + struct.pack(">2I", 2**31, 2**31) + bytes(99), 1),
    "idx.gz": (
        "a-idx1-ubyte.gz",
        lambda: zeros(200 * MIB, b"\0\0\x08\x01" + struct.pack(">I", 200 * MIB)),
        1,
    ),
    "fasta.gz": ("a.fasta.gz", lambda: zeros(200 * MIB, b">a\n"), 1),
    "npy": ("a.npy", lambda: npy_header((2**33, 1)) + bytes(99), 1),
    "npz": ("a.npz", lambda: zipped({"X.npy": npy_header((25 * MIB, 1)) + bytes(200 * MIB)}), 1),
    "sparse": ("a.npz", wide_sparse, 1),
    "parquet rows": ("a.parquet", lambda: parquet({"a": np.zeros(40 * MIB, np.float64)}), 1),
    "parquet texts": ("a.parquet", lambda: parquet({"a": ["x" * MIB] * 200}), 1),
    "pictures": ("pictures/{}.png", lambda: black(2000), 40),
}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads how much memory it took from /proc")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_few_bytes_that_unpack_to_many_are_refused_before(
    bomb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "most_bytes", lambda: 64 * MIB)
    name, content, count = BOMBS[bomb]
    packed = content()
    assert len(packed) < 4 * MIB
    for number in range(count):
        path = tmp_path / name.format(number)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(packed)
    del packed
    source = path.parent if count > 1 else path
    before = peak(reset=True)
    with pytest.raises(
        DataError, match=r"declares more|more than the file can hold|cannot be read as|does not fit into memory"
    ):
        load(source)
    if bomb.startswith("parquet"):
        with pytest.raises(DataError, match="declares more"):
            load_columns(source)
    assert peak() - before < 3 * 64 * MIB


def arrow(columns: dict[str, object]) -> bytes:
    """One batch, packed."""
    import pyarrow as pa
    import pyarrow.feather as feather

    file = io.BytesIO()
    feather.write_feather(pa.table(columns), file, compression="zstd", chunksize=2**31 - 1)
    return file.getvalue()


def arrow_stream(columns: dict[str, object]) -> bytes:
    """The same in the streaming format."""
    import pyarrow as pa

    table, file = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return file.getvalue()


STREAMED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "parquet rows": ("a.parquet", lambda: parquet({f"c{place}": np.zeros(MIB) for place in range(40)}), ""),
    "parquet texts": (
        "a.parquet",
        lambda: parquet({"a": np.zeros(200), "target": ["x" * MIB] * 200}),
        "at most 1,000 bytes",
    ),
    "arrow rows": ("a.arrow", lambda: arrow({"a": np.zeros(40 * MIB)}), "declares more"),
    "arrow texts": ("a.arrow", lambda: arrow({"a": np.zeros(200), "target": ["x" * MIB] * 200}), "declares more"),
    "arrow stream": ("a.arrow", lambda: arrow_stream({"a": np.zeros(40 * MIB)}), "declares more"),
    "csv line": ("a.csv", lambda: b"a,target\n1," + b"x" * 3 * MIB + b"\n" + b"1,x\n" * 9, "at most 1,000"),
    "npy": ("a.npy", lambda: npy_header((2**33, 1)) + bytes(99), "must have .* bytes for its"),
}
"""What a stream makes of such files, and what it says where it refuses them."""


def test_an_arrow_file_that_lists_a_batch_again_and_again_is_refused(tmp_path: Path) -> None:
    """Each time its description would be read anew, 64 MiB of it at most."""
    import pyarrow as pa

    batch, file, path = pa.record_batch({"a": np.zeros(3)}), io.BytesIO(), tmp_path / "a.arrow"
    with pa.ipc.new_file(file, batch.schema) as writer:
        for _ in range(50):
            writer.write_batch(batch)
    path.write_bytes(file.getvalue())
    assert load(path, stream=True, cache=tmp_path / "cache").train.values.shape == (150, 1)
    content = bytearray(file.getvalue())
    offset, size, body = 128, 144, 24  # of the first batch
    places = [place for place in range(len(content) - 24) if content[place + 8 : place + 12] == struct.pack("<i", size)]
    blocks = [place for place in places if content[place + 16 : place + 24] == struct.pack("<q", body)]
    assert len(blocks) == 50
    for place in blocks:
        struct.pack_into("<qi", content, place, offset, len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(DataError, match="its batches are longer than the file"):
        load(path, stream=True, cache=tmp_path / "cache")


@pytest.mark.parametrize("shape", [(-1, 16), (-2, -16), (2, -16), (2, -4, -4), (-2, 4, -4), (True, 16), (0, 4)])
def test_a_header_with_sides_that_are_no_lengths_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy_header(shape, "|u1") + bytes(64))
    for stream in (False, True):
        with pytest.raises(DataError, match=r"a.npy"):
            load(path, stream=stream)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads how much memory it took from /proc")
@pytest.mark.parametrize("bomb", STREAMED)
def test_a_stream_of_a_few_bytes_takes_no_more_than_is_said(
    bomb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "most_bytes", lambda: 64 * MIB)
    name, content, said = STREAMED[bomb]
    (tmp_path / name).write_bytes(content())
    gc.collect()
    before = peak(reset=True)
    options: dict[str, Any] = {
        "target": "target" if "text" in bomb or "line" in bomb else None,
        "cache": tmp_path / "cache",
    }
    if said:
        with pytest.raises(DataError, match=said):
            load(tmp_path / name, stream=True, window=8 * MIB, **options)
    else:
        rows = load(tmp_path / name, stream=True, window=8 * MIB, **options).train
        assert sum(len(part) for part in rows.values.parts()) == len(rows)
    assert peak() - before < 3 * 64 * MIB


def peak(reset: bool = False) -> int:
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def test_a_picture_is_opened_by_no_other_program(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "one.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="cannot be read as a picture"):
        load(folder)


@pytest.mark.parametrize("kind", [list, dict, set], ids=lambda kind: kind.__name__)
def test_nothing_is_unpickled(kind: type, tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.array([kind(), kind()], dtype=object), allow_pickle=True)
    (tmp_path / "a.npy").write_bytes(file.getvalue())
    (tmp_path / "a.npz").write_bytes(zipped({"X.npy": file.getvalue()}))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match="pickled"):
            load(tmp_path / name)


def test_a_table_of_lists_is_refused_by_its_column(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet({"a": [[1, 2], [3]]}))
    with pytest.raises(DataError, match=r"column 'a' = .*a column must hold one value a row"):
        load(tmp_path / "a.parquet")


def test_a_file_as_large_as_the_bound_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a-idx2-ubyte").write_bytes(idx())
    monkeypatch.setattr(limits, "most_bytes", lambda: 24)
    assert len(load(tmp_path / "a-idx2-ubyte").train) == 6
    monkeypatch.setattr(limits, "most_bytes", lambda: 23)
    with pytest.raises(DataError, match=r"24 bytes.*declares more than the 23 bytes"):
        load(tmp_path / "a-idx2-ubyte")
