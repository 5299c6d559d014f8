"""The CPU's draws: the reference's numbers to the bit, however the rows are laid out and shared."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit
from torch import Tensor

from layerwise import kernels
from layerwise.kernels import arithmetic, reference
from layerwise.randomness import RandomStream, random_words

SEEDS = st.one_of(st.integers(0, 3), st.integers(2**63, 2**64 - 1), st.integers(0, 2**64 - 1))
PLACES = st.one_of(st.integers(0, 3), st.integers(2**32 - 3, 2**32 + 3), st.integers(0, 2**47))
"""Positions and first rows, on both sides of 2³²."""
ROWS = st.sampled_from([0, 1, 2, 3, 17])
COLUMNS = st.sampled_from([0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 500])


def fields(rows: int, columns: int, seed: int) -> Tensor:
    """Log-odds of every size, from those that are sure to those that are a toss."""
    generator = torch.Generator().manual_seed(seed % 2**31)
    return torch.randn(rows, columns, generator=generator) * torch.logspace(-8, 2, max(columns, 1))[:columns]


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def everything_drawn(module: object, field: Tensor, seed: int, position: int, first_row: int) -> dict[str, Tensor]:
    """All that a module draws for a field, each from the same place of the stream."""

    def drawn(name: str, *arguments: object) -> Tensor:
        stream = RandomStream(seed, position)
        result = getattr(module, name)(*arguments, stream, first_row)
        assert stream.position == position + 1
        return result

    mean, sample = drawn("mean_and_bernoulli", field)
    return {
        "sigmoid": module.sigmoid(field),  # type: ignore[attr-defined]
        "mean": mean,
        "sample": sample,
        "bernoulli": drawn("bernoulli", field),
        "uniform": drawn("uniform", *field.shape),
        "normal": drawn("normal", *field.shape),
    }


def assert_same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert values.dtype == other[name].dtype, name
        assert values.shape == other[name].shape, name
        assert values.contiguous().view(-1).tolist() == other[name].contiguous().view(-1).tolist(), name


@given(SEEDS, PLACES, PLACES, ROWS, COLUMNS)
@example(2**64 - 1, 2**48 - 1, 2**47, 17, 500)
@example(0, 0, 2**32 - 8, 17, 65)  # the row's low word wraps in the middle of the batch
def test_every_draw_is_the_reference_to_the_bit(seed: int, position: int, row: int, rows: int, columns: int) -> None:
    field = fields(rows, columns, seed)
    before = field.clone()
    here = everything_drawn(kernels, field, seed, position, row)
    assert_same_bits(here, everything_drawn(reference, field, seed, position, row))
    assert torch.equal(here["mean"], here["sigmoid"])
    assert torch.equal(here["sample"], here["bernoulli"])
    assert torch.equal(field, before)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_the_number_of_threads_changes_nothing(count: int) -> None:
    # Large enough that every thread gets a share: small matrices are left to one.
    field = fields(151, 500, 0)
    with threads(count):
        here = everything_drawn(kernels, field, 5, 6, 7)
    for name, expected in everything_drawn(reference, field, 5, 6, 7).items():
        assert torch.equal(here[name], expected), name


@settings(max_examples=15)
@given(PLACES, st.lists(st.integers(0, 17), max_size=3), st.sampled_from([1, 64, 100]))
def test_a_batch_may_be_split_anywhere(first_row: int, cuts: list[int], columns: int) -> None:
    field = fields(17, columns, 1)
    whole = everything_drawn(kernels, field, 9, 2, first_row)
    edges = [0, *sorted(cuts), 17]
    parts = [everything_drawn(kernels, field[low:high], 9, 2, first_row + low) for low, high in pairwise(edges)]
    assert_same_bits({name: torch.cat([part[name] for part in parts]) for name in whole}, whole)


@njit
def quantiles_of_words(words: np.ndarray) -> np.ndarray:
    out = np.empty(len(words), np.float32)
    for i in range(len(words)):
        out[i] = arithmetic.quantile(arithmetic.unit(words[i]))
    return out


def test_the_quantile_is_the_references_at_every_third_number_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of a function this long one value in a hundred thousand may be the only one to tell two roundings apart.
    words = torch.cat([torch.arange(2**16), torch.arange(2**16, 2**23, 3)]) << 9

    def given_words(random: RandomStream, rows: int, columns: int, *_: object) -> Tensor:
        return words[None]

    monkeypatch.setattr(reference, "random_words", given_words)
    expected = reference.normal(1, len(words), RandomStream(0))[0]
    assert torch.equal(torch.from_numpy(quantiles_of_words(words.numpy().astype(np.uint32))), expected)


def test_the_sigmoid_is_the_references_for_every_pattern_of_bits() -> None:
    words = random_words(RandomStream(0), 1000, 1000)
    for shift in (0, 24):  # numbers of every size there is; then those of ordinary size
        field = ((words - 2**31) >> shift).to(torch.int32)
        field = field.view(torch.float32) if shift == 0 else field + words.to(torch.float32) * 2.0**-32
        mean, expected = kernels.sigmoid(field), reference.sigmoid(field)
        assert torch.equal(mean.isnan(), field.isnan())
        assert torch.equal(mean.nan_to_num(nan=-1), expected.nan_to_num(nan=-1))


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "padded": lambda field: kernels.padded(*field.shape).copy_(field),
    "transposed": lambda field: field.T.contiguous().T,
    "every other column": lambda field: field.repeat_interleave(2, dim=1)[:, ::2],
    "every other row": lambda field: field.repeat_interleave(2, dim=0)[::2],
    "a part of a larger matrix": lambda field: torch.nn.functional.pad(field, (3, 5, 2, 4))[2:-4, 3:-5],
    "a parameter": lambda field: torch.nn.Parameter(field.clone()),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 70), (6, 64), (7, 130)])
def test_the_layout_of_a_field_changes_nothing(layout: Callable[[Tensor], Tensor], shape: tuple[int, int]) -> None:
    field = fields(*shape, 2)
    expected = everything_drawn(reference, field, 1, 2, 3)
    with torch.no_grad():
        assert_same_bits(everything_drawn(kernels, layout(field), 1, 2, 3), expected)


def test_one_row_of_fields_may_stand_for_many() -> None:
    bias = fields(1, 100, 3)[0]
    expected = everything_drawn(reference, bias.repeat(6, 1), 1, 2, 3)
    assert_same_bits(everything_drawn(kernels, bias.expand(6, -1), 1, 2, 3), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_types_are_kept_and_draw_the_same(dtype: torch.dtype) -> None:
    field = fields(20, 70, 4).clamp(-9, 9).to(dtype)  # float16 has no mean much below that of -9
    mean, sample = kernels.mean_and_bernoulli(field, RandomStream(1))
    assert mean.dtype == sample.dtype == dtype
    # A draw is decided in float32 whatever the field is, so that it is one draw; the mean is as precise as its type.
    assert torch.equal(sample.float(), kernels.bernoulli(field.float(), RandomStream(1)))
    assert torch.equal(kernels.bernoulli(field, RandomStream(1)), sample)
    assert torch.equal(mean, kernels.sigmoid(field))
    exact = torch.sigmoid(field.double())
    assert ((mean.double() - exact) / exact).abs().max() <= 4 * torch.finfo(dtype).eps


def test_extreme_fields_are_sure_and_never_leave_the_unit_interval() -> None:
    field = torch.tensor([[-math.inf, -1e30, -88.0, 88.0, 1e30, math.inf]]).repeat(500, 20)
    mean, sample = kernels.mean_and_bernoulli(field, RandomStream(0))
    assert torch.equal(sample, (field > 0).float())
    assert mean.min() > 0
    assert torch.equal(mean == 1, field > 0)


def test_a_field_that_is_no_number_has_a_mean_that_is_none_and_the_sample_zero() -> None:
    # The sample must be 0 or 1 whatever happens; that something did is in the mean, and soon in the parameters, where
    # training looks for it (check_finite).
    field = torch.zeros(40, 70)
    field[::3, ::7] = math.nan
    for implementation in (kernels, reference):
        mean, sample = implementation.mean_and_bernoulli(field, RandomStream(0))
        assert torch.equal(mean.isnan(), field.isnan())
        assert torch.equal(implementation.sigmoid(field).isnan(), field.isnan())
        assert bool((sample[field.isnan()] == 0).all())
        assert torch.equal(sample, implementation.bernoulli(field, RandomStream(0)))
        unaffected = implementation.bernoulli(torch.zeros(40, 70), RandomStream(0))
        assert torch.equal(sample[~field.isnan()], unaffected[~field.isnan()])


def test_the_memory_of_a_result_is_used_again_only_when_nothing_refers_to_it() -> None:
    field = torch.zeros(30, 100)
    for keep in (
        lambda drawn: drawn,
        lambda drawn: drawn[3:5, 7:9],
        lambda drawn: drawn.T,
        lambda drawn: drawn.detach().view_as(drawn),
        lambda drawn: drawn.numpy(),
        lambda drawn: drawn.numpy()[::2],
        lambda drawn: torch.nn.Parameter(drawn, requires_grad=False),
        lambda drawn: torch.from_numpy(drawn.numpy())[1:],
        lambda drawn: memoryview(drawn.numpy()),
    ):
        kept = keep(kernels.bernoulli(field, RandomStream(1)))
        before = torch.as_tensor(np.asarray(kept)).clone()
        gc.collect()
        later = [kernels.padded(30, 100).fill_(2) for _ in range(12)]
        assert torch.equal(torch.as_tensor(np.asarray(kept)), before)
        assert len({drawn.data_ptr() for drawn in later}) == 12


@given(seed=SEEDS, position=PLACES, count=st.sampled_from([0, 1, 2, 31, 32, 33, 500]))
def test_the_order_is_the_streams(seed: int, position: int, count: int) -> None:
    random, same = RandomStream(seed, position), RandomStream(seed, position)
    assert torch.equal(kernels.permutation(count, random), same.permutation(count))
    assert random == same


def test_the_first_draw_of_a_process_leaves_torch_as_many_threads_as_it_was_given() -> None:
    # numba makes its threads then; in a process of its own, as this one has drawn before
    program = (
        "import torch; torch.set_num_threads(1)\n"
        "from layerwise import kernels\n"
        "from layerwise.randomness import RandomStream\n"
        "kernels.uniform(3, 5, RandomStream(0), 0, torch.device('cpu'))\n"
        "print(torch.get_num_threads())"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "1"
