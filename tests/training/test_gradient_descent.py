"""Gradient descent follows torch's own optimisers, draws row by row, resumes to the bit and says what went wrong."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from layerwise.data import Batch, Minibatches, Preparation, Rows
from layerwise.energy import RBM, BeliefNet
from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.networks import (
    BinaryCrossEntropy,
    Network,
    Squared,
    backpropagate,
    gradient_flow,
    initialise,
    layer_outputs,
)
from layerwise.randomness import RandomStream
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.training.gradient_descent import DescentInfo, GradientDescent
from layerwise.training.loop import run
from layerwise.training.schedules import Linear
from layerwise.training.unrolling import random_stack, unroll

MakeRBM = Callable[..., RBM]


@pytest.fixture
def net(make_rbm: MakeRBM) -> BeliefNet:
    return BeliefNet([make_rbm(sizes=(12, 8)), make_rbm(sizes=(8, 6), seed=1)])


@pytest.fixture
def stream(rows: Rows) -> Minibatches:
    return Minibatches(rows, Preparation.fit(rows, "bernoulli"), 16, RandomStream(0))


def tuning(steps: int, learning_rate: float = 1e-3, weight_decay: float = 0.0, dropout: float = 0.0) -> GradientDescent:
    """As a belief network is fine-tuned: AdamW, and a rate that falls to zero."""
    schedule = Linear(steps)
    return GradientDescent(learning_rate=learning_rate, schedule=schedule, weight_decay=weight_decay, dropout=dropout)


def labelled(values: Tensor, labels: list[int]) -> Batch:
    return Batch(values, torch.tensor(labels), 0, len(values))


def test_the_unrolled_network_carries_rows_up_as_the_belief_net_does(net: BeliefNet) -> None:
    network = unroll(net, 3)
    v = torch.rand(50, 12, generator=torch.Generator().manual_seed(0))
    for depth, code in enumerate(layer_outputs(network, v)[:-1], 1):
        # Sums in another order, and two implementations of the sigmoid.
        assert torch.allclose(code, net.up(v, depth), rtol=1e-5, atol=1e-6)
    assert not network(v).any()


def test_training_the_network_leaves_the_belief_net_alone(net: BeliefNet, stream: Minibatches) -> None:
    before = copy.deepcopy(net)
    trainer = tuning(8)
    run(trainer, trainer.init(unroll(net, 3), RandomStream(0)), stream, 2)
    for one, other in zip(net.parameters(), before.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_random_twin_has_the_same_shape_and_other_weights(net: BeliefNet) -> None:
    twin = random_stack(net.sizes, 3, RandomStream(1))
    own = unroll(net, 3)
    assert [p.shape for p in twin.parameters()] == [p.shape for p in own.parameters()]
    assert not torch.equal(twin[0].weight, own[0].weight)  # type: ignore[arg-type]
    assert torch.equal(twin[0].weight, random_stack(net.sizes, 3, RandomStream(1))[0].weight)  # type: ignore[arg-type]
    assert not torch.equal(twin[0].weight[:6, :8], twin[2].weight)  # type: ignore[index]


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_steps_are_those_of_torchs_adamw_with_a_rate_that_falls_to_zero(
    weight_decay: float, net: BeliefNet, stream: Minibatches
) -> None:
    steps = 2 * stream.n_batches
    trainer = tuning(steps, 0.01, weight_decay)
    network, by_hand = unroll(net, 3), unroll(net, 3)
    weights, biases = ([p for p in by_hand.parameters() if p.dim() == dim] for dim in (2, 1))
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=0.01)
    state, done = trainer.init(network, RandomStream(0)), 0
    for epoch in range(2):
        for batch in stream.epoch(epoch):
            state, info = trainer.step(state, batch)
            rate = 0.01 * (1 - done / steps)
            assert [group["lr"] for group in state.movement.optimiser.param_groups] == [rate, rate]
            for group in optimiser.param_groups:
                group["lr"] = rate
            assert batch.labels is not None
            scores = by_hand(batch.values)
            loss = functional.cross_entropy(scores, batch.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            done += 1
            assert torch.allclose(info.loss, loss, rtol=1e-4)
            assert torch.equal(info.targets, batch.labels)
            assert not info.scores.requires_grad
    assert state.steps_done == done == steps
    for one, other in zip(network.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_after_the_last_step_nothing_moves(net: BeliefNet, stream: Minibatches) -> None:
    trainer = tuning(stream.n_batches, 0.01, weight_decay=0.1)
    network = unroll(net, 3)
    state = run(trainer, trainer.init(network, RandomStream(0)), stream, 1).state
    before = [p.detach().clone() for p in network.parameters()]
    for batch in stream.epoch(1):
        state, _ = trainer.step(state, batch)
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True))


def test_it_learns_what_can_be_learned(net: BeliefNet, rows: Rows, stream: Minibatches) -> None:
    trainer = tuning(15 * stream.n_batches, 0.05)
    network = random_stack(net.sizes, 3, RandomStream(1))
    run(trainer, trainer.init(network, RandomStream(0)), stream, 15)
    values = Preparation.fit(rows, "bernoulli").prepare(rows.values)
    assert rows.labels is not None
    wrong = (network(values).argmax(1) != torch.from_numpy(rows.labels)).sum()
    # Twelve columns, each flipped once in ten times: prototypes at least four columns apart are rarely mistaken.
    assert wrong <= 3


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_saved_state_goes_on_to_the_same_bits(
    dropout: float, net: BeliefNet, stream: Minibatches, tmp_path: Path
) -> None:
    trainer = tuning(2 * stream.n_batches, 0.01, 0.1, dropout)
    state = trainer.init(unroll(net, 3), RandomStream(0))
    for batch in stream.epoch(0):
        state, _ = trainer.step(state, batch)
    write_tree(tmp_path / "state", trainer.to_tree(state), "state")
    restored = trainer.from_tree(random_stack(net.sizes, 3, RandomStream(5)), read_tree(tmp_path / "state", "state"))
    for batch in stream.epoch(1):
        state, info = trainer.step(state, batch)
        restored, again = trainer.step(restored, batch)
        assert torch.equal(info.scores, again.scores)
    for one, other in zip(state.network.parameters(), restored.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert (restored.steps_done, restored.random) == (state.steps_done, state.random)


def test_rows_without_labels_are_refused(net: BeliefNet) -> None:
    trainer = tuning(3)
    state = trainer.init(unroll(net, 3), RandomStream(0))
    values = torch.zeros(4, 12)
    with pytest.raises(DataError, match="labels = None: every row needs a label"):
        trainer.step(state, Batch(values, None, 0, 4))


def test_a_row_that_is_marked_unlabelled_is_refused(net: BeliefNet) -> None:
    trainer = tuning(3)
    state = trainer.init(unroll(net, 3), RandomStream(0))
    with pytest.raises(DataError, match="label"):
        trainer.step(state, labelled(torch.zeros(4, 12), [0, 1, -1, 2]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.inf),
        ("learning_rate", math.nan),
        ("weight_decay", -0.1),
        ("weight_decay", math.nan),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("dropout", math.nan),
    ],
)
def test_an_option_out_of_its_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"^{name} = {value}: must be"):
        tuning(**{"steps": 5, name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "rmsprop", torch.optim.Adagrad])
def test_any_of_torchs_optimisers_takes_its_own_steps(
    optimiser: str | type[torch.optim.Optimizer], net: BeliefNet, stream: Minibatches
) -> None:
    trainer = GradientDescent(optimiser=optimiser, learning_rate=0.01)
    network, by_hand = unroll(net, 3), unroll(net, 3)
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
    kind = kinds[optimiser] if isinstance(optimiser, str) else optimiser
    theirs = kind(by_hand.parameters(), lr=0.01)  # type: ignore[call-arg]
    state = trainer.init(network, RandomStream(0))
    for batch in stream.epoch(0):
        state, _ = trainer.step(state, batch)
        theirs.zero_grad()
        assert batch.labels is not None
        functional.cross_entropy(by_hand(batch.values), batch.labels).backward()
        theirs.step()
    for one, other in zip(network.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_an_autoencoder_aims_at_the_rows_as_they_were_before_corruption() -> None:
    network = Network.of_sizes((4, 3, 4), "tanh", "sigmoid", random=RandomStream(0))
    seen: list[Tensor] = []

    def erased(rows: Tensor, random: RandomStream, first_row: int) -> Tensor:
        seen.append(rows)
        return torch.zeros_like(rows)

    trainer = GradientDescent(BinaryCrossEntropy(), "values", corruption=erased)
    v = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros(5, 4)
    expected = functional.binary_cross_entropy(network(nothing), v, reduction="none").sum(1).mean()
    _, info = trainer.step(trainer.init(network, RandomStream(0)), Batch(v, None, 0, 5))
    assert torch.equal(seen[0], v)
    assert torch.equal(info.targets, v)
    assert torch.allclose(info.loss, expected.detach(), rtol=1e-5)


def test_a_regression_aims_at_its_targets_and_weighs_its_rows() -> None:
    network = Network.of_sizes((2, 1), random=RandomStream(0))
    x, y, weights = torch.eye(2), torch.tensor([[1.0], [5.0]]), torch.tensor([3.0, 1.0], dtype=torch.float64)
    expected = (weights * (network(x)[:, 0] - y[:, 0]).detach().square() / 2).sum() / weights.sum()
    trainer = GradientDescent(Squared(), "targets")
    state = trainer.init(network, RandomStream(0))
    _, info = trainer.step(state, Batch(x, None, 0, 2, weights, y))
    assert math.isclose(float(info.loss), float(expected), rel_tol=1e-5)
    with pytest.raises(DataError, match="targets = None: every row needs a target"):
        trainer.step(state, Batch(x, None, 0, 2))


def test_weights_into_a_unit_are_no_longer_than_asked(net: BeliefNet, stream: Minibatches) -> None:
    network = random_stack(net.sizes, 3, RandomStream(1))
    trainer = GradientDescent(learning_rate=0.1, max_norm=0.3)
    run(trainer, trainer.init(network, RandomStream(0)), stream, 1)
    norms = torch.cat([p.detach().norm(dim=1) for p in network.parameters() if p.dim() == 2])
    assert float(norms.max()) <= 0.3 * (1 + 1e-6)
    assert bool((norms > 0.29).any())


def test_a_clipped_gradient_is_no_longer_than_asked(net: BeliefNet, stream: Minibatches) -> None:
    network = random_stack(net.sizes, 3, RandomStream(1))
    before = [p.detach().clone() for p in network.parameters()]
    trainer = GradientDescent(optimiser="sgd", learning_rate=1.0, clip_norm=0.01)
    trainer.step(trainer.init(network, RandomStream(0)), next(stream.epoch(0)))
    moved = sum(float((p.detach() - b).square().sum()) for p, b in zip(network.parameters(), before, strict=True))
    assert math.isclose(math.sqrt(moved), 0.01, rel_tol=1e-4)


def test_the_running_mean_is_that_of_the_parameters(net: BeliefNet, stream: Minibatches) -> None:
    network = random_stack(net.sizes, 3, RandomStream(1))
    trainer = GradientDescent(learning_rate=0.01, averaging=0.999)
    state, seen = trainer.init(network, RandomStream(0)), list[Tensor]()
    for batch in stream.epoch(0):
        state, _ = trainer.step(state, batch)
        seen.append(network[0].weight.detach().clone())  # type: ignore[union-attr]
    # A memory this long keeps the plain mean of few steps.
    assert torch.allclose(state.average["0.weight"], torch.stack(seen).mean(0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("weight", "where"),
    [
        (math.inf, "layer 'hidden1', whose weight left the finite numbers first"),
        (3e38, "layer 'hidden1', whose values left the finite numbers first"),
        (1e30, "layer 'output' gives the largest values, up to 6e+30"),
    ],
)
def test_a_loss_that_is_not_finite_is_named_with_its_step_and_layer_and_moves_nothing(
    weight: float, where: str
) -> None:
    network = Network.of_sizes((2, 3, 2), random=RandomStream(0))
    trainer = GradientDescent(Squared(), "targets")
    state = trainer.init(network, RandomStream(0))
    batch = Batch(torch.full((2, 2), 2.0), None, 0, 2, None, torch.zeros(2, 2))
    state, _ = trainer.step(state, batch)
    with torch.no_grad():
        network[0].weight.fill_(weight)  # type: ignore[union-attr]
        network[1].weight.fill_(0.5)  # type: ignore[union-attr]
    before = [p.detach().clone() for p in network.parameters()]
    with pytest.raises(DivergenceError, match=rf"step 2: the loss is (inf|nan) \({re.escape(where)}"):
        trainer.step(state, batch)
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True))


class Draws(nn.Module):
    """A user's own module that draws from torch's stream."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


def watched(watch: bool) -> tuple[nn.Sequential, list[DescentInfo], Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), Draws(), nn.Dropout(0.5), nn.Linear(6, 3, bias=False)
    )
    initialise(network, "glorot_uniform", RandomStream(1))
    trainer = GradientDescent(
        optimiser="sgd", learning_rate=0.1, dropout=0.2, max_norm=1.0, averaging=0.9, ridge=0.1, watch_every=3 * watch
    )
    state, infos = trainer.init(network, RandomStream(2)), list[DescentInfo]()
    rows = torch.rand(20, 4, generator=torch.Generator().manual_seed(3))
    stream = Minibatches(
        Rows(rows.numpy(), (np.arange(20) % 3).astype(np.int64), ("a", "b", "c")),
        Preparation.unchanged(4),
        8,
        RandomStream(4),
    )
    for epoch in range(2):
        for batch in stream.epoch(epoch):
            state, info = trainer.step(state, batch)
            infos.append(info)
    return network, infos, torch.rand(3)


def test_watching_the_gradients_changes_no_bit() -> None:
    (plain, _, after), (seen, infos, after_too) = watched(False), watched(True)
    assert all(
        torch.equal(one, other)
        for one, other in zip(plain.state_dict().values(), seen.state_dict().values(), strict=True)
    )
    assert torch.equal(after, after_too)
    assert [info.flow is not None for info in infos] == 2 * [False, False, True]


def test_what_is_watched_is_the_sweep_before_the_step_and_how_far_the_step_went() -> None:
    network = Network.of_sizes((3, 4, 2), "tanh", random=RandomStream(0))
    batch = Batch(torch.eye(3), None, 0, 3, torch.tensor([1.0, 2.0, 3.0]), torch.ones(3, 2))
    sweep = backpropagate(network, batch.values, Squared(), torch.ones(3, 2), batch.weights)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    trainer = GradientDescent(Squared(), "targets", optimiser="sgd", learning_rate=0.1, watch_every=1)
    _, info = trainer.step(trainer.init(network, RandomStream(0)), batch)
    assert info.flow is not None
    assert info.flow == gradient_flow(network, sweep, before)
    for ratio, gradient, name in zip(info.flow.update_ratio, info.flow.gradient_norm, info.flow.names, strict=True):
        assert ratio == pytest.approx(0.1 * gradient / float(before[f"{name}.weight"].norm()), rel=1e-5)


def test_a_single_row_under_a_batch_norm_is_named() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    trainer = GradientDescent()
    state, _ = trainer.step(trainer.init(network, RandomStream(0)), labelled(torch.eye(2), [0, 1]))
    with pytest.raises(DataError, match="minibatch = 1: is a single row, and a batch norm needs"):
        trainer.step(state, labelled(torch.ones(1, 2), [0]))
