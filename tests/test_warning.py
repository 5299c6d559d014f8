"""Every warning points at the line that called layerwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from layerwise import MLPClassifier, MLPRegressor, Perceptron
from layerwise.warning import warn

X = np.random.default_rng(0).random((30, 4))
Y = np.arange(30) % 2

MAKE: dict[str, Callable[[], Any]] = {
    "by itself": lambda: warn("something"),
    "under no_grad": lambda: torch.no_grad()(warn)("something"),
    "minibatches": lambda: MLPClassifier(max_iter=1).fit(X, Y),
    "all rows": lambda: MLPClassifier(max_iter=1, solver="lbfgs").fit(X, Y),
    "a batch larger than the rows": lambda: MLPRegressor(max_iter=1, batch_size=100).fit(X, X[:, 0]),
    "one target": lambda: MLPRegressor(max_iter=1).fit(X, np.ones(30)),
    "tensors": lambda: MLPClassifier(max_iter=1).fit(torch.tensor(X), torch.tensor(Y)),
    "row by row": lambda: Perceptron(max_iter=1, tol=1e-3).fit(X, Y),
}


@pytest.mark.parametrize("name", MAKE)
def test_a_warning_is_of_the_line_of_the_caller(name: str, recwarn: pytest.WarningsRecorder) -> None:
    MAKE[name]()
    assert {warning.filename for warning in recwarn} == {__file__}
