"""The autoencoder's estimator with a convolutional network: better than PCA on pictures, and scikit-learn's manners."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from layerwise import networks
from layerwise.errors import OptionError
from layerwise.estimators import Autoencoder
from layerwise.networks import convolutional_autoencoder
from layerwise.randomness import RandomStream

SIGMAS = 5.0
"""So many of its own standard errors must a difference be from 0."""

Floats = npt.NDArray[np.float64]


def convolutional(picture: tuple[int, int] = (4, 5), **options: Any) -> networks.Autoencoder:
    made: dict[str, Any] = {"channels": (3,), "code": 2, "random": RandomStream(0)}
    return convolutional_autoencoder(picture, **{**made, **options})


def estimator(**options: Any) -> Autoencoder:
    return Autoencoder(**{"network": convolutional(), "epochs": 2, "random_state": 0, **options})


def bars(rows: int = 40) -> Floats:
    """Pictures of 4 × 5 with one line that is on, upright or lying."""
    generator = np.random.default_rng(0)
    lines = [np.eye(4)[:, [i]].repeat(5, 1) for i in range(4)] + [np.eye(5)[[i]].repeat(4, 0) for i in range(5)]
    return np.stack(lines).reshape(9, 20)[generator.integers(0, 9, rows)]


def parameters(model: Any) -> list[Floats]:
    return [p.detach().numpy().copy() for p in model.network_.parameters()]


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(parameters(one), parameters(other), strict=True))


def test_digits_come_back_better_than_from_as_many_principal_components() -> None:
    X = load_digits().data / 16
    X, unseen = X[:1200], X[1200:]
    pca = PCA(8).fit(X)
    network = convolutional((8, 8), channels=(16,), code=8, output="sigmoid")
    model = Autoencoder(
        network=network, visible="bernoulli", loss="squared", epochs=10, learning_rate=0.01, random_state=0
    ).fit(X)
    backs = pca.inverse_transform(pca.transform(unseen)), model.reconstruct(unseen)
    of_pca, own = (np.square(unseen - back).sum(1) for back in backs)
    gain = of_pca - own
    assert gain.mean() > SIGMAS * gain.std() / math.sqrt(len(gain))
    np.testing.assert_allclose(model.score_samples(unseen), -own / 2, rtol=1e-4)


def test_seeds_clones_and_pickles() -> None:
    model = estimator(corruption="masking", dropout=0.2, averaging=0.9)
    again = clone(model)
    assert again.get_params()["epochs"] == 2
    assert same(model.fit(bars()), again.fit(bars()))
    other = pickle.loads(pickle.dumps(model))
    assert same(model.partial_fit(bars()), other.partial_fit(bars()))
    assert not same(model, estimator(network=convolutional(random=RandomStream(1))).fit(bars()))
    assert list(model.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    np.testing.assert_allclose(model.inverse_transform(model.transform(bars())), model.reconstruct(bars()), atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"max_norm": 0.1},
        {"clip_norm": 0.1},
        {"weight_decay": 0.1},
        {"early_stopping": True},
        {"network": convolutional(code_activation="sigmoid"), "sparsity_target": 0.1},
        {"visible": "gaussian"},
        {"visible": "gaussian", "loss": "squared"},
        {"network": convolutional(output="sigmoid"), "loss": "squared"},
    ],
    ids=str,
)
def test_what_a_dense_one_is_asked_it_does(options: dict[str, Any]) -> None:
    model = estimator(learning_rate=0.01, **options)
    start = clone(model).set_params(epochs=0).fit(bars())
    model.set_params(epochs=20).fit(bars())
    assert model.score(bars()) > start.score(bars())
    if "max_norm" in options:
        norms = [p.flatten(1).norm(dim=1).max() for p in model.network_.parameters() if p.dim() > 1]
        assert max(float(norm.detach()) for norm in norms) <= 0.1 * (1 + 1e-5)


def test_a_last_sigmoid_is_the_losss_own() -> None:
    # Whether the network ends in it or not: the loss reads log-odds, so that no probability is rounded to 0 or 1.
    with_it, without = (estimator(network=convolutional(output=of)).fit(bars()) for of in ("sigmoid", "identity"))
    assert same(with_it, without)
    np.testing.assert_allclose(with_it.reconstruct(bars()), without.reconstruct(bars()), atol=1e-6)
    with torch.no_grad():
        for model in (with_it, without):
            model.network_.decoder.output.bias.fill_(200.0)
    assert np.isfinite(with_it.score(bars()))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match=r"rows of 16 values.*layer 'picture' takes rows of 20"):
        estimator().fit(np.zeros((5, 16)))
    with pytest.raises(OptionError, match="leave the contraction out"):
        estimator(contraction=0.1).fit(bars())
    with pytest.raises(OptionError, match="make it a sigmoid"):
        estimator(sparsity_target=0.1).fit(bars())
