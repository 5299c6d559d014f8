"""Products that skip zeros, held against float64 within what float32 sums can err."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from layerwise import kernels
from layerwise.kernels import SparseRows, compress

ROUNDOFF = 2.0**-24
"""Half the distance of 1 to the next float32: the relative error of one operation."""

DENSITIES = [0.0, 0.05, 0.13, 0.24, 0.6, 1.0]


@pytest.fixture(autouse=True, scope="module")
def small_matrices_too() -> Iterator[None]:
    """List matrices of any size; the smallest are left dense otherwise, because listing them does not pay."""
    with mock.patch.object(kernels, "SMALLEST_SPARSE", 0):
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def rows_of(shape: tuple[int, int], density: float, seed: int, values: str = "binary") -> Tensor:
    """Zeros but for about the given share: ones, grey levels, or numbers of either sign and many sizes."""
    generator = torch.Generator().manual_seed(seed)
    kept = (torch.rand(shape, generator=generator) < density).float()
    if values == "grey":
        return kept * torch.rand(shape, generator=generator)
    if values == "signed":
        return kept * torch.randn(shape, generator=generator) * torch.logspace(-3, 3, shape[1])
    return kept


def couplings(shape: tuple[int, int], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1000))


def assert_product_is_right(v: Tensor, weights: Tensor, bias: Tensor) -> None:
    result = kernels.product(compress(v), weights, bias)
    exact = v.double() @ weights.double() + bias.double()
    # Every term is rounded once and then carried through as many additions as there are terms, in whatever order.
    terms = v.shape[1] + 2
    bound = terms * ROUNDOFF * (v.double().abs() @ weights.double().abs() + bias.double().abs())
    assert result.shape == exact.shape
    assert result.dtype == torch.float32
    assert bool(((result.double() - exact).abs() <= bound).all())


@pytest.mark.parametrize("values", ["binary", "grey", "signed"])
@pytest.mark.parametrize("density", DENSITIES)
def test_a_product_is_as_right_as_a_float32_sum_can_be(density: float, values: str) -> None:
    v = rows_of((90, 300), density, 1, values)
    assert isinstance(compress(v), SparseRows) == (density < kernels.SPARSE_BELOW)
    assert_product_is_right(v, couplings((300, 130), 1), couplings((1, 130), 2)[0])


@settings(max_examples=25)
@given(
    st.sampled_from([1, 2, 5, 100]),
    st.sampled_from([1, 2, 63, 127, 128, 129, 400]),
    st.sampled_from([1, 63, 64, 65, 200]),
    st.sampled_from([0.0, 0.1, 0.2]),
    st.sampled_from(["plain", "padded", "turned"]),
)
@example(1, 1, 1, 0.0, "padded")
@example(5, 400, 200, 0.2, "turned")
def test_a_product_of_any_shape_is_right(rows: int, columns: int, hidden: int, density: float, layout: str) -> None:
    weights = couplings((columns, hidden), columns)
    if layout == "padded":
        weights = kernels.padded(columns, hidden).copy_(weights)
    elif layout == "turned":
        weights = kernels.padded(hidden, columns).copy_(weights.T).T
    v = rows_of((rows, columns), density, rows, "signed")
    v[rows // 2] = 0  # a row without an entry
    assert_product_is_right(v, weights, couplings((1, hidden), 5)[0])


def test_the_layout_of_the_factors_changes_nothing() -> None:
    v, weights, bias = rows_of((40, 200), 0.1, 3, "signed"), couplings((200, 70), 3), couplings((1, 70), 4)[0]
    expected = kernels.product(compress(v), weights, bias)
    for layout in (
        lambda matrix: matrix.T.contiguous().T,
        lambda matrix: torch.nn.functional.pad(matrix, (3, 5, 2, 4))[2:-4, 3:-5],
        lambda matrix: matrix.repeat_interleave(2, dim=1)[:, ::2],
        lambda matrix: kernels.padded(*matrix.shape).copy_(matrix),
    ):
        result = kernels.product(compress(layout(v)), layout(weights), layout(bias[None])[0])
        assert torch.equal(result, expected)


def test_what_lies_beside_a_matrix_does_not_reach_the_result() -> None:
    wide = torch.full((200, 192), math.nan)
    wide[:, :70] = couplings((200, 70), 3)
    v, bias = rows_of((40, 200), 0.1, 3), torch.zeros(70)
    assert torch.equal(
        kernels.product(compress(v), wide[:, :70], bias), kernels.product(compress(v), wide[:, :70].clone(), bias)
    )


def phase(rows: int, columns: int, hidden: int, density: float, seed: int, values: str) -> tuple[Tensor, Tensor]:
    answers = torch.sigmoid(couplings((rows, hidden), seed + 7))
    return rows_of((rows, columns), density, seed, values), kernels.padded(rows, hidden).copy_(answers)


def assert_ascent_is_right(
    plus: tuple[Tensor, Tensor],
    minus: tuple[Tensor, Tensor],
    rate: float = 0.1,
    momentum: float = 0.0,
    decay: float = 0.0,
    padded: bool = True,
) -> tuple[Tensor, Tensor | None]:
    shape = plus[0].shape[1], plus[1].shape[1]
    weights, velocity = couplings(shape, 8), couplings(shape, 9) if momentum else None
    w, v = weights.double(), 0.0 if velocity is None else velocity.double()
    if padded:
        weights = kernels.padded(*shape).copy_(weights)
        velocity = None if velocity is None else kernels.padded(*shape).copy_(velocity)
    step, size = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    for sign, (left, right) in ((1, plus), (-1, minus)):
        step += sign * left.double().T @ right.double() / len(left)
        size += left.double().abs().T @ right.double().abs() / len(left)
    step, size = momentum * v + step - decay * w, momentum * abs(v) + size + decay * w.abs()

    kernels.ascend(
        weights, velocity, (compress(plus[0]), plus[1]), (compress(minus[0]), minus[1]), rate, momentum, decay
    )
    # The sums over the rows of both phases, the scaling by 1 / rows, and the steps of the formula, each rounded once.
    terms = len(plus[0]) + len(minus[0]) + 8
    if velocity is not None:
        assert bool(((velocity.double() - step).abs() <= terms * ROUNDOFF * size).all())
    bound = terms * ROUNDOFF * (w.abs() + rate * size)
    assert bool(((weights.double() - (w + rate * step)).abs() <= bound).all())
    return weights, velocity


@pytest.mark.parametrize("values", ["binary", "grey", "signed"])
@pytest.mark.parametrize("densities", [(d, d) for d in DENSITIES] + [(0.05, 0.6), (0.6, 0.05), (0.0, 0.2)], ids=str)
def test_weights_move_along_the_difference_of_two_means(densities: tuple[float, float], values: str) -> None:
    plus, minus = (phase(rows, 300, 130, d, rows, values) for rows, d in zip((80, 33), densities, strict=True))
    assert_ascent_is_right(plus, minus)


@settings(max_examples=25)
@given(
    st.tuples(st.sampled_from([1, 7, 60]), st.sampled_from([1, 7, 60])),
    st.sampled_from([1, 63, 128, 129, 300]),
    st.sampled_from([1, 63, 64, 65, 200]),
    st.tuples(st.sampled_from([0.0, 0.5, 0.9]), st.sampled_from([0.0, 0.01])),
    st.booleans(),
)
@example((1, 1), 1, 1, (0.9, 0.01), True)
def test_weights_of_any_shape_move_right(
    rows: tuple[int, int], columns: int, hidden: int, options: tuple[float, float], padded: bool
) -> None:
    plus, minus = (phase(n, columns, hidden, 0.15, i, "signed") for i, n in enumerate(rows))
    assert_ascent_is_right(plus, minus, 0.3, *options, padded=padded)


def test_each_phase_is_averaged_over_its_own_rows() -> None:
    # Rows that come five times are no more than rows that come once.
    (left, right), minus = phase(6, 100, 40, 0.15, 1, "binary"), phase(50, 100, 40, 0.15, 2, "binary")
    once, _ = assert_ascent_is_right((left, right), minus)
    often, _ = assert_ascent_is_right((left.repeat(5, 1), right.repeat(5, 1)), minus)
    assert (once - often).abs().max() <= 40 * ROUNDOFF * once.abs().max()


def test_what_lies_beside_the_weights_is_left_alone() -> None:
    plus, minus = ((rows_of((n, 200), 0.1, n), rows_of((n, 320), 1.0, n, "grey")[:, :100]) for n in (30, 20))
    for first in (0, 64, 220):
        wide = couplings((200, 320), 3)
        before = wide.clone()
        weights = wide[:, first : first + 100]
        kernels.ascend(weights, None, (compress(plus[0]), plus[1]), (compress(minus[0]), minus[1]), 0.1)
        assert not torch.equal(weights, before[:, first : first + 100])
        assert torch.equal(wide[:, :first], before[:, :first])
        assert torch.equal(wide[:, first + 100 :], before[:, first + 100 :])


@pytest.mark.parametrize("uneven", [False, True], ids=["even", "dense rows first"])
def test_the_number_of_threads_changes_nothing(uneven: bool) -> None:
    # Large enough that every thread gets a share: small matrices are left to one.
    plus, minus = phase(200, 300, 260, 0.15, 1, "signed"), phase(160, 300, 260, 0.1, 2, "signed")
    if uneven:
        plus[0][:32] = 1.0  # 0.23 in all rows together, far more in the first half of them
        plus[0][120:] = 0.0
    results = []
    for count in (1, 2, 3):
        with threads(count):
            assert isinstance(compress(plus[0]), SparseRows)
            product = kernels.product(compress(plus[0]), couplings((300, 260), 1), torch.ones(260))
            turned = kernels.product(compress(plus[0]), couplings((260, 300), 1).T, torch.ones(260))
            results.append((product, turned, *assert_ascent_is_right(plus, minus, 0.1, 0.5, 0.01)))
    for tensors in results[1:]:
        for tensor, first in zip(tensors, results[0], strict=True):
            assert tensor is not None
            assert first is not None
            assert torch.equal(tensor, first)


@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf])
def test_an_entry_that_is_no_number_counts_as_one_that_is_not_zero(special: float) -> None:
    v = rows_of((40, 200), 0.1, 3)
    v[7, 11] = special
    weights = couplings((200, 70), 3)
    rows = compress(v)
    assert isinstance(rows, SparseRows)
    result = kernels.product(rows, weights, torch.zeros(70))
    expected = v @ weights
    assert torch.equal(torch.isfinite(result), torch.isfinite(expected))
    assert torch.equal(result.isnan(), expected.isnan())
    moved = kernels.padded(200, 70).zero_()
    right = torch.ones(40, 70)
    kernels.ascend(moved, None, (rows, right), (compress(rows_of((40, 200), 0.1, 4)), right), 1.0)
    assert not bool(torch.isfinite(moved[11]).any())
    assert bool(torch.isfinite(moved[:11]).all())
    assert bool(torch.isfinite(moved[12:]).all())


def test_weights_that_are_no_numbers_reach_every_row_that_has_an_entry_there() -> None:
    v = rows_of((40, 200), 0.1, 3)
    weights = couplings((200, 70), 3)
    weights[5] = math.nan
    result = kernels.product(compress(v), weights, torch.zeros(70))
    # A dense product says NaN for 0 · NaN, too; here a zero is skipped, whatever it would have been multiplied by.
    assert torch.equal(result.isnan().all(1), v[:, 5] != 0)


def test_negative_zero_is_zero() -> None:
    v = torch.full((40, 200), -0.0)
    v[:, 3] = 1.0
    assert isinstance(compress(v), SparseRows)
    assert torch.equal(
        kernels.product(compress(v), couplings((200, 9), 1), torch.zeros(9)), couplings((200, 9), 1)[3].expand(40, -1)
    )


def test_rows_are_listed_below_the_density_and_given_back_as_they_are_above() -> None:
    v = torch.zeros(100, 400)
    share = int(kernels.SPARSE_BELOW * 400)
    v[:, : share - 1] = 1
    listed = compress(v)
    assert isinstance(listed, SparseRows)
    assert listed.dense is v
    assert len(listed) == 100
    v[:, : share + 1] = 1
    assert compress(v) is v
    double = torch.zeros(100, 400, dtype=torch.float64)
    assert compress(double) is double


def test_small_matrices_are_not_worth_listing() -> None:
    mock.patch.stopall()
    with mock.patch.object(kernels, "SMALLEST_SPARSE", 1000):
        small = torch.zeros(9, 100)
        assert compress(small) is small
        assert isinstance(compress(torch.zeros(11, 100)), SparseRows)


def test_a_product_can_be_differentiated_where_that_is_asked_for() -> None:
    v, weights = rows_of((10, 30), 0.5, 1), couplings((30, 5), 1).requires_grad_()
    kernels.product(v, weights, torch.zeros(5)).sum().backward()
    assert weights.grad is not None
    assert torch.allclose(weights.grad, v.sum(0)[:, None].expand(-1, 5))


def test_recording_gradients_changes_no_bit() -> None:
    # A reader who looks at a field must see the one that training used.
    for columns, hidden in ((6, 4), (300, 130)):
        v, weights = (
            rows_of((50, columns), 0.5, 1),
            kernels.padded(columns, hidden).copy_(couplings((columns, hidden), 1)),
        )
        with torch.no_grad():
            silently = kernels.product(v, weights, torch.ones(hidden))
        assert torch.equal(kernels.product(v, weights, torch.ones(hidden)), silently)


def test_a_listing_outlives_those_made_after_it() -> None:
    weights, bias = couplings((200, 70), 3), torch.zeros(70)
    first = compress(rows_of((40, 200), 0.1, 3))
    before = kernels.product(first, weights, bias).clone()
    for seed in range(10):
        kernels.product(compress(rows_of((40, 200), 0.2, seed)), weights, bias)
        compress(torch.full((40, 200), 1.0))  # begun, and given up
    assert torch.equal(kernels.product(first, weights, bias), before)
