"""Stacked autoencoders: greedy is greedy, a stack is its layers, labels are used where they should be."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators import Autoencoder, StackedAutoencoder, StackedAutoencoderClassifier

QUICK: dict[str, Any] = {"hidden": (6, 4), "epochs": 3, "fine_tune_epochs": 3, "random_state": 0}

Floats = npt.NDArray[np.float64]


def bits(rows: int = 60, columns: int = 8) -> Floats:
    return (np.random.default_rng(0).random((rows, columns)) < 0.4).astype(np.float64)


def halves(rows: int = 80) -> tuple[Floats, npt.NDArray[Any]]:
    """Rows whose left half is mostly on, or whose right half is."""
    generator = np.random.default_rng(0)
    right = generator.random(rows) < 0.5
    on = np.where(right[:, None], np.arange(8) >= 4, np.arange(8) < 4)
    return (on ^ (generator.random((rows, 8)) < 0.1)).astype(np.float64), np.where(right, "right", "left")


def parameters(network: torch.nn.Module) -> list[Floats]:
    return [p.detach().numpy().copy() for p in network.parameters()]


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(parameters(one), parameters(other), strict=True))


# Layers


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("tied", [False, True])
def test_without_fine_tuning_a_stack_is_its_layers_one_after_the_other(activation: str, tied: bool) -> None:
    X = bits()
    model = StackedAutoencoder(activation=activation, tied=tied, **{**QUICK, "fine_tune_epochs": 0}).fit(X)
    first, second = model.layers_
    with torch.no_grad():
        code = second.encoder(first.encoder(torch.from_numpy(X).float()))
        back = first.decoder(second.decoder(code))
    np.testing.assert_allclose(model.transform(X), code.numpy(), atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(X), back.numpy(), atol=1e-5)
    assert model.network_.tied is tied
    assert list(model.learning_curves_) == ["layer 1", "layer 2"]


def test_layers_know_nothing_of_those_above_them() -> None:
    one, two = (StackedAutoencoder(**{**QUICK, "hidden": hidden}).fit(bits()) for hidden in ((6,), (6, 4)))
    assert same(one.layers_[0], two.layers_[0])


def test_rectified_codes_of_upper_layers_stay_alive() -> None:
    # Noise from a decoder that knows nothing yet is got rid of by silencing the code, unless it starts at the mean.
    X = load_digits().data[:600] / 16
    model = StackedAutoencoder((64, 48), epochs=10, fine_tune_epochs=0, random_state=0).fit(X)
    assert (model.transform(X) > 0).any(axis=0).mean() > 0.9


def test_fine_tuning_moves_the_whole_and_leaves_the_layers_as_they_were() -> None:
    X = bits()
    greedy = StackedAutoencoder(**{**QUICK, "fine_tune_epochs": 0}).fit(X)
    tuned = StackedAutoencoder(**{**QUICK, "fine_tune_epochs": 30, "fine_tune_learning_rate": 0.01}).fit(X)
    assert all(same(one, other) for one, other in zip(greedy.layers_, tuned.layers_, strict=True))
    assert tuned.score(X) > greedy.score(X)
    assert tuned.learning_curves_["fine-tuning"][-1].seen == pytest.approx(tuned.score(X), rel=1e-5)


def test_fine_tuning_is_what_an_autoencoder_does_that_starts_there() -> None:
    X = bits()
    greedy = StackedAutoencoder(**{**QUICK, "batch_size": 60, "fine_tune_epochs": 0}).fit(X)
    tuned = StackedAutoencoder(**{**QUICK, "batch_size": 60, "fine_tune_learning_rate": 0.01}).fit(X)
    # With one minibatch an epoch both see the same rows, added up in another order.
    same_way = Autoencoder(network=greedy.network_, batch_size=60, epochs=3, learning_rate=0.01, random_state=0).fit(X)
    for one, other in zip(parameters(tuned.network_), parameters(same_way.network_), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_same_seed_gives_the_same_stack_also_from_a_pickle() -> None:
    X = bits()
    model = StackedAutoencoder(early_stopping=True, corruption="gaussian", averaging=0.9, **QUICK).fit(X)
    assert same(model.network_, clone(model).fit(X).network_)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), model.transform(X))
    assert model.transform(X).shape == (60, 4)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), model.reconstruct(X), atol=1e-5)


def test_tables_of_any_columns_are_stacked_on() -> None:
    generator = np.random.default_rng(0)
    rain = generator.random(60) < 0.4
    table = {"sky": np.where(rain, "grey", "blue"), "wet": rain, "degrees": generator.normal(size=60) + 9 * rain}
    back = StackedAutoencoder(**QUICK).fit(table).reconstruct(table)
    assert set(back["sky"]) <= {"grey", "blue"}


# Classes


@pytest.mark.parametrize("pretraining", ["autoencoder", "supervised", "none"])
def test_classes_are_learned(pretraining: str) -> None:
    X, y = halves()
    model = StackedAutoencoderClassifier(
        (8, 6), pretraining=pretraining, epochs=5, fine_tune_epochs=20, learning_rate=0.01, random_state=0
    )
    model.set_params(fine_tune_learning_rate=0.01).fit(X, y)
    assert model.score(X, y) > 0.9
    assert list(model.classes_) == ["left", "right"]
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(1)])
    # The code is what the class layer reads.
    last = model.network_[-1]
    field = model.transform(X) @ last.weight.detach().numpy().T + last.bias.detach().numpy()  # type: ignore[operator, union-attr]
    np.testing.assert_allclose(p, np.exp(field) / np.exp(field).sum(1, keepdims=True), rtol=1e-4)
    assert list(model.get_feature_names_out())[:1] == ["stackedautoencoderclassifier0"]


def test_only_autoencoders_learn_from_rows_without_a_label() -> None:
    X, y = halves()
    y[30:] = "-1"
    for pretraining, equal in (("supervised", True), ("none", True), ("autoencoder", False)):
        model = StackedAutoencoderClassifier(pretraining=pretraining, **QUICK)
        with_others, without = model.fit(X, y).network_, clone(model).fit(X[:30], y[:30]).network_
        assert same(with_others, without) is equal, pretraining


def test_nothing_is_learned_before_fine_tuning_without_pretraining() -> None:
    X, y = halves()
    model = StackedAutoencoderClassifier(pretraining="none", **QUICK).fit(X, y)
    other = StackedAutoencoderClassifier(pretraining="none", **{**QUICK, "epochs": 9}).fit(X, y)
    assert same(model.network_, other.network_)
    assert model.learning_curves_["layer 1"] == []


def test_early_stopping_holds_labelled_rows_out() -> None:
    X, y = halves()
    y[60:] = "-1"
    model = StackedAutoencoderClassifier(early_stopping=True, validation_fraction=0.3, **QUICK).fit(X, y)
    assert all(np.isfinite(info.unseen) for curve in model.learning_curves_.values() for info in curve)
    assert same(model.network_, clone(model).fit(X, y).network_)


def test_rows_that_weigh_nothing_are_left_out() -> None:
    X, y = halves()
    weights = np.repeat([1.0, 0.0], 40)
    some = StackedAutoencoderClassifier(**QUICK).fit(X, y, sample_weight=weights)
    few = StackedAutoencoderClassifier(**QUICK).fit(X[:40], y[:40], sample_weight=np.ones(40))
    assert same(some.network_, few.network_)


def test_digits_with_few_labels() -> None:
    X, y = load_digits(return_X_y=True)
    X, known = X / 16, np.where(np.arange(len(y)) < 200, y, -1)
    model = StackedAutoencoderClassifier((64,), epochs=5, fine_tune_epochs=30, random_state=0).fit(X[:600], known[:600])
    # Far from the tenth that guessing gets: with 400 rows its standard error is at most 0.025.
    assert model.score(X[800:1200], y[800:1200]) > 0.7


# What they refuse


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pretraining": "prayer"}, "pretraining"),
        ({"fine_tune_epochs": 0}, "fine_tune_epochs"),
        ({"fine_tune_learning_rate": 0.0}, "fine_tune_learning_rate"),
        ({"dropout": 1.0}, "dropout"),
        ({"hidden": (6, -1)}, "hidden"),
        ({"corruption": "rain"}, "corruption"),
        ({"sparsity_target": 0.1}, "make it a sigmoid"),
        ({"epochs": "all"}, "epochs"),
    ],
)
def test_options_that_break_a_rule_are_named(options: dict[str, Any], message: str) -> None:
    X, y = halves()
    with pytest.raises(OptionError, match=message):
        StackedAutoencoderClassifier(**{**QUICK, **options}).fit(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fine_tune_epochs": -1}, "fine_tune_epochs"),
        ({"fine_tune_learning_rate": np.nan}, "fine_tune_learning_rate"),
        ({"code_activation": "sinus"}, "code_activation"),
        ({"loss": "hinge"}, "loss"),
    ],
)
def test_options_of_a_stack_that_break_a_rule_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        StackedAutoencoder(**{**QUICK, **options}).fit(bits())


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["left"] * 80, "two"),
        ([-1] * 80, "label"),
        (None, "requires y"),
        (["left", "right"], "must be 80"),
    ],
)
def test_labels_that_are_none_are_refused(y: object, message: str) -> None:
    with pytest.raises((DataError, ValueError), match=message):
        StackedAutoencoderClassifier(**QUICK).fit(halves()[0], y)


def test_missing_cells_and_unfitted_models_are_refused() -> None:
    X, y = halves()
    with pytest.raises(NotFittedError):
        StackedAutoencoderClassifier().predict(X)
    with pytest.raises(NotFittedError):
        StackedAutoencoder().transform(X)
    X[0, 0] = np.nan
    with pytest.raises(DataError, match=r"fill it first: RBM\(\)"):
        StackedAutoencoder(**QUICK).fit(X)
    with pytest.raises(DataError, match=r"fill it first: RBM\(\)"):
        StackedAutoencoderClassifier(**QUICK).fit(X, y)


def test_what_diverges_is_named_with_its_layer() -> None:
    X = np.random.default_rng(0).normal(size=(60, 8))
    model = StackedAutoencoder(optimiser="sgd", **QUICK)
    with pytest.raises(DivergenceError, match="StackedAutoencoder, layer 1: "):
        clone(model).set_params(learning_rate=1e30).fit(X)
    model.set_params(learning_rate=0.01, fine_tune_learning_rate=1e30)
    with pytest.raises(DivergenceError, match="StackedAutoencoder, fine-tuning: "):
        model.fit(X)
    # The layers were learned before, and are there.
    assert np.isfinite(model.score(X))
    with pytest.raises(DivergenceError, match="StackedAutoencoderClassifier, layer 1: "):
        (classifier := StackedAutoencoderClassifier(optimiser="sgd", learning_rate=1e30, **QUICK)).fit(X, X[:, 0] > 0)
    with pytest.raises(NotFittedError):
        classifier.predict(X)


@pytest.mark.parametrize("pretraining", ["autoencoder", "supervised"])
def test_gradients_are_watched_in_every_part_of_training(pretraining: str) -> None:
    X, y = halves()
    options = {**QUICK, "pretraining": pretraining}
    plain, watched = (StackedAutoencoderClassifier(watch_gradients=on, **options).fit(X, y) for on in (False, True))
    for one, other in zip(parameters(plain.network_), parameters(watched.network_), strict=True):
        np.testing.assert_array_equal(one, other)
    for title, curve in watched.learning_curves_.items():
        flows = [info.flow for info in curve]
        assert all(flow is not None and len(flow.names) == (3 if title == "fine-tuning" else 2) for flow in flows)
