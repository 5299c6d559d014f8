"""Tempering: replicas that start at the exact distribution of their place stay there, for every pair of kinds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from layerwise.energy import (
    RBM,
    Path,
    TemperedChains,
    exact_marginal,
    exact_sample,
    gibbs,
    ladder,
    start_tempering,
    temper,
)
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.units import SpinUnits, UnitKind

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
SIGNIFICANCE = 1e-6
BETAS = (0.2, 0.6, 1.0)

MakePath = Callable[..., Path]
Place = Callable[[Path, float], RBM]

EXACTLY_DRAWN = sorted(set(UnitKind.kinds) - {"noisy_rectified"})
COUNTABLE = ("bernoulli", "categorical", "spin")
every_pair = pytest.mark.parametrize(("visible", "hidden"), [(v, h) for v in EXACTLY_DRAWN for h in EXACTLY_DRAWN])


def rows_of(rbm: RBM, count: int, seed: int) -> Tensor:
    """From the machine: exactly, or by a chain through weak couplings, which forgets its start in a few steps."""
    if {rbm.visible.name, rbm.hidden.name} & set(COUNTABLE):
        return exact_sample(rbm, count, RandomStream(seed))[0]
    return gibbs(rbm, torch.zeros(count, rbm.visible.size).to(rbm.weights), 40, RandomStream(seed))[0]


def at_home(path: Path, betas: tuple[float, ...], chains: int, place: Place) -> TemperedChains:
    """Every replica drawn from the machine at its place."""
    rows = torch.stack([rows_of(place(path, beta), chains, seed) for seed, beta in enumerate(betas)], 1)
    state = start_tempering(path, betas, chains, RandomStream(0))
    return replace(state, v=rows.flatten(0, 1))


@every_pair
def test_every_place_keeps_its_distribution(
    visible: str, hidden: str, path_to: MakePath, place: Place, table: Callable[[RBM], Any]
) -> None:
    path = path_to(visible, hidden)
    state = temper(path, at_home(path, BETAS, 4000, place), 3, RandomStream(11))
    assert bool((state.rates > 0).all())  # swaps did happen
    for replica, beta in enumerate(BETAS):
        table(place(path, beta)).assert_drawn(state.at(replica))


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_replicas_stay_independent(steps: int, path_to: MakePath, place: Place) -> None:
    # Their joint distribution is the product: 3 replicas of 6 states are 216 cells.
    path, n = path_to("categorical", "bernoulli", seed=5), 40_000
    state = temper(path, at_home(path, BETAS, n, place), steps, RandomStream(12))
    grid, _ = exact_marginal(path.rbm, "visible")
    numbers, p = torch.zeros(n, dtype=torch.int64), torch.ones(1, dtype=torch.float64)
    for replica, beta in enumerate(BETAS):
        numbers = numbers * len(grid) + (state.at(replica)[:, None] == grid).all(2).long().argmax(1)
        p = torch.outer(p, exact_marginal(place(path, beta), "visible")[1].exp()).flatten()
    expected, counts = n * p, torch.bincount(numbers, minlength=len(p)).double()
    rare = expected < 5  # too few to be normal: one cell together
    counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    keep = expected > 0
    statistic = float(((counts - expected)[keep] ** 2 / expected[keep]).sum())
    assert statistic < chi2.isf(SIGNIFICANCE, int(keep.sum()) - 1)


def test_swaps_are_accepted_as_often_as_detailed_balance_says(path_to: MakePath, place: Place) -> None:
    # At home, Σ p(v) p'(v') min(1, p(v') p'(v) / p(v) p'(v')) = Σ min(p(v) p'(v'), p(v') p'(v)).
    path, n = path_to("bernoulli", "bernoulli", seed=6), 40_000
    state = temper(path, at_home(path, BETAS, n, place), 2, RandomStream(13))
    assert state.tried.tolist() == [n, n]
    p = [exact_marginal(place(path, beta), "visible")[1].exp() for beta in BETAS]
    for pair in (0, 1):
        there = torch.outer(p[pair], p[pair + 1])
        expected = float(torch.minimum(there, there.T).sum())
        assert abs(float(state.rates[pair]) - expected) < SIGMAS * math.sqrt(expected * (1 - expected) / n)


def test_even_and_odd_pairs_take_turns(path_to: MakePath) -> None:
    path = path_to("bernoulli", "spin")
    state = start_tempering(path, ladder(5), 10, RandomStream(0))
    seen = []
    for _ in range(3):
        state = temper(path, state, 1, RandomStream(1))
        seen.append((state.tried // 10).tolist())
    assert seen == [[1, 0, 1, 0], [1, 1, 1, 1], [2, 1, 2, 1]]


def test_many_steps_are_single_steps_one_after_another(path_to: MakePath) -> None:
    path = path_to("bernoulli", "bernoulli")
    state = start_tempering(path, ladder(4), 6, RandomStream(0))
    one, other = RandomStream(2), RandomStream(2)
    at_once, step_by_step = temper(path, state, 5, one), state
    for _ in range(5):
        step_by_step = temper(path, step_by_step, 1, other)
    assert one == other
    assert torch.equal(at_once.v, step_by_step.v)
    assert torch.equal(at_once.accepted, step_by_step.accepted)
    assert at_once.steps == step_by_step.steps == 5
    assert state.steps == 0  # nothing is changed in place
    assert int(state.tried.sum()) == 0


@pytest.mark.parametrize("kinds", [("bernoulli", "bernoulli"), ("mixed", "categorical")])
def test_chains_may_be_shared_between_ranks(kinds: tuple[str, str], path_to: MakePath) -> None:
    path, betas = path_to(*kinds), ladder(3)

    def run(chains: int, first_row: int) -> TemperedChains:
        state = start_tempering(path, betas, chains, RandomStream(3), first_row)
        return temper(path, state, 4, RandomStream(4), first_row)

    whole, parts = run(30, 9), [run(11, 9), run(19, 20)]
    assert torch.allclose(torch.cat([part.v for part in parts]), whole.v, rtol=1e-12, atol=1e-12)
    assert torch.equal(sum(part.accepted for part in parts), whole.accepted)


def test_rows_of_a_place_are_one_a_chain(path_to: MakePath) -> None:
    path = path_to("gaussian", "bernoulli")
    state = start_tempering(path, BETAS, 4, RandomStream(0))
    state = replace(state, v=torch.arange(24.0).double().reshape(12, 2))
    assert state.chains == 4
    assert state.at(1)[:, 0].tolist() == [2, 8, 14, 20]
    assert torch.equal(state.rows, state.at(2))
    assert bool(state.rates.isnan().all())


def test_another_ladder_starts_counting_anew(path_to: MakePath) -> None:
    path = path_to("bernoulli", "bernoulli")
    state = temper(path, start_tempering(path, BETAS, 5, RandomStream(0)), 3, RandomStream(1))
    moved = state.on([0.1, 0.7, 1.0])
    assert moved.betas.tolist() == [0.1, 0.7, 1.0]
    assert torch.equal(moved.v, state.v)
    assert int(moved.tried.sum()) == int(moved.accepted.sum()) == 0
    assert moved.steps == 3
    with pytest.raises(OptionError, match="must be as many as before, 3"):
        state.on([0.0, 1.0])


def test_modes_that_gibbs_never_leaves_are_both_visited() -> None:
    # Twelve spins that must agree: all up and all down have one half each; a Gibbs chain stays where it started.
    rbm = RBM(SpinUnits(12), SpinUnits(4), torch.full((12, 4), 1.0))
    path, chains = Path.from_mean(rbm), 400
    up = torch.ones(chains, 12)
    stuck, _ = gibbs(rbm, up, 200, RandomStream(5))
    assert float((stuck.mean(1) < 0).double().mean()) < 0.01
    state = start_tempering(path, ladder(8), chains, RandomStream(0))
    state = replace(state, v=torch.ones_like(state.v))
    down = float((temper(path, state, 200, RandomStream(6)).rows.mean(1) < 0).double().mean())
    assert abs(down - 0.5) < SIGMAS * 0.5 / math.sqrt(chains)


def test_what_makes_no_sense_is_refused(path_to: MakePath) -> None:
    path = path_to("bernoulli", "bernoulli")
    with pytest.raises(OptionError, match="chains = 0: must be at least 1"):
        start_tempering(path, BETAS, 0, RandomStream(0))
    with pytest.raises(OptionError, match="must rise, from 0 or more to 1"):
        start_tempering(path, (0.0, 0.5), 3, RandomStream(0))
    with pytest.raises(OptionError, match="steps = 0: must be at least 1"):
        temper(path, start_tempering(path, BETAS, 3, RandomStream(0)), 0, RandomStream(0))
