"""Exact marginals, samples and gradients of every pair of kinds of which one can be counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor
from torch.func import functional_call

from layerwise.energy import RBM, bernoulli_rbm, exact_gradient, exact_log_partition, exact_marginal, exact_sample
from layerwise.energy.enumeration import states_of
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.units import UnitKind

SIGNIFICANCE = 1e-6
MakeRBM = Callable[..., RBM]
MakeTable = Callable[[RBM], Any]

KINDS = sorted(UnitKind.kinds)
COUNTABLE = ("bernoulli", "categorical", "spin")
COUNTED = [(v, h) for v in KINDS for h in KINDS if v in COUNTABLE or h in COUNTABLE]
every_counted_pair = pytest.mark.parametrize(("visible", "hidden"), COUNTED)


@every_counted_pair
def test_marginals_are_those_of_the_joint_distribution(
    visible: str, hidden: str, machine: MakeRBM, table: MakeTable
) -> None:
    rbm = machine(visible, hidden)
    whole = table(rbm)
    if visible in COUNTABLE:
        states, log_p = exact_marginal(rbm, "visible")
        assert torch.equal(states, whole.v)
        assert torch.allclose(log_p.exp(), whole.p.sum(1), rtol=1e-8, atol=1e-12)
    if hidden in COUNTABLE:
        states, log_p = exact_marginal(rbm, "hidden")
        assert torch.equal(states, whole.h)
        assert torch.allclose(log_p.exp(), whole.p.sum(0), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(("visible", "hidden"), [pair for pair in COUNTED if "noisy_rectified" not in pair])
def test_samples_are_the_machines(visible: str, hidden: str, machine: MakeRBM, table: MakeTable) -> None:
    # Without noisy_rectified units, whose own draws are approximate.
    rbm, n = machine(visible, hidden, seed=1), 20_000
    v, h = exact_sample(rbm, n, RandomStream(1))
    whole = table(rbm)
    whole.assert_drawn(v, h)
    for rows, grid, p, kind in ((v, whole.v, whole.p.sum(1), visible), (h, whole.h, whole.p.sum(0), hidden)):
        if kind in COUNTABLE:
            counts = (rows[:, None].double() == grid).all(2).sum(0)
            assert float(((counts - n * p) ** 2 / (n * p)).sum()) < chi2.isf(SIGNIFICANCE, len(p) - 1)


def test_samples_may_be_shared_between_ranks(machine: MakeRBM) -> None:
    rbm = machine("bernoulli", "spin").float()
    whole = exact_sample(rbm, 30, RandomStream(2), first_row=7)
    parts = [exact_sample(rbm, n, RandomStream(2), 7 + low) for low, n in ((0, 11), (11, 19))]
    for side in (0, 1):
        assert torch.equal(torch.cat([part[side] for part in parts]), whole[side])
    assert whole[0].dtype == torch.float32


class MeanLogLikelihood(torch.nn.Module):
    """Of rows, exactly, as a function that can be differentiated."""

    def __init__(self, rbm: RBM) -> None:
        super().__init__()
        self.rbm = rbm

    def forward(self, rows: Tensor) -> Tensor:
        rbm = self.rbm
        if rbm.hidden.states() is not None:
            h = states_of(rbm.hidden).double()
            log_z = (rbm.visible.cumulant(h @ rbm.weights.T + rbm.visible.bias) - rbm.hidden.energy(h)).logsumexp(0)
        else:
            log_z = (-rbm.free_energy(states_of(rbm.visible).double())).logsumexp(0)
        return -rbm.free_energy(rows).mean() - log_z


@every_counted_pair
def test_the_gradient_is_autograds_and_that_of_finite_differences(visible: str, hidden: str, machine: MakeRBM) -> None:
    rbm = machine(visible, hidden, seed=2)
    rows = rbm.visible.sample(rbm.visible.bias.expand(6, -1).contiguous(), RandomStream(3))
    gradient = exact_gradient(rbm, rows)
    likelihood = MeanLogLikelihood(rbm)
    assert list(gradient) == [name for name, _ in rbm.named_parameters()]
    at = {f"rbm.{n}": p.detach().clone().requires_grad_() for n, p in rbm.named_parameters()}
    by_autograd = torch.autograd.grad(functional_call(likelihood, at, rows), list(at.values()))
    for (name, value), expected in zip(gradient.items(), by_autograd, strict=True):
        assert torch.allclose(value, expected, rtol=1e-9, atol=1e-9), name
    step = 1e-5
    for name, parameter in rbm.named_parameters():
        flat = parameter.reshape(-1) if parameter.dim() == 1 else None
        for place in range(parameter.numel()):
            where = divmod(place, parameter.shape[1]) if flat is None else (place,)
            before = float(parameter[where])
            values: list[float] = []
            for shift in (step, -step):
                parameter[where] = before + shift
                values.append(float(likelihood(rows)))
            parameter[where] = before
            assert float(gradient[name][where]) == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-6), name


def test_what_cannot_be_counted_is_refused(machine: MakeRBM) -> None:
    with pytest.raises(OptionError, match="visible units = '2 gaussian': must have at most"):
        exact_marginal(machine("gaussian", "bernoulli"), "visible")
    with pytest.raises(OptionError, match="hidden units = '30 bernoulli'"):
        exact_marginal(bernoulli_rbm(2, 30), "hidden")
    with pytest.raises(OptionError, match=r"count = 0: must be at least 1"):
        exact_sample(bernoulli_rbm(2, 3), 0, RandomStream(0))
    with pytest.raises(OptionError, match="to be summed over"):
        exact_gradient(machine("gaussian", "gaussian"), torch.zeros(1, 2).double())
    assert exact_log_partition(bernoulli_rbm(2, 30)) > 0
