"""The loss of counts: half of scikit-learn's deviance, torch's likelihood but for a constant, and its own slope."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scipy.stats import poisson
from sklearn.metrics import mean_poisson_deviance
from torch import Tensor
from torch.nn import functional

from layerwise.errors import DataError
from layerwise.networks import Poisson

Along = Callable[[Callable[[float], Tensor], int], tuple[float, float]]

GENERATOR = torch.Generator().manual_seed(0)
Z = torch.randn(40, 3, generator=GENERATOR, dtype=torch.float64)
COUNTS = torch.poisson(torch.exp(Z), generator=GENERATOR)
LOSS = Poisson()


def test_it_is_half_the_deviance_summed_over_outputs() -> None:
    assert bool((COUNTS == 0).any())
    by_output = [mean_poisson_deviance(COUNTS[:, place], Z[:, place].exp()) / 2 for place in range(3)]
    assert float(LOSS.value(Z, COUNTS)) == pytest.approx(sum(by_output))
    weights = torch.arange(1.0, 41.0, dtype=torch.float64)
    weighted = [mean_poisson_deviance(COUNTS[:, i], Z[:, i].exp(), sample_weight=weights) / 2 for i in range(3)]
    assert float(LOSS.value(Z, COUNTS, weights)) == pytest.approx(sum(weighted))


def test_differences_between_rates_are_those_of_the_likelihood() -> None:
    other = Z + 0.3
    gain = LOSS.rows(other, COUNTS) - LOSS.rows(Z, COUNTS)
    of_torch = [functional.poisson_nll_loss(z, COUNTS, reduction="none").sum(1) for z in (other, Z)]
    assert torch.allclose(gain, of_torch[0] - of_torch[1])
    of_scipy = [-poisson.logpmf(COUNTS.numpy(), z.exp().numpy()).sum(1) for z in (other, Z)]
    assert torch.allclose(gain, torch.from_numpy(of_scipy[0] - of_scipy[1]))


def test_it_is_zero_at_the_counts_and_above_elsewhere() -> None:
    some = COUNTS.clamp(min=1)
    assert torch.allclose(LOSS.rows(some.log(), some), torch.zeros(40).double(), atol=1e-12)
    assert bool((LOSS.rows(Z, COUNTS) > 0).all())
    nothing = torch.full((1, 1), -800.0, dtype=torch.float64)
    assert float(LOSS.value(nothing, torch.zeros(1, 1).double())) == 0


@pytest.mark.parametrize("weights", [None, torch.arange(1.0, 41.0, dtype=torch.float64)], ids=["even", "weighted"])
def test_its_derivative_is_that_of_finite_differences_and_autograd(
    weights: Tensor | None, derivative_along: Along
) -> None:
    way = torch.randn(Z.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    slope = LOSS.derivative(Z, COUNTS, weights)
    found, bound = derivative_along(lambda step: LOSS.value(Z + step * way, COUNTS, weights), 10 * Z.numel())
    assert abs(found - float((slope * way).sum())) <= bound
    z = Z.clone().requires_grad_()
    LOSS.value(z, COUNTS, weights).backward()
    assert z.grad is not None
    assert torch.allclose(slope, z.grad, atol=1e-14)


def test_the_best_rate_for_all_rows_is_their_mean() -> None:
    best = COUNTS.mean(0).log().expand_as(COUNTS)
    assert torch.allclose(LOSS.derivative(best, COUNTS).sum(0), torch.zeros(3).double(), atol=1e-12)
    assert LOSS.value(best, COUNTS) < LOSS.value(best + 0.1, COUNTS)
    assert LOSS.value(best, COUNTS) < LOSS.value(best - 0.1, COUNTS)


def test_targets_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match="targets"):
        LOSS.value(Z, COUNTS[:, :2])
