"""Up-down, held against the gradients it claims to follow and the bound it is meant to raise."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from layerwise.data import Batch, Minibatches, Preparation, Rows
from layerwise.energy import RBM, BeliefNet, exact_sample
from layerwise.energy.bound import variational_bound
from layerwise.energy.class_rbm import class_rbm, join_labels
from layerwise.energy.conditional import Conditional
from layerwise.energy.wake_sleep_net import WakeSleepNet
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.training.checkpoint import read_tree, write_tree
from layerwise.training.loop import run
from layerwise.training.up_down import UpDown, UpDownInfo, UpDownState
from layerwise.units import BernoulliUnits, CategoricalUnits, GaussianUnits, MixedUnits, SpinUnits, UnitKind

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
CLASSES = 3


def binary(size: int) -> Tensor:
    return torch.tensor(list(product([0.0, 1.0], repeat=size)))


def chance(net: torch.nn.Module, scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))


def net_of(visible: UnitKind, hidden: type[UnitKind] = BernoulliUnits, labels: bool = False) -> WakeSleepNet:
    """Three layers over the data, every parameter one of chance."""
    top = class_rbm(hidden(3), 2, CLASSES) if labels else RBM(hidden(3), BernoulliUnits(2))
    net = WakeSleepNet.untied(BeliefNet([RBM(visible, hidden(4)), RBM(hidden(4), hidden(3)), top]))
    chance(net, 0.7, 0)
    return net


class MeanLogProbability(torch.nn.Module):
    """Of rows of one layer given those of the other, as a function of what they are given by."""

    def __init__(self, layer: Conditional) -> None:
        super().__init__()
        self.weights, self.units = torch.nn.Parameter(layer.weights.clone(), requires_grad=False), layer.units

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        return Conditional(self.weights, self.units).log_probability(y, x).mean()


def by_autograd(layer: Conditional, y: Tensor, x: Tensor) -> dict[str, Tensor]:
    module = MeanLogProbability(layer)
    at = {name: p.detach().clone().requires_grad_() for name, p in module.named_parameters()}
    found = torch.autograd.grad(functional_call(module, at, (y, x)), list(at.values()))
    return {name.removeprefix("units."): gradient for name, gradient in zip(at, found, strict=True)}


def parameters(layer: Conditional) -> dict[str, Tensor]:
    return {"weights": layer.weights.clone(), **{name: p.clone() for name, p in layer.units.named_parameters()}}


def first_step(trainer: UpDown, net: WakeSleepNet, batch: Batch) -> UpDownInfo:
    return trainer.step(trainer.init(net, RandomStream(0)), batch)[1]


@pytest.mark.parametrize("hidden", [BernoulliUnits, SpinUnits, GaussianUnits])
@pytest.mark.parametrize(
    "visible",
    [
        lambda: BernoulliUnits(5),
        lambda: SpinUnits(5),
        lambda: GaussianUnits(5),
        lambda: CategoricalUnits((2, 3)),
        lambda: MixedUnits([BernoulliUnits(2), GaussianUnits(3)]),
    ],
    ids=["bernoulli", "spin", "gaussian", "categorical", "mixed"],
)
def test_each_layer_goes_along_the_gradient_of_its_log_probability(visible: Any, hidden: type[UnitKind]) -> None:
    net = net_of(visible(), hidden).double()
    v = net.generation[0].units.sample(torch.zeros(11, 5, dtype=torch.float64), RandomStream(1))
    rate = 2.0**-7  # no precision comes to where it is held
    trainer = UpDown(1, learning_rate=rate, momentum=0.0)
    before = WakeSleepNet(net.recognition, net.generation, net.top)
    info = first_step(trainer, net, Batch(v, None, 0, 11))
    for number in range(2):
        for layer, old, y, x in (
            (net.generation, before.generation, info.recognised[number], info.recognised[number + 1]),
            (net.recognition, before.recognition, info.dreamt[number + 1], info.dreamt[number]),
        ):
            expected, after = by_autograd(old[number], y, x), parameters(layer[number])
            for name, value in parameters(old[number]).items():
                assert torch.allclose((after[name] - value) / rate, expected[name], rtol=1e-8, atol=1e-9), name
    data, dream = (by_rows(before.top, v) for v in (info.top_data, info.top_dream))
    for name, value in net.top.named_parameters():
        moved = (value - dict(before.top.named_parameters())[name]) / rate
        assert torch.allclose(moved, data[name] - dream[name], rtol=1e-8, atol=1e-9), name


def test_a_row_of_weight_two_is_a_row_twice() -> None:
    """Of the gradient, that is, given what was drawn: rows that come twice are drawn twice."""
    net, v = net_of(GaussianUnits(5)).double(), torch.randn(7, 5, generator=torch.Generator().manual_seed(0)).double()
    before = WakeSleepNet(net.recognition, net.generation, net.top)
    weights = torch.tensor([2.0, 1.0, 1.0, 0.0, 0.5, 1.0, 2.5], dtype=torch.float64)
    info = first_step(UpDown(1, learning_rate=1.0, momentum=0.0), net, Batch(v, None, 0, 7, weights))
    twice = weights.mul(2).long()
    recognised, dreamt = ([x.repeat_interleave(twice, 0) for x in rows] for rows in (info.recognised, info.dreamt))
    for number in range(2):
        for after, old, y, x in (
            (net.generation, before.generation, recognised[number], recognised[number + 1]),
            (net.recognition, before.recognition, dreamt[number + 1], dreamt[number]),
        ):
            expected, moved = by_autograd(old[number], y, x), parameters(after[number])
            for name, value in parameters(old[number]).items():
                assert torch.allclose(moved[name] - value, expected[name], rtol=1e-8, atol=1e-9), name
    data, dream = (by_rows(before.top, x.repeat_interleave(twice, 0)) for x in (info.top_data, info.top_dream))
    for name, value in net.top.named_parameters():
        moved_by = value - dict(before.top.named_parameters())[name]
        assert torch.allclose(moved_by, data[name] - dream[name], rtol=1e-8, atol=1e-9), name


def by_rows(rbm: RBM, v: Tensor) -> dict[str, Tensor]:
    """Mean of -∂E/∂parameter, the hidden units by their expectations."""
    field = rbm.field_of_hidden(v)
    mean = rbm.hidden.mean(field)
    found = {"weights": v.T @ mean / len(v)}
    found |= {f"visible.{name}": value.mean(0) for name, value in rbm.visible.statistics(v).items()}
    return found | {
        f"hidden.{name}": value.mean(0) for name, value in rbm.hidden.expected_statistics(field, mean).items()
    }


def exact_stack() -> tuple[WakeSleepNet, RBM]:
    """A stack that is one RBM, its top being that RBM upside down: its recognition is the exact posterior."""
    below = RBM(BernoulliUnits(4), BernoulliUnits(3))
    chance(below, 1.0, 0)
    top = RBM(BernoulliUnits(3), BernoulliUnits(4), below.weights.T.clone())
    top.visible.bias.copy_(below.hidden.bias)
    top.hidden.bias.copy_(below.visible.bias)
    return WakeSleepNet.untied(BeliefNet([below, top])), below


@pytest.mark.parametrize("gibbs_steps", [1, 3])
def test_at_the_truth_it_stands_still(gibbs_steps: int) -> None:
    net, machine = exact_stack()
    v, _ = exact_sample(machine, 40_000, RandomStream(1))
    before = {name: p.clone() for name, p in net.named_parameters()}
    trainer = UpDown(1, gibbs_steps, learning_rate=1.0, momentum=0.0)
    trainer.step(trainer.init(net, RandomStream(2)), Batch(v, None, 0, len(v)))
    for name, parameter in net.named_parameters():
        # Each entry is a mean of numbers between -1 and 1: their standard deviation is at most 1.
        assert float((parameter - before[name]).abs().max()) <= SIGMAS / math.sqrt(len(v)), name


def toy() -> tuple[Tensor, Tensor]:
    """Rows of six columns in three classes: which pair of neighbours is on."""
    labels = torch.arange(300) % CLASSES
    rows = torch.nn.functional.one_hot(labels, CLASSES).repeat_interleave(2, dim=1).float()
    flipped = torch.rand(300, 6, generator=torch.Generator().manual_seed(0)) < 0.03
    return (rows - flipped.float()).abs(), labels


@pytest.mark.parametrize("labelled", [False, True])
def test_it_raises_the_bound(labelled: bool) -> None:
    top = class_rbm(4, 5, CLASSES) if labelled else RBM(BernoulliUnits(4), BernoulliUnits(5))
    tied = BeliefNet([RBM(BernoulliUnits(6), BernoulliUnits(4)), top])
    chance(tied, 0.1, 1)
    net = WakeSleepNet.untied(tied)
    v, labels = toy()
    given = labels if labelled else None
    before = variational_bound(net, v, given, draws=20)
    trainer = UpDown(500, learning_rate=0.5)
    state = trainer.init(net, RandomStream(3))
    for _ in range(500):
        state, _ = trainer.step(state, Batch(v, given, 0, len(v)))
    after = variational_bound(net, v, given, draws=20)
    # Independent columns of the data's means come to 6 · H(1/3) = 3.8 nats, and log 3 for the label.
    assert before.mean < -3.8
    assert after.mean - before.mean > SIGMAS * math.hypot(before.standard_error, after.standard_error)
    assert after.mean > -2.6
    if labelled:
        assert float((net.classify(v) != labels).float().mean()) < 0.05


@pytest.fixture
def stream(rows: Rows) -> Minibatches:
    return Minibatches(rows, Preparation.fit(rows, "bernoulli"), 16, RandomStream(0))


def fresh(seed: int = 0) -> WakeSleepNet:
    layers = [RBM(BernoulliUnits(12), BernoulliUnits(8)), class_rbm(8, 6, CLASSES)]
    for number, layer in enumerate(layers):
        layer.scatter_weights(RandomStream(seed).child(number), 0.3)
    return WakeSleepNet.untied(BeliefNet(layers))


def test_labels_are_where_the_top_has_units_for_them(stream: Minibatches) -> None:
    batch = next(iter(stream.epoch(0)))
    assert batch.labels is not None
    labels = batch.labels.clone()
    labels[3] = -1
    info = first_step(UpDown(1), fresh(), Batch(batch.values, labels, 0, 16))
    found = info.top_data[:, 8:].argmax(1)
    assert torch.equal(found[labels >= 0], labels[labels >= 0])
    assert torch.equal(info.top_data[:, :8], info.recognised[1])
    assert torch.equal(info.top_data, join_labels(info.recognised[1], found, CLASSES))
    assert len(info.hidden_activity) == 1


@pytest.mark.parametrize("dreams", ["samples", "means"])
def test_dreams_are_shown_as_they_are_drawn_or_by_their_means(dreams: Any, stream: Minibatches) -> None:
    net, batch = fresh(), next(iter(stream.epoch(0)))
    generation = WakeSleepNet(net.recognition, net.generation, net.top).generation[0]
    info = first_step(UpDown(1, dreams=dreams), net, batch)
    assert bool(((info.dreamt[0] == 0) | (info.dreamt[0] == 1)).all()) == (dreams == "samples")
    if dreams == "means":
        assert torch.equal(info.dreamt[0], generation.mean(info.dreamt[1]))


def test_after_the_last_step_nothing_moves(stream: Minibatches) -> None:
    trainer, net = UpDown(stream.n_batches, weight_decay=0.1), fresh()
    state = run(trainer, trainer.init(net, RandomStream(0)), stream, 1).state
    before = [p.clone() for p in net.parameters()]
    for batch in stream.epoch(1):
        state, _ = trainer.step(state, batch)
    assert all(torch.equal(one, other) for one, other in zip(net.parameters(), before, strict=True))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_run_resumes_to_the_bit(momentum: float, stream: Minibatches, tmp_path: Path) -> None:
    trainer = UpDown(2 * stream.n_batches, 2, 0.05, momentum, 0.001)
    whole = run(trainer, trainer.init(fresh(), RandomStream(0)), stream, 2).state
    half = run(trainer, trainer.init(fresh(), RandomStream(0)), stream, 1).state
    write_tree(tmp_path / "state", trainer.to_tree(half), "state")
    state: UpDownState = trainer.from_tree(fresh(5), read_tree(tmp_path / "state", "state"))
    for batch in stream.epoch(1):
        state, _ = trainer.step(state, batch)
    for one, other in zip(whole.net.parameters(), state.net.parameters(), strict=True):
        assert torch.equal(one, other)
    assert state.velocity.keys() == whole.velocity.keys()
    assert all(torch.equal(state.velocity[name], whole.velocity[name]) for name in whole.velocity)
    assert (state.random, state.steps_done) == (whole.random, whole.steps_done)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps = 0: must be at least 1"),
        ({"gibbs_steps": 0}, "gibbs_steps = 0: must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0: must be a positive number; start with 0.01"),
        ({"momentum": 1.0}, "momentum = 1.0: must be at least 0 and below 1"),
        ({"weight_decay": -1.0}, "weight_decay = -1.0: must be at least 0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        UpDown(**{"steps": 1, **options})


def test_what_it_cannot_learn_from_is_refused() -> None:
    trainer, values = UpDown(1), torch.zeros(3, 12)
    with pytest.raises(DataError, match="must be at least 0 and finite, and some of a minibatch above 0"):
        first_step(trainer, fresh(), Batch(values, None, 0, 3, torch.zeros(3)))
    values[1, 2] = math.nan
    with pytest.raises(DataError, match="up-down needs every value"):
        first_step(trainer, fresh(), Batch(values, None, 0, 3))
    with pytest.raises(DataError, match="labels, row 0 = 7: must be from 0 to 2"):
        first_step(trainer, fresh(), Batch(torch.zeros(3, 12), torch.full((3,), 7), 0, 3))


def test_a_column_that_never_varies_does_not_grow_sharper_for_ever() -> None:
    net = WakeSleepNet.untied(
        BeliefNet([RBM(GaussianUnits(2), BernoulliUnits(2)), RBM(BernoulliUnits(2), BernoulliUnits(1))])
    )
    x = torch.tensor([[0.0, -1.0], [0.0, 1.0]])
    trainer = UpDown(1_000, learning_rate=1.0)
    state = trainer.init(net, RandomStream(0))
    for _ in range(30):
        state, _ = trainer.step(state, Batch(x, None, 0, len(x)))
    precision = net.generation[0].units.get_parameter("log_precision")
    assert float(precision.max()) == pytest.approx(math.log(1e4))
