"""Two processes in one folder: the second is refused; a dead one stands in nobody's way; full disks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import torch

from layerwise.data.system_lock import take_lock
from layerwise.errors import RunError, StorageError
from layerwise.runs import lock
from layerwise.runs.folder import RunFolder
from layerwise.runs.lock import alone_in
from layerwise.training.checkpoint import Checkpoints, write_atomically

fcntl = pytest.importorskip("fcntl")

HOLD = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(handle, fcntl.LOCK_EX)
os.write(handle, b"process 77 on a-machine")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", "x")


def test_another_process_is_refused_by_name_and_a_killed_one_blocks_nobody(folder: RunFolder) -> None:
    command = [sys.executable, "-c", HOLD, str(folder.path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with (
            pytest.raises(RunError, match=r"run: is being trained by process 77 on a-machine; wait until it ends"),
            alone_in(folder),
        ):
            raise AssertionError("not alone")
        other.kill()
    assert (folder.path / ".lock").exists()  # it is left behind
    with alone_in(folder):
        assert (folder.path / ".lock").read_text().startswith(f"process {os.getpid()} on ")
    assert list(folder.path.iterdir()) == []


def test_many_at_once_are_one_after_the_other(folder: RunFolder) -> None:
    inside, most, entered = [0], [0], [0]

    def work() -> None:
        while entered[0] < 200:
            try:
                with alone_in(folder):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    entered[0] += 1
                    inside[0] -= 1
            except RunError:
                continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_a_lock_that_is_gone_before_it_is_taken_is_made_again(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def late(handle: int) -> None:
        if not taken:
            (folder.path / ".lock").unlink()  # the one before ends
        taken.append(handle)
        take_lock(handle)

    monkeypatch.setattr(lock, "take_lock", late)
    with alone_in(folder):
        assert (folder.path / ".lock").read_text().startswith(f"process {os.getpid()} on ")
    assert len(taken) == 2


def test_a_link_is_not_followed(folder: RunFolder, tmp_path: Path) -> None:
    (folder.path / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="cannot write to"), alone_in(folder):
        raise AssertionError("through a link")
    assert not (tmp_path / "elsewhere").exists()


def test_an_owner_that_cannot_be_shown_is_another_process(folder: RunFolder) -> None:
    handle = os.open(folder.path / ".lock", os.O_RDWR | os.O_CREAT)
    os.write(handle, b"\x1b[2Jgone\n" * 1000)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(RunError, match="is being trained by another process"), alone_in(folder):
        raise AssertionError("not alone")
    os.close(handle)


def test_a_file_system_without_locks_is_said(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: int) -> None:
        raise OSError(errno.ENOTSUP, "Not supported")

    monkeypatch.setattr(lock, "take_lock", none)
    with pytest.warns(UserWarning, match="has no locks: start no second process on it"), alone_in(folder):
        pass


def test_a_full_disk_is_a_matter_of_storage(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int, __: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match="No space left on device"), alone_in(folder):
        raise AssertionError("on a full disk")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be somebody else")
def test_a_folder_that_may_not_be_written_to_is_a_matter_of_storage() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = RunFolder.create(Path(name) / "run", "x")
        Path(name).chmod(0o755)
        folder.path.chmod(0o555)
        os.seteuid(65534)
        try:
            with pytest.raises(StorageError, match=r"cannot write to .*run: Permission denied"), alone_in(folder):
                raise AssertionError("not writable")
            with pytest.raises(StorageError, match="what was there before is intact"):
                write_atomically(folder.recipe_path, b"")
        finally:
            os.seteuid(0)


def test_a_disk_that_is_really_full_is_a_matter_of_storage_and_what_was_there_stays(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        folder = RunFolder.create(disk / "run", "x")
        store = Checkpoints(folder.checkpoint_path)
        with alone_in(folder):
            store.save({"number": 1, "weights": torch.zeros(4000)})
            for number in range(2, 5):
                with pytest.raises(StorageError, match="No space left on device"):
                    store.save({"number": number, "weights": torch.zeros(40_000)})
        assert store.load()[0]["number"] == 1
        assert [path.name for path in folder.path.rglob("*") if path.is_file()] == ["000001.safetensors"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
