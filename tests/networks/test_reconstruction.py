"""How rows of each kind come back: means and errors are those of the kind's own distribution, link or not."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.networks import Dense, KindLoss, Network, Squared
from layerwise.networks.reconstruction import Reconstruction
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

KINDS: dict[str, UnitKind] = {
    "bernoulli": BernoulliUnits(4),
    "categorical": CategoricalUnits((3, 2)),
    "gaussian": GaussianUnits(4),
    "mixed": MixedUnits([BernoulliUnits(2), CategoricalUnits((3,)), SpinUnits(1)]),
    "noisy_rectified": NoisyRectifiedUnits(4),
    "rectified": RectifiedUnits(4),
    "spin": SpinUnits(4),
}
LINKS = {"bernoulli": "sigmoid", "spin": "tanh"}
every_kind = pytest.mark.parametrize("name", KINDS)
countable = pytest.mark.parametrize("name", ["bernoulli", "categorical", "mixed", "spin"])


class Given(nn.Module):
    """Gives the same field whatever the row."""

    def __init__(self, field: Tensor) -> None:
        super().__init__()
        self.field = nn.Parameter(field)

    def forward(self, x: Tensor) -> Tensor:
        return self.field.expand(len(x), -1)


def field(kind: UnitKind) -> Tensor:
    return torch.randn(1, kind.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def network(kind: UnitKind, *after: nn.Module) -> nn.Sequential:
    return nn.Sequential(Given(field(kind)), *after)


def every_row(kind: UnitKind) -> Tensor:
    """All values that a layer can take."""
    sites = kind.states()
    assert sites is not None
    return torch.stack([torch.cat(rows) for rows in itertools.product(*sites)]).double()


@countable
def test_errors_are_log_probabilities_of_all_there_can_be(name: str) -> None:
    kind = KINDS[name]
    rows = every_row(kind)
    p = (-Reconstruction.of(kind).errors(network(kind), rows)).exp()
    assert float(p.sum().detach()) == pytest.approx(1)
    mean = Reconstruction.of(kind).mean(network(kind), rows[:1])
    assert torch.allclose(p @ rows, mean[0], atol=1e-12)


def test_errors_of_real_units_are_those_of_the_normal_density() -> None:
    kind, rows = KINDS["gaussian"], torch.randn(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = -torch.distributions.Normal(field(kind), 1.0).log_prob(rows).sum(1)
    assert torch.allclose(Reconstruction.of(kind).errors(network(kind), rows), expected)
    squares = Reconstruction.of(kind, "squared").errors(network(kind), rows)
    assert torch.allclose(squares, expected - 4 * math.log(2 * math.pi) / 2)


@every_kind
def test_means_are_the_kinds_and_errors_the_losss(name: str) -> None:
    kind = KINDS[name]
    back, rows = Reconstruction.of(kind), torch.zeros(3, kind.size, dtype=torch.float64)
    assert torch.equal(back.mean(network(kind), rows), kind.mean(field(kind).expand(3, -1)))
    assert torch.equal(back.errors(network(kind), rows), KindLoss(kind).rows(field(kind).expand(3, -1), rows))
    assert back.activation == LINKS.get(name, "identity")


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("loss", ["likelihood", "squared"])
def test_a_last_activation_that_is_the_kinds_own_changes_nothing(name: str, loss: str) -> None:
    kind = KINDS[name]
    rows, own = every_row(kind), {"sigmoid": nn.Sigmoid(), "tanh": nn.Tanh()}[LINKS[name]]
    back = Reconstruction.of(kind, loss)
    mean = kind.mean(field(kind)).expand(len(rows), -1)
    assert torch.allclose(back.mean(network(kind, own), rows), mean)
    if loss == "squared":
        assert torch.allclose(back.errors(network(kind, own), rows), (rows - mean).square().sum(1) / 2)
        return
    assert torch.allclose(back.errors(network(kind, own), rows), back.errors(network(kind), rows))
    # Where the mean is 0 or 1 in any precision the error is finite still: it is found before the activation.
    far = Network(Dense(kind.size, kind.size, LINKS[name]).double())
    with torch.no_grad():
        far.layers[0].transform.bias.fill_(1000.0)  # type: ignore[union-attr, operator]
    assert bool(back.errors(far, rows).isfinite().all())
    assert not bool(back.mean(far, rows).lt(1).any())


def test_squared_distances_need_means_that_are_activations() -> None:
    for name in ("bernoulli", "spin", "gaussian"):
        assert Reconstruction.of(KINDS[name], "squared").loss == Squared()
    for name in set(KINDS) - {"bernoulli", "spin", "gaussian"}:
        with pytest.raises(OptionError, match=f"these are {name}; leave it at 'likelihood'"):
            Reconstruction.of(KINDS[name], "squared")
    with pytest.raises(OptionError, match="loss = 'hinge'"):
        Reconstruction.of(KINDS["bernoulli"], "hinge")
