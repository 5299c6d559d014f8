"""The machine's energy, free energy and conditionals, held against sums and integrals over all its states."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from layerwise.energy import RBM, bernoulli_rbm, gaussian_rbm
from layerwise.errors import OptionError
from layerwise.kernels import SparseRows, compress
from layerwise.randomness import RandomStream
from layerwise.units import BernoulliUnits, GaussianUnits, UnitKind

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
SINGLE = 2.0**-23

MakeRBM = Callable[..., RBM]
States = Callable[[int], Tensor]
Joint = Callable[[RBM], Tensor]

every_kind = pytest.mark.parametrize("visible", sorted(UnitKind.kinds))


def close(one: Tensor, other: Tensor, terms: int = 20) -> bool:
    """Equal but for the roundings of so many float32 operations."""
    return torch.allclose(one.double(), other.double(), rtol=terms * SINGLE, atol=terms * SINGLE)


def visible_rows(rbm: RBM, states: States) -> Tensor:
    """All rows of binary units; else some."""
    if isinstance(rbm.visible, BernoulliUnits):
        return states(rbm.visible.size)
    return rbm.visible.sample(torch.zeros(16, rbm.visible.size), RandomStream(1))


def test_the_energy_is_the_sum_that_defines_it(make_rbm: MakeRBM, states: States) -> None:
    rbm = make_rbm()
    for v in states(4):
        for h in states(3):
            energy = -float(v @ rbm.visible.bias) - float(h @ rbm.hidden.bias)
            energy -= sum(float(v[i] * rbm.weights[i, j] * h[j]) for i in range(4) for j in range(3))
            assert close(rbm.energy(v[None], h[None]), torch.tensor([energy]))


@every_kind
def test_the_free_energy_is_minus_the_log_of_the_sum_over_hidden_states(
    visible: str, make_rbm: MakeRBM, states: States
) -> None:
    rbm = make_rbm(visible).double()
    v = visible_rows(rbm.float(), states).double()
    rbm.double()
    h = states(3).double()
    energies = torch.stack([rbm.energy(v, row.expand(len(v), -1)) for row in h])
    assert torch.allclose(rbm.free_energy(v), -torch.logsumexp(-energies, 0), rtol=1e-12)


def test_free_energies_tell_the_marginal_distribution(make_rbm: MakeRBM, states: States, joint: Joint) -> None:
    rbm = make_rbm()
    assert close(rbm.free_energy(states(4)).neg().softmax(0), joint(rbm).sum(1))


def test_the_integral_over_visible_rows_is_the_sum_over_hidden_states(make_rbm: MakeRBM, states: States) -> None:
    # Both are Z: one way integrates v out last, the other h.
    rbm = make_rbm("gaussian", (2, 3)).double()
    axis = torch.linspace(-25, 25, 501, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    log_cell = 2 * math.log(float(axis[1] - axis[0]))
    by_rows = torch.logsumexp(-rbm.free_energy(grid), 0) + log_cell
    h = states(3).double()
    by_states = torch.logsumexp(rbm.visible.cumulant(rbm.field_of_visible(h)) - rbm.hidden.energy(h), 0)
    assert torch.isclose(by_rows, by_states, rtol=1e-10)


@every_kind
def test_the_mean_of_hidden_units_is_that_of_the_joint_distribution(
    visible: str, make_rbm: MakeRBM, states: States
) -> None:
    rbm = make_rbm(visible)
    v, h = visible_rows(rbm, states), states(3)
    weights = torch.stack([-rbm.energy(v, row.expand(len(v), -1)) for row in h], 1).double().softmax(1)
    assert close(rbm.mean_h_from_v(v), weights @ h.double(), 40)


def test_the_mean_of_binary_visible_units_is_that_of_the_joint_distribution(
    make_rbm: MakeRBM, states: States, joint: Joint
) -> None:
    rbm = make_rbm()
    p = joint(rbm)
    assert close(rbm.mean_v_from_h(states(3)), (p / p.sum(0)).T @ states(4).double())


def test_gaussian_visible_units_given_hidden_ones_have_the_joint_distributions_mean(
    make_rbm: MakeRBM, states: States
) -> None:
    rbm = make_rbm("gaussian", (1, 3)).double()
    v = torch.linspace(-25, 25, 5001, dtype=torch.float64)[:, None]
    h = states(3).double()
    for row, mean in zip(h, rbm.mean_v_from_h(h), strict=True):
        p = -rbm.energy(v, row.expand(len(v), -1))
        assert torch.allclose(p.softmax(0) @ v, mean, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("visible", sorted(set(UnitKind.kinds) - {"noisy_rectified"}))  # whose draws are approximate
def test_samples_have_the_conditional_means(visible: str, make_rbm: MakeRBM) -> None:
    n, rbm = 20_000, make_rbm(visible)
    v, h = torch.full((n, 4), 0.5), torch.tensor([1.0, 0.0, 1.0]).repeat(n, 1)
    for drawn, mean in (
        (rbm.sample_h_from_v(v, RandomStream(1)), rbm.mean_h_from_v(v[:1])),
        (rbm.sample_v_from_h(h, RandomStream(2)), rbm.mean_v_from_h(h[:1])),
    ):
        error = drawn.std(0) / math.sqrt(n)
        assert bool(((drawn.mean(0) - mean[0]).abs() <= SIGMAS * error).all())


@every_kind
def test_a_reconstruction_goes_up_and_down_by_means(visible: str, make_rbm: MakeRBM, states: States) -> None:
    rbm = make_rbm(visible)
    v = visible_rows(rbm, states)
    assert torch.equal(rbm.reconstruct(v), rbm.mean_v_from_h(rbm.mean_h_from_v(v)))


def test_listed_rows_send_up_what_dense_rows_do(make_rbm: MakeRBM) -> None:
    rbm = make_rbm(sizes=(400, 70))
    v = (torch.rand(100, 400, generator=torch.Generator().manual_seed(0)) < 0.1).float()
    listed = compress(v)
    assert isinstance(listed, SparseRows)
    exact = v.double() @ rbm.weights.double() + rbm.hidden.bias.double()
    bound = 402 * 2.0**-24 * (v.double() @ rbm.weights.double().abs() + rbm.hidden.bias.double().abs())
    for field in (rbm.field_of_hidden(v), rbm.field_of_hidden(listed)):
        assert bool(((field.double() - exact).abs() <= bound).all())


def test_scattered_weights_are_normal_of_the_scale_asked_for() -> None:
    rbm = bernoulli_rbm(200, 100)
    assert not rbm.weights.any()
    rbm.scatter_weights(RandomStream(1), scale=0.02)
    n = rbm.weights.numel()
    assert abs(float(rbm.weights.mean())) <= SIGMAS * 0.02 / math.sqrt(n)
    assert abs(float(rbm.weights.square().mean()) - 0.02**2) <= SIGMAS * 0.02**2 * math.sqrt(2 / n)
    again = bernoulli_rbm(200, 100)
    again.scatter_weights(RandomStream(1), scale=0.02)
    assert torch.equal(again.weights, rbm.weights)


def test_the_named_machines_are_machines_of_these_units() -> None:
    weights = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    for make, kind in ((bernoulli_rbm, BernoulliUnits), (gaussian_rbm, GaussianUnits)):
        rbm = make(5, 2, weights)
        assert type(rbm.visible) is kind
        assert type(rbm.hidden) is BernoulliUnits
        assert torch.equal(rbm.weights, weights)
        assert rbm.weights.data_ptr() != weights.data_ptr()
        assert "weights 5 × 2" in repr(rbm)


@every_kind
def test_a_copy_and_a_saved_state_are_the_same_machine(visible: str, make_rbm: MakeRBM, states: States) -> None:
    rbm, other = make_rbm(visible), make_rbm(visible, seed=1)
    v = visible_rows(rbm, states)
    before = rbm.free_energy(v)
    twin = copy.deepcopy(rbm)
    other.load_state_dict(rbm.state_dict())
    rbm.weights.zero_()
    assert torch.equal(twin.free_energy(v), before)
    assert torch.equal(other.free_energy(v), before)


@pytest.mark.parametrize("shape", [(3, 4), (4,), (4, 3, 1)])
def test_weights_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    # The annotation catches it under pytest, the error everywhere else: both name what was given.
    with pytest.raises(Exception, match=r"weights") as caught:
        RBM(BernoulliUnits(4), BernoulliUnits(3), torch.zeros(shape))
    if isinstance(caught.value, OptionError):
        assert str(caught.value) == f"weights.shape = {shape}: must be (visible, hidden) = (4, 3)"
