"""The operating system's own lock on an open file: it ends with the process that holds it, however that ended."""

from __future__ import annotations

import errno
import os
import sys

__all__ = ["FIRST_LOCKED_BYTE", "TAKEN", "take_lock"]

FIRST_LOCKED_BYTE = 100
"""Windows lets nobody read what is locked: what a file says of its owner stands before this byte."""
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""The numbers of the errors that say that another process has it; others say that the file system has no locks."""


def take_lock(handle: int) -> None:
    """Lock an open file, or fail at once.

    Parameters
    ----------
    handle : int
        Its descriptor.

    Raises
    ------
    OSError
        Another process has the lock, with a number in ``TAKEN``, or the file system has no locks.
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, FIRST_LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
