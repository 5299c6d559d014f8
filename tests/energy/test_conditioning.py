"""Belief networks given some of their visible units, held against sums over all hidden states."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor
from torch.nn import functional

from layerwise.energy import RBM, BeliefNet, WakeSleepNet, bernoulli_rbm
from layerwise.energy.class_rbm import class_rbm, free_energy_of_features, join_labels
from layerwise.energy.conditioning import impute_given, sample_given
from layerwise.energy.directed_stack import DirectedStack
from layerwise.energy.enumeration import states_of
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.units import (
    BernoulliUnits,
    CategoricalUnits,
    GaussianUnits,
    MixedUnits,
    NoisyRectifiedUnits,
    RectifiedUnits,
    SpinUnits,
    UnitKind,
)

SIGMAS = 5.0
SIGNIFICANCE = 1e-6
COUNT, SWEEPS = 3000, 20
CLASSES = 3
NAN = math.nan

# Two bits, a choice of three, a real number and one that is not negative; known are a bit, and all but the choice.
ROW = torch.tensor([1.0, NAN, NAN, NAN, NAN, 0.7, NAN])
CHOICE = torch.tensor([NAN, NAN, 0.0, 1.0, 0.0, NAN, NAN])
NOTHING = torch.full((7,), NAN)


def layer_of(kind: str) -> UnitKind:
    return {"bernoulli": BernoulliUnits(3), "spin": SpinUnits(3), "categorical": CategoricalUnits((2, 3))}[kind]


def stack(kind: str, *, labelled: bool = False) -> WakeSleepNet:
    """Three layers of hidden units; its recognition has nothing to do with its generation."""
    visible = MixedUnits([BernoulliUnits(2), CategoricalUnits((3,)), GaussianUnits(1), RectifiedUnits(1)])
    middle = layer_of(kind)
    above = layer_of(kind)
    top = class_rbm(BernoulliUnits(2), 2, CLASSES) if labelled else bernoulli_rbm(2, 2)
    generator = torch.Generator().manual_seed(1)
    layers = [RBM(visible, middle), RBM(above, BernoulliUnits(2)), top]
    strong = 1.0 if kind == "categorical" else 1.8
    for rbm in layers:
        for name, parameter in rbm.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            # Strong couplings down to the row: what one unit explains must be explained away for the others.
            parameter.copy_({"weights": strong if rbm is layers[0] else 1.0}.get(name, 0.5) * noise)
    if labelled:
        top.weights[-CLASSES:] *= 4
    net = WakeSleepNet.untied(BeliefNet(layers))
    for up in net.recognition:
        up.weights.copy_(torch.randn(up.weights.shape, generator=generator))
    return net


def posterior(net: DirectedStack, row: Tensor, label: int | None = None) -> tuple[Tensor, Tensor]:
    """States of the lowest hidden layer, and their probabilities given what is known of a row; by formulas alone."""
    net = copy.deepcopy(net).double()
    h2, h1 = states_of(BernoulliUnits(2)).double(), states_of(net.generation[1].units).double()
    if label is not None:
        free = net.top.free_energy(join_labels(h2, torch.full((4,), label), CLASSES))
    else:
        free = free_energy_of_features(net.top, h2) if net.classes else net.top.free_energy(h2)
    log_p = torch.stack([net.generation[1].log_probability(h1, state.expand(len(h1), -1)) for state in h2])
    log_p = torch.logsumexp(log_p - free[:, None], 0)
    field = net.generation[0].field(h1)
    real = net.generation[0].units.get_submodule("parts.2")
    assert isinstance(real, GaussianUnits)
    precision = real.log_precision.exp()
    bits = functional.logsigmoid(field[:, :2] * (2 * row[:2] - 1))
    choice = functional.log_softmax(field[:, 2:5], 1) * row[2:5]
    number = 0.5 * precision.log() - 0.5 * precision * (row[5:6] - field[:, 5:6] / precision).square()
    assert bool(row[6].isnan())  # a rectified unit has no such simple formula
    for terms in (bits, choice, number):
        log_p = log_p + terms.nan_to_num(0.0).sum(1)
    return h1, log_p.softmax(0)


def assert_shares(drawn: Tensor, values: Tensor, p: Tensor) -> None:
    """Each row is one of the values, drawn with probabilities p."""
    places = (drawn[:, None] == values).all(2).double()
    assert bool((places.sum(1) == 1).all())
    often = len(drawn) * p >= 5
    counts, expected = (torch.cat([x[often], x[~often].sum(0, keepdim=True)]) for x in (places.sum(0), len(drawn) * p))
    statistic = ((counts - expected) ** 2 / expected.clamp_min(1e-9)).sum()
    assert float(statistic) < chi2.isf(SIGNIFICANCE, len(counts) - 1)


@pytest.mark.parametrize("row", [ROW, CHOICE, NOTHING], ids=["numbers", "choice", "nothing"])
@pytest.mark.parametrize("kind", ["bernoulli", "spin", "categorical"])
def test_what_is_missing_is_drawn_given_what_is_known(kind: str, row: Tensor) -> None:
    net = stack(kind)
    h, p = posterior(net, row)
    drawn = sample_given(net, row.expand(COUNT, -1), SWEEPS, RandomStream(1))
    known = ~row.isnan()
    assert torch.equal(drawn[:, known], row[known].expand(COUNT, -1))
    assert bool(net.generation[0].units.accepts(drawn).all())
    field = net.generation[0].field(h.float()).double()
    # The other bit and the choice together, where neither is known.
    chances = torch.stack([functional.logsigmoid(-field[:, 1]), functional.logsigmoid(field[:, 1])], 1).exp()
    if bool(row[2].isnan()):
        chances = (chances[:, :, None] * field[:, None, 2:5].softmax(2)).flatten(1)
        values = torch.cat([torch.eye(2).repeat_interleave(3, 0)[:, 1:], torch.eye(3).repeat(2, 1)], 1)
        assert_shares(drawn[:, 1:5], values, p @ chances)
    else:
        assert_shares(drawn[:, 1:2], torch.tensor([[0.0], [1.0]]), p @ chances)
    mean = p @ net.generation[0].mean(h.float()).double()
    error = SIGMAS * drawn.double().std(0) / math.sqrt(COUNT)
    assert bool(((drawn.double().mean(0) - mean).abs() <= error + 1e-6)[~known].all())


@pytest.mark.parametrize("label", [None, 1])
def test_a_label_may_be_known_or_not(label: int | None) -> None:
    net = stack("bernoulli", labelled=True)
    h, p = posterior(net, ROW, label)
    labels = None if label is None else torch.full((COUNT,), label)
    drawn = sample_given(net, ROW.expand(COUNT, -1), SWEEPS, RandomStream(2), labels=labels)
    chances = functional.softmax(net.generation[0].field(h.float()).double()[:, 2:5], 1)
    assert_shares(drawn[:, 2:5], torch.eye(3), p @ chances)


def test_rows_have_gaps_and_labels_of_their_own() -> None:
    net = stack("bernoulli", labelled=True)
    rows, labels = torch.stack([ROW, CHOICE, NOTHING, ROW]), torch.tensor([0, -1, 2, -1])
    copies = 200
    filled = impute_given(
        net, rows.repeat(copies, 1), RandomStream(3), steps=10, burn_in=10, chains=2, labels=labels.repeat(copies)
    )
    for number, (row, label) in enumerate(zip(rows, (0, -1, 2, -1), strict=True)):
        h, p = posterior(net, row, None if label < 0 else label)
        mean = p @ net.generation[0].mean(h.float()).double()
        ours = filled[number::4].double()
        error = SIGMAS * ours.std(0) / math.sqrt(copies)
        known = ~row.isnan()
        assert bool(((ours.mean(0) - mean).abs() <= error + 1e-6)[~known].all()), number
        assert torch.equal(ours[:, known].float(), row[known].expand(copies, -1))


def test_chains_begin_where_they_are_told_to() -> None:
    # The top is all on or all off, and so is what is seen; a chain does not cross from one to the other.
    below, top = bernoulli_rbm(4, 6, torch.full((4, 6), 3.0)), bernoulli_rbm(6, 6, torch.full((6, 6), 4.0))
    below.visible.bias.fill_(-9.0)
    below.hidden.bias.fill_(-6.0)
    top.visible.bias.fill_(-12.0)
    top.hidden.bias.fill_(-12.0)
    nothing = torch.full((40, 4), NAN)
    for start in (0.0, 1.0):
        drawn = sample_given(BeliefNet([below, top]), nothing, 5, RandomStream(0), start=torch.full((40, 4), start))
        assert abs(float(drawn.mean()) - start) < 0.1


def test_rows_may_be_done_in_parts() -> None:
    net, rows = stack("categorical"), torch.stack([ROW, CHOICE, NOTHING]).repeat(3, 1)

    def done(low: int, high: int) -> tuple[Tensor, Tensor]:
        drawn = sample_given(net, rows[low:high], 2, RandomStream(1), first_row=low)
        means = impute_given(net, rows[low:high], RandomStream(1), steps=2, burn_in=1, chains=2, first_row=low)
        return drawn, means

    whole, parts = done(0, 9), [done(0, 4), done(4, 9)]
    for i in range(2):
        assert torch.allclose(torch.cat([part[i] for part in parts]), whole[i], rtol=1e-5, atol=1e-6)


def test_what_cannot_be_drawn_is_refused() -> None:
    net, row = stack("bernoulli"), ROW[None]
    with pytest.raises(OptionError, match="steps = 0: must be at least 1"):
        sample_given(net, row, 0, RandomStream(0))
    with pytest.raises(OptionError, match="burn_in = -1: must be at least 0"):
        impute_given(net, row, RandomStream(0), burn_in=-1)
    with pytest.raises(DataError, match="must be known together"):
        sample_given(net, torch.tensor([[0.0, 0.0, 1.0, NAN, 0.0, 0.0, 0.0]]), 1, RandomStream(0))
    with pytest.raises(OptionError, match=r"one layer.*take clamped_gibbs"):
        sample_given(BeliefNet([bernoulli_rbm(7, 2)]), row, 1, RandomStream(0))
    real = BeliefNet([RBM(BernoulliUnits(7), GaussianUnits(2)), RBM(GaussianUnits(2), BernoulliUnits(2))])
    with pytest.raises(OptionError, match=r"gaussian.*states that can be counted"):
        sample_given(real, row, 1, RandomStream(0))
    noisy = BeliefNet([RBM(NoisyRectifiedUnits(7), BernoulliUnits(2)), bernoulli_rbm(2, 2)])
    with pytest.raises(OptionError, match=r"noisy_rectified.*take rectified"):
        sample_given(noisy, row, 1, RandomStream(0))
