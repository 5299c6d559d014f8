"""Padded matrices: ordinary tensors whose rows begin on a cache line, in memory that is lent again."""

from __future__ import annotations

import copy

import pytest
import torch

from layerwise import kernels

LINE = 64
"""Bytes of a cache line."""


@pytest.mark.parametrize("shape", [(1, 1), (3, 63), (5, 64), (7, 65), (100, 500), (0, 5), (4, 0)])
def test_every_row_begins_on_a_cache_line(shape: tuple[int, int]) -> None:
    matrix = kernels.padded(*shape)
    assert matrix.shape == shape
    assert matrix.dtype == torch.float32
    assert matrix.device.type == "cpu"
    assert matrix.stride(1) == 1
    assert matrix.stride(0) * 4 % LINE == 0
    if matrix.numel():
        assert matrix.data_ptr() % LINE == 0


def test_it_is_an_ordinary_tensor() -> None:
    matrix = kernels.padded(6, 70)
    matrix.copy_(torch.arange(420.0).reshape(6, 70))
    plain = torch.arange(420.0).reshape(6, 70)
    assert torch.equal(matrix, plain)
    assert torch.equal(matrix.T @ matrix, plain.T @ plain)
    assert torch.equal(copy.deepcopy(matrix), plain)
    assert torch.equal(torch.nn.Parameter(matrix), plain)
    assert torch.equal(matrix[2:4, 5:], plain[2:4, 5:])
    assert matrix.sum() == plain.sum()
    assert matrix.numpy().tolist() == plain.tolist()


def test_the_memory_of_a_dead_matrix_is_lent_again() -> None:
    address = kernels.padded(33, 91).data_ptr()
    # The block just given back is the first to be lent.
    again = kernels.padded(33, 91)
    assert again.data_ptr() == address
    assert kernels.padded(33, 91).data_ptr() != address


def test_living_matrices_never_share_memory() -> None:
    living: list[torch.Tensor] = []
    for round_ in range(6):
        living += [kernels.padded(20, 30).fill_(len(living) + i) for i in range(5)]
        if round_ % 2:
            del living[::3]
            for number, matrix in enumerate(living):
                matrix.fill_(number)
    for number, matrix in enumerate(living):
        matrix.fill_(number)
    for number, matrix in enumerate(living):
        assert bool((matrix == number).all())
