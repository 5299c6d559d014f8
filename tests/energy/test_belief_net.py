"""The stack: means up and down, and samples with the distribution that the top machine and the layers below define."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from layerwise.energy import RBM, BeliefNet, bernoulli_rbm, gaussian_rbm
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream

SIGNIFICANCE = 1e-6
COUNT = 10_000

MakeRBM = Callable[..., RBM]
States = Callable[[int], Tensor]
Joint = Callable[[RBM], Tensor]


@pytest.fixture
def net(make_rbm: MakeRBM) -> BeliefNet:
    return BeliefNet([make_rbm(sizes=(6, 4)), make_rbm(sizes=(4, 3), seed=1), make_rbm(sizes=(3, 2), seed=2)])


def test_sizes_and_layers_are_those_it_was_made_of(net: BeliefNet) -> None:
    assert net.sizes == (6, 4, 3, 2)
    assert [layer.weights.shape for layer in net.layers] == [(6, 4), (4, 3), (3, 2)]


@pytest.mark.parametrize(("depth", "size"), [(0, 6), (1, 4), (2, 3), (3, 2), (None, 2)])
def test_rows_are_carried_up_and_down_by_means(depth: int | None, size: int, net: BeliefNet, states: States) -> None:
    v = states(6)
    code, by_hand = net.up(v, depth), v
    layers = net.layers[:depth]
    for layer in layers:
        by_hand = layer.mean_h_from_v(by_hand)
    assert torch.equal(code, by_hand)
    assert code.shape == (64, size)
    for layer in reversed(layers):
        by_hand = layer.mean_v_from_h(by_hand)
    assert torch.equal(net.down(code, depth), by_hand)
    assert torch.equal(net.reconstruct(v, depth), by_hand)


def test_the_free_energy_of_a_layer_is_taken_of_rows_carried_up_to_it(net: BeliefNet, states: States) -> None:
    v = states(6)
    for depth, layer in enumerate(net.layers):
        with torch.no_grad():
            expected = layer.free_energy(net.up(v, depth))
        assert torch.equal(net.free_energy_at(v, depth), expected)


def which(rows: Tensor, means: Tensor) -> Tensor:
    """For each row, which of the means it is; every row is one of them, to the bit or nearly."""
    distance = torch.cdist(rows.double(), means.double())
    nearest = distance.min(1)
    assert nearest.values.max() < 1e-5
    assert torch.cdist(means.double(), means.double()).fill_diagonal_(1).min() > 1e-3  # so they can be told apart
    return nearest.indices


def assert_distribution(seen: Tensor, p: Tensor) -> None:
    expected = len(seen) * p
    assert expected.min() > 5
    statistic = ((torch.bincount(seen, minlength=len(p)) - expected) ** 2 / expected).sum()
    assert float(statistic) < chi2.isf(SIGNIFICANCE, len(p) - 1)


def test_samples_of_one_layer_follow_the_machines_distribution(make_rbm: MakeRBM, states: States, joint: Joint) -> None:
    # A sample is E[v | h]: which h it came from can be read off it.
    rbm = make_rbm(scale=0.7)
    rows = BeliefNet([rbm]).sample(COUNT, RandomStream(1), steps=30)
    assert_distribution(which(rows, rbm.mean_v_from_h(states(3))), joint(rbm).sum(0))


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_samples_of_a_stack_follow_the_distribution_it_defines(
    depth: int, make_rbm: MakeRBM, states: States, joint: Joint
) -> None:
    # p(h¹): the top machine's rows, sent down through the conditionals between.
    sizes = [(5, 3), *[(3, 3)] * (depth - 2), (3, 2)]
    layers = [make_rbm(sizes=size, scale=1.2, seed=i) for i, size in enumerate(sizes)]
    p = joint(layers[-1]).sum(1)
    for layer in reversed(layers[1:-1]):
        table = joint(layer)
        p = (table / table.sum(0)) @ p
    rows = BeliefNet(layers).sample(COUNT, RandomStream(2), steps=30)
    assert rows.shape == (COUNT, 5)
    assert_distribution(which(rows, layers[0].mean_v_from_h(states(3))), p)


@pytest.mark.parametrize("depth", [1, 2])
def test_chains_can_start_at_given_rows(depth: int, make_rbm: MakeRBM, states: States, joint: Joint) -> None:
    # One step from rows of the exact distribution: what is invariant needs no time to come about.
    layers = [make_rbm(sizes=sizes, scale=1.5, seed=i) for i, sizes in enumerate([(4, 3), (3, 2)][:depth])]
    if depth == 1:
        exact, p = joint(layers[0]).sum(1), joint(layers[0]).sum(0)
        numbers = torch.multinomial(exact, COUNT, replacement=True, generator=torch.Generator().manual_seed(0))
        start = states(4)[numbers]
    else:
        # One row for all: the chains are its hidden samples after one step in the top machine.
        start = torch.tensor([[1.0, 0.0, 1.0, 1.0]]).expand(COUNT, -1)
        up = layers[0].mean_h_from_v(start[:1])[0].double()
        h1 = states(3).double()
        first = (h1 * up + (1 - h1) * (1 - up)).prod(1)
        top = joint(layers[1])
        p = ((top / top.sum(1, keepdim=True)) @ (top / top.sum(0)).T).T @ first
    rows = BeliefNet(layers).sample(COUNT, RandomStream(3), steps=1, start=start)
    assert_distribution(which(rows, layers[0].mean_v_from_h(states(3))), p)


def test_the_same_stream_gives_the_same_samples(net: BeliefNet) -> None:
    first, second = (net.sample(7, RandomStream(4), steps=5) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, net.sample(7, RandomStream(5), steps=5))


def test_a_net_without_layers_is_refused() -> None:
    with pytest.raises(OptionError, match=r"layers = \[\]: must hold at least one RBM"):
        BeliefNet([])


def test_layers_that_do_not_fit_are_refused(make_rbm: MakeRBM) -> None:
    with pytest.raises(OptionError, match=re.escape("'4 hidden under 5 visible': each RBM must have as many")):
        BeliefNet([make_rbm(sizes=(6, 4)), make_rbm(sizes=(5, 3))])


@pytest.mark.parametrize("count", [0, -1])
def test_fewer_rows_than_one_are_refused(count: int, net: BeliefNet) -> None:
    with pytest.raises(OptionError, match=rf"count = {count}: must be at least 1"):
        net.sample(count, RandomStream(0))


def test_fewer_steps_than_one_are_refused(net: BeliefNet) -> None:
    with pytest.raises(OptionError, match="steps = 0: must be at least 1"):
        net.sample(2, RandomStream(0), steps=0)


@pytest.mark.parametrize("depth", [1, 2])
def test_gaussian_rows_are_drawn_and_not_their_means(depth: int) -> None:
    # Without couplings and biases every mean is 0, and a row is noise of variance 1.
    layers = [gaussian_rbm(2, 3), bernoulli_rbm(3, 2)][:depth]
    rows, count = BeliefNet(layers).sample(4000, RandomStream(0), 2), 8000
    assert abs(float(rows.mean())) < 5 / count**0.5
    assert abs(float(rows.var()) - 1) < 5 * (2 / count) ** 0.5
