"""What several tests of this room need: idx files, written by the format's description."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

IDX_TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}

WriteIdx = Callable[[Path, npt.NDArray[Any]], Path]


def idx_bytes(array: npt.NDArray[Any]) -> bytes:
    code = IDX_TYPES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def write_idx() -> WriteIdx:
    def write(path: Path, array: npt.NDArray[Any]) -> Path:
        content = idx_bytes(np.asarray(array))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.fixture
def small_mnist() -> dict[str, npt.NDArray[Any]]:
    """Four arrays under the names of MNIST's files: 20 training and 10 test pictures of 4 × 3 pixels."""
    generator = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte.gz": generator.integers(0, 256, (20, 4, 3), dtype=np.uint8),
        "train-labels-idx1-ubyte.gz": np.arange(20, dtype=np.uint8) % 10,
        "t10k-images-idx3-ubyte.gz": generator.integers(0, 256, (10, 4, 3), dtype=np.uint8),
        "t10k-labels-idx1-ubyte.gz": np.arange(10, dtype=np.uint8),
    }
