"""A user's own torch networks in the estimators: copied, trained as they are, refused where they do not fit."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.base import clone
from torch import nn

from layerwise.errors import DataError, OptionError
from layerwise.estimators import Autoencoder, MLPClassifier, MLPRegressor
from layerwise.networks import Network
from layerwise.randomness import RandomStream

Array = npt.NDArray[Any]
BOTH = [MLPClassifier, MLPRegressor]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rows(count: int = 60, columns: int = 5, classes: int = 3) -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    y = np.arange(count) % classes
    return generator.normal(size=(count, columns)) + 2 * np.eye(classes, columns)[y], y


def normalised(outputs: int) -> Network:
    return Network.of_sizes((5, 8, 8, outputs), "gelu", normalisation="batch", random=RandomStream(1))


def bits_of(network: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in network.state_dict().values()]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", BOTH)
def test_the_estimators_own_network_given_as_ones_own_learns_the_same(kind: Any, solver: str) -> None:
    X, y = rows()
    options = {"hidden_layer_sizes": (6,), "activation": "tanh", "solver": solver, "max_iter": 5, "random_state": 0}
    start = kind(**{**options, "solver": "sgd", "learning_rate_init": 1e-30, "max_iter": 1}).fit(X, y)
    found, own = kind(**options).fit(X, y), kind(network=start.network_, **options).fit(X, y)
    for one, other in zip([*found.coefs_, *found.intercepts_], [*own.coefs_, *own.intercepts_], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-12)
    assert found.n_layers_ == own.n_layers_ == 3


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"early_stopping": True, "n_iter_no_change": 40},
        {"averaging": 0.9},
        {"dropout": 0.2, "watch_gradients": True},
    ],
    ids=str,
)
def test_a_copy_learns_with_its_norms_and_the_best_of_them_are_kept(kind: Any, options: dict[str, Any]) -> None:
    X, y = rows()
    network = normalised(3 if kind is MLPClassifier else 1)
    before = bits_of(network)
    model = kind(network=network, max_iter=40, learning_rate_init=0.01, random_state=0, **options).fit(X, y)
    assert all(torch.equal(one, other) for one, other in zip(before, bits_of(network), strict=True))
    assert model.network_[1].running_mean.any()
    assert not model.network_.training
    assert model.score(X, y) > 0.5
    assert [coef.shape for coef in model.coefs_] == [(5, 8), (8, 8), (8, model.n_outputs_)]
    assert len(model.intercepts_) == 1  # under a batch norm units have no bias of their own
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), again.predict(X))
    if "early_stopping" not in options:
        model.partial_fit(X, y)
    for flow in model.gradient_flow_:
        assert flow.names == ("hidden1", "hidden1_norm", "hidden2", "hidden2_norm", "output")


@pytest.mark.parametrize("classes", [2, 3])
def test_a_last_activation_that_makes_probabilities_is_not_made_twice(classes: int) -> None:
    X, y = rows(classes=classes)
    outputs = 1 if classes == 2 else classes
    last: nn.Module = nn.Sigmoid() if classes == 2 else nn.Softmax(dim=1)
    plain = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, outputs))
    probabilities = nn.Sequential(*copy.deepcopy(plain), last)
    both = [MLPClassifier(network=of, max_iter=5, random_state=0).fit(X, y) for of in (plain, probabilities)]
    np.testing.assert_allclose(*(model.predict_proba(X) for model in both), rtol=1e-12)


def test_a_warm_start_goes_on_with_the_network_asked_for_only() -> None:
    X, y = rows()
    model = MLPClassifier(network=normalised(3), warm_start=True, max_iter=3, random_state=0).fit(X, y)
    first = model.loss_
    assert model.fit(X, y).loss_ < first
    model.set_params(network=Network.of_sizes((5, 4, 3), random=RandomStream(0)))
    with pytest.raises(OptionError, match="the network that is gone on with has parameters of the shapes"):
        model.fit(X, y)


class Squares(nn.Module):
    """A user's own module: no layer that the library knows."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.eye(5)[:3])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.square() @ self.scale.T


def test_any_module_learns_inside_a_sequence() -> None:
    X, y = rows()
    model = MLPClassifier(network=nn.Sequential(Squares()), warm_start=True, max_iter=5, random_state=0).fit(X, y)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert (model.coefs_, model.n_layers_) == ([], 1)
    with pytest.raises(OptionError, match=r"hidden_layer_sizes = \(100,\): the network that is gone on with"):
        model.set_params(network=None).fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_what_is_frozen_stays_and_the_rest_learns(solver: str) -> None:
    X, y = rows()
    network = Network.of_sizes((5, 8, 3), "tanh", random=RandomStream(0))
    network[0].requires_grad_(False)
    options = {"alpha": 1.0, "max_norm": 0.1, "dropout": 0.1, "averaging": 0.5, "max_iter": 3, "random_state": 0}
    model = MLPClassifier(network=network, solver=solver, **options).fit(X, y)
    assert torch.equal(model.network_[0].weight, network[0].weight.double())
    assert not torch.equal(model.network_[1].weight, network[1].weight.double())


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Linear(5, 3), "network = 'Linear': must be a torch.nn.Sequential"),
        (nn.Sequential(), "must be a torch.nn.Sequential that holds some layers"),
        (nn.Sequential(nn.ReLU()), "no parameter that learns"),
        (nn.Sequential(nn.Linear(4, 3)), "must take rows of 5 values"),
        (nn.Sequential(nn.LSTM(5, 3)), "it gives a tuple, no tensor"),
        (nn.Sequential(nn.LSTM(5, 3), nn.Linear(3, 3)), "must take rows of 5 values"),
        (nn.Sequential(nn.Linear(5, 2)), r"outputs of shape \(2,\).*: must give 3 for each row"),
    ],
    ids=str,
)
def test_a_network_that_does_not_fit_is_refused_before_work(network: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        MLPClassifier(network=network).fit(*rows())


def test_lbfgs_needs_dense_layers_and_a_batch_norm_more_than_a_row() -> None:
    X, y = rows()
    with pytest.raises(OptionError, match="must be a stack of dense layers; take minibatches"):
        MLPClassifier(network=normalised(3), solver="lbfgs").fit(X, y)
    with pytest.raises(DataError, match="a batch norm needs the spread of several"):
        MLPClassifier(network=normalised(3), batch_size=59, max_iter=1).fit(X, y)


def test_an_autoencoder_learns_with_norms_too() -> None:
    X, _ = rows()
    encoder, decoder = normalised(3), Network.of_sizes((3, 5), random=RandomStream(0))
    model = Autoencoder(network=(encoder, decoder), epochs=20, learning_rate=0.01, random_state=0).fit(X)
    assert model.learning_curve_[-1].seen > model.learning_curve_[0].seen
    assert model.transform(X).shape == (60, 3)
