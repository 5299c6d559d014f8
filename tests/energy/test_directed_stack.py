"""Deep models with labels at the top and with couplings of two directions, held against sums over all their states."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from layerwise.energy import RBM, BeliefNet, LadderWarning
from layerwise.energy.class_rbm import class_rbm, free_energy_of_features, join_labels
from layerwise.energy.conditional import Conditional
from layerwise.energy.directed_stack import DirectedStack
from layerwise.energy.wake_sleep_net import WakeSleepNet
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.units import BernoulliUnits, CategoricalUnits, GaussianUnits, RectifiedUnits, SpinUnits, UnitKind

SIGNIFICANCE = 1e-6
COUNT = 10_000
CLASSES = 3

MakeRBM = Callable[..., RBM]


def binary(size: int) -> Tensor:
    return torch.tensor(list(product([0.0, 1.0], repeat=size)), dtype=torch.float64)


def labelled_net(scale: float = 1.2) -> BeliefNet:
    layers = [RBM(BernoulliUnits(5), BernoulliUnits(3)), class_rbm(3, 2, CLASSES)]
    generator = torch.Generator().manual_seed(3)
    for layer in layers:
        for name, parameter in layer.named_parameters():
            size = scale if name == "weights" else 0.5
            parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
    return BeliefNet(layers)


def joint_at_the_top(top: RBM) -> Tensor:
    """p(h, label) of the layer below the top: a row for each h, a column for each label."""
    h, top = binary(3), _double(top)
    free = [top.free_energy(join_labels(h, torch.full((len(h),), k), CLASSES)) for k in range(CLASSES)]
    return (-torch.stack(free, 1)).flatten().softmax(0).reshape(len(h), CLASSES)


def _double(rbm: RBM) -> RBM:
    copy = class_rbm(rbm.visible.size - CLASSES, rbm.hidden.size, CLASSES).double()
    copy.load_state_dict(rbm.state_dict())
    return copy


def assert_samples(rows: Tensor, means: Tensor, p: Tensor) -> None:
    """Each row is one of the means, which are drawn with probabilities p."""
    distance = torch.cdist(rows.double(), means.double()).min(1)
    assert distance.values.max() < 1e-5
    expected = len(rows) * p
    counts = torch.bincount(distance.indices, minlength=len(p)).double()
    rare = expected < 5
    counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None].clamp_min(1e-9)])
    assert float(((counts - expected) ** 2 / expected).sum()) < chi2.isf(SIGNIFICANCE, len(expected) - 1)


def test_sizes_do_not_count_the_label() -> None:
    net = labelled_net()
    assert net.sizes == (5, 3, 2)
    assert net.classes == CLASSES
    assert net.up(torch.rand(4, 5)).shape == (4, 2)
    assert net.down(torch.rand(4, 2)).shape == (4, 5)
    assert net.reconstruct(torch.rand(4, 5)).shape == (4, 5)


@pytest.mark.parametrize("label", range(CLASSES))
@pytest.mark.parametrize("start", [False, True])
def test_a_wanted_class_is_dreamt_of_with_its_conditional_distribution(label: int, start: bool) -> None:
    net = labelled_net()
    joint = joint_at_the_top(net.top)
    given = torch.ones(COUNT, 5) if start else None
    rows = net.sample(COUNT, RandomStream(1), steps=30, start=given, label=label)
    assert_samples(rows, net.layers[0].mean_v_from_h(binary(3).float()), joint[:, label] / joint[:, label].sum())


def test_every_row_may_want_a_class_of_its_own() -> None:
    net = labelled_net()
    joint = joint_at_the_top(net.top)
    labels = torch.arange(CLASSES * 8000) % CLASSES
    rows = net.sample(len(labels), RandomStream(2), steps=30, label=labels)
    for label in range(CLASSES):
        p = joint[:, label] / joint[:, label].sum()
        assert_samples(rows[labels == label], net.layers[0].mean_v_from_h(binary(3).float()), p)


@pytest.mark.parametrize("replicas", [1, 4])
def test_without_a_wanted_class_the_label_is_drawn_too(replicas: int) -> None:
    net = labelled_net()
    rows = net.sample(COUNT, RandomStream(3), steps=30, replicas=replicas)
    assert_samples(rows, net.layers[0].mean_v_from_h(binary(3).float()), joint_at_the_top(net.top).sum(1))


def test_tempered_chains_find_modes_that_gibbs_chains_do_not() -> None:
    # All on or all off: a Gibbs chain practically never crosses, though the two are equally probable.
    rbm = RBM(BernoulliUnits(6), BernoulliUnits(6), torch.full((6, 6), 4.0))
    rbm.visible.bias.fill_(-12.0)
    rbm.hidden.bias.fill_(-12.0)
    below = RBM(BernoulliUnits(4), BernoulliUnits(6))
    net = BeliefNet([below, rbm])
    below.weights.copy_(torch.linspace(0.5, 1.0, 6).expand(4, 6))
    both = torch.tensor([[0.0], [1.0]]).expand(2, 4)
    share = [
        float((net.sample(2000, RandomStream(4), 100, start, replicas=replicas).mean(1) > 0.7).double().mean())
        for start, replicas in ((both[1].expand(2000, -1), 1), (both, 8))
    ]
    assert share[0] > 0.99
    assert abs(share[1] - 0.5) < 5 * 0.5 / 2000**0.5


def test_classes_are_told_by_the_exact_free_energy_at_the_top() -> None:
    net = labelled_net()
    v = torch.rand(20, 5, generator=torch.Generator().manual_seed(0))
    h = net.layers[0].mean_h_from_v(v)
    free = torch.stack(
        [net.top.free_energy(join_labels(h, torch.full((20,), k), CLASSES)) for k in range(CLASSES)], dim=1
    )
    log_p = net.class_log_probabilities(v)
    assert torch.allclose(log_p, torch.log_softmax(-free, 1), atol=1e-5)
    assert torch.equal(net.classify(v), log_p.argmax(1))
    assert torch.allclose(net.free_energy_at(v, 1), -torch.logsumexp(-free, 1), atol=1e-5)
    assert torch.allclose(net.free_energy_at(v, 1), free_energy_of_features(net.top, h))
    p = log_p.exp()
    mean = sum(p[:, k, None] * net.top.mean_h_from_v(join_labels(h, torch.full((20,), k), CLASSES)) for k in range(3))
    assert torch.allclose(net.up(v), mean, atol=1e-6)


def test_labels_that_are_missing_are_drawn_given_the_layer_below() -> None:
    net = labelled_net()
    net.layers[0].weights.zero_()
    net.layers[0].hidden.bias.copy_(torch.tensor([50.0, -50.0, 50.0]))  # h is known: 1, 0, 1
    labels = torch.tensor([-1, 1]).repeat(COUNT)
    rows = net.top_rows(torch.zeros(2 * COUNT, 5), labels, RandomStream(5))
    assert bool((rows[:, :3] == torch.tensor([1.0, 0.0, 1.0])).all())
    found = rows[:, 3:].argmax(1)
    assert bool((found[labels == 1] == 1).all())
    joint = joint_at_the_top(net.top)[5]
    expected = COUNT * joint / joint.sum()
    counts = torch.bincount(found[labels < 0], minlength=CLASSES)
    assert float(((counts - expected) ** 2 / expected).sum()) < chi2.isf(SIGNIFICANCE, CLASSES - 1)


KINDS: dict[str, Callable[[int], UnitKind]] = {
    "bernoulli": BernoulliUnits,
    "categorical": lambda size: CategoricalUnits((size,)),
    "gaussian": GaussianUnits,
    "rectified": RectifiedUnits,
    "spin": SpinUnits,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_conditional_is_the_half_of_an_rbm(kind: str) -> None:
    # log p(v | h) = log p(v, h) - log p(h), each by the machine's own energy.
    rbm = RBM(KINDS[kind](3), BernoulliUnits(2)).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in rbm.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    h = binary(2)
    layer = Conditional(rbm.weights.T, rbm.visible)
    v = layer.sample(h, RandomStream(0))
    field = rbm.field_of_visible(h)
    expected = -rbm.energy(v, h) + rbm.hidden.energy(h) - rbm.visible.cumulant(field)
    assert torch.allclose(layer.log_probability(v, h), expected, rtol=1e-10)
    assert torch.equal(layer.mean(h), rbm.mean_v_from_h(h))
    assert torch.equal(v, rbm.sample_v_from_h(h, RandomStream(0)))


@pytest.mark.parametrize("labelled", [True, False])
def test_an_untied_net_is_the_same_model_until_it_is_changed(labelled: bool, make_rbm: MakeRBM) -> None:
    net = labelled_net() if labelled else BeliefNet([make_rbm(sizes=(5, 3)), make_rbm(sizes=(3, 2), seed=1)])
    untied = WakeSleepNet.untied(net)
    v = torch.rand(9, 5, generator=torch.Generator().manual_seed(0))
    one, other = (m.sample(8, RandomStream(0), steps=3, start=v[:8]) for m in (net, untied))
    assert torch.allclose(one, other, rtol=1e-5)  # sums in another order, where couplings lie otherwise
    assert torch.allclose(net.up(v), untied.up(v), rtol=1e-5)
    assert torch.allclose(net.reconstruct(v), untied.reconstruct(v), rtol=1e-5)
    if labelled:
        assert torch.equal(net.classify(v), untied.classify(v))
    for parameter in untied.parameters():
        parameter.zero_()
    assert not torch.equal(net.up(v), untied.up(v))  # nothing is shared
    assert len({p.data_ptr() for p in [*net.parameters(), *untied.parameters()]}) == len(
        [*net.parameters(), *untied.parameters()]
    )


def test_an_untied_net_looks_up_by_one_set_of_couplings_and_down_by_the_other(make_rbm: MakeRBM) -> None:
    net = BeliefNet([make_rbm(sizes=(5, 3)), make_rbm(sizes=(3, 2), seed=1)])
    untied, other = WakeSleepNet.untied(net), make_rbm(sizes=(5, 3), seed=7)
    untied.recognition[0].weights.copy_(other.weights)
    generator = torch.Generator().manual_seed(0)
    v, h = torch.rand(4, 5, generator=generator), torch.rand(4, 3, generator=generator)
    assert torch.allclose(untied.up(v, 1), torch.sigmoid(v @ other.weights + net.layers[0].hidden.bias), atol=1e-6)
    assert torch.allclose(untied.down(h, 1), net.down(h, 1), rtol=1e-5)


def test_labels_are_refused_where_nothing_knows_them(make_rbm: MakeRBM) -> None:
    net: DirectedStack = BeliefNet([make_rbm(sizes=(5, 3)), make_rbm(sizes=(3, 2))])
    with pytest.raises(OptionError, match="label = 1: the top has no label units, so no class can be asked for"):
        net.sample(2, RandomStream(0), label=1)
    with pytest.raises(OptionError, match="must end in one site of categorical units"):
        net.classify(torch.zeros(1, 5))


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=re.escape("labels, row 0 = 3: must be from 0 to 2")):
        labelled_net().sample(2, RandomStream(0), label=3)
    with pytest.raises(DataError, match=re.escape("must be one class, or one for each of 2 rows")):
        labelled_net().sample(2, RandomStream(0), label=torch.tensor([0, 1, 2]))


def test_tempered_chains_refuse_what_they_cannot_do() -> None:
    with pytest.raises(OptionError, match="replicas = 3: tempered chains keep no label; leave one of the two out"):
        labelled_net().sample(2, RandomStream(0), label=1, replicas=3)


def test_a_ladder_too_coarse_is_said() -> None:
    # All of twelve units on or all off: at β = 0, where each is a fair coin, hardly any row is like either.
    both = torch.tensor([[0.0], [1.0]]).expand(2, 12)
    rbm = RBM(BernoulliUnits(12), BernoulliUnits(12), torch.full((12, 12), 4.0))
    rbm.visible.bias.fill_(-24.0)
    rbm.hidden.bias.fill_(-24.0)
    with pytest.warns(LadderWarning, match="the ladder of 2 temperatures is too coarse"):
        BeliefNet([rbm]).sample(50, RandomStream(0), 50, both, replicas=2)


def test_directions_that_do_not_fit_are_refused(make_rbm: MakeRBM) -> None:
    net = BeliefNet([make_rbm(sizes=(5, 3)), make_rbm(sizes=(3, 2))])
    with pytest.raises(OptionError, match="generation = 0: must be as many as there are layers of recognition; give 1"):
        WakeSleepNet(net.recognition, [], net.top)
    with pytest.raises(OptionError, match=re.escape("generation.weights.shape = (5, 3): must be (3, 5)")):
        WakeSleepNet(net.recognition, net.recognition, net.top)
