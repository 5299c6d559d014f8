"""Machines small enough to be summed over, and a data set small enough to be trained on in a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numba
import numpy as np
import pytest
import torch
from torch import Tensor

from layerwise.data import Rows
from layerwise.energy import RBM
from layerwise.units import (
    BernoulliUnits,
    CategoricalUnits,
    GaussianUnits,
    MixedUnits,
    RectifiedUnits,
    UnitKind,
    kind_named,
)

MakeRBM = Callable[..., RBM]


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Nothing here is large enough to be shared; waiting for another core would take most of the time."""
    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(before[0])
    numba.set_num_threads(before[1])


def layer(kind: str, size: int) -> UnitKind:
    """Units of one kind; of several kinds where the kind is mixed."""
    if kind != "mixed":
        return kind_named(kind, size)
    rest = [CategoricalUnits((size - 2,))] if size > 3 else [RectifiedUnits(1)] if size > 2 else []
    return MixedUnits([BernoulliUnits(1), GaussianUnits(1), *rest])


@pytest.fixture
def make_rbm() -> MakeRBM:
    """A machine with parameters of chance; `scale` is the standard deviation of the couplings."""

    def make(
        visible: str = "bernoulli",
        sizes: tuple[int, int] = (4, 3),
        scale: float = 1.0,
        seed: int = 0,
        hidden: str = "bernoulli",
    ) -> RBM:
        generator = torch.Generator().manual_seed(seed)
        rbm = RBM(layer(visible, sizes[0]), layer(hidden, sizes[1]))
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
def rows() -> Rows:
    """Sixty rows of twelve columns: three noisy prototypes, one a class."""
    generator = np.random.default_rng(0)
    prototypes = generator.random((3, 12)) < 0.5
    labels = np.arange(60) % 3
    flipped = generator.random((60, 12)) < 0.1
    return Rows.from_arrays((prototypes[labels] ^ flipped).astype(np.float32), labels)
