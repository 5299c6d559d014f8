"""Machines small enough to be summed over, and the sums."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from layerwise.energy import RBM
from layerwise.units import BernoulliUnits, kind_named

MakeRBM = Callable[..., RBM]


@pytest.fixture
def make_rbm() -> MakeRBM:
    """A machine with parameters of chance; `scale` is the standard deviation of the couplings."""

    def make(visible: str = "bernoulli", sizes: tuple[int, int] = (4, 3), scale: float = 1.0, seed: int = 0) -> RBM:
        generator = torch.Generator().manual_seed(seed)
        rbm = RBM(kind_named(visible, sizes[0]), BernoulliUnits(sizes[1]))
        for name, parameter in rbm.named_parameters():
            size = scale if name == "weights" else 0.5
            parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
        return rbm

    return make


@pytest.fixture
def states() -> Callable[[int], Tensor]:
    """All rows of so many binary units, counting in binary."""
    return lambda size: torch.tensor(list(product([0.0, 1.0], repeat=size)))


@pytest.fixture
def joint(states: Callable[[int], Tensor]) -> Callable[[RBM], Tensor]:
    """p(v, h) of a binary machine as a table with a row for each v and a column for each h, in float64."""

    def table(rbm: RBM) -> Tensor:
        v, h = states(rbm.visible.size).double(), states(rbm.hidden.size).double()
        a, b, weights = rbm.visible.bias.double(), rbm.hidden.bias.double(), rbm.weights.double()
        return ((v @ a)[:, None] + h @ b + v @ weights @ h.T).flatten().softmax(0).reshape(len(v), len(h))

    return table
