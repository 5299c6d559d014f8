"""Bits are read from arrays and tensors of any type, and come back as they went in."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from layerwise.errors import DataError
from layerwise.units.circuit import xor_circuit
from layerwise.units.threshold import and_gate, or_gate


def all_bits(inputs: int) -> list[tuple[int, ...]]:
    return list(product((0, 1), repeat=inputs))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.float32])
def test_bits_come_back_as_they_went_in(dtype: type[np.generic]) -> None:
    x = np.array(all_bits(2)).astype(dtype)
    assert or_gate()(x).dtype == dtype
    assert xor_circuit()(x).dtype == dtype


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float32])
def test_tensors_come_back_as_tensors(dtype: torch.dtype) -> None:
    x = torch.tensor(all_bits(2)).to(dtype)
    assert isinstance(or_gate()(x), Tensor)
    assert xor_circuit()(x).dtype == or_gate()(x).dtype == dtype


@pytest.mark.parametrize(
    ("x", "said"),
    [(np.zeros((2, 3)), "rows of 2 bits"), (np.zeros(2), "rows of 2 bits"), (np.full((1, 2), 0.5), "0 or 1")],
)
def test_what_is_no_row_of_bits_is_refused(x: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        and_gate()(x)
    with pytest.raises(DataError, match=said):
        xor_circuit()(x)
