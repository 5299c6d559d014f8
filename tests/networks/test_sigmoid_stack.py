"""The unrolled network: what it computes, and random weights of the size that keeps signals alive."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from layerwise.networks import glorot, layer_outputs, sigmoid_stack
from layerwise.randomness import RandomStream

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""


@pytest.fixture
def network() -> nn.Sequential:
    network = sigmoid_stack((6, 5, 4), 3)
    for layer in network[:-1]:
        if isinstance(layer, nn.Linear):
            glorot(layer, RandomStream(layer.in_features))
    return network


def by_hand(network: nn.Sequential, v: Tensor) -> list[Tensor]:
    outputs = []
    *hidden, scores = [layer for layer in network if isinstance(layer, nn.Linear)]
    for layer in hidden:
        v = 1 / (1 + torch.exp(-(v @ layer.weight.T + layer.bias)))
        outputs.append(v)
    return [*outputs, v @ scores.weight.T + scores.bias]


def test_the_network_is_linear_and_sigmoid_in_turn_and_linear_at_the_end(network: nn.Sequential) -> None:
    assert [type(module) for module in network] == [nn.Linear, nn.Sigmoid, nn.Linear, nn.Sigmoid, nn.Linear]
    assert [tuple(p.shape) for p in network.parameters()] == [(5, 6), (5,), (4, 5), (4,), (3, 4), (3,)]
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_before_it_learns_it_prefers_no_class(network: nn.Sequential) -> None:
    assert not network(torch.rand(10, 6, generator=torch.Generator().manual_seed(0))).any()


def test_each_layer_gives_what_the_formula_says(network: nn.Sequential) -> None:
    generator = torch.Generator().manual_seed(0)
    nn.init.normal_(network[-1].weight, generator=generator)  # type: ignore[arg-type]
    v = torch.rand(10, 6, generator=generator)
    outputs = layer_outputs(network, v)
    assert [output.shape for output in outputs] == [(10, 5), (10, 4), (10, 3)]
    for output, expected in zip(outputs, by_hand(network, v), strict=True):
        assert torch.allclose(output, expected, rtol=1e-5, atol=1e-6)
        assert not output.requires_grad
    assert torch.equal(outputs[-1], network(v))


def test_without_hidden_layers_it_is_a_linear_classifier() -> None:
    network = sigmoid_stack((6,), 3)
    assert [type(module) for module in network] == [nn.Linear]
    assert len(layer_outputs(network, torch.zeros(2, 6))) == 1


@pytest.mark.parametrize("gain", [1.0, 4.0])
@pytest.mark.parametrize("shape", [(300, 100), (50, 500)])
def test_random_weights_are_uniform_of_the_variance_stated(shape: tuple[int, int], gain: float) -> None:
    layer = nn.Linear(*shape)
    glorot(layer, RandomStream(1), gain)
    weights, variance = layer.weight.detach().double(), gain**2 * 2 / sum(shape)
    limit, n = math.sqrt(3 * variance), layer.weight.numel()
    assert weights.abs().max() < limit
    assert weights.abs().max() > limit * (1 - 20 / n)
    assert abs(float(weights.mean())) <= SIGMAS * math.sqrt(variance / n)
    # The fourth moment of a uniform number is 9/5 of its squared variance.
    assert abs(float(weights.square().mean()) - variance) <= SIGMAS * variance * math.sqrt(4 / 5 / n)
    assert not layer.bias.any()


def test_random_weights_keep_the_size_of_signals_through_sigmoid_layers() -> None:
    # With a gain of 4 and small fields a layer of n units passes on a variance of about its input's: σ'(0) = 1/4.
    layer = nn.Linear(1000, 1000)
    glorot(layer, RandomStream(2))
    x = 0.01 * torch.randn(50, 1000, generator=torch.Generator().manual_seed(0))
    out = torch.sigmoid(layer(x)).detach() - 0.5
    assert abs(float(out.var() / x.var()) - 1) < SIGMAS * math.sqrt(2 / 50_000) + 0.05


def test_the_same_stream_gives_the_same_weights() -> None:
    layers = [nn.Linear(7, 5) for _ in range(3)]
    for layer, seed in zip(layers, (1, 1, 2), strict=True):
        glorot(layer, RandomStream(seed))
    assert torch.equal(layers[0].weight, layers[1].weight)
    assert not torch.equal(layers[0].weight, layers[2].weight)
