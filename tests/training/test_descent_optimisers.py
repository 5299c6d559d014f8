"""Adam and momentum as their papers have them: step by step, scikit-learn's, and torch's where they agree."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from layerwise.training.descent_optimisers import PaperAdam, RatedMomentum

STEPS = 25
ROUNDING = 1e-12
"""Of sums of a few dozen numbers near 1, in double precision."""

Make = Callable[[Sequence[Any]], Optimizer]
Rates = Callable[[int], float]


def constant(step: int) -> float:
    return 0.05


def falling(step: int) -> float:
    return 0.05 / (step + 1) ** 0.5


def parameters() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64)) for shape in ((3, 4), (3,))]


def gradients(step: int) -> list[Tensor]:
    """Of very unequal size, so that the ε of Adam says something."""
    generator = torch.Generator().manual_seed(1000 + step)
    sizes = 10.0 ** -torch.arange(15.0, dtype=torch.float64)
    return list((torch.randn(15, generator=generator, dtype=torch.float64) * sizes).split((12, 3)))


def way(make: Make, rates: Rates = constant) -> list[Tensor]:
    """Where the parameters are after each step."""
    moved = parameters()
    optimiser, places = make(moved), list[Tensor]()
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = rates(step)
        for parameter, gradient in zip(moved, gradients(step), strict=True):
            parameter.grad = gradient.reshape(parameter.shape).clone()
        optimiser.step()
        places.append(torch.cat([p.detach().flatten() for p in moved]))
    return places


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.allclose(a, b, rtol=0, atol=ROUNDING) for a, b in zip(one, other, strict=True))


def of_scikit_learn(optimiser: Any, rates: Rates) -> list[Tensor]:
    moved = [p.detach().numpy().copy() for p in parameters()]
    places: list[Tensor] = []
    for step in range(STEPS):
        if isinstance(optimiser, AdamOptimizer):
            optimiser.learning_rate_init = rates(step)
        else:
            optimiser.learning_rate = rates(step)
        each = [g.reshape(m.shape).numpy() for g, m in zip(gradients(step), moved, strict=True)]
        optimiser.update_params(moved, each)
        places.append(torch.from_numpy(np.concatenate([m.ravel() for m in moved])))
    return places


# Adam


@pytest.mark.parametrize("rates", [constant, falling])
@pytest.mark.parametrize("eps", [1e-8, 1e-2, 1.0])
def test_adam_is_the_papers(eps: float, rates: Rates) -> None:
    place = torch.cat([p.detach().flatten() for p in parameters()])
    first, second, by_hand = torch.zeros(15).double(), torch.zeros(15).double(), list[Tensor]()
    for step in range(STEPS):
        gradient = torch.cat(gradients(step))
        first = 0.8 * first + 0.2 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        rate = rates(step) * math.sqrt(1 - 0.99 ** (step + 1)) / (1 - 0.8 ** (step + 1))
        place = place - rate * first / (second.sqrt() + eps)
        by_hand.append(place)
    assert same(way(lambda p: PaperAdam(p, betas=(0.8, 0.99), eps=eps), rates), by_hand)
    theirs = AdamOptimizer([p.detach().numpy() for p in parameters()], beta_1=0.8, beta_2=0.99, epsilon=eps)
    assert same(of_scikit_learn(theirs, rates), by_hand)


def test_without_epsilon_adam_is_torchs_and_with_it_another() -> None:
    ours, theirs = (way(lambda p, of=of: of(p, lr=0.05, eps=0.0)) for of in (PaperAdam, torch.optim.Adam))  # type: ignore[misc]
    assert same(ours, theirs)
    ours, theirs = (way(lambda p, of=of: of(p, lr=0.05, eps=1e-3)) for of in (PaperAdam, torch.optim.Adam))  # type: ignore[misc]
    assert not same(ours, theirs)


# Momentum


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_at_one_rate_momentum_is_torchs(momentum: float, nesterov: bool) -> None:
    ours = way(lambda p: RatedMomentum(p, momentum=momentum, nesterov=nesterov))
    theirs = way(lambda p: torch.optim.SGD(p, lr=0.05, momentum=momentum, nesterov=nesterov))
    assert same(ours, theirs)
    # While the rate falls torch lowers the steps that are already in the velocity, too.
    ours = way(lambda p: RatedMomentum(p, momentum=momentum, nesterov=nesterov), falling)
    theirs = way(lambda p: torch.optim.SGD(p, lr=0.05, momentum=momentum, nesterov=nesterov), falling)
    assert not same(ours, theirs)


@pytest.mark.parametrize("rates", [constant, falling])
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_holds_each_step_at_its_own_rate(nesterov: bool, rates: Rates) -> None:
    place = torch.cat([p.detach().flatten() for p in parameters()])
    velocity, by_hand = torch.zeros(15).double(), list[Tensor]()
    for step in range(STEPS):
        gradient = torch.cat(gradients(step))
        velocity = 0.9 * velocity - rates(step) * gradient
        place = place + (0.9 * velocity - rates(step) * gradient if nesterov else velocity)
        by_hand.append(place)
    assert same(way(lambda p: RatedMomentum(p, momentum=0.9, nesterov=nesterov), rates), by_hand)
    theirs = SGDOptimizer([p.detach().numpy() for p in parameters()], momentum=0.9, nesterov=nesterov)
    assert same(of_scikit_learn(theirs, rates), by_hand)


# Both


BOTH = pytest.mark.parametrize("make", [PaperAdam, RatedMomentum])


@BOTH
def test_a_state_dict_goes_on_to_the_same_bits(make: Any) -> None:
    one = parameters()
    first = make(one)

    def go(optimiser: Optimizer, moved: list[nn.Parameter], step: int) -> None:
        for parameter, gradient in zip(moved, gradients(step), strict=True):
            parameter.grad = gradient.reshape(parameter.shape).clone()
        optimiser.step()

    for step in range(3):
        go(first, one, step)
    other = [nn.Parameter(p.detach().clone()) for p in one]
    second = make(other)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for step in range(3, 6):
        go(first, one, step)
        go(second, other, step)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@BOTH
def test_groups_have_rates_of_their_own_and_what_has_no_gradient_stays(make: Any) -> None:
    weights, bias = parameters()
    unused = nn.Parameter(torch.ones(2).double())
    optimiser = make([{"params": [weights], "lr": 0.0}, {"params": [bias, unused], "lr": 0.1}])
    before = weights.detach().clone(), bias.detach().clone()
    weights.grad, bias.grad = torch.ones_like(weights), torch.ones_like(bias)
    optimiser.step()
    assert torch.equal(weights, before[0])
    assert not torch.equal(bias, before[1])
    assert torch.equal(unused, torch.ones(2).double())


@BOTH
@pytest.mark.parametrize("contiguous", [True, False])
def test_single_precision_and_strided_parameters_go_the_same_way(make: Any, contiguous: bool) -> None:
    # Parameters may be views of padded blocks, which torch's fused loops would read as if they were none.
    whole = torch.zeros(4, 6)
    parameter = nn.Parameter(whole if contiguous else whole[:, :5])
    plain = nn.Parameter(torch.zeros(parameter.shape))
    gradient = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    for each in (parameter, plain):
        optimiser = make([each], lr=0.1)
        for _ in range(3):
            each.grad = gradient.clone()
            optimiser.step()
    assert torch.allclose(parameter, plain, rtol=1e-5)
    assert bool((parameter != 0).all())


@BOTH
@pytest.mark.parametrize("contiguous", [True, False])
def test_one_that_joins_later_goes_as_it_would_alone(make: Any, contiguous: bool) -> None:
    def place_of_the_late(joins: int, alone: bool) -> Tensor:
        late, neighbour = parameters()
        if not contiguous:
            late.data = late.data.T.contiguous().T
        optimiser = make([late] if alone else [neighbour, late], lr=0.05)
        for step in range(joins + STEPS):
            neighbour.grad = gradients(step)[1].clone()
            late.grad = gradients(step)[0].reshape(late.shape) if step >= joins else None
            optimiser.step()
        return late.detach()

    with_it, alone = (place_of_the_late(4, alone) for alone in (False, True))
    assert torch.allclose(with_it, alone, rtol=0, atol=ROUNDING)
