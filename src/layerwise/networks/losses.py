r"""Losses by name: each with its value and its derivative by what the network's last layer computes.

What a loss reads of a row are the *scores* z, the network's outputs. The two cross-entropies have an activation in
themselves, their *link*: they read its pre-activations, where value and derivative are safe from overflow and the
derivative is simply what the network says minus what it should.

==================== ====================================== ==================== =========
name                 a row's loss, summed over outputs      derivative           link
==================== ====================================== ==================== =========
squared              ½ (z - t)²                             z - t
absolute             \|z - t\|                              sign(z - t)
huber                squared within δ of t, linear beyond   within -δ and δ
binary_cross_entropy log(1 + exp(z)) - t z                  sigmoid(z) - t       sigmoid
cross_entropy        log Σ exp(z) - Σ t z                   softmax(z) - t       softmax
hinge                max(0, margin - t z), t = ±1           -t within the margin
poisson              exp(z) - t z + t log t - t             exp(z) - t
==================== ====================================== ==================== =========

:class:`~layerwise.networks.KindLoss` is the loss of reconstruction for any kind of unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from layerwise.errors import DataError, OptionError
from layerwise.networks.loss import NUMBERS_OF_A_REGISTER, Loss, Targets
from layerwise.networks.poisson import Poisson
from layerwise.shapes import PerRow, UnitBatch
from layerwise.units.kind import per_row

__all__ = [
    "LOSSES",
    "Absolute",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Hinge",
    "Huber",
    "Squared",
    "loss_named",
]


@dataclass(frozen=True)
class Squared(Loss):
    """Half the squared distance: minus the log-likelihood of normal errors of variance 1, but for a constant."""

    def rows(self, z: UnitBatch, targets: Targets) -> PerRow:
        """Half the squared distance."""
        return per_row((z - targets).square() / 2)

    def rows_derivative(self, z: UnitBatch, targets: Targets) -> UnitBatch:
        """The difference."""
        return z - targets


@dataclass(frozen=True)
class Absolute(Loss):
    """The distance along the axes, whose best constant is the median."""

    def rows(self, z: UnitBatch, targets: Targets) -> PerRow:
        """Absolute differences, summed."""
        return per_row((z - targets).abs())

    def rows_derivative(self, z: UnitBatch, targets: Targets) -> UnitBatch:
        """Signs of the differences."""
        return (z - targets).sign()


@dataclass(frozen=True)
class Huber(Loss):
    """Squared near the target, absolute far from it [1]_.

    Parameters
    ----------
    delta : float
        Where one becomes the other, above 0.

    References
    ----------
    .. [1] P. J. Huber (1964). Robust estimation of a location parameter. Annals of Mathematical Statistics 35.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.delta < math.inf:
            raise OptionError("delta", self.delta, "must be a positive number", "start with 1")

    def rows(self, z: UnitBatch, targets: Targets) -> PerRow:
        """Half the squared difference up to delta, rising with slope delta from there."""
        return per_row(functional.huber_loss(z, targets.to(z), reduction="none", delta=self.delta))

    def rows_derivative(self, z: UnitBatch, targets: Targets) -> UnitBatch:
        """The difference, no greater than delta."""
        return (z - targets).clamp(-self.delta, self.delta)


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Minus the log-likelihood of bits, or of probabilities in their place, in nats; scores are log-odds."""

    link = "sigmoid"

    def rows(self, z: UnitBatch, targets: Targets) -> PerRow:
        """Nats, summed over the outputs."""
        return per_row(functional.binary_cross_entropy_with_logits(z, targets.to(z), reduction="none"))

    def rows_derivative(self, z: UnitBatch, targets: Targets) -> UnitBatch:
        """What the network says minus what it should."""
        return torch.sigmoid(z) - targets


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Minus the log-likelihood of a class, in nats; scores are log-odds up to a constant.

    Targets are labels, 0 … classes - 1, or rows of probabilities.

    Parameters
    ----------
    smoothing : float
        Share of each row's probability that is spread evenly over all classes [1]_, from 0 to below 1.
    class_weights : sequence of float, optional
        What a row of each class counts, beside its own weight.

    Raises
    ------
    OptionError

    References
    ----------
    .. [1] C. Szegedy et al. (2016). Rethinking the Inception architecture for computer vision. CVPR.
    """

    smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    link = "softmax"

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing < 1:
            raise OptionError("smoothing", self.smoothing, "must be at least 0 and below 1", "0.1 is a usual one")
        if self.class_weights is not None and not all(0 <= weight < math.inf for weight in self.class_weights):
            raise OptionError("class_weights", self.class_weights, "must be at least 0, each of them")

    def rows(self, z: UnitBatch, targets: Targets) -> PerRow:
        """Nats."""
        given = targets.to(z) if targets.is_floating_point() else targets
        return functional.cross_entropy(z, given, reduction="none", label_smoothing=self.smoothing)

    def rows_derivative(self, z: UnitBatch, targets: Targets) -> UnitBatch:
        """What the network says minus what it should."""
        given = targets if targets.is_floating_point() else functional.one_hot(targets, z.shape[1])
        should = given.to(z) * (1 - self.smoothing) + self.smoothing / z.shape[1]
        return torch.softmax(z, 1) * should.sum(1, keepdim=True) - should

    def _rows_and_derivative(self, z: UnitBatch, targets: Targets) -> tuple[PerRow, UnitBatch]:
        if targets.is_floating_point() or self.smoothing:
            return super()._rows_and_derivative(z, targets)
        # Along fewer classes than a vector register holds, torch takes them one by one: across the rows it does not.
        few = z.shape[1] < NUMBERS_OF_A_REGISTER
        log_p = torch.log_softmax(z.T.contiguous(), 0).T if few else torch.log_softmax(z, 1)
        places = targets[:, None]
        rows = log_p.gather(1, places)[:, 0].neg_()
        slopes = log_p.exp_()
        return rows, slopes.scatter_add_(1, places, slopes.new_full((1, 1), -1.0).expand_as(places))

    def row_weights(self, targets: Targets, weights: PerRow | None) -> PerRow | None:
        """A row's weight times its class's."""
        if self.class_weights is None:
            return weights
        of_class = torch.tensor(self.class_weights, dtype=torch.float64, device=targets.device)
        try:
            counts = targets.to(of_class) @ of_class if targets.is_floating_point() else of_class[targets]
        except (IndexError, RuntimeError) as problem:
            raise OptionError("class_weights", self.class_weights, f"must be one a class ({problem})") from problem
        return counts if weights is None else counts * weights

    def _check(self, z: Tensor, targets: Tensor) -> None:
        if targets.is_floating_point():
            super()._check(z, targets)
        elif len(targets) != len(z):
            raise DataError("targets", tuple(targets.shape), f"must be one label a row, {len(z)} of them")
        else:
            least, most = (int(label) for label in targets.aminmax())
            if least < 0 or most >= z.shape[1]:
                rule = f"labels must be from 0 to {z.shape[1] - 1}, one an output"
                raise DataError("targets", f"{least} to {most}", rule, "leave rows without a label out")
        if self.class_weights is not None and len(self.class_weights) != z.shape[1]:
            raise OptionError("class_weights", self.class_weights, f"must be one a class, {z.shape[1]} of them")


@dataclass(frozen=True)
class Hinge(Loss):
    """What is missing to a margin on the right side; targets are 1 and -1.

    With a margin of 0 its gradient descent, a row at a time, is Rosenblatt's rule [1]_.

    Parameters
    ----------
    margin : float
        At least 0.

    References
    ----------
    .. [1] F. Rosenblatt (1958). The perceptron. Psychological Review 65.
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.margin < math.inf:
            raise OptionError("margin", self.margin, "must be at least 0", "1 is the usual one")

    def rows(self, z: UnitBatch, targets: Targets) -> PerRow:
        """What is missing, summed over the outputs."""
        return per_row((self.margin - targets * z).relu())

    def rows_derivative(self, z: UnitBatch, targets: Targets) -> UnitBatch:
        """Minus the target, where something is missing."""
        return torch.where(targets * z < self.margin, -targets.to(z), torch.zeros_like(z))


LOSSES: dict[str, type[Loss]] = {
    "squared": Squared,
    "absolute": Absolute,
    "huber": Huber,
    "binary_cross_entropy": BinaryCrossEntropy,
    "cross_entropy": CrossEntropy,
    "hinge": Hinge,
    "poisson": Poisson,
}
"""Every loss by its name."""


def loss_named(name: str) -> Loss:
    """A loss by its name, with the usual options.

    Raises
    ------
    OptionError
        There is none of that name.
    """
    if name not in LOSSES:
        raise OptionError("loss", name, f"must be one of {', '.join(sorted(LOSSES))}")
    return LOSSES[name]()
