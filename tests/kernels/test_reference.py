"""What the kernels mean: elementary functions held against float64, draws against their distribution."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import ndtri
from scipy.stats import chi2, norm
from torch import Tensor

from layerwise import kernels
from layerwise.kernels import reference
from layerwise.randomness import RandomStream

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
SIGNIFICANCE = 1e-6
ULP = 2.0**-23
"""The largest relative distance of two neighbouring float32."""

ROWS, COLUMNS = 200, 500
N = ROWS * COLUMNS
TRIALS = 2000


def units_in_the_last_place(value: Tensor, exact: Tensor) -> float:
    spacing = torch.from_numpy(np.spacing(exact.abs().float().numpy())).double()
    return float(((value.double() - exact).abs() / spacing).max())


def spread(low: float, high: float) -> Tensor:
    """Numbers all over an interval, and closely around zero."""
    ramp = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    return torch.cat([low + (high - low) * ramp, 2 * ramp - 1, (2 * ramp - 1) * 1e-6]).float()


def test_exp_is_right_to_about_the_last_place() -> None:
    x = spread(-87, 87)
    assert units_in_the_last_place(reference.exponential(x), x.double().exp()) <= 1.5


def test_log_is_right_to_about_the_last_place() -> None:
    far, near = torch.logspace(-37.9, 38.5, 100_001, dtype=torch.float64), torch.linspace(0.7, 1.5, 100_001)
    x = torch.cat([far.float(), near[near != 1]])
    assert units_in_the_last_place(reference.logarithm(x), x.double().log()) <= 1.5
    assert reference.logarithm(torch.ones(1)) == 0


def test_sigmoid_is_as_right_as_its_three_steps() -> None:
    # 1.5 units from exp, and the roundings of an addition and of a division, half a unit each.
    x = spread(-87, 87)
    exact = torch.sigmoid(x.double())
    assert ((reference.sigmoid(x).double() - exact) / exact).abs().max() <= 2.5 * ULP


def test_no_result_is_denormal() -> None:
    # A processor may be told to make zeros of denormal numbers, and a GPU may do so unasked.
    x = torch.tensor([-math.inf, -1e30, -200.0, -87.4, -87.0, 87.0, 200.0, 1e30, math.inf])
    for values in (reference.exponential(x), reference.sigmoid(x)):
        assert values.min() >= torch.finfo(torch.float32).tiny
        assert bool(torch.isfinite(values).all())
        assert torch.equal(values.sort().values, values)


def test_the_quantile_is_odd_rising_and_right(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of the 2²³ numbers that `uniform` can give: every 121st, and the farthest thousand on both sides.
    tail = torch.arange(1000)
    chosen = torch.cat([tail, torch.arange(1000, 2**22, 121)])
    chosen = torch.cat([chosen, 2**23 - 1 - chosen.flip(0)])

    def words(random: RandomStream, rows: int, columns: int, *_: object) -> Tensor:
        return (chosen << 9)[None]

    monkeypatch.setattr(reference, "random_words", words)
    u = reference.uniform(1, len(chosen), RandomStream(0))[0]
    z = reference.normal(1, len(chosen), RandomStream(0))[0]
    exact = torch.from_numpy(ndtri(u.double().numpy()))
    assert u[0] == 2.0**-24
    assert u[-1] == 1 - 2.0**-24
    assert torch.equal(z, -z.flip(0))
    assert bool((z[1:] >= z[:-1]).all())
    # Giles' polynomial errs by 3.5e-7 of the value at most; the roundings add a unit or so.
    assert ((z.double() - exact) / exact).abs().max() <= 3.5e-7 + ULP


def test_uniform_numbers_are_odd_multiples_of_the_smallest_one() -> None:
    multiples = kernels.uniform(ROWS, COLUMNS, RandomStream(1)).double() * 2**24
    assert torch.equal(multiples, multiples.round())
    assert bool((multiples.long() % 2 == 1).all())
    assert multiples.min() > 0
    assert multiples.max() < 2**24


def moments_must_be(values: Tensor, expected: tuple[float, float, float, float], higher: tuple[float, ...]) -> None:
    """The first four central moments, each within its own Monte-Carlo error; ``higher``: moments 5 to 8."""
    mean, *central = expected
    x = values.double().flatten() - mean
    all_moments = [0.0, *central, *higher]  # of order 1, 2, 3, …
    for order in range(1, 5):
        moment = all_moments[order - 1]
        error = math.sqrt((all_moments[2 * order - 1] - moment**2) / x.numel())
        assert abs(float((x**order).mean()) - moment) <= SIGMAS * error, f"moment {order}"


def test_uniform_numbers_have_the_moments_of_the_uniform_distribution() -> None:
    values = kernels.uniform(ROWS, COLUMNS, RandomStream(2))
    moments_must_be(values, (1 / 2, 1 / 12, 0, 1 / 80), (0, 1 / 448, 0, 1 / 2304))


def test_normal_numbers_have_the_moments_of_the_normal_distribution() -> None:
    values = kernels.normal(ROWS, COLUMNS, RandomStream(3))
    moments_must_be(values, (0, 1, 0, 3), (0, 15, 0, 105))


@pytest.mark.parametrize(
    ("draw", "distribution"),
    [(kernels.uniform, lambda x: x), (kernels.normal, norm.cdf)],
    ids=["uniform", "normal"],
)
def test_the_empirical_distribution_is_the_right_one(
    draw: Callable[[int, int, RandomStream], Tensor], distribution: Callable[[np.ndarray], np.ndarray]
) -> None:
    values = np.sort(draw(ROWS, COLUMNS, RandomStream(4)).double().numpy().ravel())
    expected = distribution(values)
    steps = np.arange(N + 1) / N
    distance = max(np.abs(steps[1:] - expected).max(), np.abs(steps[:-1] - expected).max())
    # The Dvoretzky–Kiefer–Wolfowitz inequality: P(distance > d) ≤ 2 exp(-2 n d²).
    assert distance < math.sqrt(math.log(2 / SIGNIFICANCE) / (2 * N))


@pytest.mark.parametrize("lag", [(0, 1), (0, 16), (0, 48), (0, 64), (1, 0), (2, 0), (1, 1), (1, 16)])
@pytest.mark.parametrize("draw", [kernels.uniform, kernels.normal], ids=["uniform", "normal"])
def test_neighbours_are_uncorrelated(draw: Callable[..., Tensor], lag: tuple[int, int]) -> None:
    values = draw(ROWS, COLUMNS, RandomStream(5)).double()
    rows, columns = lag
    assert_uncorrelated(values[rows:, columns:], values[: ROWS - rows, : COLUMNS - columns])


@pytest.mark.parametrize("draw", [kernels.uniform, kernels.normal], ids=["uniform", "normal"])
def test_one_draw_is_uncorrelated_with_the_next_and_with_that_of_a_child(draw: Callable[..., Tensor]) -> None:
    stream = RandomStream(6)
    first, second = draw(ROWS, COLUMNS, stream).double(), draw(ROWS, COLUMNS, stream).double()
    assert_uncorrelated(first, second)
    assert_uncorrelated(first, draw(ROWS, COLUMNS, stream.child("other")).double())
    assert_uncorrelated(first, draw(ROWS, COLUMNS, RandomStream(6), first_row=ROWS).double())


def assert_uncorrelated(one: Tensor, other: Tensor) -> None:
    for power in (1, 2):  # of the values, and of their distance from the middle
        a, b = (one - one.mean()) ** power, (other - other.mean()) ** power
        correlation = torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]
        assert abs(float(correlation)) < SIGMAS / math.sqrt(a.numel())


def test_ones_are_as_frequent_as_the_sigmoid_says() -> None:
    # One field for each column: its count is binomial, and the squared standardised counts sum up to chi-square.
    field = torch.linspace(-6, 6, COLUMNS)
    p = torch.sigmoid(field.double())
    ones = kernels.bernoulli(field.repeat(TRIALS, 1), RandomStream(7)).double().sum(0)
    standardised = (ones - TRIALS * p) / (TRIALS * p * (1 - p)).sqrt()
    assert standardised.abs().max() < SIGMAS + 1  # the largest of 500
    assert float((standardised**2).sum()) < chi2.isf(SIGNIFICANCE, COLUMNS)
    assert abs(float(standardised.sum())) < SIGMAS * math.sqrt(COLUMNS)


def test_samples_of_one_field_are_uncorrelated_between_units_and_rows() -> None:
    drawn = kernels.bernoulli(torch.full((ROWS, COLUMNS), 0.3), RandomStream(8)).double()
    for one, other in ((drawn[:, 1:], drawn[:, :-1]), (drawn[:, 16:], drawn[:, :-16]), (drawn[1:], drawn[:-1])):
        correlation = torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]
        assert abs(float(correlation)) < SIGMAS / math.sqrt(one.numel())


def test_the_mean_difference_is_that_of_two_means() -> None:
    generator = torch.Generator().manual_seed(0)
    plus, minus = torch.randn(70, 9, generator=generator), torch.randn(3, 9, generator=generator)
    for implementation in (kernels, reference):
        difference = implementation.mean_difference(plus, minus)
        exact = plus.double().mean(0) - minus.double().mean(0)
        bound = 2.0**-24 * (72 * plus.double().abs().mean(0) + 5 * minus.double().abs().mean(0))
        assert bool(((difference.double() - exact).abs() <= bound).all())
