"""What the record batches of an Arrow file unpack to, before any is unpacked: a few bytes can declare many.

The file's end lists its batches; a stream has them one behind the other. Each begins with a FlatBuffers table of its
buffers; a packed buffer begins with its unpacked size [1]_. Only these are read. pyarrow takes memory by them, and does
not tell them.

References
----------
.. [1] Apache Arrow columnar format, https://arrow.apache.org/docs/format/Columnar.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

__all__ = ["is_stream", "largest_batch"]

_MAGIC, _FEATHER_1 = b"ARROW1", b"FEA1"
_MARK = b"\xff\xff\xff\xff"
"""Before the description of a batch, since Arrow 0.15."""
_TAIL = 4 + len(_MAGIC)
_DICTIONARY, _BATCH = 2, 3
_MOST_METADATA = 2**26


def is_stream(file: Any) -> bool:
    """Whether a file at its beginning is of Arrow's streaming format, and left there."""
    start = file.read(len(_MARK))
    file.seek(0)
    return start == _MARK


def largest_batch(file: Any) -> int:
    """Bytes that the largest batch of rows, or of a dictionary, takes while it is read and unpacked.

    Parameters
    ----------
    file : seekable binary file
        Of the Arrow file format, or of the streaming format; it is left at its beginning.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        size = file.seek(0, 2)
        file.seek(0)
        blocks = _blocks_of_stream(file, size) if is_stream(file) else _blocks_of_file(file, size)
        return max((_unpacked(file, offset, metadata, body) for offset, metadata, body in blocks), default=0)
    except (struct.error, OverflowError, OSError) as problem:
        raise ValueError(f"its list of batches is damaged: {problem}") from problem
    finally:
        file.seek(0)


def _blocks_of_file(file: Any, size: int) -> list[tuple[int, ...]]:
    """Where each batch begins, the bytes of its description and of what it describes, as the file's end lists them."""
    if file.read(len(_FEATHER_1)) == _FEATHER_1:
        raise ValueError("it is of Feather's first version: write it again with pyarrow.feather.write_feather")
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
    return blocks


def _blocks_of_stream(file: Any, size: int) -> Iterator[tuple[int, ...]]:
    """The same of one message after the other."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        mark, length = struct.unpack("<4si", file.read(8))
        if mark != _MARK:
            raise ValueError(f"no batch begins at byte {place:,}")
        if length == 0:
            return
        message = _message(file, place, length + 8)
        body = message.long(3)
        if body < 0 or place + 8 + length + body > size:
            raise ValueError(f"the batch at byte {place:,} is longer than the file")
        if message.byte(1) in (_DICTIONARY, _BATCH):
            yield place, length + 8, body
        place += 8 + length + body


def _message(file: Any, offset: int, metadata: int) -> _Table:
    if not 0 <= metadata <= _MOST_METADATA:
        raise ValueError(f"a batch has {metadata:,} bytes of description")
    file.seek(offset)
    described = file.read(metadata)
    return _Table.root(described[8 if described[:4] == _MARK else 4 :])  # its size comes first


def _unpacked(file: Any, offset: int, metadata: int, body: int) -> int:
    """Bytes of a batch as it is in the file, and as it is unpacked where it is packed."""
    message = _message(file, offset, metadata)
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

    def long(self, field: int) -> int:
        """A number of eight bytes, 0 where it is left out."""
        place = self._at(field)
        return 0 if place is None else self._number("<q", place)

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
