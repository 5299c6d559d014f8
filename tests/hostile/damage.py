"""Damage to a good file, as accidents and attackers do it: bits, lengths, extreme numbers, values of other types."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

__all__ = ["damaged"]

Choose = Callable[[int], int]
"""A number from 0 to the one below its argument: of chance, of Hypothesis or of a fuzzer."""

NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1)
TEXTS = (
    b"",
    b"\0",
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"9" * 5000,
    b"[" * 5000,
    b"{",
    b'"',
    b"\n",
    b",",
    b"\xff\xfe",
    b"../",
    b"\xe2\x80\xa8",
)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        3,
        2**31,
        2**62,
        10**400,
        0.5,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "x",
        "../x",
        "a\u2028b",
    ),
    *(
        "f4",
        "O",
        "S1000000000",
        "RBM",
        "torch.nn.Linear",
        "gaussian",
        "float16",
        [],
        {},
        [[0]],
        [1, 2],
        {"a": 1},
        {"value": 1},
    ),
)


def damaged(content: bytes, choose: Choose) -> bytes:
    """The content after one to four blows."""
    for _ in range(1 + choose(4)):
        lines = _as_json(content)
        content = _in_tree(lines, choose) if lines is not None and choose(4) else _in_bytes(bytearray(content), choose)
    return content


def _in_bytes(content: bytearray, choose: Choose) -> bytes:
    place = choose(len(content) + 1)
    end = min(len(content), place + 1 + choose(16))
    how = choose(7)
    if how == 0 and place < len(content):
        content[place] ^= 1 << choose(8)
    elif how == 1:
        content[place:end] = bytes(choose(256) for _ in range(end - place))
    elif how == 2:
        del content[place:]
    elif how == 3:
        del content[place:end]
    elif how == 4:
        content[place:place] = content[place:end] * (1 + choose(50))
    elif how == 5:
        form = ("B", "<H", ">H", "<I", ">I", "<Q", ">Q")[choose(7)]
        size = struct.calcsize(form)
        content[place : place + size] = struct.pack(form, NUMBERS[choose(len(NUMBERS))] % 256**size)
    else:
        content[place:end] = TEXTS[choose(len(TEXTS))]
    return bytes(content)


def _as_json(content: bytes) -> list[Any] | None:
    try:
        return [json.loads(line) for line in content.decode().splitlines()]
    except (ValueError, RecursionError):
        return None


def _in_tree(lines: list[Any], choose: Choose) -> bytes:
    """One value is another, is gone or is there twice."""
    places: list[tuple[Any, Any]] = []
    waiting: list[Any] = [lines]
    while waiting:
        node = waiting.pop()
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                waiting.append(node[key])
    if places:
        node, key = places[choose(len(places))]
        how = choose(8)
        if how == 0:
            del node[key]
        elif how == 1 and isinstance(node, list):
            node.insert(key, node[key])
        elif how == 2:
            node[key] = places[choose(len(places))][1]
        else:
            node[key] = VALUES[choose(len(VALUES))]
    try:
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    except (ValueError, RecursionError):
        return b""
