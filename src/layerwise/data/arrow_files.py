"""What the record batches of an Arrow file unpack to, before any is unpacked: a few bytes can declare many.

The file's end lists its batches, each of which begins with a FlatBuffers table of its buffers; a packed buffer begins
with its unpacked size [1]_. Only these are read. pyarrow takes memory by them, and does not tell them.

References
----------
.. [1] Apache Arrow columnar format, https://arrow.apache.org/docs/format/Columnar.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

__all__ = ["largest_batch"]

_MAGIC = b"ARROW1"
_TAIL = 4 + len(_MAGIC)
_DICTIONARY, _BATCH = 2, 3
_MOST_METADATA = 2**26


def largest_batch(file: Any) -> int:
    """Bytes that the largest batch of rows, or of a dictionary, takes while it is read and unpacked.

    Parameters
    ----------
    file : seekable binary file
        Of the Arrow file format; it is left at its beginning.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        length, magic = struct.unpack("<i6s", file.read(_TAIL))
        if magic != _MAGIC or not 0 < length <= size - _TAIL:
            raise ValueError("it does not end as an Arrow file")
        file.seek(size - _TAIL - length)
        footer = _Table.root(file.read(length))
        blocks = [block for place in (2, 3) for block in footer.structs(place, "<qixxxxq")]
        # Each has its own part of the file: one that is listed a million times would be read as often.
        if sum(abs(metadata) + abs(body) for _, metadata, body in blocks) > size:
            raise ValueError("its batches are longer than the file")
        return max((_unpacked(file, offset, metadata, body) for offset, metadata, body in blocks), default=0)
    except (struct.error, OverflowError, OSError) as problem:
        raise ValueError(f"its list of batches is damaged: {problem}") from problem
    finally:
        file.seek(0)


def _unpacked(file: Any, offset: int, metadata: int, body: int) -> int:
    """Bytes of a batch as it is in the file, and as it is unpacked where it is packed."""
    if not 0 <= metadata <= _MOST_METADATA:
        raise ValueError(f"a batch has {metadata:,} bytes of description")
    file.seek(offset)
    described = file.read(metadata)
    # Since Arrow 0.15 the size of the description comes behind a mark.
    message = _Table.root(described[8 if described[:4] == b"\xff\xff\xff\xff" else 4 :])
    kind, batch = message.byte(1), message.table(2)
    if kind == _DICTIONARY and batch is not None:
        batch = batch.table(1)
    if batch is None or kind not in (_DICTIONARY, _BATCH):
        raise ValueError("a batch is described as something else")
    if batch.table(3) is None:  # not packed
        return body
    total = body
    for start, length in batch.structs(2, "<qq"):
        if length >= 8:
            file.seek(offset + metadata + start)
            (own,) = struct.unpack("<q", file.read(8))
            total += max(own, 0)  # -1 where it is not packed
    return total


class _Table:
    """A FlatBuffers table: a place in bytes, and the offsets of its fields."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place
        self._fields = place - self._number("<i", place)

    @classmethod
    def root(cls, content: bytes) -> _Table:
        """The table that bytes begin with."""
        return cls(content, *struct.unpack_from("<I", content))

    def _number(self, form: str, place: int) -> int:
        if place < 0:
            raise ValueError("an offset points before the beginning")
        return int(struct.unpack_from(form, self._content, place)[0])

    def _at(self, field: int) -> int | None:
        """Where a field lies; None where the table has it not."""
        entry = 4 + 2 * field
        if entry >= self._number("<H", self._fields):
            return None
        offset = self._number("<H", self._fields + entry)
        return self._place + offset if offset else None

    def byte(self, field: int) -> int:
        """A number of one byte, 0 where it is left out."""
        place = self._at(field)
        return 0 if place is None else self._number("<B", place)

    def table(self, field: int) -> _Table | None:
        """A table inside this one."""
        place = self._at(field)
        return None if place is None else _Table(self._content, place + self._number("<I", place))

    def structs(self, field: int, form: str) -> Iterator[tuple[int, ...]]:
        """A vector of structs."""
        place = self._at(field)
        if place is not None:
            start = place + self._number("<I", place)
            size = struct.calcsize(form)
            for number in range(self._number("<I", start)):
                yield struct.unpack_from(form, self._content, start + 4 + number * size)
