"""Accuracies are what scikit-learn says they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

from layerwise.data import Preparation, Rows
from layerwise.runs.scores import accuracy, logistic_regression, probabilities


@pytest.fixture(scope="module")
def digits() -> Rows:
    X, y = load_digits(return_X_y=True)
    return Rows.from_arrays(X, y)


@pytest.fixture(scope="module")
def preparation(digits: Rows) -> Preparation:
    return Preparation.fit(digits, "bernoulli")


def network(digits: Rows) -> nn.Sequential:
    linear = nn.Linear(64, 10)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.random.default_rng(0).normal(size=(10, 64))))
        linear.bias.zero_()
    return nn.Sequential(linear)


def test_probabilities_and_accuracy_do_not_depend_on_how_the_rows_are_cut(
    digits: Rows, preparation: Preparation
) -> None:
    net = network(digits)
    given = np.concatenate([part.numpy() for part in probabilities(net, digits, preparation)])
    at_once = net(preparation.prepare(digits.values)).softmax(1).detach().numpy()
    assert np.allclose(given, at_once, atol=1e-6)
    assert np.allclose(given.sum(1), 1, atol=1e-6)
    assert accuracy(net, digits, preparation) == pytest.approx((at_once.argmax(1) == digits.labels).mean())


def test_the_baseline_is_scikit_learns_on_the_same_prepared_rows(digits: Rows, preparation: Preparation) -> None:
    learning, test = digits.select(slice(0, 300)), digits.select(slice(300, None))
    X = preparation.prepare(digits.values).numpy()
    reference = LogisticRegression(max_iter=300).fit(X[:300], learning.labels).score(X[300:], test.labels)
    assert logistic_regression(learning, test, preparation) == pytest.approx(reference)


def test_a_baseline_that_does_not_converge_warns_nobody(digits: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layerwise.runs.scores._ITERATIONS", 1)
    gaussian = Preparation.fit(digits, "gaussian")
    assert 0 < logistic_regression(digits, digits, gaussian) < 1  # warnings are errors here
