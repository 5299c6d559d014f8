"""Annealing: unbiased for Z forward and for 1/Z backward at any number of temperatures, for every pair of kinds."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor

from layerwise.energy import (
    RBM,
    Path,
    anneal,
    anneal_back,
    annealing,
    exact_log_partition,
    exact_sample,
    gibbs,
    schedule,
)
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.units import UnitKind

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
CHAINS = 2000

MakePath = Callable[..., Path]
MakeTable = Callable[[RBM], Any]

EXACTLY_DRAWN = sorted(set(UnitKind.kinds) - {"noisy_rectified"})
COUNTABLE = ("bernoulli", "categorical", "spin")
every_pair = pytest.mark.parametrize(("visible", "hidden"), [(v, h) for v in EXACTLY_DRAWN for h in EXACTLY_DRAWN])


def rows_of(rbm: RBM, count: int) -> Tensor:
    """From the machine: exactly, or by a chain through weak couplings, which forgets its start in a few steps."""
    if {rbm.visible.name, rbm.hidden.name} & set(COUNTABLE):
        return exact_sample(rbm, count, RandomStream(7))[0]
    return gibbs(rbm, torch.zeros(count, rbm.visible.size).to(rbm.weights), 40, RandomStream(7))[0]


def assert_mean_is_one(weights: Tensor) -> None:
    error = float(weights.std()) / math.sqrt(len(weights))
    assert abs(float(weights.mean()) - 1) < SIGMAS * error
    assert error < 0.2  # so that the mean says something


@every_pair
@pytest.mark.parametrize("temperatures", [5, 15])
def test_weights_are_unbiased_in_both_directions(
    temperatures: int, visible: str, hidden: str, path_to: MakePath, table: MakeTable
) -> None:
    path = path_to(visible, hidden)
    log_ratio = table(path.rbm).log_partition - path.log_partition_at_start()
    betas = schedule(temperatures)
    forward = anneal(path, betas, CHAINS, RandomStream(1))
    assert_mean_is_one((forward.log_weights - log_ratio).exp())
    backward = anneal_back(path, betas, rows_of(path.rbm, CHAINS), RandomStream(2))
    assert_mean_is_one((backward.log_weights + log_ratio).exp())


@pytest.mark.parametrize("visible", COUNTABLE)
def test_the_bracket_holds_and_closes(visible: str, path_to: MakePath) -> None:
    # The mean of log w is below log Z forward and above it backward, and nearer the more temperatures there are.
    path = path_to(visible, "bernoulli", seed=3)
    log_z, start = exact_log_partition(path.rbm), path.log_partition_at_start()
    starts = rows_of(path.rbm, 500)
    gaps: list[float] = []
    for temperatures in (2, 10, 100):
        low = start + anneal(path, schedule(temperatures), 500, RandomStream(3)).log_weights
        high = start - anneal_back(path, schedule(temperatures), starts, RandomStream(4)).log_weights
        error = math.hypot(float(low.std()), float(high.std())) / math.sqrt(500)
        assert float(low.mean()) - SIGMAS * error < log_z < float(high.mean()) + SIGMAS * error
        gaps.append(float(high.mean() - low.mean()))
    assert gaps[0] > gaps[1] > gaps[2] > -SIGMAS * error


@pytest.mark.parametrize("seed", range(3))
def test_the_estimate_is_as_far_off_as_it_says(seed: int, path_to: MakePath) -> None:
    # Over repetitions (estimate - truth) / error has variance 1; its mean square over 50, as a chi-square, is near 1.
    path = path_to("bernoulli", "spin", seed)
    log_z = exact_log_partition(path.rbm)
    off: list[float] = []
    for repetition in range(50):
        result = anneal(path, schedule(10), 200, RandomStream(repetition))
        off.append((result.log_partition - log_z) / result.standard_error)
    assert abs(sum(x * x for x in off) / 50 - 1) < SIGMAS * math.sqrt(2 / 50)


def test_figures_are_those_of_the_weights(path_to: MakePath) -> None:
    path = path_to("bernoulli", "bernoulli")
    result = anneal(path, schedule(2), 50, RandomStream(0))
    w = result.log_weights.exp()
    assert result.log_partition == pytest.approx(path.log_partition_at_start() + math.log(float(w.mean())))
    assert result.standard_error == pytest.approx(float(w.std() / w.mean()) / math.sqrt(50))
    assert result.effective == pytest.approx(float(w.sum() ** 2 / (w**2).sum()))
    jackknife = [(w.sum() - w[i]) / 49 for i in range(50)]
    spread = torch.stack(jackknife).log().var() * 49 * 49 / 50
    assert result.standard_error == pytest.approx(math.sqrt(float(spread)), rel=0.05)  # equal to first order


def test_independent_units_are_known_at_once(path_to: MakePath) -> None:
    path = path_to("mixed", "spin")
    path.rbm.weights.zero_()
    path = Path(path.rbm, path.rbm.visible.bias.clone(), path.rbm.hidden.bias.clone())
    result = anneal(path, schedule(3), 10, RandomStream(0))
    assert result.log_partition == pytest.approx(path.log_partition_at_start(), abs=1e-10)
    assert result.standard_error < 1e-8
    assert result.effective == pytest.approx(10)


@pytest.mark.parametrize("kinds", [("bernoulli", "bernoulli"), ("mixed", "categorical")])
def test_chains_may_be_shared_out_anyhow(kinds: tuple[str, str], path_to: MakePath) -> None:
    path, betas = path_to(*kinds), schedule(6)
    starts = path.sample_start(30, RandomStream(1))
    stream = RandomStream(5, 3)
    forward = anneal(path, betas, 30, stream, first_row=9).log_weights
    backward = anneal_back(path, betas, starts, RandomStream(6), first_row=9).log_weights
    with mock.patch.object(annealing, "CHAINS_AT_ONCE", 7):
        again = RandomStream(5, 3)
        assert_same(anneal(path, betas, 30, again, first_row=9).log_weights, forward)
        assert_same(anneal_back(path, betas, starts, RandomStream(6), first_row=9).log_weights, backward)
    assert again == stream
    parts = [(0, 11), (11, 30)]
    shared = [anneal(path, betas, high - low, RandomStream(5, 3), 9 + low).log_weights for low, high in parts]
    assert_same(torch.cat(shared), forward)
    shared = [anneal_back(path, betas, starts[low:high], RandomStream(6), 9 + low).log_weights for low, high in parts]
    assert_same(torch.cat(shared), backward)


def assert_same(one: Tensor, other: Tensor) -> None:
    """The same draws, so the same weights but for the order in which a library adds and its last digit."""
    assert torch.allclose(one, other, rtol=1e-12, atol=1e-12)


def test_single_precision_gives_the_same_figures(make_rbm: Callable[..., RBM]) -> None:
    rbm = make_rbm(sizes=(50, 20), scale=0.5)
    single = anneal(Path.from_mean(rbm), schedule(200), 100, RandomStream(8))
    double = anneal(Path.from_mean(rbm.double()), schedule(200), 100, RandomStream(8))
    assert single.log_weights.dtype == torch.float64
    # A chain may take another turn where a rounding decides; on the whole nothing changes.
    assert abs(single.log_partition - double.log_partition) < SIGMAS * double.standard_error


def test_no_step_is_missing_from_the_schedule() -> None:
    for steepness in (0.0, 4.0, 20.0):
        betas = schedule(10, steepness)
        assert len(betas) == 11
        assert (betas[0], betas[-1]) == (0.0, 1.0)
        steps = [high - low for low, high in pairwise(betas)]
        assert min(steps) > 0
        assert steps == pytest.approx(steps[::-1])
        if steepness:
            assert steps[0] < steps[5]
    sigmoid = [1 / (1 + math.exp(-4 * (2 * k - 10) / 10)) for k in range(11)]
    expected = [(x - sigmoid[0]) / (sigmoid[-1] - sigmoid[0]) for x in sigmoid]
    assert schedule(10, 4.0) == pytest.approx(expected)


def test_what_makes_no_sense_is_refused(path_to: MakePath) -> None:
    path = path_to("bernoulli", "bernoulli")
    with pytest.raises(OptionError, match=r"temperatures = 0: must be at least 1"):
        schedule(0)
    with pytest.raises(OptionError, match=r"steepness = -1.0"):
        schedule(5, -1.0)
    with pytest.raises(OptionError, match=r"chains = 1: must be at least 2"):
        anneal(path, schedule(3), 1, RandomStream(0))
    with pytest.raises(OptionError, match=r"chains = 1: must be at least 2"):
        anneal_back(path, schedule(3), torch.zeros(1, 4).double(), RandomStream(0))
    for betas in ([0.0], [0.0, 0.5], [0.1, 1.0], [0.0, 0.5, 0.5, 1.0]):
        with pytest.raises(OptionError, match="must rise from 0 to 1"):
            anneal(path, betas, 5, RandomStream(0))
