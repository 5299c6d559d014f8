"""Dropout draws from the run's stream row by row, in the order of the layers, and keeps every mean."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from layerwise import kernels
from layerwise.data import Batch, Minibatches, Preparation, Rows
from layerwise.energy import RBM, BeliefNet
from layerwise.randomness import RandomStream
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.unrolling import unroll

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""

MakeRBM = Callable[..., RBM]


@pytest.fixture
def net(make_rbm: MakeRBM) -> BeliefNet:
    return BeliefNet([make_rbm(sizes=(12, 8)), make_rbm(sizes=(8, 6), seed=1)])


@pytest.fixture
def stream(rows: Rows) -> Minibatches:
    return Minibatches(rows, Preparation.fit(rows, "bernoulli"), 16, RandomStream(0))


def dropping(share: float, learning_rate: float = 1e-3) -> GradientDescent:
    return GradientDescent(learning_rate=learning_rate, dropout=share)


def labelled(values: Tensor, labels: list[int]) -> Batch:
    return Batch(values, torch.tensor(labels), 0, len(values))


def test_dropout_keeps_the_expectation_of_a_linear_network() -> None:
    # Behind a hidden layer the scores are linear in what is kept, so their mean over masks is the score without any.
    network = nn.Sequential(nn.Linear(5, 40), nn.Sigmoid(), nn.Linear(40, 3))
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, generator=generator)
    n, row = 5000, torch.rand(1, 5, generator=generator)
    trainer = dropping(0.4, 1e-30)
    state = trainer.init(network, RandomStream(3))
    scores = trainer.step(state, labelled(row.expand(n, -1).contiguous(), [0] * n))[1].scores.double()
    plain = network(row).detach().double()[0]
    assert bool(((scores.mean(0) - plain).abs() <= SIGMAS * scores.std(0) / math.sqrt(n)).all())
    hidden = torch.sigmoid(network[0](row)).detach()[0].double()
    variance = (network[2].weight.detach().double() * hidden).square().sum(1) * 0.4 / 0.6  # type: ignore[union-attr]
    fourth = (scores - plain).pow(4).mean(0)
    error = ((fourth - variance**2) / n).sqrt()
    assert bool(((scores.var(0) - variance).abs() <= SIGMAS * error).all())


def test_dropout_draws_from_the_stream_row_by_row(net: BeliefNet, stream: Minibatches) -> None:
    batch = next(stream.epoch(0))
    assert batch.labels is not None
    trainer = dropping(0.5)

    def scores(part: slice, seed: int = 0) -> Tensor:
        network = unroll(net, 3)
        nn.init.normal_(network[-1].weight, generator=torch.Generator().manual_seed(0))  # type: ignore[arg-type]
        assert batch.labels is not None
        some = Batch(batch.values[part], batch.labels[part], part.start, batch.total)
        state, info = trainer.step(trainer.init(network, RandomStream(seed)), some)
        assert state.random == RandomStream(seed, 2)  # one position for each hidden layer
        return info.scores

    whole = scores(slice(0, 16))
    assert torch.equal(whole, scores(slice(0, 16)))
    assert not torch.equal(whole, scores(slice(0, 16), seed=1))
    parts = torch.cat([scores(slice(0, 5)), scores(slice(5, 16))])
    assert torch.allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_without_dropout_the_stream_is_not_moved(net: BeliefNet, stream: Minibatches) -> None:
    trainer = dropping(0.0)
    state, _ = trainer.step(trainer.init(unroll(net, 3), RandomStream(0, 5)), next(stream.epoch(0)))
    assert state.random == RandomStream(0, 5)


def test_the_mask_is_that_of_the_kernels_uniform_numbers(net: BeliefNet) -> None:
    # Silenced is what draws below the share; what is kept is scaled up.
    network = nn.Sequential(nn.Linear(12, 8), nn.Sigmoid(), nn.Linear(8, 3))
    nn.init.normal_(network[2].weight, generator=torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    v = torch.rand(9, 12, generator=torch.Generator().manual_seed(1))
    hidden = network[1](network[0](v))
    kept = (kernels.uniform(9, 8, RandomStream(4, 2)) >= 0.3).float()
    expected = network[2](hidden * kept / 0.7)
    trainer = dropping(0.3, 1e-30)
    info = trainer.step(trainer.init(network, RandomStream(4, 2)), labelled(v, [0] * 9))[1]
    assert torch.allclose(info.scores, expected.detach(), rtol=1e-5, atol=1e-6)


def test_dropout_of_inputs_is_drawn_before_that_of_units() -> None:
    network = nn.Sequential(nn.Linear(6, 2))
    v = torch.ones(3, 6)
    kept = (kernels.uniform(3, 6, RandomStream(0)) >= 0.5).float() * 2
    trainer = GradientDescent(learning_rate=1e-30, input_dropout=0.5)
    _, info = trainer.step(trainer.init(network, RandomStream(0)), labelled(v, [0] * 3))
    assert torch.allclose(info.scores, network(kept).detach(), rtol=1e-5, atol=1e-6)
