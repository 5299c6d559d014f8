"""The classification RBM: what it says of the label, held against sums over all its states."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import product

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from layerwise.energy import RBM
from layerwise.energy.class_rbm import (
    class_log_probabilities,
    class_rbm,
    classes_of,
    features_of,
    free_energy_of_features,
    gibbs_given_labels,
    join_labels,
    mean_h_from_features,
)
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

SIGNIFICANCE = 1e-6
CLASSES = 3
CHAINS = 20_000

LAYERS: dict[str, Callable[[], UnitKind]] = {
    "bernoulli": lambda: BernoulliUnits(3),
    "categorical": lambda: CategoricalUnits((2, 3)),
    "gaussian": lambda: GaussianUnits(3),
    "mixed": lambda: MixedUnits([BernoulliUnits(2), GaussianUnits(2), CategoricalUnits((3,))]),
    "noisy_rectified": lambda: NoisyRectifiedUnits(3),
    "rectified": lambda: RectifiedUnits(3),
    "spin": lambda: SpinUnits(3),
}
every_visible = pytest.mark.parametrize("visible", LAYERS)
every_hidden = pytest.mark.parametrize("hidden", LAYERS)


def test_no_kind_escapes() -> None:
    assert set(UnitKind.kinds) == set(LAYERS)


def machine(visible: str = "bernoulli", hidden: str = "bernoulli", scale: float = 1.0) -> RBM:
    """With parameters of chance, in float64."""
    rbm = class_rbm(LAYERS[visible](), LAYERS[hidden](), CLASSES).double()
    generator = torch.Generator().manual_seed(0)
    for name, parameter in rbm.named_parameters():
        size = scale if name == "weights" else 0.5
        parameter.copy_(size * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return rbm


def rows_of(rbm: RBM, count: int = 7) -> Tensor:
    """Some values of the features."""
    field = torch.zeros(count, rbm.visible.size, dtype=torch.float64)
    return rbm.visible.sample(field, RandomStream(1))[:, : features_of(rbm)]


def with_each_label(x: Tensor) -> list[Tensor]:
    return [join_labels(x, torch.full((len(x),), k), CLASSES) for k in range(CLASSES)]


@every_hidden
@every_visible
def test_the_label_given_the_features_has_the_joints_probability(visible: str, hidden: str) -> None:
    rbm = machine(visible, hidden)
    x = rows_of(rbm)
    free = torch.stack([rbm.free_energy(v) for v in with_each_label(x)], dim=1)
    assert torch.allclose(class_log_probabilities(rbm, x), torch.log_softmax(-free, 1), rtol=1e-10, atol=1e-10)
    assert torch.allclose(free_energy_of_features(rbm, x), -torch.logsumexp(-free, 1), rtol=1e-10, atol=1e-10)
    p = torch.softmax(-free, 1)
    mean = sum(p[:, k, None] * rbm.mean_h_from_v(v) for k, v in enumerate(with_each_label(x)))
    assert torch.allclose(mean_h_from_features(rbm, x), mean, rtol=1e-10, atol=1e-10)


@every_visible
@pytest.mark.parametrize("hidden", ["bernoulli", "categorical", "spin"])
def test_it_equals_the_sum_over_every_hidden_state(visible: str, hidden: str) -> None:
    rbm = machine(visible, hidden)
    x = rows_of(rbm)
    sites = rbm.hidden.states()
    assert sites is not None
    h = torch.stack([torch.cat(choice) for choice in product(*sites)]).double()
    joint = torch.stack(
        [
            torch.logsumexp(torch.stack([-rbm.energy(v, one.expand(len(v), -1)) for one in h]), 0)
            for v in with_each_label(x)
        ],
        dim=1,
    )
    assert torch.allclose(class_log_probabilities(rbm, x), torch.log_softmax(joint, 1), rtol=1e-10, atol=1e-10)
    assert torch.allclose(free_energy_of_features(rbm, x), -torch.logsumexp(joint, 1), rtol=1e-10, atol=1e-10)


def test_single_precision_loses_no_more_than_its_digits() -> None:
    double = machine()
    x = rows_of(double)
    single = machine().float()
    assert torch.allclose(
        class_log_probabilities(single, x.float()).double(), class_log_probabilities(double, x), atol=1e-5
    )


def test_many_rows_are_done_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rbm = machine()
    x = rows_of(rbm, 50)
    whole = class_log_probabilities(rbm, x), free_energy_of_features(rbm, x), mean_h_from_features(rbm, x)
    monkeypatch.setattr(sys.modules[class_rbm.__module__], "LARGEST_BLOCK", 40)
    parts = class_log_probabilities(rbm, x), free_energy_of_features(rbm, x), mean_h_from_features(rbm, x)
    for one, other in zip(whole, parts, strict=True):
        assert torch.allclose(one, other, rtol=1e-12)


def table(rbm: RBM, label: int) -> tuple[Tensor, Tensor, Tensor]:
    """Every row with that label, every hidden state, and p(v, h | label) with a row for each v."""
    x = torch.tensor(list(product([0.0, 1.0], repeat=features_of(rbm))), dtype=torch.float64)
    v = join_labels(x, torch.full((len(x),), label), CLASSES)
    h = torch.tensor(list(product([0.0, 1.0], repeat=rbm.hidden.size)), dtype=torch.float64)
    log_p = (v @ rbm.visible.bias)[:, None] + h @ rbm.hidden.bias + v @ rbm.weights @ h.T
    return v, h, log_p.flatten().softmax(0).reshape(len(v), len(h))


def statistic(v: Tensor, h: Tensor, p: Tensor, features: int) -> float:
    """Chi-square of the joint states seen, as a multiple of what chance leaves below SIGNIFICANCE."""
    both = torch.cat([v[:, :features], h], dim=1).long()
    number = (both << torch.arange(both.shape[1] - 1, -1, -1)).sum(1)
    expected = len(v) * p.flatten()
    counts = torch.bincount(number, minlength=len(expected)).double()
    rare = expected < 5  # too few to be normal: one cell together
    counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]]).clamp_min(1e-9)
    return float(((counts - expected) ** 2 / expected).sum()) / chi2.isf(SIGNIFICANCE, len(expected) - 1)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("label", range(CLASSES))
def test_chains_with_a_label_keep_its_conditional_distribution(label: int, steps: int) -> None:
    rbm = machine()
    v, _, p = table(rbm, label)
    chosen = torch.multinomial(p.sum(1), CHAINS, replacement=True, generator=torch.Generator().manual_seed(0))
    v, h = gibbs_given_labels(rbm, v[chosen], steps, RandomStream(2))
    assert bool((v[:, -CLASSES:].argmax(1) == label).all())
    assert statistic(v, h, p, features_of(rbm)) < 1


def test_chains_with_a_label_come_to_its_conditional_distribution() -> None:
    rbm = machine()
    start = join_labels(torch.zeros(CHAINS, 3, dtype=torch.float64), torch.full((CHAINS,), 1), CLASSES)
    _, _, p = table(rbm, 1)
    assert statistic(*gibbs_given_labels(rbm, start, 1, RandomStream(3)), p, 3) > 1  # so the test can tell
    assert statistic(*gibbs_given_labels(rbm, start, 60, RandomStream(3)), p, 3) < 1


def test_chains_with_labels_may_be_shared_between_ranks() -> None:
    rbm = machine().float()
    start = join_labels(torch.zeros(30, 3), torch.arange(30) % CLASSES, CLASSES)
    v, h = gibbs_given_labels(rbm, start, 4, RandomStream(6), first_row=50)
    parts = [
        gibbs_given_labels(rbm, start[low:high], 4, RandomStream(6), 50 + low) for low, high in ((0, 11), (11, 30))
    ]
    assert torch.equal(torch.cat([part[0] for part in parts]), v)
    assert torch.equal(torch.cat([part[1] for part in parts]), h)


def test_the_units_it_was_given_keep_their_parameters() -> None:
    features = MixedUnits([BernoulliUnits(2), GaussianUnits(1)])
    features.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    features.get_parameter("parts.1.log_precision").fill_(0.5)
    rbm = class_rbm(features, 4, 2)
    assert rbm.visible.bias.tolist() == [1, 2, 3, 0, 0]
    assert rbm.visible.get_parameter("parts.1.log_precision").tolist() == [0.5]
    assert (classes_of(rbm), features_of(rbm)) == (2, 3)
    assert rbm.hidden.name == "bernoulli"


def test_a_machine_without_labels_is_told_apart() -> None:
    plain = RBM(BernoulliUnits(4), BernoulliUnits(2))
    two_sites = RBM(MixedUnits([BernoulliUnits(1), CategoricalUnits((2, 2))]), BernoulliUnits(2))
    only_a_site = RBM(CategoricalUnits((3,)), BernoulliUnits(2))
    for rbm in (plain, two_sites, only_a_site):
        assert classes_of(rbm) == 0
        assert features_of(rbm) == rbm.visible.size
        with pytest.raises(OptionError, match="must end in one site of categorical units, the label; make the machine"):
            class_log_probabilities(rbm, torch.zeros(1, rbm.visible.size))


def test_fewer_than_two_classes_are_refused() -> None:
    with pytest.raises(OptionError, match="classes = 1: must be at least 2"):
        class_rbm(4, 3, 1)


@pytest.mark.parametrize(("label", "remedy"), [(-1, "give labelled rows only"), (3, "correct the labels")])
def test_a_label_that_is_none_is_refused(label: int, remedy: str) -> None:
    rule = f"labels, row 1 = {label}: must be from 0 to 2, one of the 3 classes; {remedy}"
    with pytest.raises(DataError, match=re.escape(rule)):
        join_labels(torch.zeros(2, 4), torch.tensor([0, label]), CLASSES)


def test_fewer_steps_than_one_are_refused() -> None:
    with pytest.raises(OptionError, match="steps = 0: must be at least 1"):
        gibbs_given_labels(machine(), torch.zeros(2, 6, dtype=torch.float64), 0, RandomStream(0))
