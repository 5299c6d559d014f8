"""What a file may ask for: a few bytes can declare, or unpack to, more than any machine holds.

What a file declares is compared with the memory of this machine before it is taken, and what is packed is unpacked no
further than that. Half of the memory is the most: the other half is for what is made of it.
"""

from __future__ import annotations

import gzip
import os
import tomllib
from pathlib import Path
from typing import Any

from layerwise.errors import DataError

__all__ = ["LONGEST_KEY", "check_declared", "content_of", "most_bytes", "physical_memory", "text_of", "toml_of"]

_CHUNK = 1 << 22
_LONGEST_TEXT = 1 << 20
LONGEST_KEY = 500
"""Most points that a line of a TOML file may have, each of which may part a key."""


def physical_memory() -> int | None:
    """Bytes; None where the system does not say, as on Windows."""
    if not hasattr(os, "sysconf"):
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def most_bytes() -> int:
    """The most that the rows of one file may take."""
    return (physical_memory() or 1 << 34) // 2


def check_declared(path: Path, n_bytes: int) -> None:
    """Refuse a file that declares more than :func:`most_bytes`.

    Raises
    ------
    DataError
    """
    most = most_bytes()
    if n_bytes > most:
        rule = f"declares more than the {most:,} bytes that a file may take here, half of the machine's memory"
        raise DataError(
            path.name, f"{n_bytes:,} bytes", rule, "it is damaged, or too large: give fewer rows or columns"
        )


def content_of(path: Path) -> bytes:
    """All bytes of a file, unpacked where it is gzipped, whatever its name says.

    Raises
    ------
    DataError
        There are more than :func:`most_bytes`.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    content = bytearray()
    with gzip.open(path) if packed else path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            content += chunk
            check_declared(path, len(content))
    return bytes(content)


def text_of(path: Path, longest: int = _LONGEST_TEXT) -> str:
    """The text of a small file in UTF-8.

    Raises
    ------
    OSError
    ValueError
        It is none, is no file (a pipe would be waited for), or has more bytes than ``longest``.
    """
    if not path.is_file() and path.exists():
        raise ValueError("it is no file")
    with path.open("rb") as file:
        content = file.read(longest + 1)
    if len(content) > longest:
        raise ValueError(f"it has more than {longest:,} bytes")
    return content.decode().replace("\r\n", "\n")


def toml_of(text: str) -> dict[str, Any]:
    """The tables of a TOML text, which takes no longer than its length lets one expect.

    Raises
    ------
    ValueError
    """
    # The time that tomllib takes grows with the square of a key's parts, as in "a.a.a = 1".
    if any(line.count(".") > LONGEST_KEY for line in text.splitlines()):
        raise ValueError(f"a line has more than {LONGEST_KEY} points")
    try:
        return tomllib.loads(text)
    except RecursionError as problem:
        raise ValueError("it is nested too deeply") from problem
