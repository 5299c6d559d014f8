"""Gibbs chains that start at the exact distribution stay there; others come to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from layerwise.energy import RBM, exact_sample, gibbs
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.units import UnitKind

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
SIGNIFICANCE = 1e-6
CHAINS = 20_000

MakeRBM = Callable[..., RBM]
States = Callable[[int], Tensor]
Joint = Callable[[RBM], Tensor]


def chosen(p: Tensor, count: int, seed: int = 0) -> Tensor:
    """Numbers of states drawn with the given probabilities."""
    return torch.multinomial(p, count, replacement=True, generator=torch.Generator().manual_seed(seed))


def number_of(rows: Tensor) -> Tensor:
    """Which state each binary row is, as the fixture counts them."""
    return (rows.long() << torch.arange(rows.shape[1] - 1, -1, -1)).sum(1)


def chi_square(v: Tensor, h: Tensor, p: Tensor) -> float:
    """Of the joint states seen, as a multiple of what chance leaves below SIGNIFICANCE."""
    counts = torch.bincount(number_of(v) * p.shape[1] + number_of(h), minlength=p.numel()).double()
    expected = len(v) * p.flatten()
    rare = expected < 5  # too few to be normal: one cell together
    counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    keep = expected > 0
    statistic = ((counts - expected)[keep] ** 2 / expected[keep]).sum()
    return float(statistic) / chi2.isf(SIGNIFICANCE, int(keep.sum()) - 1)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_joint_distribution_is_invariant(
    steps: int, scale: float, make_rbm: MakeRBM, states: States, joint: Joint
) -> None:
    rbm = make_rbm(scale=scale)
    p = joint(rbm)
    start = states(4)[chosen(p.sum(1), CHAINS)]
    v, h = gibbs(rbm, start, steps, RandomStream(1))
    assert chi_square(v, h, p) < 1


EXACTLY_DRAWN = sorted(set(UnitKind.kinds) - {"noisy_rectified"})


@pytest.mark.parametrize("hidden", EXACTLY_DRAWN)
@pytest.mark.parametrize("visible", EXACTLY_DRAWN)
def test_every_pair_of_kinds_keeps_its_joint_distribution(
    visible: str, hidden: str, machine: MakeRBM, table: Callable[[RBM], Any]
) -> None:
    rbm, chains = machine(visible, hidden), 3000
    if {visible, hidden} & {"bernoulli", "categorical", "spin"}:
        start, steps = exact_sample(rbm, chains, RandomStream(1))[0], 2
    else:  # neither side can be counted: couplings are weak, and chains forget their start in a few steps
        start, steps = torch.zeros(chains, rbm.visible.size).to(rbm.weights), 30
    table(rbm).assert_drawn(*gibbs(rbm, start, steps, RandomStream(2)))


def test_chains_that_start_elsewhere_come_to_it(make_rbm: MakeRBM, states: States, joint: Joint) -> None:
    rbm = make_rbm(scale=1.0)
    p = joint(rbm)
    start = torch.zeros(CHAINS, 4)
    assert chi_square(*gibbs(rbm, start, 1, RandomStream(2)), p) > 1  # so the test can tell
    assert chi_square(*gibbs(rbm, start, 60, RandomStream(2)), p) < 1


def test_a_gaussian_machine_keeps_its_moments(make_rbm: MakeRBM, states: States) -> None:
    # p(h) is a table, v given h is normal: the exact first two moments are sums over the table.
    rbm = make_rbm("gaussian", (2, 3), scale=0.7)
    h = states(3)
    p = (rbm.visible.cumulant(rbm.field_of_visible(h)) - rbm.hidden.energy(h)).double().softmax(0)
    means = rbm.mean_v_from_h(h).double()
    mean = p @ means
    variance = p @ (means - mean) ** 2 + 1 / rbm.visible.get_parameter("log_precision").double().exp()
    start = rbm.sample_v_from_h(h[chosen(p, CHAINS)], RandomStream(3))
    v, h_seen = gibbs(rbm, start, 3, RandomStream(4))
    x = v.double() - mean
    assert bool((x.mean(0).abs() <= SIGMAS * (variance / CHAINS).sqrt()).all())
    error = ((x**2).var(0) / CHAINS).sqrt()
    assert bool((((x**2).mean(0) - variance).abs() <= SIGMAS * error).all())
    counts = torch.bincount(number_of(h_seen), minlength=8)
    assert float(((counts - CHAINS * p) ** 2 / (CHAINS * p)).sum()) < chi2.isf(SIGNIFICANCE, 7)


def test_a_step_is_up_and_down_and_takes_two_positions(make_rbm: MakeRBM, states: States) -> None:
    rbm, stream, by_hand = make_rbm(), RandomStream(5), RandomStream(5)
    v, h = gibbs(rbm, states(4), 2, stream)
    x = states(4)
    for _ in range(2):
        up = rbm.sample_h_from_v(x, by_hand)
        x = rbm.sample_v_from_h(up, by_hand)
    assert torch.equal(v, x)
    assert torch.equal(h, up)
    assert stream == by_hand == RandomStream(5, 4)


def test_chains_may_be_shared_between_ranks(make_rbm: MakeRBM) -> None:
    rbm = make_rbm(sizes=(6, 5))
    start = torch.zeros(30, 6)
    v, h = gibbs(rbm, start, 4, RandomStream(6), first_row=50)
    parts = [gibbs(rbm, start[low:high], 4, RandomStream(6), 50 + low) for low, high in ((0, 11), (11, 30))]
    assert torch.equal(torch.cat([part[0] for part in parts]), v)
    assert torch.equal(torch.cat([part[1] for part in parts]), h)


@pytest.mark.parametrize("steps", [0, -1])
def test_fewer_steps_than_one_are_refused(steps: int, make_rbm: MakeRBM) -> None:
    with pytest.raises(OptionError, match=rf"steps = {steps}: must be at least 1"):
        gibbs(make_rbm(), torch.zeros(2, 4), steps, RandomStream(0))


def test_strong_couplings_are_followed(make_rbm: MakeRBM) -> None:
    # Two units that must agree: a sign or an axis the wrong way round would make them differ.
    rbm = make_rbm(sizes=(1, 1))
    rbm.weights.fill_(20.0)
    rbm.visible.bias.fill_(-10.0)
    rbm.hidden.bias.fill_(-10.0)
    v, h = gibbs(rbm, torch.ones(1000, 1), 3, RandomStream(7))
    assert float((v != h).float().mean()) <= 2 * math.exp(-10)
