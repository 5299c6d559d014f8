"""Layers of one's own in stacks of autoencoders: convolutions, normalisation, whatever torch has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

import layerwise
from layerwise.errors import OptionError
from layerwise.estimators import Autoencoder, StackedAutoencoder, StackedAutoencoderClassifier

X = np.random.default_rng(0).random((80, 16)) * np.linspace(0.1, 1, 16)
Y = (X[:, -4:].sum(1) > X[:, -4:].sum(1).mean()).astype(int)
QUICK: dict[str, Any] = {"epochs": 2, "fine_tune_epochs": 2, "batch_size": 16, "random_state": 0}


def pairs(code: int = 3) -> list[nn.Sequential]:
    torch.manual_seed(0)
    pictures = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Sigmoid(), nn.Flatten()
    )
    back = nn.Sequential(nn.Linear(18, 16), nn.Sigmoid())
    dense = nn.Sequential(nn.Linear(18, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, code), nn.LayerNorm(code))
    return [nn.Sequential(pictures, back), nn.Sequential(dense, nn.Sequential(nn.Linear(code, 18), nn.Sigmoid()))]


def test_without_an_epoch_a_stack_is_the_layers_that_were_given() -> None:
    given = pairs()
    for pair in given:
        pair.eval()
    model = StackedAutoencoder(
        network=given, visible="bernoulli", **(QUICK | {"epochs": 0, "fine_tune_epochs": 0})
    ).fit(X)
    x = torch.from_numpy(X).float()
    with torch.no_grad():
        code = given[1][0](given[0][0](x))
        back = given[0][1](given[1][1](code))
    assert model.transform(X.astype(np.float32)) == pytest.approx(code.numpy(), abs=1e-5)
    assert model.reconstruct(X.astype(np.float32)) == pytest.approx(back.numpy(), abs=1e-5)
    assert model.get_feature_names_out().shape == (3,)


def test_the_first_layer_learns_what_an_autoencoder_does_and_knows_nothing_of_those_above() -> None:
    given = pairs()
    both, first = (StackedAutoencoder(network=some, **QUICK).fit(X) for some in (given, given[:1]))
    started = {name: value.clone() for name, value in given[0].state_dict().items()}
    for one, other in zip(both.layers_[0].state_dict().values(), first.layers_[0].state_dict().values(), strict=True):
        assert torch.equal(one, other)
    learned = dict(zip(started, first.layers_[0].state_dict().values(), strict=True))
    assert not torch.equal(learned["0.2.running_mean"], started["0.2.running_mean"])
    assert not torch.equal(learned["0.1.weight"], started["0.1.weight"])
    assert all(torch.equal(value, started[name]) for name, value in given[0].state_dict().items())  # copies are trained


@pytest.mark.parametrize("pretraining", ["autoencoder", "supervised", "none"])
def test_a_classifier_learns_on_top_of_them_and_is_kept(pretraining: str, tmp_path: Path) -> None:
    options = QUICK | {"pretraining": pretraining, "fine_tune_epochs": 15, "fine_tune_learning_rate": 0.03}
    model = StackedAutoencoderClassifier(network=pairs(), **options).fit(X, Y)
    assert model.score(X, Y) > 0.8
    assert model.transform(X).shape == (80, 3)
    given = model.predict_proba(X.astype(np.float32))
    assert model.to_torch()(torch.from_numpy(X).float()).detach().numpy() == pytest.approx(given, abs=1e-5)
    model.save(tmp_path / "model")
    assert np.array_equal(layerwise.load(tmp_path / "model").predict_proba(X), model.predict_proba(X))
    again = clone(model).fit(X, Y)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


def test_supervised_layers_are_those_that_were_trained() -> None:
    options = QUICK | {"pretraining": "supervised", "fine_tune_learning_rate": 1e-12}
    trained, fresh = (
        StackedAutoencoderClassifier(network=pairs(), **(options | {"epochs": epochs})).fit(X, Y) for epochs in (3, 0)
    )
    for name, weight in trained.network_.named_parameters():
        moved = float((weight - fresh.network_.get_parameter(name)).detach().abs().max())
        assert moved > 1e-4 or name.startswith("output"), name


def test_a_layer_that_does_not_fit_is_named() -> None:
    first, second = pairs()
    for network, words in (
        ([], "network = 'list': must hold a pair for each layer"),
        (3, "network = 'int': must hold a pair for each layer"),
        ([first, second[0]], "network, layer 2 = .*must hold an encoder and a decoder"),
        ([second, first], "network, layer 1 = .*must take rows of 16 values"),
        ([first, first], "network, layer 2 = .*must take rows of 18 values"),
    ):
        for kind in (StackedAutoencoder, StackedAutoencoderClassifier):
            with pytest.raises(OptionError, match=words):
                kind(network=network, **QUICK).fit(X, Y)


def test_one_pair_is_an_autoencoder() -> None:
    told = {"corruption": "masking", "learning_rate": 0.01, "batch_size": 16, "epochs": 3, "random_state": 0}
    given = pairs()[:1]
    stack = StackedAutoencoder(network=given, fine_tune_epochs=0, **told).fit(X)
    alone = Autoencoder(network=given[0], **told).fit(X)
    # Their streams are children of another name: what they learn is alike, not the same.
    assert stack.score(X) == pytest.approx(alone.score(X), rel=0.05)
