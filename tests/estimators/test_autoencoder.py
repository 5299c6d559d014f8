"""Autoencoder: PCA where it is linear, denoising that denoises, a user's own networks, and rows that it must refuse."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from torch import nn

from layerwise import load
from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators import DBN, Autoencoder
from layerwise.units.activations import leaky_relu

SIGMAS = 5.0
"""So many of its own standard errors must a difference be from 0."""
QUICK: dict[str, Any] = {"hidden": (5, 3), "epochs": 3, "random_state": 0}

Floats = npt.NDArray[np.float64]


def bits(rows: int = 60, columns: int = 8) -> Floats:
    return (np.random.default_rng(0).random((rows, columns)) < 0.4).astype(np.float64)


def halves(rows: int) -> Floats:
    """Rows whose left half is mostly on, or whose right half is."""
    generator = np.random.default_rng(0)
    on = np.where(generator.random((rows, 1)) < 0.5, np.arange(8) >= 4, np.arange(8) < 4)
    return (on ^ (generator.random((rows, 8)) < 0.1)).astype(np.float64)


def ellipsoid(rows: int = 128, columns: int = 6) -> Floats:
    """Real columns with two directions of much variance."""
    generator = np.random.default_rng(0)
    causes = generator.normal(size=(rows, 2)) @ generator.normal(size=(2, columns))
    return causes + 0.6 * generator.normal(size=(rows, columns))


def weather(rows: int = 80) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    rain = generator.random(rows) < 0.4
    sky = np.where(rain, "grey", np.where(generator.random(rows) < 0.5, "blue", "white"))
    return pd.DataFrame({"sky": sky, "wet": rain, "degrees": np.where(rain, 9.0, 21.0) + generator.normal(0, 2, rows)})


def parameters(model: Any) -> list[Floats]:
    return [p.detach().numpy().copy() for p in model.network_.parameters()]


def own_pair() -> nn.Sequential:
    """Convolutions over pictures of 4 × 4, and back."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 3, 2, 1), nn.ReLU(), nn.Flatten())
    back = nn.ConvTranspose2d(3, 1, 4, 2, 1)
    return nn.Sequential(encoder, nn.Sequential(nn.Unflatten(1, (3, 2, 2)), back, nn.Flatten(), nn.Sigmoid()))


# What it learns


@pytest.mark.parametrize("tied", [False, True])
def test_a_linear_one_reaches_the_error_of_pca_and_no_less(tied: bool) -> None:
    X = ellipsoid()
    options: dict[str, Any] = {"visible": "gaussian", "activation": "identity", "learning_rate": 0.1, "epochs": 100}
    model = Autoencoder((2,), tied=tied, random_state=0, **options).fit(X)
    units = model.preparation_.prepare(X).numpy().astype(np.float64)
    pca = PCA(2).fit(units)
    least = np.square(units - pca.inverse_transform(pca.transform(units))).sum(1).mean()
    # Of Gaussian units of precision 1 the score is a half of minus the error, less the normal density's constant.
    error = -2 * model.score(X) - X.shape[1] * math.log(2 * math.pi)
    # No linear map through two numbers does better than PCA; descent comes as near as one part in a hundred.
    assert least * (1 - 1e-5) <= error <= 1.01 * least


def test_denoising_gives_corrupted_rows_back_better_than_a_plain_one() -> None:
    X = load_digits().data / 16
    X, unseen = X[:600], X[800:1400]
    options: dict[str, Any] = {"hidden": (128,), "code_activation": "relu", "learning_rate": 0.01, "epochs": 8}
    options["random_state"] = 0
    plain = Autoencoder(**options).fit(X)
    denoising = Autoencoder(corruption="masking", corruption_amount=0.3, **options).fit(X)
    torn = unseen * (np.random.default_rng(0).random(unseen.shape) >= 0.3)

    def errors(model: Autoencoder) -> Floats:
        return np.square(unseen - model.reconstruct(torn)).sum(1)

    gain = errors(plain) - errors(denoising)
    assert gain.mean() > SIGMAS * gain.std() / math.sqrt(len(gain))


@pytest.mark.parametrize("corruption", ["gaussian", "masking", "salt_and_pepper"])
def test_every_corruption_is_another_lesson(corruption: str) -> None:
    plain, other = (Autoencoder(corruption=name, **QUICK).fit(bits()) for name in (None, corruption))
    assert not np.array_equal(parameters(plain)[0], parameters(other)[0])
    none = Autoencoder(corruption=corruption, corruption_amount=0.0, **QUICK).fit(bits())
    assert np.allclose(parameters(plain)[0], parameters(none)[0], atol=1e-6)


def test_salt_and_pepper_of_real_columns_are_their_ends() -> None:
    model = Autoencoder(corruption="salt_and_pepper", **QUICK).fit(ellipsoid())
    assert np.isfinite(model.score(ellipsoid()))


def test_sparse_codes_are_seldom_active_and_contractive_ones_move_little() -> None:
    options: dict[str, Any] = {"hidden": (6,), "code_activation": "sigmoid", "epochs": 20, "learning_rate": 0.05}
    X = bits(64)
    plain = Autoencoder(random_state=0, **options).fit(X)
    sparse = Autoencoder(sparsity_target=0.1, sparsity_cost=5.0, random_state=0, **options).fit(X)
    far = abs(plain.transform(X).mean(0) - 0.1).max()
    assert abs(sparse.transform(X).mean(0) - 0.1).max() < far / 2

    def slope(model: Autoencoder) -> float:
        row = torch.full((8,), 0.5)
        jacobian: Any = torch.autograd.functional.jacobian(model.network_.encoder, row[None])
        return float(jacobian.square().sum())

    contractive = Autoencoder(contraction=1.0, random_state=0, **options).fit(X)
    both = Autoencoder(contraction=1.0, sparsity_target=0.1, sparsity_cost=5.0, random_state=0, **options).fit(X)
    assert slope(contractive) < slope(plain) / 2
    assert slope(both) < slope(sparse)


# What it says of rows


def test_scores_are_log_probabilities_of_each_columns_kind() -> None:
    table = weather()
    model = Autoencoder(**QUICK).fit(table)
    units = model.preparation_.prepare(table)
    names = model.preparation_.unit_names
    with torch.no_grad():
        field = model.network_(units)
    by_hand = np.zeros(len(table))
    levels = [place for place, name in enumerate(names) if name.startswith("sky")]
    log_p = torch.log_softmax(field[:, levels], 1)
    by_hand += (log_p * units[:, levels]).sum(1).numpy()
    wet, degrees = (next(place for place, name in enumerate(names) if name.startswith(of)) for of in ("wet", "degrees"))
    by_hand += -nn.functional.binary_cross_entropy_with_logits(field[:, wet], units[:, wet], reduction="none").numpy()
    by_hand += torch.distributions.Normal(field[:, degrees], 1.0).log_prob(units[:, degrees]).numpy()
    np.testing.assert_allclose(model.score_samples(table), by_hand, rtol=1e-4)
    assert model.score(table) == pytest.approx(by_hand.mean(), rel=1e-4)
    back = model.reconstruct(table)
    assert list(back) == list(table)
    assert set(back["sky"]) <= {"grey", "blue", "white"}


def test_rows_come_back_through_the_code() -> None:
    X = bits()
    model = Autoencoder(**QUICK).fit(X)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), model.reconstruct(X), atol=1e-6)
    assert model.transform(X).shape == (60, 3)
    assert list(model.get_feature_names_out()) == ["autoencoder0", "autoencoder1", "autoencoder2"]
    # Whether the network ends in a sigmoid or the loss has it, a reconstruction is a probability.
    assert 0 < model.reconstruct(X).min() < model.reconstruct(X).max() < 1
    assert model.transform(X.astype(np.float32)).dtype == np.float32


def test_the_squared_loss_is_half_the_squared_distance() -> None:
    X = bits()
    model = Autoencoder(loss="squared", **QUICK).fit(X)
    by_hand = -np.square(X - model.reconstruct(X)).sum(1) / 2
    np.testing.assert_allclose(model.score_samples(X), by_hand, rtol=1e-5)


@pytest.mark.parametrize("hidden", [(3,), (5, 3)])
def test_before_anything_is_learned_every_row_comes_back_as_the_mean(hidden: tuple[int, ...]) -> None:
    X = bits(500)
    model = Autoencoder(hidden, epochs=0, random_state=0).fit(X)
    np.testing.assert_allclose(model.reconstruct(X), np.tile(X.mean(0), (500, 1)), rtol=1e-4)
    # A tied decoder has the encoder's weights, which cannot start at zero: its shift knows the mean alone.
    tied = Autoencoder(hidden, tied=True, epochs=0, random_state=0).fit(X)
    with torch.no_grad():
        mean = torch.sigmoid(tied.network_.decoder.output.bias)  # type: ignore[union-attr, arg-type]
    np.testing.assert_allclose(mean.numpy(), X.mean(0), rtol=1e-4)


def test_tied_decoders_have_no_weights_of_their_own() -> None:
    free, tied = (Autoencoder(tied=tied, **QUICK).fit(bits()) for tied in (False, True))
    count = [sum(p.numel() for p in model.network_.parameters()) for model in (free, tied)]
    assert count[0] - count[1] == 8 * 5 + 5 * 3
    assert tied.network_.tied
    assert pickle.loads(pickle.dumps(tied)).network_.tied


# How it learns


@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("parameter", "value", "there"),
    [
        ("hidden", (6, 2), r"layers of \(4, 3\)"),
        ("hidden", (4,), r"layers of \(4, 3\)"),
        ("tied", True, "tied=False"),
        ("activation", "tanh", r"hidden units of relu\(\)"),
        ("code_activation", "sigmoid", r"a code of identity\(\)"),
        ("code_activation", None, r"a code of identity\(\)"),
        ("network", (nn.Sequential(nn.Linear(6, 2)), nn.Sequential(nn.Linear(2, 6))), "parameters of the shapes"),
    ],
)
def test_a_step_of_another_network_than_there_is_is_refused(begin: str, parameter: str, value: Any, there: str) -> None:
    X = (np.random.default_rng(0).random((20, 6)) < 0.4).astype(np.float32)
    model = getattr(Autoencoder((4, 3), epochs=1, random_state=0), begin)(X)
    before = getattr(model, parameter)
    with pytest.raises(OptionError, match=f"{parameter} = .*: the network that is gone on with has {there}"):
        model.set_params(**{parameter: value}).partial_fit(X)
    model.set_params(**{parameter: before}).partial_fit(X)


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "tanh", "code_activation": None, "tied": True},
        {"hidden": [4], "activation": leaky_relu(0.2)},
        {"network": (nn.Sequential(nn.Linear(6, 3), nn.GELU()), nn.Sequential(nn.Linear(3, 6)))},
    ],
    ids=str,
)
def test_steps_of_the_same_network_go_on_loaded_ones_too(options: dict[str, Any], tmp_path: Path) -> None:
    X = (np.random.default_rng(0).random((20, 6)) < 0.4).astype(np.float32)
    model = Autoencoder(epochs=1, random_state=0).set_params(**options).partial_fit(X)
    again = load(model.save(tmp_path / "model")).partial_fit(X)
    model.partial_fit(X)
    for name, tensor in model.network_.state_dict().items():
        assert torch.equal(tensor, again.network_.state_dict()[name])


def test_partial_fit_is_fit_with_one_minibatch_an_epoch() -> None:
    # Not Adam: at the mean the gradient of the last shift is rounding, which Adam makes a step of full length of.
    X, options = bits(), {**QUICK, "schedule": "constant", "optimiser": "sgd", "learning_rate": 0.1}
    whole = Autoencoder(batch_size=len(X), **options).fit(X)
    step = Autoencoder(**options)
    for _ in range(3):
        step.partial_fit(X)
    # The rows are added up in another order.
    for one, other in zip(parameters(whole), parameters(step), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_a_pickle_goes_on_to_the_same_bits(averaging: float) -> None:
    X = bits()
    model = Autoencoder(corruption="gaussian", averaging=averaging, **QUICK).fit(X)
    other = pickle.loads(pickle.dumps(model))
    for each in (model, other):
        each.partial_fit(X).partial_fit(X)
    for one, same in zip(parameters(model), parameters(other), strict=True):
        np.testing.assert_array_equal(one, same)


def test_other_parameters_of_the_optimiser_begin_it_anew() -> None:
    model = Autoencoder(**QUICK).fit(bits())
    before = parameters(model)
    model.set_params(optimiser="sgd", learning_rate=1e-6).partial_fit(bits())
    for one, other in zip(before, parameters(model), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_the_same_seed_gives_the_same_network_and_a_clone_is_fresh() -> None:
    X = bits()
    model = Autoencoder(corruption="masking", dropout=0.2, **QUICK).fit(X)
    again = clone(model)
    assert not hasattr(again, "network_")
    for one, other in zip(parameters(model), parameters(again.fit(X)), strict=True):
        np.testing.assert_array_equal(one, other)
    other = clone(model).set_params(random_state=1).fit(X)
    assert not np.array_equal(parameters(model)[0], parameters(other)[0])


def test_rows_that_weigh_nothing_are_left_out() -> None:
    X, weights = bits(), np.repeat([1.0, 0.0], 30)
    some = Autoencoder(**QUICK).fit(X, sample_weight=weights)
    few = Autoencoder(**QUICK).fit(X[:30], sample_weight=np.ones(30))
    for one, other in zip(parameters(some), parameters(few), strict=True):
        np.testing.assert_array_equal(one, other)


def test_early_stopping_keeps_the_best_network() -> None:
    X = bits(40)
    model = Autoencoder(
        (32, 8), epochs=200, learning_rate=0.02, early_stopping=True, validation_fraction=0.5, random_state=0
    ).fit(X)
    unseen = [info.unseen for info in model.learning_curve_]
    assert model.n_iter_ == len(unseen) < 200
    assert max(unseen) > unseen[-1]
    assert int(np.argmax(unseen)) == len(unseen) - 1 - model.n_iter_no_change


def test_what_is_measured_is_the_score(capsys: pytest.CaptureFixture[str]) -> None:
    X = bits()
    model = Autoencoder(verbose=1, **QUICK).fit(X)
    assert model.learning_curve_[-1].seen == pytest.approx(model.score(X), rel=1e-5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith("[Autoencoder] Iteration 3, loss = ")


# Networks of one's own


def test_a_users_own_convolutions_are_trained_in_a_copy() -> None:
    X, pair = bits(60, 16), own_pair()
    before = copy.deepcopy(pair.state_dict())
    model = Autoencoder(network=pair, epochs=20, learning_rate=0.01, random_state=0)
    assert model.network is pair
    first = clone(model).set_params(epochs=0).fit(X)
    with torch.no_grad():
        expected = pair(torch.from_numpy(X).float())
    np.testing.assert_allclose(first.reconstruct(X), expected.numpy(), atol=1e-5)
    model.fit(X)
    assert all(torch.equal(value, before[name]) for name, value in pair.state_dict().items())
    assert model.transform(X).shape == (60, 12)
    assert model.score(X) > first.score(X)
    # Fitted again it starts where the user's own weights are.
    for one, other in zip(parameters(model), parameters(clone(model).fit(X)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_networks_and_one_of_two_are_the_same() -> None:
    X, pair = bits(60, 16), own_pair()
    one, other = (Autoencoder(network=net, epochs=2, random_state=0).fit(X) for net in (pair, (pair[0], pair[1])))
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    # Without its sigmoid the decoder gives log-odds, and rows come back as the same probabilities.
    bare = Autoencoder(network=(pair[0], pair[1][:-1]), epochs=2, random_state=0).fit(X)
    np.testing.assert_allclose(bare.reconstruct(X), one.reconstruct(X), atol=1e-5)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_a_belief_network_unrolled_goes_on_learning(visible: str) -> None:
    X = halves(100)
    belief = DBN((6, 4), visible=visible, epochs=2, random_state=0).fit(X)
    start = Autoencoder(network=belief.to_autoencoder(), visible=visible, epochs=0).fit(X)
    with torch.no_grad():
        expected = belief.net_.reconstruct(belief.preparation_.prepare(X))
    np.testing.assert_allclose(start.reconstruct(X), belief.preparation_.restore(expected), atol=1e-4)
    np.testing.assert_allclose(start.transform(X), belief.transform(X), atol=1e-5)
    tuned = clone(start).set_params(epochs=20, learning_rate=0.01, random_state=0).fit(X)
    assert tuned.score(X) > start.score(X)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("deep", "must hold an encoder and a decoder"),
        (nn.Linear(8, 2), "must hold an encoder and a decoder"),
        (nn.Sequential(nn.Linear(8, 2), nn.Linear(2, 8)), "give torch.nn.Sequential"),
        ((nn.Sequential(nn.Linear(7, 2)), nn.Sequential(nn.Linear(2, 7))), "rows of 8 values"),
        ((nn.Sequential(nn.Linear(8, 2)), nn.Sequential(nn.Linear(2, 7))), "must give rows of 8 values"),
        (
            (nn.Sequential(nn.Unflatten(1, (2, 4)), nn.Linear(4, 2)), nn.Sequential(nn.Flatten(), nn.Linear(4, 8))),
            "end it with torch.nn.Flatten",
        ),
        ((nn.Sequential(nn.Identity()), nn.Sequential(nn.Identity())), "no parameter that learns"),
    ],
)
def test_networks_that_do_not_fit_are_refused(network: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Autoencoder(network=network, epochs=1).fit(bits())


# What it refuses


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": ()}, "hidden"),
        ({"hidden": (5, 0)}, "hidden"),
        ({"hidden": 5}, "hidden"),
        ({"activation": "sinus"}, "activation"),
        ({"activation": None}, "activation"),
        ({"code_activation": 3}, "code_activation"),
        ({"tied": "yes"}, "tied"),
        ({"initialisation": "luck"}, "initialisation"),
        ({"loss": "hinge"}, "loss"),
        ({"visible": "magic"}, "visible"),
        ({"corruption": "rain"}, "corruption"),
        ({"corruption": "masking", "corruption_amount": 2.0}, "corruption_amount"),
        ({"optimiser": "lbfgs"}, "optimiser"),
        ({"corruption_amount": -1.0}, "corruption_amount"),
        ({"sparsity_target": 1.0}, "sparsity_target"),
        ({"sparsity_target": 0.1, "code_activation": "relu"}, "make it a sigmoid"),
        ({"contraction": -1.0}, "contraction"),
        ({"contraction": 0.1, "network": own_pair()}, "leave the contraction out"),
        ({"optimiser": "hope"}, "optimiser"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"schedule": "weekly"}, "schedule"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"dropout": 1.0}, "dropout"),
        ({"max_norm": 0.0}, "max_norm"),
        ({"batch_size": 0}, "batch_size"),
        ({"epochs": -1}, "epochs"),
        ({"early_stopping": "yes"}, "early_stopping"),
        ({"validation_fraction": 0.0}, "validation_fraction"),
        ({"device": "abacus"}, "device"),
        ({"random_state": "luck"}, "random_state"),
        ({"hidden": (10**9, 10**9)}, "hidden"),
    ],
)
def test_options_that_break_a_rule_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Autoencoder(**{"hidden": (3,), "epochs": 1, **options}).fit(bits(20, 16))


def test_the_squared_loss_is_refused_where_a_mean_is_no_activation() -> None:
    with pytest.raises(OptionError, match="bernoulli, spin or gaussian; these are mixed"):
        Autoencoder(loss="squared", **QUICK).fit(weather())


def test_missing_cells_are_refused_with_what_fills_them() -> None:
    X, table = bits(), weather()
    X[2, 3] = np.nan
    with pytest.raises(DataError, match=r"row 2, column 3 = .*NaN.*; fill it first: RBM\(\)"):
        Autoencoder(**QUICK).fit(X)
    model = Autoencoder(**QUICK).fit(bits())
    with pytest.raises(DataError, match=r"RBM\(\)"):
        model.transform(X)
    table.loc[4, "sky"] = None
    with pytest.raises(DataError, match=r"row 4, column 'sky.*RBM\(\)"):
        Autoencoder(**QUICK).fit(table)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((4, 2), np.inf), "infinity"),
        (np.zeros((0, 3)), "0 sample"),
        (np.zeros(3), "Expected 2D array"),
        ([["a", "b"], ["c"]], "."),
    ],
)
def test_rows_that_are_none_are_refused(X: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        Autoencoder(**QUICK).fit(X)


def test_a_matrix_outside_its_kind_is_refused_in_time() -> None:
    model = Autoencoder(visible="bernoulli", **QUICK).fit(bits())
    with pytest.raises(DataError, match="no value of a bernoulli unit"):
        model.score_samples(bits() * 3)
    with pytest.raises(DataError, match="must have 3 columns"):
        model.inverse_transform(np.zeros((2, 4)))
    with pytest.raises(NotFittedError):
        Autoencoder().reconstruct(bits())
    with pytest.raises(DataError, match="leaves no row"):
        Autoencoder(early_stopping=True, validation_fraction=0.9).fit(bits(2))


def test_what_diverges_leaves_the_last_good_network() -> None:
    X = ellipsoid()
    model = Autoencoder(optimiser="sgd", learning_rate=0.01, **QUICK).fit(X)
    before = parameters(model)
    model.set_params(learning_rate=1e30)
    with pytest.raises(DivergenceError, match="lower the learning rate"):
        model.partial_fit(X).partial_fit(X)
    assert all(np.isfinite(one).all() for one in parameters(model))
    assert all(one.shape == other.shape for one, other in zip(before, parameters(model), strict=True))
    # Of one that diverges in its first epoch the first weights are the last good ones.
    model, still = (Autoencoder(optimiser="sgd", learning_rate=rate, **QUICK) for rate in (1e30, 1e-30))
    with pytest.raises(DivergenceError, match="Autoencoder: step"):
        model.fit(X)
    for one, other in zip(parameters(model), parameters(still.fit(X)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-20)
    assert np.isfinite(model.score(X))
    assert model.n_iter_ == 0


def test_constant_columns_and_a_single_row_do_no_harm() -> None:
    X = ellipsoid()
    X[:, 2] = 7.0
    model = Autoencoder(**QUICK).fit(X)
    np.testing.assert_allclose(model.reconstruct(X)[:, 2], 7.0)
    assert np.isfinite(model.score(X))
    assert np.isfinite(Autoencoder(**QUICK).fit(bits(1)).score(bits(1)))


def test_gradients_are_watched_epoch_by_epoch_and_nothing_else_changes() -> None:
    X = bits()
    plain, watched = (Autoencoder(watch_gradients=watch, **QUICK).fit(X) for watch in (False, True))
    for one, other in zip(parameters(plain), parameters(watched), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [info.flow for info in plain.learning_curve_] == [None] * 3
    for info in watched.learning_curve_:
        assert info.flow is not None
        assert info.flow.names == ("encoder.hidden1", "encoder.output", "decoder.hidden1", "decoder.output")
        assert all(ratio > 0 for ratio in info.flow.update_ratio)
