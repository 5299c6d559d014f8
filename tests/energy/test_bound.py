"""The bound on a deep belief network's log-likelihood, held against sums over all hidden states."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from layerwise.energy import RBM, BeliefNet, exact_log_partition
from layerwise.energy.bound import variational_bound
from layerwise.energy.class_rbm import class_rbm, join_labels
from layerwise.energy.directed_stack import DirectedStack
from layerwise.energy.wake_sleep_net import WakeSleepNet
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.units import BernoulliUnits, GaussianUnits, NoisyRectifiedUnits, SpinUnits, UnitKind

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
CLASSES = 3
TIMES = 500
"""Rows are given so many times: each is a draw of its own."""


def binary(size: int) -> Tensor:
    return torch.tensor(list(product([0.0, 1.0], repeat=size)), dtype=torch.float64)


def chance(net: torch.nn.Module, scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def net_of(depth: int, visible: UnitKind | None = None, scale: float = 1.0, labels: bool = False) -> BeliefNet:
    """With parameters of chance, in float64."""
    layers = [RBM(visible or BernoulliUnits(4), BernoulliUnits(3))]
    layers += [RBM(BernoulliUnits(3), BernoulliUnits(3)) for _ in range(depth - 2)]
    if depth > 1:
        layers.append(class_rbm(3, 2, CLASSES) if labels else RBM(BernoulliUnits(3), BernoulliUnits(2)))
    net = BeliefNet(layers).double()
    chance(net, scale, 0)
    return net


def paths_of(net: DirectedStack) -> list[Tensor]:
    """Every joint state of the layers below the top, one tensor a layer."""
    sizes = [layer.units.size for layer in net.recognition]
    every = binary(sum(sizes))
    return list(every.split(sizes, dim=1))


def log_joint(net: DirectedStack, v: Tensor, labels: Tensor | None = None) -> Tensor:
    """log p(v, h¹, …) of each row of v (rows) and each path (columns), the top's hidden units summed away."""
    paths = paths_of(net)
    rows = []
    for i, row in enumerate(v):
        below, total = row.expand(len(paths[0]), -1), torch.zeros(len(paths[0]), dtype=torch.float64)
        for h, down in zip(paths, net.generation, strict=True):
            total = total + down.log_probability(below, h)
            below = h
        if net.classes:
            wanted = range(CLASSES) if labels is None else [int(labels[i])]
            each = [-net.top.free_energy(join_labels(below, torch.full((len(below),), k), CLASSES)) for k in wanted]
            total = total + torch.stack(each).logsumexp(0)
        else:
            total = total - net.top.free_energy(below)
        rows.append(total)
    return torch.stack(rows) - exact_log_partition(net.top)


def log_posterior(net: DirectedStack, v: Tensor, posterior: str) -> Tensor:
    """log q of each path given each row."""
    paths = paths_of(net)
    rows = []
    for row in v:
        carried = row.expand(len(paths[0]), -1)
        total = torch.zeros(len(paths[0]), dtype=torch.float64)
        for h, up in zip(paths, net.recognition, strict=True):
            total = total + up.log_probability(h, carried)
            carried = up.mean(carried) if posterior == "means" else h
        rows.append(total)
    return torch.stack(rows)


def exact_bound(net: DirectedStack, v: Tensor, posterior: str, labels: Tensor | None = None) -> Tensor:
    log_q = log_posterior(net, v, posterior)
    return (log_q.exp() * (log_joint(net, v, labels) - log_q)).sum(1)


@pytest.mark.parametrize("posterior", ["samples", "means"])
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("visible", [BernoulliUnits, SpinUnits, GaussianUnits])
@pytest.mark.parametrize("untied", [False, True])
def test_it_is_the_expectation_over_the_recognition_and_below_the_truth(
    untied: bool, visible: Any, depth: int, posterior: Any
) -> None:
    net: DirectedStack = net_of(depth, visible(4))
    if untied:
        net = WakeSleepNet.untied(net_of(depth, visible(4)))
        chance(net, 0.8, 5)
    v = net.generation[0].units.sample(torch.zeros(6, 4, dtype=torch.float64), RandomStream(0))
    exact = exact_bound(net, v, posterior)
    truth = log_joint(net, v).logsumexp(1)
    assert bool((exact < truth).all())
    bound = variational_bound(net, v.repeat(TIMES, 1), draws=4, posterior=posterior)
    assert abs(bound.mean - float(exact.mean())) <= SIGMAS * bound.standard_error
    assert bound.standard_error < 0.1
    assert math.isclose(bound.mean, float(bound.per_row.mean()))
    assert (bound.lower, bound.log_partition_error) == (bound.mean, 0)
    assert math.isclose(bound.log_partition, exact_log_partition(net.top), rel_tol=1e-9)


@pytest.mark.parametrize("given", [False, True])
def test_labels_are_summed_away_or_given(given: bool) -> None:
    net = net_of(2, labels=True)
    v, labels = binary(4), torch.arange(16) % CLASSES if given else None
    again = None if labels is None else labels.repeat(TIMES)
    bound = variational_bound(net, v.repeat(TIMES, 1), again, draws=4)
    assert abs(bound.mean - float(exact_bound(net, v, "samples", labels).mean())) <= SIGMAS * bound.standard_error
    assert bound.mean < float(log_joint(net, v, labels).logsumexp(1).mean())
    if not given:  # summed over rows, too, the truth is a distribution
        assert math.isclose(float(log_joint(net, v).logsumexp(1).logsumexp(0)), 0.0, abs_tol=1e-9)


def test_it_is_the_truth_where_the_recognition_is_exact() -> None:
    # The top is the layer below it upside down: the stack is then that RBM, whose posterior is its upward half.
    below = RBM(BernoulliUnits(4), BernoulliUnits(3)).double()
    chance(below, 1.0, 0)
    top = RBM(BernoulliUnits(3), BernoulliUnits(4), below.weights.T.clone())
    top.visible.bias.copy_(below.hidden.bias)
    top.hidden.bias.copy_(below.visible.bias)
    v = binary(4)
    bound = variational_bound(BeliefNet([below, top]), v)
    truth = -below.free_energy(v) - exact_log_partition(below)
    assert torch.allclose(bound.per_row, truth, rtol=1e-9)
    assert bound.standard_error < 1e-9


def test_without_layers_below_the_top_it_is_the_log_likelihood() -> None:
    net = net_of(1)
    bound = variational_bound(net, binary(4))
    assert torch.allclose(bound.per_row, -net.top.free_energy(binary(4)) - exact_log_partition(net.top))
    assert bound.standard_error == 0


def test_the_standard_error_is_what_repetition_shows() -> None:
    net = net_of(2)
    seen = [variational_bound(net, binary(4), draws=20, random=RandomStream(seed)) for seed in range(100)]
    spread = torch.tensor([bound.mean for bound in seen]).std()
    said = torch.tensor([bound.standard_error for bound in seen]).mean()
    assert abs(float(spread / said) - 1) < SIGMAS / math.sqrt(2 * 100)


def test_an_annealed_partition_function_brings_its_error() -> None:
    net = net_of(2)
    exact = variational_bound(net, binary(4), draws=50)
    annealed = variational_bound(net, binary(4), draws=50, method="ais", chains=200, temperatures=200)
    assert annealed.log_partition_error > 0
    assert annealed.standard_error >= annealed.log_partition_error
    assert abs(annealed.log_partition - exact.log_partition) <= SIGMAS * annealed.log_partition_error
    # The same draws: what differs is log Z.
    difference = exact.mean - annealed.mean
    assert math.isclose(difference, annealed.log_partition - exact.log_partition, abs_tol=1e-9)


def test_rows_may_be_done_in_parts() -> None:
    net = net_of(2)
    v = binary(4).repeat(100, 1)  # more than are done at once
    whole, half = variational_bound(net, v, draws=3), variational_bound(net, v[:800], draws=3)
    assert torch.allclose(whole.per_row[:800], half.per_row)
    assert "log-likelihood at least" in str(whole)


def test_what_cannot_be_bounded_is_refused() -> None:
    net = net_of(2)
    with pytest.raises(OptionError, match="draws = 1: must be at least 2, for an error"):
        variational_bound(net, binary(4), draws=1)
    with pytest.raises(DataError, match="rows = 0: must be at least one"):
        variational_bound(net, binary(4)[:0])
    with pytest.raises(OptionError, match="the top has no label units; leave the labels out"):
        variational_bound(net, binary(4), torch.zeros(16, dtype=torch.int64))
    noisy = BeliefNet([RBM(BernoulliUnits(4), NoisyRectifiedUnits(3)), RBM(NoisyRectifiedUnits(3), BernoulliUnits(2))])
    with pytest.raises(OptionError, match="hidden units = 'noisy_rectified': are not drawn as their density says"):
        variational_bound(noisy, binary(4).float())
