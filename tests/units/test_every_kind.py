"""What every kind of unit owes: its probability, held against sums and integrals over all the values it can take.

Every kind that is registered is put through every check, so that a new one cannot escape. A layer falls into sites, the
units that are drawn together: whole sites are summed over where their states can be counted, and integrated over else.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch import Tensor
from torch.func import functional_call

from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.units import (
    BernoulliUnits,
    CategoricalUnits,
    GaussianUnits,
    MixedUnits,
    NoisyRectifiedUnits,
    RectifiedUnits,
    SpinUnits,
    UnitKind,
    kind_from,
    kind_named,
)

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
SIGNIFICANCE = 1e-6

LAYERS: dict[str, Callable[[], UnitKind]] = {
    "bernoulli": lambda: BernoulliUnits(3),
    "categorical": lambda: CategoricalUnits((3, 3)),
    "categorical, ragged": lambda: CategoricalUnits((2, 4, 1)),
    "gaussian": lambda: GaussianUnits(3),
    "mixed": lambda: MixedUnits([BernoulliUnits(2), GaussianUnits(2), CategoricalUnits((3, 2)), RectifiedUnits(1)]),
    "noisy_rectified": lambda: NoisyRectifiedUnits(3),
    "rectified": lambda: RectifiedUnits(3),
    "spin": lambda: SpinUnits(3),
}
every_kind = pytest.mark.parametrize("kind", LAYERS)
every_exact_kind = pytest.mark.parametrize("kind", [kind for kind in LAYERS if kind != "noisy_rectified"])
every_single_kind = pytest.mark.parametrize(
    "kind", [kind for kind in LAYERS if kind in UnitKind.kinds and kind != "mixed"]
)


def test_no_kind_escapes() -> None:
    assert set(UnitKind.kinds) <= set(LAYERS)


def units_of(kind: str, seed: int = 0) -> UnitKind:
    """Units with parameters of chance, in float64."""
    units = LAYERS[kind]().double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in units.parameters():
        parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return units


def fields(units: UnitKind, rows: int = 7) -> Tensor:
    return 2 * torch.randn(rows, units.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def alone(units: UnitKind) -> list[UnitKind]:
    """Each site as a layer by itself."""
    if isinstance(units, MixedUnits):
        sites: list[UnitKind] = []
        first = 0
        for part in units.parts:
            assert isinstance(part, UnitKind)
            whole = kind_from(part.spec()).double()
            whole.load_state_dict({**part.state_dict(), "bias": units.bias[first : first + part.size]})
            first += part.size
            sites += alone(whole)
        return sites
    widths = units.categories if isinstance(units, CategoricalUnits) else [1] * units.size
    sites, first = [], 0
    for width in widths:
        one = CategoricalUnits((width,)) if isinstance(units, CategoricalUnits) else kind_named(units.name, 1)
        one.double().load_state_dict({n: value[first : first + width] for n, value in units.state_dict().items()})
        sites.append(one)
        first += width
    return sites


def parts(units: UnitKind) -> list[tuple[slice, UnitKind]]:
    """Each site by itself, and its columns."""
    found: list[tuple[slice, UnitKind]] = []
    first = 0
    for site in alone(units):
        found.append((slice(first, first + site.size), site))
        first += site.size
    return found


def values_taken(site: UnitKind) -> tuple[Tensor, Tensor]:
    """Every value that a site can take, as rows, and its weight in a sum or an integral."""
    states = site.states()
    if states is not None:
        (values,) = states
        return values.double(), torch.ones(len(values), dtype=torch.float64)
    if site.name == "noisy_rectified":
        values = torch.arange(80, dtype=torch.float64)
        return values[:, None], torch.ones_like(values)
    # Ten Gauss-Legendre points a panel, of which one edge is zero.
    points, weights = (torch.from_numpy(array) for array in np.polynomial.legendre.leggauss(10))
    edges = torch.linspace(0 if site.name == "rectified" else -60, 60, 401, dtype=torch.float64)
    half = (edges[1] - edges[0]) / 2
    values = (edges[:-1, None] + half + half * points).flatten()
    return values[:, None], (half * weights).repeat(400)


def probabilities(site: UnitKind, field: Tensor, values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """p(x | field) · weight of every value, and the logarithm of what they were divided by."""
    log_weight = values @ field - site.base_energy(values) + weights.log()
    log_sum = log_weight.logsumexp(0)
    return (log_weight - log_sum).exp(), log_sum


def gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (result,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    return result


@every_kind
def test_the_cumulant_is_the_log_of_the_sum_over_all_values(kind: str) -> None:
    units = units_of(kind)
    field = fields(units)
    expected = torch.zeros(len(field), dtype=torch.float64)
    for columns, site in parts(units):
        values, weights = values_taken(site)
        for row in range(len(field)):
            expected[row] += probabilities(site, field[row, columns], values, weights)[1]
    assert torch.allclose(units.cumulant(field), expected, rtol=1e-10, atol=1e-10)


@every_kind
def test_the_mean_is_the_expectation_and_the_derivative_of_the_cumulant(kind: str) -> None:
    units = units_of(kind)
    field = fields(units)
    mean = units.mean(field)
    derivative = gradient(units.cumulant, field).detach()
    assert torch.allclose(mean, derivative, rtol=1e-10, atol=1e-10)
    step = 1e-5
    for i in range(units.size):
        shift = torch.zeros_like(field)
        shift[:, i] = step
        difference = (units.cumulant(field + shift) - units.cumulant(field - shift)) / (2 * step)
        assert torch.allclose(difference, derivative[:, i], rtol=1e-6, atol=1e-6)
    for columns, site in parts(units):
        values, weights = values_taken(site)
        expected = [probabilities(site, f, values, weights)[0] @ values for f in field[:, columns]]
        assert torch.allclose(mean[:, columns], torch.stack(expected), rtol=1e-10, atol=1e-10)


@every_kind
@pytest.mark.parametrize("far", [-1e4, -300.0, -40.0, 40.0, 300.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_fields_give_finite_numbers(kind: str, far: float, dtype: torch.dtype) -> None:
    units = units_of(kind).to(dtype)
    field = torch.full((2, units.size), far, dtype=dtype)
    for answer in (units.cumulant(field), units.mean(field), units.mode(field), units.sample(field, RandomStream(0))):
        assert bool(torch.isfinite(answer).all())
        assert answer.dtype == dtype
    slope = gradient(units.cumulant, field).detach()
    assert torch.allclose(units.mean(field), slope, rtol=1e-3, atol=1e-6)


@every_kind
def test_no_value_is_more_probable_than_the_mode(kind: str) -> None:
    units = units_of(kind)
    field = fields(units, rows=40)
    mode = units.mode(field)
    for columns, site in parts(units):
        values, _ = values_taken(site)
        for f, x in zip(field[:, columns], mode[:, columns], strict=True):
            at_mode = f @ x - site.base_energy(x[None])[0]
            everywhere = values @ f - site.base_energy(values)
            assert bool((everywhere <= at_mode + 1e-12 * at_mode.abs()).all())


@every_exact_kind
def test_samples_follow_the_conditional_distribution(kind: str) -> None:
    units, n = units_of(kind), 20_000
    row = fields(units, rows=1)
    field = row.expand(n, -1).contiguous()
    drawn = units_of(kind).float().sample(field.float(), RandomStream(3)).double()
    for columns, site in parts(units):
        values, weights = values_taken(site)
        p, _ = probabilities(site, row[0, columns], values, weights)
        x = drawn[:, columns]
        mean = p @ values
        second, fourth = p @ (values - mean) ** 2, p @ (values - mean) ** 4
        assert bool(((x.mean(0) - mean).abs() <= SIGMAS * (second / n).sqrt() + 1e-9).all())
        error = SIGMAS * ((fourth - second**2).clamp_min(0) / n).sqrt() + 1e-9
        assert bool(((((x - mean) ** 2).mean(0) - second).abs() <= error).all())
        if len(values) < 100:
            counts = torch.stack([(x == value).all(1).sum() for value in values])
            assert counts.sum() == n
            statistic = float(((counts - n * p) ** 2 / (n * p)).sum())
            assert statistic <= chi2.isf(SIGNIFICANCE, max(1, len(values) - 1))
        else:
            below = torch.searchsorted(x[:, 0].sort().values, values[:, 0].contiguous(), right=True) / n
            # Dvoretzky–Kiefer–Wolfowitz, and what one step of the integral can hide.
            assert (below - p.cumsum(0)).abs().max() < math.sqrt(math.log(2 / SIGNIFICANCE) / (2 * n)) + p.max()


def test_samples_of_rectified_units_follow_their_tail() -> None:
    # Where the density is nearly exponential, and on either side of where another formula takes over.
    units, n = RectifiedUnits(4).double(), 20_000
    row = torch.tensor([[-3.0, -34.9, -35.1, -200.0]], dtype=torch.float64)
    drawn = units.sample(row.expand(n, -1).contiguous(), RandomStream(9))
    mean = units.mean(row)[0]
    variance = 1 + row[0] * mean - mean**2
    assert bool(((drawn.mean(0) - mean).abs() <= SIGMAS * (variance / n).sqrt()).all())


def test_noisy_rectified_units_are_drawn_near_their_mean() -> None:
    # The mean of max(0, f + N(0, σ(f))) by its formula, and how far the published stand-in lies from the exact mean.
    units, n = NoisyRectifiedUnits(9), 40_000
    field = torch.linspace(-4, 4, 9)
    drawn = units.sample(field.expand(n, -1).contiguous(), RandomStream(10)).double()
    f = field.double()
    s = torch.sigmoid(f).sqrt()
    z = f / s
    stand_in = f * torch.special.ndtr(z) + s * torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    assert bool(((drawn.mean(0) - stand_in).abs() <= SIGMAS * drawn.std(0) / math.sqrt(n) + 1e-6).all())
    distance = (stand_in - units.mean(field[None])[0].double()).abs()
    assert 0.4 < distance.max() < 0.41  # at f = 0 the stand-in has 0.28, the count 0.68
    assert distance[-1] < 0.02


@every_kind
def test_sites_are_independent_given_their_field(kind: str) -> None:
    units, n = units_of(kind).float(), 20_000
    drawn = units.sample(fields(units, 1).float().expand(n, -1).contiguous(), RandomStream(4)).double()
    firsts = drawn[:, [columns.start for columns, site in parts(units) if site.spec().get("categories") != [1]]]
    correlation = torch.corrcoef(firsts.T)[torch.triu(torch.ones(firsts.shape[1], firsts.shape[1]), 1).bool()]
    assert correlation.abs().max() < SIGMAS / math.sqrt(n)


@every_kind
def test_mean_and_sample_in_one_are_those_in_two(kind: str) -> None:
    for dtype in (torch.float32, torch.float64):
        units = units_of(kind).to(dtype)
        field = fields(units, 40).to(dtype)
        one, two = RandomStream(5, 3), RandomStream(5, 3)
        mean, drawn = units.mean_and_sample(field, one, first_row=9)
        assert torch.equal(drawn, units.sample(field, two, first_row=9))
        assert torch.equal(mean, units.mean(field))
        assert one == two == RandomStream(5, 3 + (4 if kind == "mixed" else 1))
        assert mean.dtype == drawn.dtype == dtype


@every_kind
def test_a_batch_may_be_split_anywhere(kind: str) -> None:
    units = units_of(kind)
    field = fields(units, 12)
    whole = units.sample(field, RandomStream(6), first_row=100)
    parts = [units.sample(field[low:high], RandomStream(6), 100 + low) for low, high in ((0, 5), (5, 5), (5, 12))]
    assert torch.equal(torch.cat(parts), whole)


@every_kind
def test_what_a_kind_makes_it_accepts_and_nothing_that_is_no_number(kind: str) -> None:
    units = units_of(kind)
    made = units.sample(fields(units, 40), RandomStream(11))
    assert bool(units.accepts(made).all())
    assert bool(units.accepts(units.mean(fields(units, 40))).all())
    for wrong in (math.nan, math.inf, -math.inf):
        spoilt = made.clone()
        spoilt[3, 0] = wrong
        refused = ~units.accepts(spoilt)
        assert bool(refused[3, 0])
        assert int(refused.any(1).sum()) == 1


@every_kind
def test_statistics_are_minus_the_derivative_of_the_energy(kind: str) -> None:
    units = units_of(kind)
    x = units.sample(fields(units), RandomStream(7))
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
    units = units_of(kind)
    from_outside = fields(units)
    field = from_outside + units.bias
    expected = units.expected_statistics(field, units.mean(field))
    assert expected.keys() == dict(units.named_parameters()).keys()
    for name, parameter in units.named_parameters():
        for row in range(len(field)):

            def cumulant(p: Tensor, name: str = name, row: int = row) -> Tensor:
                return functional_call(_Cumulant(units), {f"units.{name}": p}, from_outside[row : row + 1])

            derivative = gradient(cumulant, parameter)
            assert torch.allclose(expected[name][row], derivative, rtol=1e-10, atol=1e-10), name
    if kind == "mixed":  # its parts have been seen one by one
        return
    for columns, site in parts(units):
        values, weights = values_taken(site)
        of_values = site.statistics(values)
        for row in range(len(field)):
            p, _ = probabilities(site, field[row, columns], values, weights)
            for name in expected:
                assert torch.allclose(expected[name][row, columns], p @ of_values[name], rtol=1e-10, atol=1e-10)


@every_kind
def test_the_energy_is_the_base_energy_less_what_the_bias_is_worth(kind: str) -> None:
    units = units_of(kind)
    x = units.sample(fields(units), RandomStream(8))
    assert torch.allclose(units.energy(x), units.base_energy(x) - (x * units.bias).sum(1), rtol=1e-12)


@every_kind
def test_units_start_from_the_mean_and_variance_of_the_data(kind: str) -> None:
    units = LAYERS[kind]().double()
    # Data that a kind can have made: what it makes itself at some parameters of chance.
    made = units_of(kind, seed=5)
    bias = made.bias[None]
    mean = gradient(made.cumulant, bias)[0].detach()
    variance = gradient(lambda f: gradient(made.cumulant, f), bias)[0].detach()
    units.start_from(mean, variance)
    field = units.bias[None]
    assert torch.allclose(units.mean(field)[0], mean, rtol=1e-6, atol=1e-6)
    again = gradient(lambda f: gradient(units.cumulant, f), field)[0].detach()
    if "categorical" not in kind and kind != "mixed":  # where summing a site's slopes gives zero
        assert torch.allclose(again, variance, rtol=1e-6)


@every_kind
def test_the_field_for_a_mean_has_it(kind: str) -> None:
    units = units_of(kind)
    for row in fields(units):
        mean = units.mean(row[None])[0]
        again = units.mean(units.field_for(mean)[None])[0]
        assert torch.allclose(
            again, mean, rtol=1e-6, atol=0.02 if mean.min() < 0.02 or mean.abs().max() > 0.97 else 1e-6
        )


@every_kind
def test_units_start_finite_from_a_column_that_never_varies(kind: str) -> None:
    units = LAYERS[kind]()
    units.start_from(torch.linspace(0, 1, units.size), torch.zeros(units.size))
    for name, parameter in units.named_parameters():
        assert bool(torch.isfinite(parameter).all()), name


@every_kind
def test_a_kind_is_made_again_from_what_it_says_of_itself(kind: str) -> None:
    units = units_of(kind)
    again = kind_from(units.spec()).double()
    assert type(again) is type(units)
    again.load_state_dict(units.state_dict())
    assert torch.equal(again.cumulant(fields(units)), units.cumulant(fields(units)))
    assert not any(parameter.requires_grad for parameter in again.parameters())


@every_single_kind
def test_a_kind_is_found_by_its_name(kind: str) -> None:
    units = kind_named(kind, 4)
    assert units.name == kind
    assert type(units) is UnitKind.kinds[kind]
    assert units.size == len(units.bias) == 4
    assert repr(units) == f"{type(units).__name__}({'1 × 4' if kind == 'categorical' else 4})"


@every_single_kind
@pytest.mark.parametrize("size", [0, -3])
def test_a_layer_without_units_is_refused(kind: str, size: int) -> None:
    with pytest.raises(OptionError, match="must have at least 1"):
        kind_named(kind, size)


def test_kinds_that_need_more_than_a_size_say_so() -> None:
    with pytest.raises(OptionError, match="is made of parts"):
        kind_named("mixed", 3)
    with pytest.raises(OptionError, match=r"parts = \[\]: must hold at least one"):
        MixedUnits([])
    with pytest.raises(OptionError, match=r"categories = \[3, 0\]: every site must have at least 1 state"):
        CategoricalUnits((3, 0))


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(OptionError, match="unit kind = 'spinning': must be one of") as caught:
        kind_named("spinning", 4)
    assert all(kind in str(caught.value) for kind in UnitKind.kinds)


@every_kind
def test_parameters_that_went_too_far_are_brought_back(kind: str) -> None:
    units = units_of(kind)
    before = {name: value.clone() for name, value in units.state_dict().items()}
    units.confine()
    assert all(torch.equal(value, before[name]) for name, value in units.state_dict().items())
    for name, parameter in units.named_parameters():
        if "log_precision" in name:
            parameter.fill_(1e4)
            units.confine()
            assert bool(torch.isfinite(parameter.exp()).all())
