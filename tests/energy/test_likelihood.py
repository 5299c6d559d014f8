"""The log-likelihood: exact where it can be, else estimated, with an error and a bracket that hold."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from layerwise.energy import (
    RBM,
    LikelihoodWarning,
    bernoulli_rbm,
    exact_log_partition,
    exact_sample,
    gibbs,
    log_likelihood,
)
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.units import SpinUnits, UnitKind

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
MakeRBM = Callable[..., RBM]

KINDS = sorted(UnitKind.kinds)
COUNTABLE = ("bernoulli", "categorical", "spin")
EXACTLY_DRAWN = [kind for kind in KINDS if kind != "noisy_rectified"]


def rows_of(rbm: RBM, count: int = 40) -> Tensor:
    return rbm.visible.sample(rbm.visible.bias.expand(count, -1).contiguous(), RandomStream(1))


@pytest.mark.parametrize(("visible", "hidden"), [(v, h) for v in KINDS for h in KINDS if {v, h} & set(COUNTABLE)])
def test_exact_figures_are_those_of_the_joint_distribution(
    visible: str, hidden: str, machine: MakeRBM, table: Callable[[RBM], Any]
) -> None:
    rbm = machine(visible, hidden)
    rows = rows_of(rbm)
    result = log_likelihood(rbm, rows)
    expected = -rbm.free_energy(rows) - table(rbm).log_partition
    assert torch.allclose(result.per_row, expected, rtol=1e-8, atol=1e-8)
    assert result.mean == result.lower == result.upper == pytest.approx(float(expected.mean()))
    assert result.standard_error == pytest.approx(float(expected.std()) / math.sqrt(40))
    assert (result.method, result.log_partition_error, result.forward, result.backward) == ("exact", 0.0, None, None)


@pytest.mark.parametrize("visible", COUNTABLE)
@pytest.mark.parametrize("hidden", COUNTABLE)
def test_probabilities_of_all_rows_sum_to_one(visible: str, hidden: str, machine: MakeRBM) -> None:
    rbm = machine(visible, hidden)
    rows, _ = exact_sample(rbm, 3000, RandomStream(2))
    every_row = rows.unique(dim=0)
    assert len(every_row) > 3
    assert float(log_likelihood(rbm, every_row).per_row.exp().sum()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("visible", "hidden"), [(v, h) for v in EXACTLY_DRAWN for h in ("bernoulli", "gaussian")])
def test_an_estimate_is_near_the_truth_and_so_is_its_bracket(
    visible: str, hidden: str, machine: MakeRBM, table: Callable[[RBM], Any]
) -> None:
    rbm = machine(visible, hidden)
    rows = rows_of(rbm)
    result = log_likelihood(rbm, rows, method="ais", chains=200, temperatures=50, settle=50)
    truth = float((-rbm.free_energy(rows)).mean()) - table(rbm).log_partition
    assert result.forward is not None
    assert result.backward is not None
    assert abs(result.mean - truth) < SIGMAS * result.log_partition_error + 1e-9
    assert abs(result.upper - truth) < SIGMAS * result.forward.standard_error + 1e-9
    assert abs(result.lower - truth) < SIGMAS * result.backward.standard_error + 1e-9
    of_rows = float(result.per_row.std()) / math.sqrt(len(rows))
    assert result.standard_error == pytest.approx(math.hypot(of_rows, result.log_partition_error))
    assert result.upper == result.mean == pytest.approx(float(result.per_row.mean()))
    assert result.lower == pytest.approx(result.mean + result.log_partition - result.backward.log_partition)


def test_the_mean_of_the_data_makes_a_better_start(make_rbm: MakeRBM) -> None:
    # Strong couplings and means that the biases alone do not have.
    rbm = make_rbm(sizes=(40, 10), scale=0.7)
    rows, _ = exact_sample(rbm, 200, RandomStream(3))
    arguments = {"method": "ais", "chains": 100, "temperatures": 100, "settle": 50}
    plain, started = log_likelihood(rbm, rows, **arguments), log_likelihood(rbm, rows, **arguments, mean=rows.mean(0))
    assert started.log_partition_error < plain.log_partition_error
    assert abs(started.log_partition - exact_log_partition(rbm)) < SIGMAS * started.log_partition_error


def test_rows_of_the_machine_may_be_given_to_start_from(make_rbm: MakeRBM) -> None:
    rbm = make_rbm(sizes=(12, 6))
    rows, _ = exact_sample(rbm, 30, RandomStream(3))
    starts, _ = exact_sample(rbm, 150, RandomStream(4))
    result = log_likelihood(rbm, rows, method="ais", chains=60, temperatures=100, starts=starts)
    assert result.forward is not None
    assert result.backward is not None
    assert len(result.forward.log_weights) == 60
    assert len(result.backward.log_weights) == 150
    assert abs(result.backward.log_partition - exact_log_partition(rbm)) < SIGMAS * result.backward.standard_error


def test_the_same_figures_every_time_and_others_from_another_stream(make_rbm: MakeRBM) -> None:
    rbm, rows = make_rbm(sizes=(8, 5)), torch.zeros(3, 8)
    one, other = (log_likelihood(rbm, rows, method="ais", chains=20, temperatures=20, settle=5) for _ in range(2))
    assert one.mean == other.mean
    assert one.lower == other.lower
    stream = RandomStream(9, 4)
    third = log_likelihood(rbm, rows, method="ais", chains=20, temperatures=20, settle=5, random=stream)
    assert third.mean != one.mean
    assert stream == RandomStream(9, 4)  # streams of its own: the caller's is where it was


def test_directions_that_disagree_are_said(make_rbm: MakeRBM) -> None:
    rbm = make_rbm(sizes=(30, 20), scale=3.0)
    with pytest.warns(LikelihoodWarning, match="nats apart: .* anneal through more temperatures than 2 "):
        result = log_likelihood(rbm, torch.ones(4, 30), method="ais", chains=10, temperatures=2, settle=20)
    assert abs(result.upper - result.lower) > 1


@pytest.mark.parametrize("hidden", ["bernoulli", "noisy_rectified"])
def test_units_with_approximate_draws_are_said(hidden: str, machine: MakeRBM) -> None:
    rbm = machine("bernoulli", hidden)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        log_likelihood(rbm, rows_of(rbm), method="ais", chains=50, temperatures=100, settle=20)
        log_likelihood(rbm, rows_of(rbm), method="exact")  # no draws, nothing to say
    assert len(caught) == (1 if hidden == "noisy_rectified" else 0)
    assert all("drawn approximately" in str(warning.message) for warning in caught)


def test_a_machine_too_large_to_be_counted_is_annealed() -> None:
    rbm = bernoulli_rbm(40, 30)
    result = log_likelihood(rbm, torch.zeros(2, 40), chains=10, temperatures=5, settle=1)
    assert result.method == "ais"
    assert result.mean == pytest.approx(-40 * math.log(2), abs=1e-4)
    assert log_likelihood(bernoulli_rbm(40, 3), torch.zeros(2, 40)).method == "exact"


def test_it_reads_well(make_rbm: MakeRBM) -> None:
    rbm = make_rbm(sizes=(6, 4))
    rows, _ = exact_sample(rbm, 1200, RandomStream(0))
    exact, estimated = (
        log_likelihood(rbm, rows, method="exact"),
        log_likelihood(rbm, rows, method="ais", temperatures=200, settle=10),
    )
    assert str(exact) == (
        f"log-likelihood {exact.mean:.2f} ± {exact.standard_error:.2f} nats a row "
        f"(1,200 rows; log Z {exact.log_partition:.2f}, exact)"
    )
    assert "from 100 annealed chains; between" in str(estimated)
    assert "(annealed backward)" in str(estimated)


def test_one_row_has_no_error_over_rows() -> None:
    assert math.isnan(log_likelihood(bernoulli_rbm(3, 2), torch.zeros(1, 3)).standard_error)


def test_many_rows_are_taken_in_parts(make_rbm: MakeRBM) -> None:
    rbm = make_rbm(sizes=(5, 3))
    rows = exact_sample(rbm, 9000, RandomStream(0))[0]
    log_z = exact_log_partition(rbm)
    per_row = log_likelihood(rbm, rows).per_row
    assert torch.allclose(per_row, -rbm.free_energy(rows).double() - log_z, atol=1e-5)


def test_what_makes_no_sense_is_refused(make_rbm: MakeRBM) -> None:
    rbm, rows = make_rbm(), torch.zeros(2, 4)
    unchecked = inspect.unwrap(log_likelihood)  # by types, which only tests check
    with pytest.raises(OptionError, match="method = 'guess': must be 'auto', 'exact' or 'ais'"):
        unchecked(rbm, rows, method="guess")
    with pytest.raises(OptionError, match="to be summed over"):
        log_likelihood(bernoulli_rbm(40, 30), torch.zeros(2, 40), method="exact")
    with pytest.raises(DataError, match=r"rows.shape = \(2, 5\): must be rows of 4 columns"):
        log_likelihood(rbm, torch.zeros(2, 5))
    with pytest.raises(DataError, match=r"rows.shape = \(0, 4\)"):
        log_likelihood(rbm, torch.zeros(0, 4))
    with pytest.raises(DataError, match=r"starts.shape = \(2, 3\)"):
        unchecked(rbm, rows, method="ais", starts=torch.zeros(2, 3))
    rows[1, 2] = 3.0
    with pytest.raises(DataError, match=r"rows\[1, 2\] = 3.0: is no value of a bernoulli unit"):
        log_likelihood(rbm, rows)
    rows[1, 2] = math.nan
    with pytest.raises(DataError, match=r"rows\[1, 2\] = nan: is no value of a bernoulli unit; fill it in first"):
        log_likelihood(rbm, rows)
    with pytest.raises(OptionError, match="temperatures = 0"):
        log_likelihood(rbm, torch.zeros(2, 4), method="ais", temperatures=0)
    with pytest.raises(OptionError, match="steps = 0"):
        log_likelihood(rbm, torch.zeros(2, 4), method="ais", temperatures=2, settle=0)


def test_starts_that_are_settled_are_gibbs_chains_from_the_rows(make_rbm: MakeRBM) -> None:
    rbm = make_rbm(sizes=(8, 5))
    rows, _ = exact_sample(rbm, 10, RandomStream(0))
    arguments = {"method": "ais", "chains": 20, "temperatures": 20}
    settled = log_likelihood(rbm, rows, **arguments, settle=7)
    starts, _ = gibbs(rbm, rows.repeat_interleave(2, 0), 7, RandomStream(0).child("settle"))
    assert log_likelihood(rbm, rows, **arguments, starts=starts).lower == settled.lower


def test_starts_in_a_lesser_mode_are_found_out() -> None:
    # Spins that agree, pulled down: Gibbs chains that start up stay there, where a small part of the probability is.
    rbm = RBM(SpinUnits(12), SpinUnits(4), torch.full((12, 4), 1.0))
    rbm.visible.bias.fill_(-0.3)
    up = torch.ones(100, 12)
    with pytest.warns(
        LikelihoodWarning, match=r"nats apart: the log-likelihood is -\d+\.\d+ at most, since the backward"
    ):
        result = log_likelihood(rbm, up, method="ais", temperatures=200, settle=100)
    assert result.log_partition == pytest.approx(exact_log_partition(rbm), abs=SIGMAS * result.log_partition_error)
