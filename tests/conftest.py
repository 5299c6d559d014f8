"""What every test runs under: shapes and types checked at each call, two threads unless OMP_NUM_THREADS says another
number, no chance that is not seeded.

And machines small enough to be summed over, which several rooms ask for. Their fixtures import layerwise when they are
called: the hook must come first.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook
from torch import Tensor

_COMPILER = re.compile(r"^(?:from|import) (?:numba|triton)\b", re.MULTILINE)


class CompiledModules(MetaPathFinder):
    """Finds the modules that import a compiler (numba, Triton) before the hook does, and leaves them as they are.

    A compiler reads the function itself; wrapped in a type check it is no longer one that it can read.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith("layerwise."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not _COMPILER.search(Path(spec.origin).read_text(encoding="utf-8")):
            return None
        return spec


install_import_hook("layerwise", "beartype.beartype")
sys.meta_path.insert(0, CompiledModules())

os.environ.setdefault("MPLBACKEND", "Agg")
if "OMP_NUM_THREADS" not in os.environ:
    torch.set_num_threads(2)

# The same examples every time; a slow machine fails no test by being slow.
settings.register_profile("layerwise", deadline=None, derandomize=True, max_examples=50, print_blob=True)
settings.load_profile("layerwise")


def _layer(kind: str, size: int) -> Any:
    """Units of one kind; of several kinds where the kind is mixed."""
    from layerwise.units import BernoulliUnits, CategoricalUnits, GaussianUnits, MixedUnits, RectifiedUnits, kind_named

    if kind != "mixed":
        return kind_named(kind, size)
    rest = [CategoricalUnits((size - 2,))] if size > 3 else [RectifiedUnits(1)] if size > 2 else []
    return MixedUnits([BernoulliUnits(1), GaussianUnits(1), *rest])


@pytest.fixture
def make_rbm() -> Callable[..., Any]:
    """A machine with parameters of chance; `scale` is the standard deviation of the couplings."""
    from layerwise.energy import RBM

    def make(
        visible: str = "bernoulli",
        sizes: tuple[int, int] = (4, 3),
        scale: float = 1.0,
        seed: int = 0,
        hidden: str = "bernoulli",
    ) -> RBM:
        generator = torch.Generator().manual_seed(seed)
        rbm = RBM(_layer(visible, sizes[0]), _layer(hidden, sizes[1]))
        for name, parameter in rbm.named_parameters():
            size = scale if name == "weights" else 0.5
            parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
        return rbm

    return make


@pytest.fixture
def states() -> Callable[[int], Tensor]:
    """All rows of so many binary units, counting in binary."""
    return lambda size: torch.tensor(list(product([0.0, 1.0], repeat=size)))
