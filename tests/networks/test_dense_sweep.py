"""The sweep without autograd gives autograd's gradients, where units are silenced and rows weighed, too."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from layerwise import kernels
from layerwise.networks import BinaryCrossEntropy, CrossEntropy, Huber, Network, Squared
from layerwise.networks.dense_sweep import DenseSweep
from layerwise.networks.layers import Layer, layers_of
from layerwise.networks.loss import Loss
from layerwise.randomness import RandomStream

ROWS, SIZES = 9, (5, 7, 6, 3)
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(ROWS, SIZES[0], generator=GENERATOR, dtype=torch.float64)
WEIGHTS = torch.rand(ROWS, generator=GENERATOR, dtype=torch.float64)
FACTORS = [2.0 * (torch.rand(ROWS, size, generator=GENERATOR, dtype=torch.float64) < 0.5) for size in SIZES[:-1]]
LOSSES: list[tuple[Loss, Tensor]] = [
    (Squared(), torch.randn(ROWS, 3, generator=GENERATOR, dtype=torch.float64)),
    (Huber(0.5), torch.randn(ROWS, 3, generator=GENERATOR, dtype=torch.float64)),
    (BinaryCrossEntropy(), torch.rand(ROWS, 3, generator=GENERATOR, dtype=torch.float64)),
    (CrossEntropy(smoothing=0.1), torch.arange(ROWS) % 3),
]


@pytest.mark.parametrize("silenced", [False, True])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighed"])
@pytest.mark.parametrize("activation", ["identity", "relu", "sigmoid", "tanh"])
@pytest.mark.parametrize(("loss", "targets"), LOSSES, ids=lambda value: type(value).__name__)
def test_gradients_are_autograds(
    loss: Loss, targets: Tensor, activation: str, weights: Tensor | None, silenced: bool
) -> None:
    network = Network.of_sizes(SIZES, activation, random=RandomStream(0)).double()
    sweep = DenseSweep.of(network, loss)
    assert sweep is not None
    factors = iter(FACTORS)

    def silence(below: Layer | None, x: Tensor) -> Tensor:
        return next(factors)

    value, scores = sweep(X, targets, weights, decay=0.25, silence=silence if silenced else None)
    found = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()

    x = X
    for layer, factor in zip(layers_of(network), FACTORS, strict=True):
        x = layer(x * factor if silenced else x)
    by_autograd = loss.value(x, targets, weights)
    by_autograd.backward()
    assert torch.allclose(value, by_autograd.detach())
    assert torch.allclose(scores, x.detach())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        decay = 0.25 * parameter.detach() if parameter.dim() == 2 else 0.0
        assert torch.allclose(found[name], parameter.grad + decay, atol=1e-12), name


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_rows_with_few_entries_are_autograds(bias: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(200, 300, generator=generator) * (torch.rand(200, 300, generator=generator) < 0.1)
    assert not isinstance(kernels.compress(x), Tensor)  # the sweep skips its zeros
    network = nn.Sequential(nn.Linear(300, 70, bias=bias), nn.ReLU(), nn.Linear(70, 3))
    targets = torch.arange(200) % 3
    sweep = DenseSweep.of(network, CrossEntropy())
    assert sweep is not None
    value, scores = sweep(x, targets)
    found = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    network.zero_grad()

    by_autograd = functional.cross_entropy(network(x), targets)
    by_autograd.backward()
    torch.testing.assert_close(value, by_autograd.detach())
    torch.testing.assert_close(scores, network(x).detach())
    for gradient, parameter in zip(found, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(5, 3), nn.GELU(), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 2).requires_grad_(False)),
    ],
)
def test_what_only_autograd_knows_is_left_to_it(network: nn.Sequential) -> None:
    assert DenseSweep.of(network, Squared()) is None
