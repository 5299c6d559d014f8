"""Fine-tuning: it starts from the belief network, follows torch's own AdamW, and ends with a learning rate of zero."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from layerwise import kernels
from layerwise.data import Batch, Minibatches, Preparation, Rows
from layerwise.energy import RBM, BeliefNet
from layerwise.errors import DataError, OptionError
from layerwise.networks import layer_outputs
from layerwise.randomness import RandomStream
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.training.fine_tuning import FineTuning
from layerwise.training.loop import run
from layerwise.training.unrolling import random_stack, unroll

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""

MakeRBM = Callable[..., RBM]


@pytest.fixture
def net(make_rbm: MakeRBM) -> BeliefNet:
    return BeliefNet([make_rbm(sizes=(12, 8)), make_rbm(sizes=(8, 6), seed=1)])


@pytest.fixture
def stream(rows: Rows) -> Minibatches:
    return Minibatches(rows, Preparation.fit(rows, "bernoulli"), 16, RandomStream(0))


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
    trainer = FineTuning(8)
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
    trainer = FineTuning(steps, 0.01, weight_decay)
    network, by_hand = unroll(net, 3), unroll(net, 3)
    optimiser = torch.optim.AdamW(by_hand.parameters(), lr=0.01, weight_decay=weight_decay)
    state, done = trainer.init(network, RandomStream(0)), 0
    for epoch in range(2):
        for batch in stream.epoch(epoch):
            state, info = trainer.step(state, batch)
            rate = 0.01 * (1 - done / steps)
            assert [group["lr"] for group in state.optimiser.param_groups] == [rate]
            optimiser.param_groups[0]["lr"] = rate
            assert batch.labels is not None
            scores = by_hand(batch.values)
            loss = functional.cross_entropy(scores, batch.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            done += 1
            assert torch.allclose(info.loss, loss, rtol=1e-4)
            assert torch.equal(info.labels, batch.labels)
            assert not info.scores.requires_grad
    assert state.steps_done == done == steps
    for one, other in zip(network.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_after_the_last_step_nothing_moves(net: BeliefNet, stream: Minibatches) -> None:
    trainer = FineTuning(stream.n_batches, 0.01, weight_decay=0.1)
    network = unroll(net, 3)
    state = run(trainer, trainer.init(network, RandomStream(0)), stream, 1).state
    before = [p.detach().clone() for p in network.parameters()]
    for batch in stream.epoch(1):
        state, _ = trainer.step(state, batch)
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True))


def test_it_learns_what_can_be_learned(net: BeliefNet, rows: Rows, stream: Minibatches) -> None:
    trainer = FineTuning(15 * stream.n_batches, 0.05)
    network = random_stack(net.sizes, 3, RandomStream(1))
    run(trainer, trainer.init(network, RandomStream(0)), stream, 15)
    values = Preparation.fit(rows, "bernoulli").prepare(rows.values)
    assert rows.labels is not None
    wrong = (network(values).argmax(1) != torch.from_numpy(rows.labels)).sum()
    # Twelve columns, each flipped once in ten times: prototypes at least four columns apart are rarely mistaken.
    assert wrong <= 3


def test_dropout_keeps_the_expectation_of_a_linear_network() -> None:
    # Behind a hidden layer the scores are linear in what is kept, so their mean over masks is the score without any.
    network = nn.Sequential(nn.Linear(5, 40), nn.Sigmoid(), nn.Linear(40, 3))
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, generator=generator)
    n, row = 5000, torch.rand(1, 5, generator=generator)
    trainer = FineTuning(1, 1e-30, dropout=0.4)
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
    trainer = FineTuning(10, dropout=0.5)

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
    trainer = FineTuning(10)
    state, _ = trainer.step(trainer.init(unroll(net, 3), RandomStream(0, 5)), next(stream.epoch(0)))
    assert state.random == RandomStream(0, 5)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_saved_state_goes_on_to_the_same_bits(
    dropout: float, net: BeliefNet, stream: Minibatches, tmp_path: Path
) -> None:
    trainer = FineTuning(2 * stream.n_batches, 0.01, 0.1, dropout)
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
    trainer = FineTuning(3)
    state = trainer.init(unroll(net, 3), RandomStream(0))
    values = torch.zeros(4, 12)
    with pytest.raises(DataError, match="labels = None: fine-tuning needs a label for every row"):
        trainer.step(state, Batch(values, None, 0, 4))


def test_a_row_that_is_marked_unlabelled_is_refused(net: BeliefNet) -> None:
    trainer = FineTuning(3)
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
        FineTuning(**{"steps": 5, name: value})  # type: ignore[arg-type]


def test_the_mask_is_that_of_the_kernels_uniform_numbers(net: BeliefNet) -> None:
    # Silenced is what draws below the share; what is kept is scaled up.
    network = nn.Sequential(nn.Linear(12, 8), nn.Sigmoid(), nn.Linear(8, 3))
    nn.init.normal_(network[2].weight, generator=torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    v = torch.rand(9, 12, generator=torch.Generator().manual_seed(1))
    hidden = network[1](network[0](v))
    kept = (kernels.uniform(9, 8, RandomStream(4, 2)) >= 0.3).float()
    expected = network[2](hidden * kept / 0.7)
    trainer = FineTuning(1, 1e-30, dropout=0.3)
    info = trainer.step(trainer.init(network, RandomStream(4, 2)), labelled(v, [0] * 9))[1]
    assert torch.allclose(info.scores, expected.detach(), rtol=1e-5, atol=1e-6)
