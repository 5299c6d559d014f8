"""A data set small enough to be trained on in a moment."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import pytest
import torch

from layerwise.data import Rows

sys.path.append(str(Path(__file__).parent))  # scripts for ranks are looked through for examples, too


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Nothing here is large enough to be shared; waiting for another core would take most of the time."""
    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(before[0])
    numba.set_num_threads(before[1])


@pytest.fixture
def rows() -> Rows:
    """Sixty rows of twelve columns: three noisy prototypes, one a class."""
    generator = np.random.default_rng(0)
    prototypes = generator.random((3, 12)) < 0.5
    labels = np.arange(60) % 3
    flipped = generator.random((60, 12)) < 0.1
    return Rows.from_arrays((prototypes[labels] ^ flipped).astype(np.float32), labels)
