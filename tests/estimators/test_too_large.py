"""An estimator that asks for more memory than there is names the parameters that decide it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from layerwise import DBN, RBM, BernoulliRBM, ClassRBM, DBNClassifier, GaussianRBM
from layerwise.errors import OptionError

ROWS = np.random.default_rng(0).random((30, 5))
CLASSES = np.arange(30) % 2


@pytest.mark.parametrize("size", [10**12, 10**20])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", [BernoulliRBM, RBM, GaussianRBM])
def test_machines(kind: Any, method: str, size: int) -> None:
    with pytest.raises(OptionError, match=rf"n_components, batch_size.* = \[{size}, 10.*: needs more memory than"):
        getattr(kind(size), method)(ROWS)


def test_chains() -> None:
    with pytest.raises(OptionError, match=r"batch_size = \[4, 1000000000000\]: needs more memory"):
        BernoulliRBM(4, batch_size=10**12).fit(ROWS)
    with pytest.raises(OptionError, match=r"n_chains = \[4, 10, 1000000000000\]: needs more memory"):
        RBM(4, n_chains=10**12).fit(ROWS)


@pytest.mark.parametrize("size", [10**12, 10**20])
def test_stacks(size: int) -> None:
    with pytest.raises(OptionError, match=rf"hidden, batch_size = \[\(4, {size}\), 10\]: needs more memory"):
        DBNClassifier((4, size)).fit(ROWS, CLASSES)


QUICK: list[Any] = [
    RBM(4, n_iter=1),
    ClassRBM(4, n_iter=1),
    DBN((4, 3), epochs=1),
    DBNClassifier((4, 3), epochs=1, fine_tune_epochs=1),
]


@pytest.mark.parametrize("size", [10**12, 10**20])
@pytest.mark.parametrize("estimator", QUICK, ids=lambda estimator: type(estimator).__name__)
def test_samples(estimator: Any, size: int) -> None:
    fitted = estimator.fit(ROWS, CLASSES)
    with pytest.raises(OptionError, match=rf"n_samples = {size}: needs more memory than there is; draw fewer"):
        fitted.sample(size, steps=1)


@pytest.mark.parametrize("estimator", QUICK[:3], ids=lambda estimator: type(estimator).__name__)
def test_annealed_chains(estimator: Any) -> None:
    fitted = estimator.fit(ROWS, CLASSES)
    with pytest.raises(OptionError, match=r"chains, temperatures = \[1000000000000, 10\]: needs more memory than"):
        fitted.log_likelihood(ROWS, chains=10**12, temperatures=10, method="ais")
