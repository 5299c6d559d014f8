"""One process at a time in a run's folder.

The lock is the operating system's own, on a hidden file: it ends with the process that holds it, however that ended, so
that a file which is left behind blocks nobody. The file says whose it is, for the one who is refused.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from layerwise.data.system_lock import FIRST_LOCKED_BYTE, TAKEN, take_lock
from layerwise.errors import RunError, StorageError
from layerwise.runs.folder import RunFolder
from layerwise.warning import warn

__all__ = ["alone_in"]

_NAME = ".lock"
# A link is not followed: it would make a file somewhere else. Windows has no such flag.
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def alone_in(folder: RunFolder) -> Generator[None]:
    """A block in which no other process trains in the folder; what a killed one left half-written is taken away.

    Raises
    ------
    RunError
        Another process does.
    StorageError
        The folder cannot be written to.
    """
    path = folder.path / _NAME
    handle = _lock(path, folder.path)
    try:
        folder.sweep()
        yield
    finally:
        with suppress(OSError):  # Windows keeps a file that is open
            path.unlink()
        os.close(handle)


def _lock(path: Path, folder: Path) -> int:
    try:
        while True:
            handle = os.open(path, _FLAGS, 0o644)
            try:
                _take(handle, folder)
                # The one before may have taken the file away in between: then this is no longer the folder's lock.
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(handle), path.stat()):
                        os.ftruncate(handle, 0)
                        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
                        return handle
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)
    except OSError as problem:
        raise StorageError(f"cannot write to {folder}: {problem.strerror or problem}") from problem


def _take(handle: int, folder: Path) -> None:
    try:
        take_lock(handle)
    except OSError as problem:
        if problem.errno not in TAKEN:
            warn(f"the file system of {folder} has no locks: start no second process on it")
            return
        os.lseek(handle, 0, os.SEEK_SET)
        owner = os.read(handle, FIRST_LOCKED_BYTE).decode("ascii", "replace")
        by = owner if owner and owner.isprintable() else "another process"
        raise RunError("RUN", folder, f"is being trained by {by}", "wait until it ends, or stop it") from None
