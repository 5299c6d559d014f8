"""Every loss: its value is torch's, its derivative that of finite differences, its mean over its own rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from sklearn.metrics import hinge_loss
from torch import Tensor, nn
from torch.nn import functional

from layerwise.errors import DataError, OptionError
from layerwise.networks import (
    Absolute,
    BinaryCrossEntropy,
    CrossEntropy,
    Hinge,
    Huber,
    KindLoss,
    Loss,
    Poisson,
    Squared,
    loss_named,
)
from layerwise.networks.losses import LOSSES
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

ROWS, OUTPUTS = 6, 4


def numbers(seed: int) -> Tensor:
    return torch.randn(ROWS, OUTPUTS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


Z, REAL, LABELS = 2 * numbers(0), numbers(1), torch.tensor([0, 3, 1, 1, 2, 3])
SHARES, SIGNS = torch.softmax(numbers(2), 1), numbers(3).sign()
MIXED = MixedUnits([BernoulliUnits(1), GaussianUnits(1), CategoricalUnits((2,))])
TARGETS_OF_MIXED = torch.cat([SIGNS[:, :1].relu(), REAL[:, 1:2], SHARES[:, 2:] / SHARES[:, 2:].sum(1, True)], 1)

CASES: dict[str, tuple[Loss, Tensor]] = {
    "squared": (Squared(), REAL),
    "absolute": (Absolute(), REAL),
    "huber": (Huber(), REAL),
    "huber, 0.3": (Huber(0.3), REAL),
    "binary_cross_entropy": (BinaryCrossEntropy(), SIGNS.relu()),
    "binary_cross_entropy, shares": (BinaryCrossEntropy(), numbers(2).sigmoid()),
    "cross_entropy": (CrossEntropy(), LABELS),
    "cross_entropy, shares": (CrossEntropy(), SHARES),
    "cross_entropy, smoothed": (CrossEntropy(0.2), LABELS),
    "cross_entropy, shares smoothed": (CrossEntropy(0.2), SHARES),
    "cross_entropy, weighted": (CrossEntropy(0.1, (1.0, 2.0, 0.0, 0.5)), LABELS),
    "cross_entropy, shares weighted": (CrossEntropy(0.1, (1.0, 2.0, 0.0, 0.5)), SHARES),
    "hinge": (Hinge(), SIGNS),
    "hinge, 0": (Hinge(0.0), SIGNS),
    "poisson": (Poisson(), (3 * REAL.abs()).round()),
    "bernoulli": (KindLoss(BernoulliUnits(OUTPUTS)), SIGNS.relu()),
    "spin": (KindLoss(SpinUnits(OUTPUTS)), SIGNS),
    "gaussian": (KindLoss(GaussianUnits(OUTPUTS).double()), REAL),
    "categorical": (KindLoss(CategoricalUnits((OUTPUTS,))), functional.one_hot(LABELS).double()),
    "rectified": (KindLoss(RectifiedUnits(OUTPUTS).double()), REAL.relu()),
    "noisy_rectified": (KindLoss(NoisyRectifiedUnits(OUTPUTS)), REAL.relu()),
    "mixed": (KindLoss(MIXED.double()), TARGETS_OF_MIXED),
}
every = pytest.mark.parametrize("name", CASES)
WEIGHTS = torch.tensor([1.0, 0.0, 2.5, 0.5, 3.0, 1.0], dtype=torch.float64)


def test_no_loss_escapes() -> None:
    assert set(LOSSES) <= set(CASES)
    assert all(type(loss_named(name)) is type(CASES[name][0]) for name in LOSSES)
    assert {type(loss) for loss, _ in CASES.values()} == set(Loss.__subclasses__())
    assert {loss.kind.name for loss, _ in CASES.values() if isinstance(loss, KindLoss)} == set(UnitKind.kinds)


@every
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_the_derivative_is_that_of_finite_differences_and_of_autograd(
    name: str, weights: Tensor | None, derivative_along: Callable[..., tuple[float, float]]
) -> None:
    loss, targets = CASES[name]
    derivative = loss.derivative(Z, targets, weights)
    z = Z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss.value(z, targets, weights), z)
    assert torch.allclose(derivative, expected, rtol=1e-12, atol=1e-15)
    for seed in range(3):
        way = numbers(10 + seed)
        along, tolerance = derivative_along(lambda h, way=way: loss.value(Z + h * way, targets, weights), Z.numel())
        assert abs(float((derivative * way).sum()) - along) <= tolerance


@every
def test_the_mean_is_over_its_own_rows(name: str) -> None:
    loss, targets = CASES[name]
    rows = loss.rows(Z, targets)
    counts = loss.row_weights(targets, WEIGHTS)
    assert counts is not None
    assert torch.allclose(loss.value(Z, targets, WEIGHTS), (counts * rows).sum() / counts.sum(), rtol=1e-12, atol=0)
    # A row of weight 2 is two rows, one of weight 0 none; how weights are scaled does not count.
    doubled = torch.tensor([1.0, 0, 2, 2, 1, 1])
    repeated = torch.tensor([0, 2, 2, 3, 3, 4, 5])
    expected = loss.value(Z[repeated], targets[repeated])
    assert torch.allclose(loss.value(Z, targets, 7 * doubled), expected, rtol=1e-6, atol=0)
    whole, given = torch.zeros_like(Z), loss.derivative(Z[repeated], targets[repeated])
    whole.index_add_(0, repeated, given)
    assert torch.allclose(loss.derivative(Z, targets, doubled), whole, rtol=1e-6, atol=1e-9)


TORCH: dict[str, Tensor] = {
    "squared": nn.MSELoss(reduction="sum")(Z, REAL) / 2 / ROWS,
    "absolute": nn.L1Loss(reduction="sum")(Z, REAL) / ROWS,
    "huber, 0.3": nn.HuberLoss(reduction="sum", delta=0.3)(Z, REAL) / ROWS,
    "binary_cross_entropy": nn.BCELoss(reduction="sum")(Z.sigmoid(), SIGNS.relu()) / ROWS,
    "cross_entropy": nn.NLLLoss()(Z.log_softmax(1), LABELS),
    "cross_entropy, shares": -(SHARES * Z.log_softmax(1)).sum(1).mean(),
    "cross_entropy, smoothed": nn.CrossEntropyLoss(label_smoothing=0.2)(Z, LABELS),
    "bernoulli": BinaryCrossEntropy().value(Z, SIGNS.relu()),
    "spin": BinaryCrossEntropy().value(2 * Z, SIGNS.relu()),
    "gaussian": Squared().value(Z, REAL) + OUTPUTS * math.log(2 * math.pi) / 2,
    "categorical": CrossEntropy().value(Z, LABELS),
    "mixed": (
        BinaryCrossEntropy().value(Z[:, :1], TARGETS_OF_MIXED[:, :1])
        + Squared().value(Z[:, 1:2], TARGETS_OF_MIXED[:, 1:2])
        + math.log(2 * math.pi) / 2
        + CrossEntropy().value(Z[:, 2:], TARGETS_OF_MIXED[:, 2:])
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_the_value_is_torchs_and_a_kinds_that_of_its_name(name: str) -> None:
    loss, targets = CASES[name]
    assert torch.allclose(loss.value(Z, targets), TORCH[name], rtol=1e-12, atol=0)


def test_class_weights_are_torchs() -> None:
    each = (1.0, 2.0, 0.0, 0.5)
    expected = nn.CrossEntropyLoss(weight=torch.tensor(each, dtype=torch.float64))(Z, LABELS)
    assert torch.allclose(CrossEntropy(class_weights=each).value(Z, LABELS), expected, rtol=1e-12, atol=0)


def test_labels_are_one_hot_rows() -> None:
    for loss in (CrossEntropy(), CrossEntropy(0.2), CrossEntropy(0.2, (1.0, 2.0, 0.0, 0.5))):
        one_hot = functional.one_hot(LABELS).double()
        assert torch.allclose(loss.value(Z, LABELS), loss.value(Z, one_hot), rtol=1e-12, atol=0)
        assert torch.allclose(loss.derivative(Z, LABELS), loss.derivative(Z, one_hot), rtol=1e-12, atol=1e-16)


def test_the_hinge_is_scikit_learns() -> None:
    expected = hinge_loss(SIGNS[:, 0].numpy(), Z[:, 0].numpy())
    assert float(Hinge().value(Z[:, :1], SIGNS[:, :1])) == pytest.approx(expected, rel=1e-12)


def test_a_hinge_without_margin_moves_as_rosenblatts_rule() -> None:
    # x · t is added to the weights of a row on the wrong side, nothing to others.
    x = numbers(7)
    for row, z, t in zip(x, Z[:, :1], SIGNS[:, :1], strict=True):
        moved = -Hinge(0.0).derivative(z[None], t[None])[0] * row
        assert torch.equal(moved, t * row if z * t < 0 else torch.zeros_like(row))


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), CrossEntropy(), KindLoss(BernoulliUnits(2))])
def test_certain_scores_do_not_overflow(loss: Loss) -> None:
    z, targets = torch.tensor([[1000.0, -1000.0]]), torch.tensor([[0.0, 1.0]])
    assert float(loss.value(z, targets)) == 2000.0
    assert loss.derivative(z, targets).tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize(
    ("loss", "targets", "weights", "said"),
    [
        (Squared(), REAL[:, :3], None, r"targets = \(6, 3\): must have the shape of the scores, \(6, 4\)"),
        (CrossEntropy(), LABELS[:3], None, "one label a row, 6"),
        (CrossEntropy(), LABELS - 1, None, "'-1 to 2': labels must be from 0 to 3"),
        (CrossEntropy(), LABELS + 1, None, "labels must be from 0 to 3"),
        (Squared(), REAL, -WEIGHTS, "at least 0"),
        (Squared(), REAL, 0 * WEIGHTS, "some of a minibatch above 0"),
        (Squared(), REAL, WEIGHTS / 0, "finite"),
        (Squared(), REAL, WEIGHTS[:3], "one a row, 6"),
    ],
)
def test_what_does_not_fit_is_named(loss: Loss, targets: Tensor, weights: Tensor | None, said: str) -> None:
    for look in (loss.value, loss.derivative):
        with pytest.raises(DataError, match=said):
            look(Z, targets, weights)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Huber(0.0), "delta"),
        (lambda: Hinge(-1.0), "margin"),
        (lambda: CrossEntropy(1.0), "smoothing"),
        (lambda: CrossEntropy(class_weights=(1.0, -1.0)), "class_weights"),
        (lambda: CrossEntropy(class_weights=(1.0, 1.0)).value(Z, LABELS), "one a class, 4"),
        (lambda: loss_named("l2"), "must be one of absolute, binary_cross_entropy"),
    ],
)
def test_options_without_sense_are_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make()
