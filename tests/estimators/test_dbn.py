"""DBN: what it says of rows and what it draws is what sums over all hidden states say."""

from __future__ import annotations

import itertools
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd
import pytest
import torch
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from torch import Tensor

from layerwise.energy import BeliefNet, exact_log_partition
from layerwise.energy.class_rbm import free_energy_of_features, join_labels
from layerwise.energy.wake_sleep_net import WakeSleepNet
from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators import DBN

Floats = npt.NDArray[np.float64]
SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
DRAWS = 20
"""Of a score."""
QUICK: dict[str, Any] = {"hidden": (3, 2), "epochs": 10, "batch_size": 25, "learning_rate": 0.5, "random_state": 0}
NAMES = np.array(["even", "odd"])


def pairs(rows: int, seed: int = 0) -> Floats:
    """Two hidden causes, each shown by two columns of which one in ten is wrong."""
    generator = np.random.default_rng(seed)
    causes = generator.integers(0, 2, (rows, 2)).repeat(2, axis=1)
    return np.abs(causes - (generator.random((rows, 4)) < 0.1)).astype(np.float64)


def parity(X: Floats) -> npt.NDArray[Any]:
    """Whether the two causes are told alike by the first column of each."""
    return NAMES[(X[:, 0] != X[:, 2]).astype(int)]


def binary(columns: int) -> Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=columns)), dtype=torch.float64)


def states() -> Floats:
    return binary(4).numpy()


def log_joint(net: DBN, label: int | None = None) -> Tensor:
    """log p(v, h) of a network of two layers, states of v in rows and of h in columns; a label is summed away."""
    deep = pickle.loads(pickle.dumps(net.net_)).double()
    h, v = binary(3), binary(4)
    if label is not None:
        free = deep.top.free_energy(join_labels(h, torch.full((8,), label), 2))
    else:
        free = free_energy_of_features(deep.top, h) if deep.classes else deep.top.free_energy(h)
    rows = [deep.generation[0].log_probability(row.expand(8, -1), h) for row in v]
    return torch.stack(rows) - free - exact_log_partition(deep.top)


def probabilities(net: DBN, label: int | None = None) -> Floats:
    return log_joint(net, label).exp().sum(1).numpy()


def bound(net: DBN) -> tuple[Floats, Floats]:
    """The expectation over the recognition, and the standard deviation of what it is the expectation of."""
    recognition = pickle.loads(pickle.dumps(net.net_)).double().recognition[0]
    log_q = torch.stack([recognition.log_probability(binary(3), row.expand(8, -1)) for row in binary(4)])
    ratio = log_joint(net) - log_q
    mean = (log_q.exp() * ratio).sum(1)
    return mean.numpy(), (log_q.exp() * (ratio - mean[:, None]).square()).sum(1).sqrt().numpy()


@pytest.fixture(scope="module")
def plain() -> DBN:
    return DBN(**QUICK).fit(pairs(200))


@pytest.fixture(scope="module")
def labelled() -> DBN:
    y = parity(pairs(200))
    y[::10] = "-1"
    return DBN(**QUICK, labels=True).fit(pairs(200), y)


@pytest.fixture(scope="module")
def untied() -> DBN:
    return DBN(**QUICK, up_down_epochs=5, up_down_learning_rate=0.2).fit(pairs(200))


@pytest.fixture(params=["plain", "labelled", "untied"])
def net(request: pytest.FixtureRequest) -> DBN:
    return request.getfixturevalue(request.param)


# What it says of rows


def test_a_score_is_a_bound_below_the_log_of_a_probability(net: DBN) -> None:
    p = probabilities(net)
    assert p.sum() == pytest.approx(1, abs=1e-6)
    exact, deviation = bound(net)
    assert (exact <= np.log(p) + 1e-9).all()
    scores = net.score_samples(states())
    assert (np.abs(scores - exact) <= SIGMAS * deviation / math.sqrt(DRAWS) + 1e-5).all()
    error = math.sqrt((deviation**2).sum() / DRAWS) / len(exact)
    assert abs(net.score(states()) - exact.mean()) <= SIGMAS * error + 1e-5
    said = net.log_likelihood(states(), draws=100)
    assert abs(said.mean - exact.mean()) <= SIGMAS * said.standard_error + 1e-5
    assert net.log_partition_ == pytest.approx(exact_log_partition(net.net_.top), abs=1e-6)
    assert net.log_partition_error_ == 0


def test_it_is_the_truth_where_the_posterior_is() -> None:
    """The top is the layer below it upside down: the network is then that layer's machine."""
    net = DBN((3, 4), epochs=5, random_state=0).fit(pairs(100))
    below, top = net.layers_
    with torch.no_grad():
        below.weights.mul_(3.0)
        top.weights.copy_(below.weights.T)
        top.visible.bias.copy_(below.hidden.bias)
        top.hidden.bias.copy_(below.visible.bias)
    machine = pickle.loads(pickle.dumps(below)).double()
    truth = -machine.free_energy(binary(4)).numpy() - exact_log_partition(below)
    np.testing.assert_allclose(net.score_samples(states()), truth, atol=1e-6)
    said = net.log_likelihood(states())
    assert said.mean == pytest.approx(truth.mean(), abs=1e-5)
    assert said.standard_error < 1e-5


def test_one_layer_is_an_rbm() -> None:
    net = DBN((3,), epochs=5, random_state=0).fit(pairs(100))
    assert np.exp(net.score_samples(states())).sum() == pytest.approx(1, abs=1e-6)
    assert net.score(states()) == pytest.approx(net.score_samples(states()).mean(), abs=1e-6)


def test_with_labels_the_bound_is_on_rows_and_labels_together(labelled: DBN) -> None:
    v, y = states().repeat(2, axis=0), np.tile(NAMES, 16)
    said = labelled.log_likelihood(v, y, draws=100)
    truth = np.log(np.stack([probabilities(labelled, 0), probabilities(labelled, 1)], 1).ravel())
    assert said.mean - SIGMAS * said.standard_error < truth.mean()
    # Both labels' together are at most what is said of rows alone.
    alone = labelled.log_likelihood(states(), draws=100)
    assert said.mean < alone.mean


def test_a_score_depends_on_its_row_alone(net: DBN) -> None:
    whole = net.score_samples(states())
    np.testing.assert_array_equal(net.score_samples(states()[::-1])[::-1], whole)
    np.testing.assert_array_equal(net.score_samples(states()[3:4]), whole[3:4])


def test_scores_of_real_columns_are_in_their_own_units() -> None:
    X = np.random.default_rng(0).normal([3.0, -2.0], [4.0, 1.0], (100, 2))
    net = DBN((3, 2), epochs=3, random_state=0).fit(X)
    tenfold = clone(net).fit(10 * X)
    np.testing.assert_allclose(tenfold.score_samples(10 * X), net.score_samples(X) - 2 * math.log(10), atol=1e-3)
    assert tenfold.log_likelihood(10 * X).mean == pytest.approx(net.log_likelihood(X).mean - 2 * math.log(10), abs=1e-3)
    # What such data are is one normal distribution.
    truth = stats.norm(3, 4).logpdf(X[:, 0]) + stats.norm(-2, 1).logpdf(X[:, 1])
    assert net.score(X) == pytest.approx(truth.mean(), abs=0.2)


# Samples, classes, codes


def counts_fit(drawn: Floats, p: Floats) -> None:
    """Chi-square against the enumerated distribution: exceeded by chance once in 10⁵ runs, and the seed is fixed."""
    numbers = (drawn @ (2 ** np.arange(4)[::-1])).astype(int)
    seen = np.bincount(numbers, minlength=16)
    assert not seen[p == 0].any()
    expected = p[p > 0] / p.sum() * len(drawn)
    statistic = ((seen[p > 0] - expected) ** 2 / expected).sum()
    assert statistic <= stats.chi2(max(1, len(expected) - 1)).ppf(1 - 1e-5)


@pytest.mark.parametrize("how", [{}, {"tempered": True}, {"start": "chains"}, {"start": pairs(50)}], ids=str)
def test_samples_have_the_distribution_of_the_network(net: DBN, how: dict[str, Any]) -> None:
    drawn = net.sample(4000, steps=50, random_state=0, **how)
    counts_fit(drawn, probabilities(net))
    spread = drawn.std(0) / math.sqrt(len(drawn))
    assert (np.abs(drawn.mean(0) - probabilities(net) @ states()) <= SIGMAS * spread).all()


@pytest.mark.parametrize("known", [{0: 1.0, 3: 0.0}, {2: 1.0}, {0: 1.0, 1: 0.0, 2: 1.0, 3: 0.0}])
def test_samples_given_some_cells_have_the_conditional_distribution(net: DBN, known: dict[int, float]) -> None:
    rows = np.full((1, 4), np.nan)
    rows[0, list(known)] = list(known.values())
    held = np.all([states()[:, column] == value for column, value in known.items()], axis=0)
    for given in (known, rows):
        drawn = net.sample(2000, given=given, steps=15, random_state=0)
        counts_fit(drawn, np.where(held, probabilities(net), 0.0))


def test_a_class_and_cells_may_be_given_together(labelled: DBN) -> None:
    for code, name in enumerate(NAMES):
        p = np.where(states()[:, 1] == 1, probabilities(labelled, code), 0.0)
        counts_fit(labelled.sample(2000, name, given={1: 1.0}, steps=15, random_state=0), p)
        counts_fit(labelled.sample(2000, name, start="chains", steps=50, random_state=0), probabilities(labelled, code))


def test_a_gap_is_filled_by_its_mean_given_the_rest(net: DBN) -> None:
    X = pairs(12, seed=3)
    gaps = np.random.default_rng(0).random(X.shape) < 0.4
    gaps[0] = True
    p, v = probabilities(net), states()
    expected = X.copy()
    for row, unknown in enumerate(gaps):
        fits = (v[:, ~unknown] == X[row, ~unknown]).all(axis=1)
        expected[row, unknown] = (p[fits] @ v[fits] / p[fits].sum())[unknown]
    filled = net.impute(np.where(gaps, np.nan, X), chains=100, steps=20, burn_in=20)
    np.testing.assert_array_equal(filled[~gaps], X[~gaps])
    # A hundred independent chains, and each mean of theirs within 0 and 1.
    assert np.abs(filled - expected).max() < SIGMAS * 0.5 / math.sqrt(100)


def test_a_single_layer_draws_and_fills_as_an_rbm() -> None:
    net = DBN(**QUICK | {"hidden": (3,)}).fit(pairs(200))
    energy = net.net_.top.double().free_energy(binary(4))
    net.net_.top.float()
    p = (-energy).softmax(0).numpy()
    for how in ({}, {"given": {}}, {"tempered": True}, {"start": "chains"}, {"given": {0: 1.0}, "start": "chains"}):
        held = states()[:, 0] == 1 if how.get("given") else np.ones(16, bool)
        counts_fit(net.sample(2000, steps=50, random_state=0, **how), np.where(held, p, 0.0))
    filled = net.impute([[1.0, np.nan, 0.0, 0.0]], chains=40)
    assert filled[0, 1] == pytest.approx(p[12] / (p[8] + p[12]), abs=0.05)


def test_samples_of_a_class_have_the_conditional_distribution(labelled: DBN) -> None:
    for code, name in enumerate(NAMES):
        counts_fit(labelled.sample(2000, name, steps=50, random_state=0), probabilities(labelled, code))
    one, other = (labelled.sample(4, y, steps=5, random_state=0) for y in ("odd", ["odd"] * 4))
    np.testing.assert_array_equal(one, other)


def test_classes_are_told_by_the_exact_free_energies_of_the_top(labelled: DBN) -> None:
    deep = pickle.loads(pickle.dumps(labelled.net_)).double()
    h = deep.recognition[0].mean(binary(4))
    free = torch.stack([deep.top.free_energy(join_labels(h, torch.full((16,), k), 2)) for k in range(2)], 1)
    told = labelled.predict_proba(states())
    np.testing.assert_allclose(told, torch.softmax(-free, 1).numpy(), atol=1e-6)
    assert labelled.predict(states()).tolist() == labelled.classes_[told.argmax(1)].tolist()


def test_it_learns_to_classify_though_most_rows_have_no_label() -> None:
    X, new = pairs(300), pairs(200, seed=1)
    y = np.where(X[:, 0] + X[:, 1] > 1, 1, 0)
    y[60:] = -1
    net = DBN((8, 8), labels=True, epochs=20, learning_rate=1.0, random_state=0).fit(X, y)
    assert (net.predict(new) == (new[:, 0] + new[:, 1] > 1)).mean() > 0.85
    assert cross_val_score(clone(net).set_params(epochs=1), X[:60], y[:60], cv=2, scoring="accuracy").shape == (2,)


def test_codes_and_their_images_are_means_layer_by_layer(net: DBN) -> None:
    X = pairs(20)
    up = net.net_.up(torch.from_numpy(X).float())
    np.testing.assert_allclose(net.transform(X), up.numpy(), atol=1e-6)
    np.testing.assert_allclose(net.inverse_transform(net.transform(X)), net.net_.down(up).numpy(), atol=1e-6)
    assert list(net.get_feature_names_out()) == ["dbn0", "dbn1"]


# Networks


@pytest.mark.parametrize("name", ["plain", "untied"])
def test_its_networks_compute_what_it_does(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    net: DBN = request.getfixturevalue(name)
    X = pairs(20).astype(np.float32)
    v = torch.from_numpy(X)
    with torch.no_grad():
        np.testing.assert_allclose(net.to_torch()(v).numpy(), net.transform(X), atol=1e-6)
        image = net.inverse_transform(net.transform(X))
        np.testing.assert_allclose(net.to_autoencoder()(v).numpy(), image, atol=1e-6)
        assert torch.equal(net.to_classifier(3)(v), torch.zeros(20, 3))
        assert torch.allclose(net.to_regressor(2.5)(v), torch.full((20, 1), 2.5))
        assert net.to_regressor([1.0, 2.0])(v).shape == (20, 2)
    session = onnxruntime.InferenceSession(net.to_onnx(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    (computed,) = session.run(["h"], {"v": X})
    np.testing.assert_allclose(np.asarray(computed), net.transform(X), atol=1e-5)


def test_in_a_network_label_units_are_at_rest(labelled: DBN) -> None:
    """Their mean sends what it sends, whatever the row: nearly what the mean over the labels that it leaves open is."""
    deep, v = labelled.net_, torch.from_numpy(states()).float()
    share = torch.softmax(deep.top.visible.bias[3:], 0)
    resting = torch.cat([deep.recognition[0].mean(v), share.expand(16, -1)], 1)
    with torch.no_grad():
        assert torch.allclose(labelled.to_torch()(v), deep.top.mean_h_from_v(resting), atol=1e-6)
        assert labelled.to_autoencoder()(v).shape == (16, 4)


def test_networks_read_prepared_rows() -> None:
    X = np.random.default_rng(0).normal(300.0, 40.0, (50, 3))
    net = DBN((3, 2), epochs=1, random_state=0).fit(X)
    with torch.no_grad():
        seen = net.to_torch()(net.preparation_.prepare(X)).numpy()
    np.testing.assert_allclose(seen, net.transform(X), atol=1e-5)
    with pytest.raises(DataError, match="start"):
        net.to_regressor([[1.0]])
    with pytest.raises(OptionError, match="n_classes"):
        net.to_classifier(1)


# Learning


def test_up_down_raises_the_bound() -> None:
    """Three classes, each two columns of six; layers learned alone hardly know them yet."""
    on = np.arange(300) % 3
    X = np.abs(np.eye(3)[on].repeat(2, axis=1) - (np.random.default_rng(0).random((300, 6)) < 0.03))
    net = DBN((4, 5), epochs=5, momentum=0.9, batch_size=30, random_state=0)
    before = net.fit(X).log_likelihood(X, draws=20)
    after = net.set_params(up_down_epochs=60, up_down_learning_rate=0.1).fit(X).log_likelihood(X, draws=20)
    assert after.mean - before.mean > SIGMAS * math.hypot(before.standard_error, after.standard_error)
    # Independent columns come to 6 · H(1/3) = 3.8 nats.
    assert after.mean > -3.0
    assert isinstance(net.net_, WakeSleepNet)
    assert len(net.learning_curves_["up-down"]) == 60


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_learning_raises_the_likelihood_of_new_rows(missing: float) -> None:
    X, new = pairs(300), pairs(400, seed=1)
    X = np.where(np.random.default_rng(0).random(X.shape) < missing, np.nan, X)
    net = DBN((8, 4), epochs=30, learning_rate=0.5, n_chains=20, random_state=0).fit(X)
    # Two columns of one cause agree with probability 0.82; without couplings a network has every row alike.
    source, uncoupled = 2 * (0.82 * math.log(0.41) + 0.18 * math.log(0.09)), -4 * math.log(2)
    assert net.score(new) > (source + uncoupled) / 2
    assert clone(net).set_params(epochs=0).fit(X).score(new) < uncoupled + 0.05


@pytest.mark.parametrize("labels", [False, True])
def test_a_row_of_weight_two_is_a_row_twice(labels: bool) -> None:
    """With all rows in one minibatch and chains of its own the gradient is the same sum, in every layer."""
    X, twice = pairs(30), np.arange(30) % 3 == 0
    y = parity(X)
    net = DBN((3, 3), labels=labels, n_chains=20, batch_size=1000, epochs=5, random_state=0)
    weighted = clone(net).fit(X, y, sample_weight=1.0 + twice)
    repeated = clone(net).fit(np.concatenate([X, X[twice]]), np.concatenate([y, y[twice]]))
    without = clone(net).fit(X, y, sample_weight=(~twice).astype(float)), clone(net).fit(X[~twice], y[~twice])
    for one, other in ((weighted, repeated), without):
        for layer, same in zip(one.layers_, other.layers_, strict=True):
            assert torch.allclose(layer.weights, same.weights, atol=1e-5)
            assert torch.allclose(layer.visible.bias, same.visible.bias, atol=1e-5)


def test_gaps_weights_and_labels_go_together_in_every_part() -> None:
    X, y = pairs(60), parity(pairs(60))
    X[::7, 1], y[::5] = np.nan, "-1"
    weights = np.random.default_rng(0).random(60)
    net = DBN((4, 3), labels=True, epochs=3, up_down_epochs=3, random_state=0).fit(X, y, sample_weight=weights)
    assert list(net.learning_curves_) == ["layer 1", "layer 2", "up-down"]
    assert all(math.isfinite(info.reconstruction_error) for curve in net.learning_curves_.values() for info in curve)
    assert np.isfinite(net.transform(X)).all()
    np.testing.assert_allclose(net.predict_proba(X).sum(1), 1, atol=1e-6)
    whole = ~np.isnan(X).any(1)
    np.testing.assert_array_equal(net.transform(X)[whole], net.transform(X[whole]))


def test_without_labels_y_is_not_looked_at() -> None:
    X = pairs(30)
    one, other = (DBN((3, 2), epochs=2, random_state=0).fit(X, y) for y in (None, ["of", 3, None]))
    assert torch.equal(one.net_.top.weights, other.net_.top.weights)
    assert not hasattr(one, "predict")
    assert not hasattr(one, "classes_")


def test_tables_with_gaps_come_back_as_tables() -> None:
    generator = np.random.default_rng(0)
    rain = generator.random(100) < 0.4
    table = pd.DataFrame(
        {"sky": np.where(rain, "grey", "blue"), "wet": rain, "degrees": np.where(rain, 9.0, 21.0)}, dtype=object
    )
    table["degrees"] = table["degrees"].astype(float) + generator.normal(0, 2, 100)
    table.loc[3, "sky"], table.loc[4, "degrees"] = None, np.nan
    net = DBN((4, 3), epochs=20, up_down_epochs=2, random_state=0).fit(table)
    drawn = net.sample(50, steps=50, random_state=0)
    assert isinstance(drawn, pd.DataFrame)
    assert list(drawn.columns) == list(table.columns)
    assert set(drawn["sky"]) <= {"grey", "blue"}
    given = net.sample(40, given={"sky": "blue", "degrees": [21.0, None] * 20}, steps=5, random_state=0)
    assert set(given["sky"]) == {"blue"}
    assert np.allclose(given["degrees"][::2].astype(float), 21.0)
    filled = net.impute(table)
    assert filled["sky"].isin(["grey", "blue"]).all()
    pd.testing.assert_frame_equal(filled.drop(index=[3, 4]), table.drop(index=[3, 4]))
    assert list(net.inverse_transform(net.transform(table)).columns) == list(table.columns)
    assert np.isfinite(net.score_samples(table.loc[5:])).all()
    with pytest.raises(DataError, match=r"column 'sky.*missing"):
        net.score_samples(table)
    codes = DBN((3, 2), visible="categorical", epochs=2, random_state=0).fit(generator.integers(0, 3, (40, 2)))
    assert set(np.unique(codes.sample(20, steps=5, random_state=0))) <= {0.0, 1.0, 2.0}


@pytest.mark.filterwarnings("ignore:DBN, layer 1. no unit of any chain:layerwise.training.vigilance.TrainingWarning")
def test_what_was_good_is_kept_when_training_diverges() -> None:
    X = np.random.default_rng(0).normal(size=(100, 1)) @ np.ones((1, 30))
    net = DBN((4, 3), learning_rate=0.012, momentum=0.99, schedule="constant", epochs=300, random_state=0)
    with pytest.raises(DivergenceError, match=r"DBN, layer 1.*is kept"):
        net.fit(X)
    assert np.isfinite(net.transform(X)).all()
    net = DBN((4, 3), epochs=2, up_down_epochs=50, up_down_learning_rate=1e37, random_state=0)
    with pytest.raises(DivergenceError, match=r"DBN, up-down.*lower the learning rate"):
        net.fit(X)
    assert isinstance(net.net_, BeliefNet)
    assert np.isfinite(net.transform(X)).all()


# The same again


def test_the_same_random_state_is_the_same_network(net: DBN) -> None:
    again = clone(net).fit(pairs(200), parity(pairs(200))) if not net.labels else pickle.loads(pickle.dumps(net))
    X = pairs(10)
    for copy in (again, pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(copy.transform(X), net.transform(X))
        np.testing.assert_array_equal(copy.score_samples(X), net.score_samples(X))
        np.testing.assert_array_equal(*(one.sample(5, steps=3, random_state=1) for one in (copy, net)))
    other = clone(net).set_params(random_state=1).fit(pairs(200), parity(pairs(200)))
    assert not np.allclose(other.transform(X), net.transform(X))
    assert not hasattr(clone(net), "net_")


def test_verbose_tells_and_changes_nothing(capsys: pytest.CaptureFixture[str], untied: DBN) -> None:
    capsys.readouterr()
    told = clone(untied).set_params(verbose=True).fit(pairs(200))
    lines = capsys.readouterr().out
    assert all(f"[DBN, {part}] Iteration 5, reconstruction error = " in lines for part in ("layer 2", "up-down"))
    np.testing.assert_array_equal(told.transform(states()), untied.transform(states()))


def test_every_form_of_the_rows_gives_the_same() -> None:
    X = pairs(20).astype(np.float32)
    read_only = X.copy()
    read_only.flags.writeable = False
    expected = DBN((3, 2), epochs=2, random_state=0).fit(X)
    for rows in (read_only, np.asfortranarray(X), sparse.csr_array(X), X.astype(np.uint8), X > 0.5):
        net = DBN((3, 2), epochs=2, random_state=0).fit(rows)
        assert net.transform(rows).dtype == np.float32
        np.testing.assert_allclose(net.transform(rows), expected.transform(X), atol=1e-6)
    torn = X.astype(np.float64)
    torn[3, 1] = np.nan
    kept = torn.copy()
    DBN((3, 2), epochs=1, random_state=0).fit(torn)
    np.testing.assert_array_equal(torn, kept)
    assert expected.sample(2, steps=1, random_state=0).dtype == np.float32


def test_it_stands_in_a_search() -> None:
    search = GridSearchCV(DBN(epochs=1, random_state=0), {"hidden": [(2,), (2, 2)]}, cv=2).fit(pairs(40))
    assert search.best_score_ < 0


@pytest.mark.parametrize("X", [np.ones((1, 3)), np.ones((5, 1)), np.array([[0.0], [2.5], [-1]]), np.zeros((4, 2))])
def test_few_rows_and_columns_are_enough(X: Floats) -> None:
    net = DBN((2, 2), epochs=2, up_down_epochs=2, random_state=0).fit(X)
    assert np.isfinite(net.score(X))
    assert net.sample(2, steps=2, random_state=0).shape == (2, X.shape[1])


# Mistakes


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"hidden": ()}, "hidden = ()"),
        ({"hidden": 5}, "hidden = 5"),
        ({"hidden": (3,), "labels": True}, "two layers; give two sizes, or take ClassRBM"),
        ({"labels": "yes"}, "labels = 'yes'"),
        ({"visible": "potts"}, "visible = 'potts': must be 'auto'"),
        ({"method": "pcd-1"}, "method = 'pcd-1'"),
        ({"epochs": -1}, "epochs = -1"),
        ({"up_down_epochs": 1.5}, "up_down_epochs = 1.5"),
        ({"up_down_learning_rate": 0}, "up_down_learning_rate = 0"),
        ({"learning_rate": -1.0}, "learning_rate = -1.0"),
        ({"device": "tpu"}, "device = 'tpu'"),
    ],
)
def test_a_parameter_that_breaks_its_rule_is_named(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        DBN(**parameters).fit(pairs(10), parity(pairs(10)))
    assert words in str(caught.value)


def test_what_rows_and_labels_cannot_be_is_said(plain: DBN, labelled: DBN) -> None:
    with pytest.raises(ValueError, match="infinity"):
        DBN((2, 2)).fit(np.array([[np.inf, 0.0]]))
    with pytest.raises(ValueError, match="NaN"):
        plain.score_samples(np.full((1, 4), np.nan))
    with pytest.raises(ValueError, match="expecting 4 features"):
        plain.transform(np.zeros((1, 3)))
    with pytest.raises(DataError, match="must have 2 columns"):
        plain.inverse_transform(np.zeros((1, 3)))
    with pytest.raises(OptionError, match="no label units; fit it with labels=True, or leave y out"):
        plain.sample(2, "odd")
    with pytest.raises(DataError, match="'prime': is none of the classes even, odd"):
        labelled.sample(2, "prime")
    for nothing_else in ({"given": {0: 1.0}}, {"start": "chains"}, {"y": "odd"}):
        with pytest.raises(OptionError, match="tempered = True: draws free rows"):
            labelled.sample(2, tempered=True, **nothing_else)
    with pytest.raises(OptionError, match="start = 'noise': must be 'chains'"):
        plain.sample(2, start="noise")
    with pytest.raises(OptionError, match="method='pcd', or start at rows"):
        DBN((2, 2), method="cd", epochs=1).fit(pairs(10)).sample(2, start="chains")
    with pytest.raises(OptionError, match="given = 9: must name a column"):
        plain.sample(2, given={9: 1.0})
    with pytest.raises(OptionError, match="chains = 0"):
        plain.impute(states(), chains=0)
    with pytest.raises(DataError, match="y"):
        DBN((2, 2), labels=True).fit(pairs(10))
    with pytest.raises(DataError, match="len"):
        labelled.log_likelihood(states(), ["odd"])
    with pytest.raises(DataError, match="sample_weight"):
        DBN((2, 2)).fit(pairs(10), sample_weight=np.zeros(10))
    with pytest.raises(NotFittedError):
        DBN().sample()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_learns_the_same() -> None:
    X, y = pairs(200), parity(pairs(200))
    X[3, 1] = np.nan
    made: dict[str, Any] = {"hidden": (4, 4), "labels": True, "epochs": 5, "up_down_epochs": 2, "random_state": 0}
    gpu, cpu = (DBN(**made, device=device).fit(X, y) for device in ("cuda", "cpu"))
    assert gpu.net_.top.weights.device.type == "cpu"
    assert gpu.score(states()) == pytest.approx(cpu.score(states()), abs=0.05)
