"""CUDA's draws: the reference's numbers to the bit.

On a GPU, or, where there is none, in Triton's interpreter on the CPU: ``TRITON_INTERPRET=1 pytest tests/kernels``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from layerwise import kernels
from layerwise.kernels import reference
from layerwise.randomness import RandomStream, random_words

ON_GPU = torch.cuda.is_available()
if not ON_GPU and os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("needs a CUDA device, or TRITON_INTERPRET=1", allow_module_level=True)
pytest.importorskip("triton", reason="needs Triton", exc_type=ImportError)

DEVICE = "cuda" if ON_GPU else "cpu"

SEEDS = st.one_of(st.integers(0, 3), st.integers(2**63, 2**64 - 1), st.integers(0, 2**64 - 1))
PLACES = st.one_of(st.integers(0, 3), st.integers(2**31 - 3, 2**32 + 3), st.integers(0, 2**47))
"""Positions and first rows, on both sides of 2³¹ and 2³²."""
ROWS = st.sampled_from([0, 1, 2, 3, 17])
COLUMNS = st.sampled_from([0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 500, 2100])


@pytest.fixture(scope="module")
def cuda() -> Any:
    from layerwise.kernels import cuda

    return cuda


def fields(rows: int, columns: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed % 2**31)
    return torch.randn(rows, columns, generator=generator) * torch.logspace(-8, 2, max(columns, 1))[:columns]


def bits(values: Tensor) -> Tensor:
    # Every NaN is as good as another.
    return values.cpu().nan_to_num(nan=-1.0).contiguous().view(torch.int32)


def assert_all_draws_equal(cuda: Any, field: Tensor, seed: int, position: int, first_row: int) -> None:
    def place() -> RandomStream:
        return RandomStream(seed, position)

    there = field.to(DEVICE)
    stream = place()
    mean, sample = cuda.mean_and_bernoulli(there, stream, first_row)
    assert stream == RandomStream(seed, position + 1)
    expected_mean, expected_sample = reference.mean_and_bernoulli(field, place(), first_row)
    assert mean.device.type == sample.device.type == DEVICE
    assert torch.equal(bits(mean), bits(expected_mean))
    assert torch.equal(bits(sample), bits(expected_sample))
    assert torch.equal(bits(cuda.sigmoid(there)), bits(expected_mean))
    assert torch.equal(bits(cuda.bernoulli(there, place(), first_row)), bits(expected_sample))
    for name in ("uniform", "normal"):
        drawn = getattr(cuda, name)(*field.shape, place(), first_row, DEVICE)
        assert torch.equal(bits(drawn), bits(getattr(reference, name)(*field.shape, place(), first_row))), name


@settings(max_examples=30)
@given(SEEDS, PLACES, PLACES, ROWS, COLUMNS)
@example(2**64 - 1, 2**48 - 1, 2**47, 17, 500)
@example(0, 0, 2**32 - 8, 17, 65)  # the row's low word wraps in the middle of the batch
def test_every_draw_is_the_reference_to_the_bit(
    cuda: Any, seed: int, position: int, row: int, rows: int, columns: int
) -> None:
    assert_all_draws_equal(cuda, fields(rows, columns, seed), seed, position, row)


def test_many_draws_and_every_pattern_of_bits_are_those_of_the_reference(cuda: Any) -> None:
    # Of a function this long one value in a hundred thousand may be the only one to tell two roundings apart.
    field = (random_words(RandomStream(0), 300, 700) - 2**31).to(torch.int32).view(torch.float32)
    assert_all_draws_equal(cuda, torch.where(field.isnan(), math.nan, field), 5, 6, 7)


def test_extreme_fields_are_those_of_the_reference(cuda: Any) -> None:
    values = [-math.inf, -1e30, -88.0, -87.0, -1e-40, -0.0, 0.0, 1e-40, 87.0, 88.0, 1e30, math.inf, math.nan]
    assert_all_draws_equal(cuda, torch.tensor([values]).repeat(20, 11), 1, 2, 3)


@pytest.mark.parametrize(
    "layout",
    [
        lambda field: field.T.contiguous().T,
        lambda field: field.repeat_interleave(2, dim=1)[:, ::2],
        lambda field: torch.nn.functional.pad(field, (3, 5, 2, 4))[2:-4, 3:-5],
        lambda field: field[:1].expand(len(field), -1),
    ],
    ids=["transposed", "every other column", "a part of a larger matrix", "one row for many"],
)
def test_the_layout_of_a_field_changes_nothing(cuda: Any, layout: Callable[[Tensor], Tensor]) -> None:
    field = fields(9, 130, 5)
    assert_all_draws_equal(cuda, layout(field), 1, 2, 3)
    laid_out = layout(field.to(DEVICE))
    assert torch.equal(
        bits(cuda.bernoulli(laid_out, RandomStream(1))), bits(reference.bernoulli(laid_out.cpu(), RandomStream(1)))
    )


@pytest.mark.skipif(not ON_GPU, reason="needs a CUDA device")
def test_a_tensor_on_the_gpu_is_drawn_there() -> None:
    field = fields(30, 200, 6)
    for name in ("bernoulli", "mean_and_bernoulli"):
        there, here = (getattr(kernels, name)(f, RandomStream(1)) for f in (field.cuda(), field))
        for one, other in zip(
            *((drawn,) if isinstance(drawn, Tensor) else drawn for drawn in (there, here)), strict=True
        ):
            assert one.is_cuda
            assert torch.equal(one.cpu(), other)
    assert torch.equal(
        kernels.normal(30, 200, RandomStream(1), device="cuda").cpu(), kernels.normal(30, 200, RandomStream(1))
    )


@pytest.mark.skipif(not ON_GPU, reason="needs a CUDA device")
def test_the_reference_is_the_same_there_and_here() -> None:
    field = fields(30, 200, 7)
    for name in ("uniform", "normal"):
        there = getattr(reference, name)(30, 200, RandomStream(1), 0, "cuda")
        assert torch.equal(bits(there), bits(getattr(reference, name)(30, 200, RandomStream(1))))
    assert torch.equal(bits(reference.sigmoid(field.cuda())), bits(reference.sigmoid(field)))
