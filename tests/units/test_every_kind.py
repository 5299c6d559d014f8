"""What every kind of unit owes: its probability, held against sums and integrals over all the values it can take.

Every kind that is registered is put through every check, so that a new one cannot escape. What values a kind takes is
read off its own samples: whole numbers are summed over, anything else is integrated over.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor
from torch.func import functional_call

from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.units import UnitKind, kind_named

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
SIGNIFICANCE = 1e-6
SIZE = 3

every_kind = pytest.mark.parametrize("kind", sorted(UnitKind.kinds))


def units_of(kind: str, size: int = SIZE, seed: int = 0) -> UnitKind:
    """Units with parameters of chance, in float64."""
    units = kind_named(kind, size).double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in units.parameters():
        parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return units


def fields(rows: int = 7, size: int = SIZE) -> Tensor:
    return 2 * torch.randn(rows, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def alone(units: UnitKind, i: int) -> UnitKind:
    """One of the units by itself."""
    one = kind_named(units.name, 1).double()
    one.load_state_dict({name: value[..., i : i + 1] for name, value in units.state_dict().items()})
    return one


def values_taken(units: UnitKind) -> tuple[Tensor, Tensor]:
    """Every value that a unit can take, and its weight in a sum or an integral."""
    drawn = units.sample(
        torch.linspace(-3, 3, 2000, dtype=torch.float64)[:, None].expand(-1, units.size), RandomStream(0)
    )
    if torch.equal(drawn, drawn.round()):
        values = drawn.unique()
        return values, torch.ones_like(values)
    values = torch.linspace(-60, 60, 24_001, dtype=torch.float64)
    return values, torch.full_like(values, float(values[1] - values[0]))


def probabilities(unit: UnitKind, field: float, values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """p(x | field) · weight of every value, and the logarithm of what they were divided by."""
    log_weight = field * values - unit.base_energy(values[:, None]) + weights.log()
    log_sum = log_weight.logsumexp(0)
    return (log_weight - log_sum).exp(), log_sum


def gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (result,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    return result


@every_kind
def test_the_cumulant_is_the_log_of_the_sum_over_all_values(kind: str) -> None:
    units = units_of(kind)
    field = fields()
    expected = torch.zeros(len(field), dtype=torch.float64)
    for i in range(SIZE):
        unit = alone(units, i)
        values, weights = values_taken(unit)
        for row in range(len(field)):
            expected[row] += probabilities(unit, float(field[row, i]), values, weights)[1]
    assert torch.allclose(units.cumulant(field), expected, rtol=1e-10, atol=1e-10)


@every_kind
def test_the_mean_is_the_expectation_and_the_derivative_of_the_cumulant(kind: str) -> None:
    units, field = units_of(kind), fields()
    mean = units.mean(field)
    derivative = gradient(units.cumulant, field).detach()
    assert torch.allclose(mean, derivative, rtol=1e-10, atol=1e-10)
    step = 1e-5
    for i in range(SIZE):
        shift = torch.zeros_like(field)
        shift[:, i] = step
        difference = (units.cumulant(field + shift) - units.cumulant(field - shift)) / (2 * step)
        assert torch.allclose(difference, derivative[:, i], rtol=1e-6, atol=1e-6)
        unit = alone(units, i)
        values, weights = values_taken(unit)
        expected = [(probabilities(unit, float(f), values, weights)[0] @ values) for f in field[:, i]]
        assert torch.allclose(mean[:, i], torch.stack(expected), rtol=1e-10, atol=1e-10)


@every_kind
def test_no_value_is_more_probable_than_the_mode(kind: str) -> None:
    units, field = units_of(kind), fields()
    mode = units.mode(field)
    for i in range(SIZE):
        unit = alone(units, i)
        values, _ = values_taken(unit)
        for f, x in zip(field[:, i], mode[:, i], strict=True):
            at_mode = f * x - unit.base_energy(x[None, None])[0]
            everywhere = f * values - unit.base_energy(values[:, None])
            assert bool((everywhere <= at_mode + 1e-12 * at_mode.abs()).all())


@every_kind
def test_samples_follow_the_conditional_distribution(kind: str) -> None:
    units, n = units_of(kind), 20_000
    row = fields(1)
    field = row.expand(n, -1).contiguous()
    drawn = units_of(kind).float().sample(field.float(), RandomStream(3)).double()
    variance = gradient(lambda f: gradient(units.cumulant, f), row)[0].detach()
    for i in range(SIZE):
        unit = alone(units, i)
        values, weights = values_taken(unit)
        p, _ = probabilities(unit, float(row[0, i]), values, weights)
        mean = p @ values
        central = values - mean
        second, fourth = p @ central**2, p @ central**4
        assert torch.isclose(second, variance[i], rtol=1e-6)
        x = drawn[:, i]
        assert abs(x.mean() - mean) <= SIGMAS * math.sqrt(second / n)
        assert abs(((x - mean) ** 2).mean() - second) <= SIGMAS * math.sqrt((fourth - second**2) / n)
        if len(values) < 100:
            counts = torch.stack([(x == value).sum() for value in values])
            assert counts.sum() == n
            statistic = float(((counts - n * p) ** 2 / (n * p)).sum())
            assert statistic < chi2.isf(SIGNIFICANCE, len(values) - 1)
        else:
            below = torch.searchsorted(x.sort().values, values, right=True) / n
            # Dvoretzky–Kiefer–Wolfowitz, and what one step of the integral can hide.
            assert (below - p.cumsum(0)).abs().max() < math.sqrt(math.log(2 / SIGNIFICANCE) / (2 * n)) + p.max()


@every_kind
def test_units_are_independent_given_their_field(kind: str) -> None:
    units, n = units_of(kind).float(), 20_000
    drawn = units.sample(fields(1).float().expand(n, -1).contiguous(), RandomStream(4)).double()
    correlation = torch.corrcoef(drawn.T)[torch.triu(torch.ones(SIZE, SIZE), 1).bool()]
    assert correlation.abs().max() < SIGMAS / math.sqrt(n)


@every_kind
def test_mean_and_sample_in_one_are_those_in_two(kind: str) -> None:
    for dtype in (torch.float32, torch.float64):
        units = units_of(kind).to(dtype)
        field = fields(40).to(dtype)
        one, two = RandomStream(5, 3), RandomStream(5, 3)
        mean, drawn = units.mean_and_sample(field, one, first_row=9)
        assert torch.equal(drawn, units.sample(field, two, first_row=9))
        assert torch.equal(mean, units.mean(field))
        assert one == two == RandomStream(5, 4)
        assert mean.dtype == drawn.dtype == dtype


@every_kind
def test_a_batch_may_be_split_anywhere(kind: str) -> None:
    units, field = units_of(kind), fields(12)
    whole = units.sample(field, RandomStream(6), first_row=100)
    parts = [units.sample(field[low:high], RandomStream(6), 100 + low) for low, high in ((0, 5), (5, 5), (5, 12))]
    assert torch.equal(torch.cat(parts), whole)


@every_kind
def test_statistics_are_minus_the_derivative_of_the_energy(kind: str) -> None:
    units, field = units_of(kind), fields()
    x = units.sample(field, RandomStream(7))
    statistics = units.statistics(x)
    assert statistics.keys() == dict(units.named_parameters()).keys()
    for row in range(len(x)):

        def energy(parameters: dict[str, Tensor], row: int = row) -> Tensor:
            return functional_call(_Energy(units), {f"units.{n}": p for n, p in parameters.items()}, x[row : row + 1])

        for name, parameter in units.named_parameters():
            derivative = gradient(lambda p, name=name: energy({name: p}), parameter)
            assert torch.allclose(statistics[name][row], -derivative, rtol=1e-10, atol=1e-12), name


class _Energy(torch.nn.Module):
    """A kind's energy as what a module does when it is called."""

    def __init__(self, units: UnitKind) -> None:
        super().__init__()
        self.units = units

    def forward(self, x: Tensor) -> Tensor:
        return self.units.energy(x)


class _Cumulant(_Energy):
    def forward(self, x: Tensor) -> Tensor:
        return self.units.cumulant(x + self.units.bias)


@every_kind
def test_expected_statistics_are_expectations_and_derivatives_of_the_cumulant(kind: str) -> None:
    # The bias is part of the field: ∂Γ(f + b)/∂b is the expectation of its statistic, as it is for any parameter.
    units, from_outside = units_of(kind), fields()
    field = from_outside + units.bias
    expected = units.expected_statistics(field, units.mean(field))
    assert expected.keys() == dict(units.named_parameters()).keys()
    for name, parameter in units.named_parameters():
        for row in range(len(field)):

            def cumulant(p: Tensor, name: str = name, row: int = row) -> Tensor:
                return functional_call(_Cumulant(units), {f"units.{name}": p}, from_outside[row : row + 1])

            derivative = gradient(cumulant, parameter)
            assert torch.allclose(expected[name][row], derivative, rtol=1e-10, atol=1e-10), name
    for i in range(SIZE):
        unit = alone(units, i)
        values, weights = values_taken(unit)
        of_values = unit.statistics(values[:, None])
        for row in range(len(field)):
            p, _ = probabilities(unit, float(field[row, i]), values, weights)
            for name in expected:
                assert torch.isclose(expected[name][row, i], p @ of_values[name][:, 0], rtol=1e-10, atol=1e-10)


@every_kind
def test_the_energy_is_the_base_energy_less_what_the_bias_is_worth(kind: str) -> None:
    units = units_of(kind)
    x = units.sample(fields(), RandomStream(8))
    assert torch.allclose(units.energy(x), units.base_energy(x) - (x * units.bias).sum(1), rtol=1e-12)


@every_kind
def test_units_start_from_the_mean_and_variance_of_the_data(kind: str) -> None:
    units = kind_named(kind, SIZE).double()
    values, weights = values_taken(kind_named(kind, 1).double())
    # Data that a kind can have made: what it makes itself at some parameters of chance.
    made = units_of(kind, seed=5)
    bias = made.bias[None]
    mean = gradient(made.cumulant, bias)[0].detach()
    variance = gradient(lambda f: gradient(made.cumulant, f), bias)[0].detach()
    units.start_from(mean, variance)
    for i in range(SIZE):
        unit = alone(units, i)
        p, _ = probabilities(unit, float(unit.bias), values, weights)
        assert torch.isclose(p @ values, mean[i], rtol=1e-6, atol=1e-6)
        assert torch.isclose(p @ (values - mean[i]) ** 2, variance[i], rtol=1e-6)


@every_kind
def test_units_start_finite_from_a_column_that_never_varies(kind: str) -> None:
    units = kind_named(kind, 3)
    units.start_from(torch.tensor([0.0, 1.0, 0.5]), torch.zeros(3))
    for name, parameter in units.named_parameters():
        assert bool(torch.isfinite(parameter).all()), name


@every_kind
def test_a_kind_is_found_by_its_name(kind: str) -> None:
    units = kind_named(kind, 4)
    assert units.name == kind
    assert type(units) is UnitKind.kinds[kind]
    assert units.size == len(units.bias) == 4
    assert repr(units) == f"{type(units).__name__}(4)"
    assert not any(parameter.requires_grad for parameter in units.parameters())


@every_kind
@pytest.mark.parametrize("size", [0, -3])
def test_a_layer_without_units_is_refused(kind: str, size: int) -> None:
    with pytest.raises(OptionError, match=rf"^size = {size}: a layer must have at least 1 unit"):
        kind_named(kind, size)


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(OptionError, match="unit kind = 'spinning': must be one of") as caught:
        kind_named("spinning", 4)
    assert all(kind in str(caught.value) for kind in UnitKind.kinds)
