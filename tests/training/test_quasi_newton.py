"""L-BFGS finds minima: those that linear algebra knows, and of other networks points where autograd finds no slope."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import Tensor, nn

from layerwise.errors import DivergenceError, OptionError
from layerwise.networks import Autoencoder, CrossEntropy, Loss, Network, Squared
from layerwise.randomness import RandomStream
from layerwise.training.quasi_newton import Part, minimise

TOL = 1e-7
FTOL = 1e7 * float(np.finfo(float).eps)
"""scipy's own, of the relative gain of an iteration."""
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(24, 3, generator=GENERATOR, dtype=torch.float64)
Y = torch.randn(24, 2, generator=GENERATOR, dtype=torch.float64)
LABELS = torch.randint(0, 3, (24,), generator=GENERATOR)
WEIGHTS = torch.randint(1, 4, (24,), generator=GENERATOR).double()

Parts = Callable[[], Iterator[Part]]


def network(*sizes: int, activation: str = "tanh") -> Network:
    return Network.of_sizes(sizes, activation, random=RandomStream(0))


def parts(targets: Tensor, weights: Tensor | None = None, at_once: int = 24) -> Parts:
    def give() -> Iterator[Part]:
        for first in range(0, 24, at_once):
            part = slice(first, first + at_once)
            yield X[part], targets[part], None if weights is None else weights[part]

    return give


def slope(of: nn.Sequential, loss: Loss, targets: Tensor, weights: Tensor | None, ridge: float) -> list[Tensor]:
    """The gradient of the whole objective by autograd."""
    of.zero_grad(set_to_none=True)
    total = 24.0 if weights is None else float(weights.sum())
    penalty = sum((p.square().sum() for p in of.parameters() if p.dim() > 1), torch.zeros(()).double())
    (loss.value(of(X), targets, weights) + ridge / 2 / total * penalty).backward()
    return [p.grad for p in of.parameters() if p.grad is not None]


@pytest.mark.parametrize("ridge", [0.0, 0.5, 10.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_of_a_linear_map_it_finds_what_the_normal_equations_say(ridge: float, weighted: bool) -> None:
    weights = WEIGHTS if weighted else None
    of = network(3, 2, activation="identity")
    found = minimise(of, parts(Y, weights), Squared(), ridge, max_iter=500, max_fun=1000, tol=TOL)
    assert found.converged
    counts = torch.ones(24).double() if weights is None else weights
    share, rows = counts / counts.sum(), torch.cat([X, torch.ones(24, 1).double()], 1)
    penalty = torch.diag(torch.tensor([ridge, ridge, ridge, 0.0]).double()) / counts.sum()
    hessian = rows.T @ (share[:, None] * rows) + penalty
    best = torch.linalg.solve(hessian, rows.T @ (share[:, None] * Y))
    (layer,) = of.layers
    assert layer.dense is not None
    off = torch.cat([layer.dense.weight.T, layer.dense.bias[None]]).detach() - best  # type: ignore[index]
    # It ends where an iteration gains less than FTOL of the loss: so many iterations may still be missing.
    assert float((off * (hessian @ off)).sum()) / 2 <= 100 * FTOL * max(1.0, found.loss + found.penalty)


@pytest.mark.parametrize(("loss", "targets"), [(Squared(), Y), (CrossEntropy(), LABELS)], ids=["squared", "classes"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["even", "weighted"])
@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_of_any_network_it_ends_where_autograd_finds_no_slope(
    loss: Loss, targets: Tensor, weights: Tensor | None, ridge: float
) -> None:
    of = network(3, 4, 2 if targets is Y else 3)
    start = max(float(g.abs().max()) for g in slope(copy.deepcopy(of).double(), loss, targets, weights, ridge))
    found = minimise(of, parts(targets, weights), loss, ridge, max_iter=20_000, max_fun=40_000, tol=1e-5)
    assert all(p.dtype == torch.float64 for p in of.parameters())
    assert found.converged
    end = max(float(g.abs().max()) for g in slope(of, loss, targets, weights, ridge))
    # Where it ends because an iteration gained less than FTOL of the loss, a flat valley keeps some slope.
    assert end <= start / (1000 if "GRADIENT" in found.message else 100)
    assert found.loss == pytest.approx(float(loss.value(of(X), targets, weights).detach()))
    total = 24.0 if weights is None else float(weights.sum())
    squares = sum(float(p.detach().square().sum()) for p in of.parameters() if p.dim() > 1)
    assert found.penalty == pytest.approx(ridge / 2 / total * squares)


@pytest.mark.parametrize("at_once", [1, 7, 24])
def test_rows_may_come_in_any_parts(at_once: int) -> None:
    whole, cut = network(3, 4, 2), network(3, 4, 2)
    one = minimise(whole, parts(Y, WEIGHTS), Squared(), 1.0, max_iter=5, max_fun=100, tol=TOL)
    other = minimise(cut, parts(Y, WEIGHTS, at_once), Squared(), 1.0, max_iter=5, max_fun=100, tol=TOL)
    assert one.loss == pytest.approx(other.loss, rel=1e-9)
    for p, q in zip(whole.parameters(), cut.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-8)


def test_its_gradient_is_that_of_finite_differences() -> None:
    of, seen = network(3, 4, 2), list[float]()
    minimise(of, parts(Y), Squared(), 0.3, max_iter=1, max_fun=1, tol=TOL, tell=lambda step, loss: seen.append(loss))
    start = nn.utils.parameters_to_vector(of.parameters()).detach().numpy()

    def objective(flat: np.ndarray) -> float:
        nn.utils.vector_to_parameters(torch.from_numpy(flat), of.parameters())
        with torch.no_grad():
            squares = sum(float(p.square().sum()) for p in of.parameters() if p.dim() > 1)
            return float(Squared().value(of(X), Y)) + 0.3 / 2 / 24 * squares

    numeric = optimize.approx_fprime(start, objective, 1e-6)
    objective(start)
    exact = torch.cat([g.flatten() for g in slope(of, Squared(), Y, None, 0.3)]).numpy()
    np.testing.assert_allclose(numeric, exact, atol=1e-5)


def test_it_tells_of_every_iteration_and_stops_where_it_is_told_to() -> None:
    told: list[tuple[int, float]] = []
    found = minimise(
        network(3, 4, 2), parts(Y), Squared(), 0.0, max_iter=4, max_fun=100, tol=0.0, tell=lambda *of: told.append(of)
    )
    assert not found.converged
    assert found.iterations == 4
    assert [step for step, _ in told] == [1, 2, 3, 4]
    losses = [loss for _, loss in told]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(found.loss)


def test_a_loss_that_is_finite_nowhere_leaves_the_network_as_it_was() -> None:
    of = network(3, 4, 2)
    before = [p.detach().double() for p in of.parameters()]
    with pytest.raises(DivergenceError, match="scale the columns"):
        minimise(of, parts(Y * float("inf")), Squared(), 0.0, max_iter=5, max_fun=5, tol=TOL)
    assert all(torch.equal(p, q) for p, q in zip(of.parameters(), before, strict=True))


def test_what_only_autograd_knows_is_refused() -> None:
    tied = Autoencoder.of_sizes((3, 2), tied=True, random=RandomStream(0))
    with pytest.raises(OptionError, match="must be a stack of dense layers; take minibatches"):
        minimise(tied, parts(X), Squared(), 0.0, max_iter=5, max_fun=5, tol=TOL)
