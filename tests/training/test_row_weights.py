"""What a row's weight is worth in gradient descent: as much in every minibatch, and what the row again would be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from layerwise.data import Batch, Minibatches, Preparation, Rows
from layerwise.estimators import Autoencoder as Estimator
from layerwise.networks import Autoencoder, CrossEntropy, Network, Squared
from layerwise.networks.loss import Loss
from layerwise.randomness import RandomStream
from layerwise.training.gradient_descent import GradientDescent

SINGLE = 2.0**-23
WEIGHTS = torch.tensor([3.0, 1.0, 2.0, 1.0, 5.0, 2.0], dtype=torch.float64)
X = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(6) % 3

Make = Callable[[], Network]


def dense() -> Network:
    return Network.of_sizes((4, 5, 3), "tanh", random=RandomStream(0))


def mirror(tied: bool) -> Make:
    return lambda: Autoencoder.of_sizes((4, 3), "tanh", tied=tied, random=RandomStream(0))


def trainer(loss: Loss, **options: Any) -> GradientDescent:
    aim = "labels" if isinstance(loss, CrossEntropy) else "values"
    return GradientDescent(loss, aim, optimiser="sgd", learning_rate=1.0, **options)  # type: ignore[arg-type]


def stream(batch_size: int, again: bool = False, weights: Tensor | None = WEIGHTS) -> Minibatches:
    """Rows with their weights, or each as often as it weighs."""
    times = WEIGHTS.long() if again else torch.ones(6, dtype=torch.int64)
    rows = Rows(X.repeat_interleave(times, 0).numpy(), LABELS.repeat_interleave(times).numpy())
    of_rows = None if again else weights
    return Minibatches(rows, Preparation.unchanged(4), batch_size, RandomStream(1), weights=of_rows)


def mean_step(make: Make, descent: GradientDescent, batches: Minibatches) -> tuple[Tensor, float]:
    """What an epoch's minibatches make of the first parameters, each from there, over all rows; and their loss."""
    total, loss = torch.zeros(()), 0.0
    for batch in batches.epoch(0):
        network = make()
        before = torch.nn.utils.parameters_to_vector(network.parameters()).detach()
        _, info = descent.step(descent.init(network, RandomStream(0)), batch)
        moved = torch.nn.utils.parameters_to_vector(network.parameters()).detach() - before
        total, loss = total + moved * len(batch.values), loss + float(info.loss) * len(batch.values)
    return total / batches.n_rows, loss / batches.n_rows


NETWORKS: dict[str, tuple[Make, Loss]] = {
    "classes": (dense, CrossEntropy()),  # the sweep of dense layers
    "free": (mirror(tied=False), Squared()),
    "tied": (mirror(tied=True), Squared()),  # autograd
}


@pytest.mark.parametrize("batch_size", [1, 2, 4])
@pytest.mark.parametrize("make_and_loss", [*NETWORKS.values(), (dense, CrossEntropy(class_weights=(1.0, 2.0, 0.5)))])
def test_a_row_weighs_the_same_in_every_minibatch(make_and_loss: tuple[Make, Loss], batch_size: int) -> None:
    make, loss = make_and_loss
    whole, of_whole = mean_step(make, trainer(loss), stream(6))
    parts, of_parts = mean_step(make, trainer(loss), stream(batch_size))
    assert torch.allclose(parts, whole, rtol=0, atol=100 * SINGLE)
    assert of_parts == pytest.approx(of_whole, rel=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_weight_of_two_is_the_row_twice(name: str, batch_size: int) -> None:
    make, loss = NETWORKS[name]
    again, of_again = mean_step(make, trainer(loss), stream(batch_size, again=True))
    heavy, of_heavy = mean_step(make, trainer(loss), stream(batch_size))
    assert torch.allclose(heavy, again, rtol=0, atol=100 * SINGLE)
    assert of_heavy == pytest.approx(of_again, rel=1e-5)
    even, _ = mean_step(make, trainer(loss), stream(batch_size, weights=None))
    assert not torch.allclose(heavy, even, rtol=0, atol=1e-3)


def test_a_ridge_is_over_the_rows_of_a_minibatch_and_the_mean_weight_of_all() -> None:
    make = mirror(tied=False)
    without, of_ridge = (mean_step(make, trainer(Squared(), ridge=ridge), stream(2))[0] for ridge in (0.0, 0.5))
    network = make()
    weights = [p.detach() if p.dim() > 1 else torch.zeros_like(p) for p in network.parameters()]
    shrunk = -0.5 / (2 * float(WEIGHTS.mean())) * torch.nn.utils.parameters_to_vector(weights)
    assert torch.allclose(of_ridge - without, shrunk, rtol=0, atol=100 * SINGLE)


def test_relative_to_its_minibatch_a_row_alone_weighs_one() -> None:
    even, _ = mean_step(dense, trainer(CrossEntropy()), stream(1, weights=None))
    heavy, _ = mean_step(dense, trainer(CrossEntropy(), by_minibatch=True), stream(1))
    assert torch.allclose(heavy, even, rtol=0, atol=10 * SINGLE)


def run_over(of_batches: list[list[int]], weights: Tensor, loss: Loss, **options: Any) -> tuple[Tensor, list[float]]:
    """Where minibatches of chosen rows lead, and the losses of those that count."""
    rate: dict[str, Any] = {"optimiser": "adam", "learning_rate": 0.1}
    descent, network = replace(trainer(loss, dropout=0.2, **options), **rate), dense()
    state, losses = descent.init(network, RandomStream(0)), []
    for rows in of_batches:
        batch = Batch(X[rows], LABELS[rows], 0, len(rows), weights[rows], mean_weight=float(weights.mean()))
        state, info = descent.step(state, batch)
        losses += [float(info.loss)] if info.counted else []
    assert state.steps_done == len(of_batches)
    return torch.nn.utils.parameters_to_vector(state.network.parameters()).detach(), losses


@pytest.mark.parametrize("by_minibatch", [False, True])
@pytest.mark.parametrize(
    ("weights", "loss"),
    [
        (torch.tensor([1.0, 2.0, 0.0, 0.0, 0.5, 0.0], dtype=torch.float64), CrossEntropy()),
        (
            torch.tensor([1.0, 2.0, 1.0, 0.0, 0.5, 0.0], dtype=torch.float64),
            CrossEntropy(class_weights=(1.0, 2.0, 0.0)),
        ),
    ],
)
def test_a_minibatch_without_weight_moves_nothing(weights: Tensor, loss: Loss, by_minibatch: bool) -> None:
    options: dict[str, Any] = {"by_minibatch": by_minibatch, "ridge": 0.5, "torch_schedule": torch_schedule}
    found, losses = run_over([[2, 3, 5], [0, 2], [3, 5], [1, 4], [5]], weights, loss, **options)
    options["torch_schedule"] = skipping
    expected, others = run_over([[0, 2], [1, 4]], weights, loss, **options)
    assert torch.equal(found, expected)
    assert losses == others


def torch_schedule(optimiser: Any) -> Any:
    """Falls with every minibatch, those without weight counted."""
    return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.5**step)


def skipping(optimiser: Any) -> Any:
    """The same at the minibatches that have one."""
    return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.5 ** (1, 3, 5)[step])


def test_at_one_row_a_step_an_autoencoder_goes_the_way_of_rows_given_again() -> None:
    rate, times = 1e-4, WEIGHTS.long().numpy()
    X_bits = (np.random.default_rng(0).random((6, 5)) < 0.5).astype(np.float64)

    def moved(rows: Any, weights: Any = None) -> Tensor:
        options: dict[str, Any] = {"visible": "bernoulli", "optimiser": "sgd", "schedule": "constant"}
        way = {**options, "batch_size": 1, "learning_rate": rate, "random_state": 0}
        ends = [Estimator((3,), epochs=epochs, **way).fit(rows, sample_weight=weights).network_ for epochs in (0, 8)]
        first, last = (torch.nn.utils.parameters_to_vector(end.parameters()).detach() for end in ends)
        return (last - first) / rate / len(rows)

    again = moved(X_bits.repeat(times, 0))
    heavy, even = moved(X_bits, WEIGHTS.numpy()), moved(X_bits)
    # At a low rate a run of steps is their sum, up to the square of the rate.
    assert float((heavy - again).norm()) < 0.05 * float((even - again).norm())
