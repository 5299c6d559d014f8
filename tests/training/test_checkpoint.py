"""Files that come back as they were, and damage that is found before it can do harm."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import stat
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor

from layerwise.errors import RunError, StorageError
from layerwise.training.checkpoint import Checkpoints, read_tree, write_atomically, write_tree

in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Examples that may share a folder: each writes its file anew."""

DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
]


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    content = draw(st.integers(0, 2**31))
    generator = torch.Generator().manual_seed(content)
    tensor = (5 * torch.randn(shape, generator=generator)).to(draw(st.sampled_from(DTYPES)))
    if tensor.dim() == 2 and draw(st.booleans()):
        tensor = tensor.T
    if tensor.dtype == torch.float32 and tensor.numel() and draw(st.booleans()):
        tensor[(0,) * tensor.dim()] = draw(st.sampled_from([math.nan, math.inf, -math.inf, -0.0]))
    return tensor


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(2**63, 2**70), st.floats(), st.text(), tensors()
)
KEYS = st.one_of(st.text(max_size=6), st.integers(-3, 3))
NODES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)
TREES = st.dictionaries(st.text(max_size=6), NODES, max_size=4)


def same(one: object, other: object) -> bool:
    """Equal, of the same types, NaN equal to itself, the sign of zero counted."""
    if isinstance(one, Tensor):
        return (
            isinstance(other, Tensor)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.contiguous().reshape(-1).view(torch.uint8).tolist()
            == other.contiguous().reshape(-1).view(torch.uint8).tolist()
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("d", one) == struct.pack("d", other) or (math.isnan(one) and math.isnan(other))
    return one == other


@in_one_folder
@given(TREES)
@example({"a": {"b": torch.zeros(2)}, "a/b": torch.ones(2)})  # two places of one name
@example({"a": {1: torch.zeros(2), "1": torch.ones(2), "": torch.zeros(0)}})
@example({"": torch.zeros(1), "__metadata__": torch.zeros(1)})
@example({"\ud800": torch.zeros(1), "\\ud800": torch.ones(1), "\0": "\0\ud800"})
def test_every_tree_comes_back_as_it_was(tmp_path: Path, tree: dict[Any, Any]) -> None:
    write_tree(tmp_path / "tree", tree, "tree")
    assert same(read_tree(tmp_path / "tree", "tree"), tree)


def test_a_tuple_comes_back_as_a_list_and_an_empty_tree_empty(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", {"a": (1, (2.5, None))}, "tree")
    assert read_tree(tmp_path / "tree", "tree") == {"a": [1, [2.5, None]]}
    write_tree(tmp_path / "tree", {}, "tree")
    assert read_tree(tmp_path / "tree", "tree") == {}


def test_tensors_that_share_memory_come_back_apart(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    write_tree(tmp_path / "tree", {"whole": whole, "part": whole[1:, ::2], "again": whole}, "tree")
    tree = read_tree(tmp_path / "tree", "tree")
    assert torch.equal(tree["part"], whole[1:, ::2])
    tree["whole"].zero_()
    assert torch.equal(tree["again"], whole)


def test_optimiser_states_come_back_as_they_were(tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=0.1)
    layer(torch.ones(4, 3)).sum().backward()
    optimiser.step()
    write_tree(tmp_path / "tree", optimiser.state_dict(), "tree")
    restored = torch.optim.AdamW(layer.parameters(), lr=0.5)
    restored.load_state_dict(read_tree(tmp_path / "tree", "tree"))
    assert same_up_to_tuples(restored.state_dict(), optimiser.state_dict())


def same_up_to_tuples(one: Any, other: Any) -> bool:
    def plain(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: plain(value) for key, value in node.items()}
        return [plain(value) for value in node] if isinstance(node, (list, tuple)) else node

    return same(plain(one), plain(other))


@pytest.mark.parametrize(
    "leaf",
    [{1, 2}, b"bytes", np.float32(1), np.zeros(3), object(), lambda: 0, 1j, Path("here")],
    ids=lambda leaf: type(leaf).__name__,
)
def test_anything_else_is_refused_with_its_place_and_nothing_is_written(leaf: object, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=rf"layers/0/bad: a tree cannot hold a {type(leaf).__name__}"):
        write_tree(tmp_path / "tree", {"layers": [{"bad": leaf}]}, "tree")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", [1.5, None, (1, 2), b"key"], ids=repr)
def test_any_other_key_is_refused(key: object, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"/layers: a tree cannot hold the key"):
        write_tree(tmp_path / "tree", {"layers": {key: 1}}, "tree")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good"
    write_tree(path, {"weights": torch.arange(20.0), "name": "x" * 40, "list": [1, 2.5, None]}, "checkpoint")
    return path


def refused(path: Path, content: bytes, kind: str = "checkpoint") -> str:
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_tree(path, kind)
    assert "\n" not in str(caught.value)
    assert str(path.name) in str(caught.value) or "…" in str(caught.value)
    return str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"file = .*: does not exist; name the folder of a run"):
        read_tree(tmp_path / "missing", "checkpoint")
    with pytest.raises(RunError, match="does not exist"):
        read_tree(tmp_path, "checkpoint")


def test_a_file_cut_off_anywhere_is_damaged(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    for length in [*range(64), *range(64, len(content), 7), len(content) - 1]:
        assert "damaged" in refused(tmp_path / "cut", content[:length])


def test_a_bit_flipped_anywhere_is_found(good: Path, tmp_path: Path) -> None:
    content, tree = good.read_bytes(), read_tree(good, "checkpoint")
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path = tmp_path / "flipped"
        path.write_bytes(flipped)
        with suppress(RunError):
            # Where nothing depends on the bit, the tree must be the same one.
            assert same(read_tree(path, "checkpoint"), tree), place


def test_more_after_the_end_is_damage(good: Path, tmp_path: Path) -> None:
    assert "damaged" in refused(tmp_path / "longer", good.read_bytes() + b"more")


@in_one_folder
@given(st.binary(max_size=200))
@example(b"")
@example(struct.pack("<Q", 2**63) + b"{}")
@example(struct.pack("<Q", 2**64 - 1))
@example(struct.pack("<Q", 99_999_999) + b"{}")
@example(struct.pack("<Q", 2) + b"{}")
@example(struct.pack("<Q", 4) + b"null")
@example(b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00.")  # a pickle
@example(b"PK\x03\x04" + bytes(60))  # a zip, as torch.save makes
def test_foreign_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path / "foreign", content)


def headers() -> st.SearchStrategy[Any]:
    scalars = st.one_of(st.none(), st.booleans(), st.integers(-2, 5), st.text(max_size=5))
    words = st.sampled_from(["dict", "list", "tensor", "value", "0", "/a", "x"])
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=2)),
        max_leaves=8,
    )


def with_header(tree: str) -> bytes:
    """A file without tensors whose checksum is right, whatever its tree is."""
    checksum = hashlib.blake2b(tree.encode(), digest_size=16).hexdigest()
    about = {"format": "layerwise-tree-1", "kind": "tree", "checksum": checksum, "tree": tree}
    return save({}, {"layerwise": json.dumps(about)})


def test_such_a_file_is_read_where_its_tree_is_one(tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(with_header('{"dict": [["a", {"value": 5}]]}'))
    assert read_tree(tmp_path / "made", "tree") == {"a": 5}


@in_one_folder
@given(headers())
@example({"dict": [[["unhashable"], {"value": 1}]]})
@example({"dict": [["a"]]})
@example({"list": 5})
@example({"tensor": ["unhashable"]})
@example("dict")
@example({"value": [1]})
def test_a_header_of_any_shape_is_a_tree_or_refused(tmp_path: Path, shape: Any) -> None:
    (tmp_path / "made").write_bytes(with_header(json.dumps(shape)))
    with suppress(RunError):
        assert isinstance(read_tree(tmp_path / "made", "tree"), dict)


def test_a_tree_nested_deeper_than_any_is_refused(tmp_path: Path) -> None:
    deep = '{"list": [' * 100_000 + '{"value": 1}' + "]}" * 100_000
    assert "damaged" in refused(tmp_path / "deep", with_header(deep), "tree")


def test_another_kind_and_another_format_are_refused_by_name(good: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match="must hold a model in the format layerwise-tree-1, not layerwise-tree-1 / check"
    ):
        read_tree(good, "model")
    assert "must hold a model" in refused(tmp_path / "plain", save({"weights": torch.zeros(3)}), "model")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_atomically(path, b"first")
    assert path.read_bytes() == b"first"
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


FAILURES: dict[str, tuple[str, OSError]] = {
    "full disk": ("os.fsync", OSError(28, "No space left on device")),
    "no renaming": ("os.replace", PermissionError(13, "Permission denied")),
    "no writing": ("builtins.open", PermissionError(13, "Permission denied")),
}


@pytest.mark.parametrize(("function", "problem"), FAILURES.values(), ids=FAILURES)
def test_a_failed_write_leaves_what_was_there(function: str, problem: OSError, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"first")
    with mock.patch(function, side_effect=problem), pytest.raises(StorageError) as caught:
        write_atomically(path, b"second")
    assert str(caught.value) == f"cannot write {path}: {problem.strerror}; what was there before is intact"
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"first")
    with mock.patch("os.fsync", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_on_the_disk_before_its_name_and_the_name_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, str]] = []
    flush, rename = os.fsync, os.replace

    def of_handle(handle: int) -> str:
        kept = os.fstat(handle)
        return next(str(path) for path in (tmp_path, *tmp_path.rglob("*")) if os.path.samestat(path.stat(), kept))

    def fsync(handle: int) -> None:
        flush(handle)
        steps.append(("flushed", of_handle(handle)))

    def replace(source: Path, target: Path) -> None:
        rename(source, target)
        steps.append(("renamed", str(source)))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write_atomically(tmp_path / "new" / "folder" / "file", b"content")
    part = str(tmp_path / "new" / "folder" / f".file.{os.getpid()}.part")
    assert steps[:3] == [("flushed", part), ("renamed", part), ("flushed", str(tmp_path / "new" / "folder"))]
    assert set(steps[3:]) == {("flushed", str(tmp_path / "new")), ("flushed", str(tmp_path))}


def test_a_folder_that_cannot_be_flushed_on_some_network_is_no_failure(tmp_path: Path) -> None:
    flush = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(handle)

    with mock.patch("os.fsync", fsync):
        write_atomically(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"somebody's")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / f".file.{os.getpid()}.part").symlink_to(elsewhere)
    (folder / "file").symlink_to(elsewhere)
    write_atomically(folder / "file", b"ours")
    assert (folder / "file").read_bytes() == b"ours"
    assert not (folder / "file").is_symlink()
    (folder / "000007.safetensors").symlink_to(elsewhere)
    assert Checkpoints(folder).paths() == []
    assert elsewhere.read_bytes() == b"somebody's"


def test_a_folder_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot write"):
        write_atomically(tmp_path / "file" / "inside", b"content")


def test_a_real_file_size_limit_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    store = Checkpoints(tmp_path)
    store.save({"number": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(StorageError, match="cannot write"):
            store.save({"number": 2, "weights": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert store.load() == ({"number": 1}, [])
    assert len(list(tmp_path.iterdir())) == 1


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "checkpoint")
    for number in range(1, 6):
        path = store.save({"number": number})
        assert path.name == f"{number:06d}.safetensors"
        assert store.load() == ({"number": number}, [])
    assert [path.name for path in store.paths()] == ["000004.safetensors", "000005.safetensors"]
    assert Checkpoints(tmp_path / "checkpoint").save({"number": 6}).name == "000006.safetensors"


def test_numbers_of_seven_digits_come_after_those_of_six(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    for number in (999_998, 999_999, 1_000_000, 1_000_001):
        write_tree(tmp_path / f"{number:06d}.safetensors", {"number": number}, "checkpoint")
    assert store.load()[0] == {"number": 1_000_001}
    assert store.save({"number": 0}).stem == "1000002"


def test_files_that_are_no_checkpoints_are_left_alone(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    others = [tmp_path / "notes.txt", tmp_path / "model.safetensors", tmp_path / "3 copies.safetensors"]
    for other in others:
        other.write_bytes(b"mine")
    for number in range(4):
        store.save({"number": number})
    assert store.load() == ({"number": 3}, [])
    assert all(other.read_bytes() == b"mine" for other in others)


def test_a_folder_that_is_called_as_a_checkpoint_is_none_and_keeps_its_name(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    store.save({"number": 1})
    (tmp_path / "000002.safetensors").mkdir()
    assert store.load() == ({"number": 1}, [])
    for number in range(3, 6):
        assert store.save({"number": number}).name == f"{number:06d}.safetensors"
    assert [path.name for path in store.paths()] == ["000004.safetensors", "000005.safetensors"]


def test_an_old_one_that_cannot_be_removed_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".safetensors":
            raise PermissionError(13, "Permission denied", str(path))
        remove(path, missing_ok)

    store = Checkpoints(tmp_path)
    monkeypatch.setattr(Path, "unlink", refuse)
    for number in range(4):
        store.save({"number": number})
    assert store.load() == ({"number": 3}, [])


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[:-9],
    "emptied": lambda content: b"",
    "flipped": lambda content: content[:-3] + bytes([content[-3] ^ 16]) + content[-2:],
    "foreign": lambda content: b"not a checkpoint at all",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_where_the_newest_is_damaged_the_one_before_is_taken_and_the_damage_told(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    store = Checkpoints(tmp_path)
    store.save({"number": 1, "weights": torch.zeros(5)})
    newest = store.save({"number": 2, "weights": torch.ones(5)})
    newest.write_bytes(damage(newest.read_bytes()))
    tree, problems = store.load()
    assert tree["number"] == 1
    (problem,) = problems
    assert newest.name in str(problem) or "…" in str(problem)
    assert "damaged" in str(problem)
    # The next one does not take the damaged one's name.
    store.save({"number": 3})
    assert store.load() == ({"number": 3}, [])


def test_a_folder_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RunError, match="holds no checkpoint; start again with `layerwise train`"):
            Checkpoints(folder).load()


def test_a_writer_that_was_killed_leaves_a_checkpoint_that_can_be_read(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    store.save({"number": 0, "weights": torch.zeros(1000)})
    part = tmp_path / ".000002.safetensors.12345.part"
    part.write_bytes(b"half a checkpoint")
    assert store.load()[0]["number"] == 0
    assert store.save({"number": 1}).name == "000002.safetensors"
    assert store.load()[0]["number"] == 1
