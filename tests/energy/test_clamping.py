"""Clamped Gibbs sampling and imputation, held against conditional distributions that can be summed over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from layerwise.energy import RBM
from layerwise.energy.clamping import clamped_gibbs, draw_unknown, impute
from layerwise.errors import DataError, OptionError
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
)

SIGMAS = 5.0
SIGNIFICANCE = 1e-6
NAN = math.nan

VISIBLE: dict[str, Callable[[], UnitKind]] = {
    "bernoulli": lambda: BernoulliUnits(4),
    "categorical": lambda: CategoricalUnits((2, 3)),
    "gaussian": lambda: GaussianUnits(4),
    "mixed": lambda: MixedUnits([BernoulliUnits(1), CategoricalUnits((3,)), GaussianUnits(1)]),
    "noisy_rectified": lambda: NoisyRectifiedUnits(4),
    "rectified": lambda: RectifiedUnits(4),
    "spin": lambda: SpinUnits(4),
}
every_kind = pytest.mark.parametrize("kind", VISIBLE)
every_exact_kind = pytest.mark.parametrize("kind", [kind for kind in VISIBLE if kind != "noisy_rectified"])
# All units of a site are known or none: this fits every layer above.
HALF = torch.tensor([True, True, False, False, False])


def test_no_kind_escapes() -> None:
    assert set(UnitKind.kinds) == set(VISIBLE)


def layers_of(kind: str, hidden: int = 3, scale: float = 0.7) -> RBM:
    rbm = RBM(VISIBLE[kind](), BernoulliUnits(hidden))
    generator = torch.Generator().manual_seed(0)
    for name, parameter in rbm.named_parameters():
        size = scale if name == "weights" else 0.4
        parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
    return rbm


def known_half(kind: str) -> Tensor:
    if kind == "mixed":  # the bit and the real number
        return torch.tensor([True, False, False, False, True])
    return HALF[: VISIBLE[kind]().size]


def hidden_given(rbm: RBM, row: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Every hidden state, and its probability given the known half of a row, in float64."""
    h = torch.tensor(list(product([0.0, 1.0], repeat=rbm.hidden.size)), dtype=torch.float64)
    double = RBM(type(rbm.visible).from_spec(rbm.visible.spec()), BernoulliUnits(rbm.hidden.size)).double()
    double.load_state_dict(rbm.state_dict())
    field = double.field_of_visible(h)
    # The unknown units are summed out by their cumulants: what is left of the field's cumulant without the known ones.
    log_p = -double.hidden.energy(h)
    for columns, part in sites_of(double.visible):
        f = field[:, columns]
        of_site = f @ row[columns].double() if bool(known[columns].all()) else part.cumulant(f)
        log_p = log_p + of_site
    return h, log_p.softmax(0)


def sites_of(units: UnitKind) -> list[tuple[slice, UnitKind]]:
    """Each unit or categorical site as a layer by itself, without a bias: the field holds it."""
    if isinstance(units, MixedUnits):
        found, first = [], 0
        for part in units.parts:
            assert isinstance(part, UnitKind)
            part.register_parameter("bias", None)
            found += [(slice(s.start + first, s.stop + first), one) for s, one in sites_of(part)]
            first += part.size
        return found
    if isinstance(units, CategoricalUnits):
        starts = [sum(units.categories[:i]) for i in range(len(units.categories))]
        return [(slice(s, s + n), CategoricalUnits((n,))) for s, n in zip(starts, units.categories, strict=True)]
    found = []
    for i in range(units.size):
        one = type(units)(1).double()
        if isinstance(units, (GaussianUnits, RectifiedUnits)):
            one.log_precision.copy_(units.log_precision[i : i + 1])
        found.append((slice(i, i + 1), one))
    return found


def a_row(rbm: RBM) -> Tensor:
    return rbm.visible.sample(torch.zeros(1, rbm.visible.size), RandomStream(3))[0]


@every_exact_kind
def test_the_distribution_given_the_known_units_is_invariant(kind: str) -> None:
    rbm, n = layers_of(kind), 20_000
    row, known = a_row(rbm), known_half(kind)
    h, p = hidden_given(rbm, row, known)
    # Chains start at p(h | known), exactly, and v from h: the joint distribution given the known units.
    start = h.float()[torch.multinomial(p, n, replacement=True, generator=torch.Generator().manual_seed(1))]
    v = torch.where(known, row, rbm.sample_v_from_h(start, RandomStream(4)))
    mask = known.expand(n, -1)
    v, h_after = clamped_gibbs(rbm, v, mask, 3, RandomStream(5))
    counts = torch.bincount((h_after.long() * torch.tensor([4, 2, 1])).sum(1), minlength=8).double()
    assert float(((counts - n * p) ** 2 / (n * p)).sum()) <= chi2.isf(SIGNIFICANCE, 7)
    assert torch.equal(v[:, known], row[known].expand(n, -1))
    # And v is what these hidden units say: the mean of its unknown half is that of E[v | h] over p(h | known).
    mean = p @ rbm.visible.mean(rbm.field_of_visible(h.float())).double()
    error = SIGMAS * v.double().std(0) / math.sqrt(n)
    assert bool(((v.double().mean(0) - mean).abs() <= error + 1e-6)[~known].all())


@pytest.mark.parametrize("hidden", sorted(set(VISIBLE) - {"noisy_rectified"}))
@every_exact_kind
def test_every_pair_of_kinds_comes_to_its_distribution_given_a_site(
    kind: str, hidden: str, machine: Callable[..., RBM], table: Callable[[RBM], Any]
) -> None:
    rbm, chains = machine(kind, hidden), 3000
    joint = table(rbm)
    site = slice(2 if kind == "categorical" else 1)
    value = joint.v[joint.p.sum(1).argmax(), site]
    same = (joint.v[:, site] == value).all(1)
    start = rbm.visible.sample(rbm.visible.bias.expand(chains, -1).contiguous(), RandomStream(1))
    start[:, site] = value
    known = torch.zeros_like(start, dtype=torch.bool)
    known[:, site] = True
    v, h = clamped_gibbs(rbm, start, known, 30, RandomStream(2))
    replace(joint, v=joint.v[same], log_weight=joint.log_weight[same]).assert_drawn(v, h)


@every_exact_kind
def test_what_is_imputed_is_the_conditional_mean(kind: str) -> None:
    rbm, copies = layers_of(kind), 400
    row, known = a_row(rbm), known_half(kind)
    h, p = hidden_given(rbm, row, known)
    expected = p @ rbm.visible.mean(rbm.field_of_visible(h.float())).double()
    holed = torch.where(known, row, NAN).expand(copies, -1).contiguous()
    filled = impute(rbm, holed, RandomStream(1), steps=20, burn_in=20, chains=2)
    assert torch.equal(filled[:, known], holed[:, known])
    error = SIGMAS * filled.double().std(0) / math.sqrt(copies)
    assert bool(((filled.double().mean(0) - expected).abs() <= error + 1e-5)[~known].all())
    assert bool(rbm.visible.accepts(filled).all())


@every_kind
def test_where_nothing_is_missing_nothing_is_filled(kind: str) -> None:
    rbm = layers_of(kind)
    rows = rbm.visible.sample(torch.zeros(5, rbm.visible.size), RandomStream(0))
    assert torch.equal(impute(rbm, rows, RandomStream(0), steps=2, burn_in=0, chains=1), rows)


@every_exact_kind
def test_rows_that_miss_all_get_the_mean_of_the_machine(kind: str) -> None:
    rbm = layers_of(kind)
    nothing = torch.zeros(rbm.visible.size, dtype=torch.bool)
    h, p = hidden_given(rbm, a_row(rbm), nothing)
    expected = p @ rbm.visible.mean(rbm.field_of_visible(h.float())).double()
    filled = impute(rbm, torch.full((400, rbm.visible.size), NAN), RandomStream(2), steps=20, burn_in=20, chains=2)
    error = SIGMAS * filled.double().std(0) / 20
    assert bool(((filled.double().mean(0) - expected).abs() <= error + 1e-5).all())


@every_kind
def test_rows_may_be_filled_in_parts(kind: str) -> None:
    rbm = layers_of(kind)
    rows = rbm.visible.sample(torch.zeros(9, rbm.visible.size), RandomStream(0))
    holed = torch.where(known_half(kind), rows, NAN)
    known = ~holed.isnan()

    def filled(low: int, high: int) -> tuple[Tensor, Tensor]:
        part, mask = holed[low:high], known[low:high]
        start = draw_unknown(rbm, part, mask, RandomStream(1), low)
        means = impute(rbm, part, RandomStream(7), steps=3, burn_in=2, chains=2, first_row=low)
        return means, clamped_gibbs(rbm, start, mask, 2, RandomStream(8), low)[0]

    whole, parts = filled(0, 9), [filled(0, 4), filled(4, 9)]
    for i in range(2):
        assert torch.allclose(torch.cat([part[i] for part in parts]), whole[i], rtol=1e-5, atol=1e-6)


def test_a_site_is_known_or_missing_as_a_whole() -> None:
    rbm = layers_of("categorical")
    v = torch.tensor([[1.0, 0, 0, 1, 0], [1, 0, NAN, 1, 0]])
    with pytest.raises(DataError, match=r"row 1, columns 2 to 4 = '2 of 3 known': the units of one categorical site"):
        impute(rbm, v, RandomStream(0))
    with pytest.raises(DataError, match="row 1, columns 2 to 4"):
        clamped_gibbs(rbm, v.nan_to_num(), ~v.isnan(), 1, RandomStream(0))


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("burn_in", -1), ("chains", 0)])
def test_an_option_out_of_its_range_is_refused(name: str, value: int) -> None:
    with pytest.raises(OptionError, match=f"{name} = {value}: must be at least"):
        impute(layers_of("bernoulli"), torch.zeros(1, 4), RandomStream(0), **{name: value})


def test_no_step_is_refused() -> None:
    with pytest.raises(OptionError, match="steps = 0: must be at least 1"):
        clamped_gibbs(layers_of("spin"), torch.ones(1, 4), torch.ones(1, 4, dtype=torch.bool), 0, RandomStream(0))
