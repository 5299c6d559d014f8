"""Epochs of gradient descent: the best network is kept, the last good one where training diverges."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from layerwise.data import Minibatches, Preparation, Rows
from layerwise.errors import DivergenceError
from layerwise.networks import Autoencoder, Squared
from layerwise.randomness import RandomStream
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.loop import run
from layerwise.training.network_epochs import Descended, EpochInfo, descend, finished

TRAINER = GradientDescent(Squared(), aim="values", learning_rate=0.01)


def stream() -> Minibatches:
    v = torch.rand(40, 6, generator=torch.Generator().manual_seed(0))
    return Minibatches(Rows(v.numpy()), Preparation.unchanged(6), 16, RandomStream(7))


def network() -> Autoencoder:
    return Autoencoder.of_sizes((6, 3), "tanh", random=RandomStream(0))


def said(*values: float) -> Callable[[nn.Sequential], float]:
    """A score that is these numbers, one after the other."""
    left = iter(values)
    return lambda net: next(left)


def after(epochs: int) -> list[torch.Tensor]:
    net = network()
    run(TRAINER, TRAINER.init(net, RandomStream(1)), stream(), epochs)
    return [p.detach() for p in net.parameters()]


def equal(net: nn.Sequential, parameters: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(net.parameters(), parameters, strict=True))


def test_without_held_out_rows_it_is_the_loop() -> None:
    done = descend(TRAINER, TRAINER.init(network(), RandomStream(1)), stream(), 4)
    assert equal(done.state.network, after(4))
    assert len(done.curve) == 4
    assert all(math.isnan(info.seen) and math.isnan(info.unseen) for info in done.curve)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows() -> None:
    # A step so small that nothing moves: every row is met by the same network.
    still, net = GradientDescent(Squared(), aim="values", learning_rate=1e-30), network()
    done = descend(still, still.init(net, RandomStream(1)), stream(), 1)
    rows = torch.cat([batch.values for batch in stream().epoch(0)])
    with torch.no_grad():
        assert done.curve[0].loss == pytest.approx(float(Squared().rows(net(rows), rows).mean()), rel=1e-6)


def test_the_best_network_on_unseen_rows_is_kept_and_patience_ends() -> None:
    told: list[tuple[int, EpochInfo]] = []
    done = descend(
        TRAINER,
        TRAINER.init(network(), RandomStream(1)),
        stream(),
        9,
        unseen=said(-3.0, -1.0, -2.0, -1.0, -0.5, -0.6, -0.7, -0.8),
        patience=3,
        tell=lambda epoch, info: told.append((epoch, info)),
    )
    # Epochs 3 and 4 are no better than the second, the fifth is, and none of three after it.
    assert equal(done.state.network, after(5))
    assert [info.unseen for info in done.curve] == [-3.0, -1.0, -2.0, -1.0, -0.5, -0.6, -0.7, -0.8]
    assert told == list(enumerate(done.curve))
    assert done.state.steps_done == 5 * stream().n_batches


def test_measuring_changes_nothing() -> None:
    def score(net: nn.Sequential) -> float:
        assert not net.training
        return float(net(torch.ones(1, 6)).detach().sum())

    done = descend(TRAINER, TRAINER.init(network(), RandomStream(1)), stream(), 3, seen=score)
    assert equal(done.state.network, after(3))
    assert done.curve[-1].seen == score(finished(done.state))


def test_the_running_mean_is_what_is_measured_and_used() -> None:
    trainer = GradientDescent(Squared(), aim="values", learning_rate=0.01, averaging=0.9)
    seen: list[list[torch.Tensor]] = []

    def score(net: nn.Sequential) -> float:
        seen.append([p.detach().clone() for p in net.parameters()])
        return 0.0

    done = descend(trainer, trainer.init(network(), RandomStream(1)), stream(), 2, seen=score)
    mean = finished(done.state)
    assert equal(mean, seen[-1])
    assert equal(mean, list(done.state.average.values()))
    assert not equal(done.state.network, seen[-1])


def test_where_it_diverges_the_last_good_network_is_handed_over() -> None:
    kept: list[Descended] = []
    state = TRAINER.init(network(), RandomStream(1))

    def overflow(epoch: int, info: EpochInfo) -> None:
        if epoch == 1:  # after what is good was put away
            with torch.no_grad():
                next(state.network.parameters()).fill_(torch.inf)

    with pytest.raises(DivergenceError, match=r"my net: epoch 3: encoder\.output\.weight left"):
        descend(TRAINER, state, stream(), 5, tell=overflow, keep=kept.append, name="my net")
    assert equal(kept[0].state.network, after(2))
    assert len(kept[0].curve) == 2


def test_each_epoch_says_how_learning_reached_the_layers_where_that_is_watched() -> None:
    watching = GradientDescent(Squared(), aim="values", learning_rate=0.01, watch_every=3)
    done = descend(watching, watching.init(network(), RandomStream(1)), stream(), 3)
    assert equal(done.state.network, after(3))
    flows = [info.flow for info in done.curve if info.flow is not None]
    assert [flow.names for flow in flows] == 3 * [("encoder.output", "decoder.output")]
    assert len({flow.gradient_norm for flow in flows}) == 3
