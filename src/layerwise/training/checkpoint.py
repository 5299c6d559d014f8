"""Safe files for trees of tensors and numbers, and checkpoints made of them.

A tree is nested dicts (string or int keys), lists, tensors, numbers, strings and None. It becomes one safetensors file:
the tensors as they are, everything else as JSON in the header, with a checksum of both. Nothing is ever unpickled. A
file is written beside its final name, flushed to the disk and renamed, so that a reader sees the old one or the new one
and never half of either.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch
from torch import Tensor

from layerwise.errors import RunError, StorageError

__all__ = ["Checkpoints", "atomic_file", "checksum_of", "read_tree", "write_atomically", "write_tree"]

_FORMAT = "layerwise-tree-1"


@contextmanager
def atomic_file(path: Path) -> Generator[BinaryIO]:
    """A file that is open for writing, and has its name when the block ends well: it is there whole or not at all.

    Raises
    ------
    StorageError
        The folder cannot be written or the disk is full; a file of that name that was there before is intact.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        missing = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        with open(beside, "xb") as file:  # never through a link that somebody put there
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        for folder in (path.parent, *(made.parent for made in missing)):
            _sync_folder(folder)
    except OSError as problem:
        rule = "what was there before is intact"
        raise StorageError(f"cannot write {path}: {problem.strerror or problem}; {rule}") from problem
    finally:
        with suppress(OSError):  # it is gone if all went well, and there was none if the folder could not be made
            beside.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    StorageError
        As of :func:`atomic_file`.
    """
    with atomic_file(path) as file:
        file.write(content)


def _sync_folder(folder: Path) -> None:
    """Flush the names in a folder: a file that was renamed into it is found there after the power fails."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems flush no folders
            raise
    finally:
        os.close(handle)


def _flatten(node: object, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(node, Tensor):
        # {"a": {"b": …}, "a/b": …} has two tensors of one path, and a name must be text that UTF-8 can hold.
        name = path.encode("ascii", "backslashreplace").decode()
        while name in tensors:
            name += "'"
        # A copy where it is a view of what another tensor looks at: a file holds each apart.
        tensors[name] = node.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(node, Mapping):
        pairs = cast("Mapping[object, object]", node)
        for key in pairs:
            if not isinstance(key, (str, int)):
                raise TypeError(f"{path}: a tree cannot hold the key {key!r}, a {type(key).__name__}")
        return {"dict": [[key, _flatten(value, f"{path}/{key}", tensors)] for key, value in pairs.items()]}
    if isinstance(node, (list, tuple)):
        items = cast("list[object]", node)
        return {"list": [_flatten(value, f"{path}/{i}", tensors) for i, value in enumerate(items)]}
    if node is None or isinstance(node, (bool, int, float, str)):
        return {"value": node}
    raise TypeError(f"{path}: a tree cannot hold a {type(node).__name__}")


def _grow(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    if "tensor" in node:
        return tensors[node["tensor"]]
    if "dict" in node:
        return {key: _grow(value, tensors) for key, value in node["dict"]}
    if "list" in node:
        return [_grow(value, tensors) for value in node["list"]]
    return node["value"]


def _checksum(tree: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.blake2b(tree.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()


def write_tree(path: Path, tree: Mapping[str, Any], kind: str) -> str:
    """Write a tree to one safe file, atomically.

    Parameters
    ----------
    path : Path
    tree : mapping
        Nested dicts, lists, tensors, numbers, strings and None.
    kind : str
        What the tree is; :func:`read_tree` refuses another.

    Returns
    -------
    str
        The checksum of tensors and tree, as :func:`checksum_of` reads it.
    """
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    shape = json.dumps(_flatten(tree, "", tensors))
    checksum = _checksum(shape, tensors)
    about = {"format": _FORMAT, "kind": kind, "checksum": checksum, "tree": shape}
    # One entry: safetensors writes several in an order that differs from process to process.
    header = {"layerwise": json.dumps(about)}
    write_atomically(path, save(tensors, header))
    return checksum


def checksum_of(path: Path) -> str | None:
    """The checksum that a file gives for its content, which is not looked at; None where there is no such file."""
    from safetensors import SafetensorError

    try:
        header, _ = _read(path, content=False)
    except (SafetensorError, OSError, ValueError, RuntimeError, RecursionError):
        return None
    return str(header.get("checksum"))


def _read(path: Path, *, content: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from safetensors import safe_open

    with cast(Any, safe_open(path, framework="pt", device="cpu")) as file:
        metadata = cast("dict[str, str]", file.metadata() or {})
        about: object = json.loads(metadata.get("layerwise", "{}"))
        # Copied: products of rows that lie where a file put them, and not where torch would, differ in their last bits.
        tensors = {name: file.get_tensor(name).clone() for name in (file.keys() if content else ())}
    return cast("dict[str, Any]", about) if isinstance(about, dict) else {}, tensors


def read_tree(path: Path, kind: str) -> dict[str, Any]:
    """Read a tree back.

    Raises
    ------
    RunError
        The file is missing, damaged, or holds something else.
    """
    from safetensors import SafetensorError

    if not path.is_file():
        raise RunError("file", path, "does not exist", "name the folder of a run")
    try:
        header, tensors = _read(path)
    except (SafetensorError, OSError, ValueError, RuntimeError, RecursionError) as problem:
        raise RunError("file", path, f"is damaged and cannot be read ({problem})", "use a copy of it") from problem
    if header.get("format") != _FORMAT or header.get("kind") != kind:
        received = f"{header.get('format')} / {header.get('kind')}"
        raise RunError("file", path, f"must hold a {kind} in the format {_FORMAT}, not {received}")
    shape = str(header.get("tree", ""))
    if header.get("checksum") != _checksum(shape, tensors):
        raise RunError("file", path, "is damaged: its checksum does not fit its content", "use a copy of it")
    try:
        tree = _grow(json.loads(shape), tensors)
    except (KeyError, TypeError, ValueError, RecursionError) as problem:
        raise RunError("file", path, "is damaged: its header cannot be read", "use a copy of it") from problem
    if not isinstance(tree, dict):
        raise RunError("file", path, "is damaged: its header holds no tree", "use a copy of it")
    return cast("dict[str, Any]", tree)


class Checkpoints:
    """Numbered checkpoints in a folder, of which the last two are kept.

    Parameters
    ----------
    folder : Path
    """

    KEPT = 2

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self) -> list[Path]:
        """Checkpoints from the oldest to the newest; links and folders are none."""
        return [path for path in self._numbered() if path.is_file() and not path.is_symlink()]

    def _numbered(self) -> list[Path]:
        """Whatever is called as a checkpoint is."""
        numbered = [path for path in self.folder.glob("*.safetensors") if re.fullmatch("[0-9]+", path.stem)]
        return sorted(numbered, key=lambda path: int(path.stem))

    def save(self, tree: Mapping[str, Any]) -> Path:
        """Write the next checkpoint, then drop the oldest beyond the last two."""
        taken, earlier = self._numbered(), self.paths()
        number = int(taken[-1].stem) + 1 if taken else 1
        path = self.folder / f"{number:06d}.safetensors"
        write_tree(path, tree, "checkpoint")
        for old in earlier[: max(0, len(earlier) + 1 - self.KEPT)]:
            with suppress(OSError):  # what was to be saved is
                old.unlink()
        return path

    def load(self) -> tuple[dict[str, Any], list[RunError]]:
        """The newest readable checkpoint, and what was wrong with newer ones.

        Raises
        ------
        RunError
            None can be read.
        """
        problems: list[RunError] = []
        for path in reversed(self.paths()):
            try:
                return read_tree(path, "checkpoint"), problems
            except RunError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]
        raise RunError("checkpoint", self.folder, "holds no checkpoint", "start again with `layerwise train`")
