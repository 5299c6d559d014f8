"""Machines small enough to be summed over or integrated, for every kind of unit on either side, and the sums."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pytest
import torch
from torch import Tensor

from layerwise.energy import RBM, Path
from layerwise.units import (
    BernoulliUnits,
    CategoricalUnits,
    GaussianUnits,
    MixedUnits,
    NoisyRectifiedUnits,
    RectifiedUnits,
    SpinUnits,
    UnitKind,
    kind_named,
)

MakeRBM = Callable[..., RBM]

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""

SIDES: dict[str, tuple[Callable[[], UnitKind], Callable[[], UnitKind]]] = {
    "bernoulli": (lambda: BernoulliUnits(4), lambda: BernoulliUnits(3)),
    "categorical": (lambda: CategoricalUnits((2, 3)), lambda: CategoricalUnits((3,))),
    "gaussian": (lambda: GaussianUnits(2), lambda: GaussianUnits(1)),
    "mixed": (
        lambda: MixedUnits([BernoulliUnits(1), GaussianUnits(1), CategoricalUnits((3,)), RectifiedUnits(1)]),
        lambda: MixedUnits([SpinUnits(1), GaussianUnits(1)]),
    ),
    "noisy_rectified": (lambda: NoisyRectifiedUnits(2), lambda: NoisyRectifiedUnits(1)),
    "rectified": (lambda: RectifiedUnits(2), lambda: RectifiedUnits(1)),
    "spin": (lambda: SpinUnits(3), lambda: SpinUnits(2)),
}
"""Every kind as a small visible and a small hidden layer."""


@pytest.fixture
def joint(states: Callable[[int], Tensor]) -> Callable[[RBM], Tensor]:
    """p(v, h) of a binary machine as a table with a row for each v and a column for each h, in float64."""

    def table(rbm: RBM) -> Tensor:
        v, h = states(rbm.visible.size).double(), states(rbm.hidden.size).double()
        a, b, weights = rbm.visible.bias.double(), rbm.hidden.bias.double(), rbm.weights.double()
        return ((v @ a)[:, None] + h @ b + v @ weights @ h.T).flatten().softmax(0).reshape(len(v), len(h))

    return table


@pytest.fixture
def machine() -> MakeRBM:
    """A small machine of two kinds with parameters of chance, in float64.

    Couplings are bounded, and weak where neither side is: its density must have an integral.
    """

    def make(visible: str, hidden: str, seed: int = 0) -> RBM:
        generator = torch.Generator().manual_seed(seed)
        rbm = RBM(SIDES[visible][0](), SIDES[hidden][1]()).double()
        unbounded = rbm.visible.states() is None and rbm.hidden.states() is None
        for name, parameter in rbm.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            size = 0.3 if "precision" in name else 0.6
            parameter.copy_((0.3 if unbounded else 1.2) * noise.tanh() if name == "weights" else size * noise.tanh())
        return rbm

    return make


@dataclass(frozen=True)
class Table:
    """A machine's joint distribution: sites summed over where they can be counted, Gauss-Legendre points elsewhere."""

    v: Tensor
    h: Tensor
    log_weight: Tensor
    """exp(-energy) times the weight of the point in the sum, of shape (rows of v, rows of h); its log."""

    @property
    def log_partition(self) -> float:
        return float(self.log_weight.flatten().logsumexp(0))

    @property
    def p(self) -> Tensor:
        return (self.log_weight - self.log_partition).exp()

    def assert_drawn(self, v: Tensor, h: Tensor | None = None) -> None:
        """Means of every unit, every square and every product of a v and an h are the table's, within chance."""
        p = self.p
        pairs = [(power, p.sum(1), self.v**k, v.double() ** k) for k, power in ((1, "v"), (2, "v²"))]
        if h is not None:
            pairs += [(power, p.sum(0), self.h**k, h.double() ** k) for k, power in ((1, "h"), (2, "h²"))]
        for name, weights, values, seen in pairs:
            mean = weights @ values
            variance = (weights @ (values - mean) ** 2).clamp_min(0)
            assert_within(seen.mean(0) - mean, variance / len(seen), name)
        if h is not None:
            mean = self.v.T @ p @ self.h
            variance = (self.v**2).T @ p @ self.h**2 - mean**2
            assert_within(v.double().T @ h.double() / len(v) - mean, variance.clamp_min(0) / len(v), "v h")


def assert_within(difference: Tensor, variance: Tensor, name: str) -> None:
    assert bool((difference.abs() <= SIGMAS * variance.sqrt() + 1e-6).all()), name


def _values(site: UnitKind) -> tuple[Tensor, Tensor]:
    """Values that one site can take, as rows, and their weights."""
    sites = site.states()
    if sites is not None:
        return sites[0].double(), torch.ones(len(sites[0]), dtype=torch.float64)
    if isinstance(site, NoisyRectifiedUnits):
        return torch.arange(40, dtype=torch.float64)[:, None], torch.ones(40, dtype=torch.float64)
    low, high, count = (0.0, 14.0, 48) if isinstance(site, RectifiedUnits) else (-14.0, 14.0, 64)
    points, weights = (torch.from_numpy(array) for array in np.polynomial.legendre.leggauss(count))
    half = (high - low) / 2
    return (low + half + half * points)[:, None], half * weights


def _grid(units: UnitKind) -> tuple[Tensor, Tensor]:
    """Every row a layer can be, and its weight."""
    kinds = list(units.parts) if isinstance(units, MixedUnits) else [units]
    sites: list[tuple[Tensor, Tensor]] = []
    for kind in kinds:
        assert isinstance(kind, UnitKind)
        if isinstance(kind, CategoricalUnits):
            sites += [_values(CategoricalUnits((n,))) for n in kind.categories]
        else:
            sites += [_values(kind_named(kind.name, 1))] * kind.size

    def joined(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        (rows, weights), (more, of_more) = one, other
        pairs = rows.repeat_interleave(len(more), 0), more.repeat(len(rows), 1)
        return torch.cat(pairs, 1), torch.outer(weights, of_more).flatten()

    return reduce(joined, sites)


@pytest.fixture
def table() -> Callable[[RBM], Table]:
    """The joint distribution of a small machine, by brute force from energies alone."""

    def make(rbm: RBM) -> Table:
        rbm = copy.deepcopy(rbm).double()
        (v, of_v), (h, of_h) = _grid(rbm.visible), _grid(rbm.hidden)
        log_weight = (of_v.log() - rbm.visible.energy(v))[:, None] + (of_h.log() - rbm.hidden.energy(h))
        return Table(v, h, log_weight + v @ rbm.weights @ h.T)

    return make


@pytest.fixture
def place() -> Callable[[Path, float], RBM]:
    """The machine at one place of a path, made from its definition."""

    def make(path: Path, beta: float) -> RBM:
        rbm = copy.deepcopy(path.rbm)
        rbm.weights.mul_(beta)
        rbm.visible.bias.mul_(beta).add_(path.visible_bias, alpha=1 - beta)
        rbm.hidden.bias.mul_(beta).add_(path.hidden_bias, alpha=1 - beta)
        return rbm

    return make


@pytest.fixture
def path_to(machine: MakeRBM) -> Callable[..., Path]:
    """A path to a small machine, from biases of chance."""

    def make(visible: str, hidden: str, seed: int = 0) -> Path:
        rbm, generator = machine(visible, hidden, seed), torch.Generator().manual_seed(seed + 100)
        a, b = (torch.randn(len(units.bias), generator=generator).double() * 0.5 for units in (rbm.visible, rbm.hidden))
        return Path(rbm, a, b)

    return make
