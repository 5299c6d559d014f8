"""Autocorrelation times, held against processes whose times are known."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.signal import lfilter
from torch import Tensor

from layerwise.energy import mixing
from layerwise.energy.mixing import WINDOW, autocorrelation
from layerwise.errors import DataError

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""


def ar1(phi: float, steps: int, chains: int, seed: int = 0) -> Tensor:
    """x_t = φ x_{t-1} + noise, started in its stationary distribution; τ = (1 + φ) / (1 - φ)."""
    noise = torch.randn(steps, chains, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    noise[0] /= math.sqrt(1 - phi * phi)
    return torch.from_numpy(lfilter([1.0], [1.0, -phi], noise.numpy(), axis=0))


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("chains", [1, 20])
def test_the_time_of_an_autoregression_is_known(phi: float, chains: int) -> None:
    expected = (1 + phi) / (1 - phi)
    result = mixing(ar1(phi, 40_000 // chains, chains))
    cut_off = 2 * abs(phi) ** (WINDOW * expected) / (1 - abs(phi)) if phi else 0.0  # what lies beyond the window
    assert abs(result.time - expected) < SIGMAS * result.error + cut_off
    assert result.error < 0.35 * expected
    assert result.effective == pytest.approx(40_000 / result.time)


@pytest.mark.parametrize("phi", [0.5, 0.9])
def test_the_error_is_the_spread_over_repetitions(phi: float) -> None:
    results = [mixing(ar1(phi, 2000, 4, seed)) for seed in range(60)]
    times = torch.tensor([result.time for result in results])
    claimed = sum(result.error for result in results) / len(results)
    # The spread of 60 has a standard error of 1/√118 of itself; Sokal's formula is one of leading order.
    assert abs(float(times.std()) / claimed - 1) < SIGMAS / math.sqrt(118)


def test_autocorrelations_are_powers() -> None:
    rho = autocorrelation(ar1(0.8, 50_000, 4))
    assert rho[0] == 1
    assert torch.allclose(rho[:6], 0.8 ** torch.arange(6).double(), atol=SIGMAS * math.sqrt(9 / 200_000))


def test_autocorrelations_are_those_of_their_definition() -> None:
    x = ar1(0.6, 7, 3)
    y = x - x.mean()
    by_hand = torch.stack([(y[: 7 - t] * y[t:]).mean() for t in range(7)])
    assert torch.allclose(autocorrelation(x), by_hand / by_hand[0], rtol=1e-10)


def test_scale_and_shift_change_nothing() -> None:
    x = ar1(0.7, 500, 3)
    one, other = mixing(x), mixing(7 - 3 * x)
    for name in ("time", "error", "effective", "r_hat"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))


def test_chains_that_stay_apart_are_found() -> None:
    together, apart = ar1(0.3, 1000, 4), ar1(0.3, 1000, 4) + torch.tensor([0.0, 0.0, 8.0, 8.0])
    assert mixing(together).r_hat < 1.01
    assert mixing(apart).r_hat > 1.5
    assert mixing(apart).time > 100 * mixing(together).time
    drifting = ar1(0.3, 1000, 4) + torch.linspace(0, 8, 1000)[:, None]
    assert mixing(drifting).r_hat > 1.5


def test_what_does_not_move_tells_nothing() -> None:
    result = mixing(torch.ones(10, 2))
    assert result.time == math.inf
    assert result.effective == 0
    assert math.isnan(result.r_hat)
    stuck = mixing(torch.tensor([0.0, 1.0]).expand(10, -1))
    assert stuck.r_hat == math.inf
    assert stuck.time >= 9  # as long as the trace


@pytest.mark.parametrize("traces", [torch.zeros(3, 2), torch.zeros(5, 0), torch.full((5, 2), math.nan)])
def test_traces_that_say_nothing_are_refused(traces: Tensor) -> None:
    with pytest.raises(DataError, match="traces = "):
        mixing(traces)
