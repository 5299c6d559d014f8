"""What the multilayer perceptrons have beyond scikit-learn's, and what they do with hostile rows and targets."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from torch import nn

from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators import MLPClassifier, MLPRegressor
from layerwise.training import TrainingWarning

Array = npt.NDArray[Any]
BOTH = [MLPClassifier, MLPRegressor]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rows(count: int = 60, columns: int = 5, classes: int = 3) -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    y = np.arange(count) % classes
    return generator.normal(size=(count, columns)) + 2 * np.eye(classes, columns)[y], y


def same(one: Any, other: Any) -> None:
    for mine, its in zip([*one.coefs_, *one.intercepts_], [*other.coefs_, *other.intercepts_], strict=True):
        np.testing.assert_array_equal(mine, its)


# What it is


@pytest.mark.parametrize("kind", BOTH)
def test_the_network_is_torchs_own_and_its_weights_are_the_attributes(kind: Any) -> None:
    X, y = rows()
    found = kind(hidden_layer_sizes=(7, 4), activation="tanh", max_iter=3, random_state=0).fit(X, y)
    assert type(found.network_) is nn.Sequential
    assert [type(module) for module in found.network_] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert not found.network_.training
    assert [coef.shape for coef in found.coefs_] == [(5, 7), (7, 4), (4, found.n_outputs_)]
    scores = found.network_(torch.from_numpy(X)).detach().numpy()
    if kind is MLPClassifier:
        np.testing.assert_allclose(found.predict_proba(X), np.exp(scores) / np.exp(scores).sum(1, keepdims=True))
        np.testing.assert_allclose(found.predict_log_proba(X), np.log(found.predict_proba(X)))
    else:
        np.testing.assert_allclose(found.predict(X), scores[:, 0])
    found.coefs_[0][:] = 0.0  # the network's own memory
    assert not found.network_[0].weight.any()
    with pytest.raises(OptionError, match="must be arrays of the shapes"):
        found.coefs_ = [np.zeros((5, 7))]


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("options", [{}, {"dropout": 0.3, "input_dropout": 0.1}, {"averaging": 0.9}], ids=str)
def test_the_same_random_state_gives_the_same_network_and_pickles_go_on(kind: Any, options: dict[str, Any]) -> None:
    X, y = rows()
    found, again, other = (
        kind(hidden_layer_sizes=(6,), max_iter=4, random_state=seed, **options).fit(X, y) for seed in (0, 0, 1)
    )
    same(found, again)
    assert not np.array_equal(found.coefs_[0], other.coefs_[0])
    copied = pickle.loads(pickle.dumps(found))
    for one in (found, copied):
        one.partial_fit(X, y)
    same(found, copied)
    same(found, copy.deepcopy(found))
    assert not hasattr(clone(found), "network_")


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", BOTH)
def test_a_warm_start_goes_on_from_the_weights_there_are(kind: Any, solver: str) -> None:
    X, y = rows()
    found = kind(hidden_layer_sizes=(6,), solver=solver, warm_start=True, max_iter=20, random_state=0).fit(X, y)
    first = found.loss_
    assert found.fit(X, y).loss_ <= first
    assert found.n_iter_ <= 20
    cold = kind(hidden_layer_sizes=(6,), solver=solver, max_iter=20, random_state=0).fit(X, y)
    assert cold.loss_ == cold.fit(X, y).loss_ == first
    with pytest.raises(OptionError, match=r"hidden_layer_sizes = \(7,\): the network that is gone on with"):
        found.set_params(hidden_layer_sizes=(7,)).fit(X, y)
    with pytest.raises(OptionError, match=r"activation = 'tanh': the network .* units of \['relu'\]; call fit"):
        found.set_params(hidden_layer_sizes=(6,), activation="tanh").fit(X, y)
    if solver != "lbfgs":
        with pytest.raises(OptionError, match="activation = 'tanh': the network that is gone on with"):
            found.partial_fit(X, y)
    none = kind(hidden_layer_sizes=(), warm_start=True, solver=solver, max_iter=2).fit(X, y)
    none.set_params(activation="tanh").fit(X, y)  # of no hidden unit


def test_dropout_of_all_but_nothing_is_the_plain_descent_and_some_is_not() -> None:
    X, y = rows()
    plain, dropped = (MLPClassifier((6,), max_iter=5, random_state=0, dropout=share).fit(X, y) for share in (0.0, 0.5))
    assert plain.loss_curve_[0] != dropped.loss_curve_[0]
    with pytest.raises(OptionError, match=r"dropout = 0\.5: only units with an activation"):
        MLPClassifier(activation="identity", dropout=0.5).fit(X, y)


def test_weights_into_a_unit_are_no_longer_than_asked() -> None:
    X, y = rows()
    found = MLPClassifier((6,), max_norm=0.3, max_iter=10, random_state=0).fit(X, y)
    for coef in found.coefs_:
        assert np.linalg.norm(coef, axis=0).max() <= 0.3 * (1 + 1e-12)


def test_the_mean_of_the_weights_is_that_of_the_steps() -> None:
    X, y = rows()  # one minibatch an epoch
    seen, plain = [], MLPClassifier((6,), shuffle=False, random_state=0)
    for _ in range(5):
        seen.append(plain.partial_fit(X, y, classes=[0, 1, 2]).coefs_[0].copy())
    mean = MLPClassifier((6,), shuffle=False, random_state=0, max_iter=5, averaging=0.999).fit(X, y)
    np.testing.assert_allclose(mean.coefs_[0], np.mean(seen, axis=0), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_smoothed_labels_say_less(classes: int) -> None:
    X, y = rows(classes=classes)
    sure, smoothed = (
        MLPClassifier((6,), solver="lbfgs", alpha=0.0, random_state=0, label_smoothing=share).fit(X, y)
        for share in (0.0, 0.2)
    )
    best = 1 - 0.2 + 0.2 / classes
    assert sure.predict_proba(X).max() > 0.999
    # Where the network can say what it likes, it says the smoothed label.
    assert abs(np.median(smoothed.predict_proba(X).max(axis=1)) - best) < 0.05


def test_a_class_weight_is_a_weight_of_its_rows() -> None:
    X, y = rows()
    options = {"hidden_layer_sizes": (6,), "max_iter": 10, "random_state": 0}
    weighted = MLPClassifier(class_weight={0: 3.0, 1: 1.0, 2: 0.5}, **options).fit(X, y, np.arange(60) + 1.0)
    same(weighted, MLPClassifier(**options).fit(X, y, (np.arange(60) + 1.0) * np.array([3.0, 1.0, 0.5])[y]))
    with pytest.raises(OptionError, match="not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("kind", BOTH)
def test_a_minibatch_without_weight_is_as_if_it_were_not_there(kind: Any, solver: str) -> None:
    X, y = rows()
    weights = np.arange(60) % 7 + 0.0
    weights[10:30] = weights[50:] = 0.0
    some = np.r_[0:10, 30:50]
    options: dict[str, Any] = {"hidden_layer_sizes": (6,), "batch_size": 10, "shuffle": False, "max_iter": 5}
    options |= {"solver": solver, "dropout": 0.2, "input_dropout": 0.1, "random_state": 0, "watch_gradients": True}
    found = kind(**options).fit(X, y, weights)
    expected = kind(**options).fit(X[some], y[some], weights[some])
    same(found, expected)
    assert found.loss_curve_ == expected.loss_curve_
    assert found.t_ == 5 * 60
    assert (len(found.gradient_flow_), len(expected.gradient_flow_)) == (0, 5)  # the last minibatch weighs nothing


def test_rows_that_all_weigh_nothing_are_refused_before_training() -> None:
    X, y = rows()
    sorted_by_class = np.argsort(y, kind="stable")
    X, y = X[sorted_by_class], y[sorted_by_class]
    options: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 3, "batch_size": 10, "shuffle": False}
    found = MLPClassifier(class_weight={0: 0, 1: 1, 2: 1}, **options).fit(X, y)  # whole minibatches weigh nothing
    assert np.isfinite(found.loss_curve_).all()
    for solver in ("adam", "lbfgs"):
        none = MLPClassifier((5,), class_weight={0: 0, 1: 0, 2: 0}, solver=solver)
        with pytest.raises(DataError, match="sample_weight times class_weight = 'all zero'"):
            none.fit(X, y)
    with pytest.raises(DataError, match="sample_weight times class_weight = 'all zero'"):
        MLPClassifier((5,), class_weight={0: 0}).fit(X, y, (y == 0) * 1.0)
    one = np.eye(60)  # the one row that weighs something is held out, or it is not
    for row, where in enumerate(one[:20]):
        held_out = MLPRegressor(early_stopping=True, validation_fraction=0.5, random_state=row)
        with pytest.raises(DataError, match=r"weights for validation set are all zero|row that is learned from must"):
            held_out.fit(X, y, where)


@pytest.mark.parametrize("kind", BOTH)
def test_gradients_are_watched_epoch_by_epoch_and_nothing_else_changes(kind: Any) -> None:
    X, y = rows()
    options = {"hidden_layer_sizes": (7, 4), "max_iter": 4, "batch_size": 25, "dropout": 0.2, "random_state": 0}
    plain, watched = (kind(watch_gradients=watch, **options).fit(X, y) for watch in (False, True))
    same(plain, watched)
    assert plain.gradient_flow_ == []
    assert [flow.names for flow in watched.gradient_flow_] == 4 * [("hidden1", "hidden2", "output")]
    for flow in watched.gradient_flow_:
        assert all(0 < ratio < 1 for ratio in flow.update_ratio)
    assert len(watched.partial_fit(X, y).gradient_flow_) == 5
    with pytest.raises(OptionError, match="watch_gradients = True: needs minibatches"):
        kind(watch_gradients=True, solver="lbfgs").fit(X, y)


def test_gradient_flow_names_every_layer() -> None:
    X, y = rows()
    found = MLPClassifier((6, 4), activation="logistic", max_iter=3, random_state=0).fit(X, y)
    flow = found.gradient_flow(X, y)
    assert flow.names == ("hidden1", "hidden2", "output")
    assert all(norm > 0 for norm in flow.gradient_norm)
    assert not np.array_equal(flow.gradient_norm, found.gradient_flow(X, y, np.arange(60.0)).gradient_norm)


def test_labels_are_what_the_caller_calls_them() -> None:
    X, y = rows(classes=2)
    plain = MLPClassifier((6,), max_iter=5, random_state=0).fit(X, y)
    for names in ([-1, 1], ["no", "yes"], [False, True], [0.0, 7.0]):
        named = MLPClassifier((6,), max_iter=5, random_state=0).fit(pd.DataFrame(X).add_prefix("x"), np.array(names)[y])
        same(named, plain)
        assert named.classes_.tolist() == names
        assert named.predict(pd.DataFrame(X).add_prefix("x")).tolist() == [names[code] for code in plain.predict(X)]
        assert named.feature_names_in_.tolist() == [f"x{column}" for column in range(5)]


def test_digits_are_learned() -> None:
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    found = MLPClassifier(early_stopping=True, learning_rate_init=0.005, max_iter=40, random_state=0)
    assert found.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > 0.9


def test_verbose_prints_what_scikit_learn_does(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = rows()
    found = MLPClassifier((6,), verbose=True, tol=10.0, n_iter_no_change=2, random_state=0).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Iteration 1, loss = {found.loss_curve_[0]:.8f}"
    assert lines[-1] == ("Training loss did not improve more than tol=10.000000 for 2 consecutive epochs. Stopping.")
    MLPClassifier((6,), solver="lbfgs", verbose=True, max_iter=2).fit(X, y)
    assert capsys.readouterr().out.startswith("Iteration 1, loss = ")


# What it cannot learn from


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_too_few_epochs_and_too_large_batches_are_warned_of(solver: str) -> None:
    X, y = rows()
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached|lbfgs failed to converge"):
        MLPClassifier(solver=solver, max_iter=2).fit(X, y)
    with pytest.warns(UserWarning, match="larger than sample size"):
        MLPClassifier(batch_size=61, tol=10.0, n_iter_no_change=1).fit(X, y)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_loss_that_explodes_is_named_and_the_last_good_weights_are_kept(kind: Any, solver: str) -> None:
    X, y = rows()
    found = kind(hidden_layer_sizes=(6, 6), activation="identity", solver=solver, max_iter=2, random_state=0)
    with pytest.raises(DivergenceError, match=r"(step|iteration) \d+: the loss is"):
        found.fit(X * 3e307, y)
    assert found.n_iter_ == 0
    assert all(np.isfinite(coef).all() for coef in found.coefs_)
    assert np.isfinite(np.asarray(found.predict(X), float)).all()


def test_weights_on_their_way_out_are_not_the_last_good_ones() -> None:
    X, y = rows()
    options: dict[str, Any] = {"hidden_layer_sizes": (6,), "activation": "identity", "solver": "sgd", "tol": 0.0}
    found = MLPRegressor(max_iter=3, warm_start=True, random_state=0, **options).fit(X, y)
    before = copy.deepcopy(found)
    found.set_params(learning_rate_init=1e10, max_iter=500)
    with pytest.raises(DivergenceError, match=r"step \d+: the loss is (inf|nan) \(layer 'output'"):
        found.fit(X, y)
    assert found.n_iter_ > 0  # whose losses were finite, and their weights ever larger
    assert np.isfinite(found.loss_curve_).all()
    same(found, before)


@pytest.mark.parametrize("kind", BOTH)
def test_hostile_rows_are_refused(kind: Any) -> None:
    X, y = rows()
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            kind().fit(np.where(np.eye(60, 5) > 0, bad, X), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        kind().fit(X, y[:-1])
    with pytest.raises(ValueError, match="0 sample"):
        kind().fit(X[:0], y[:0])
    found = kind(max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="X has 4 features, but"):
        found.predict(X[:, :4])
    with pytest.raises(ValueError, match="X has 4 features, but"):
        found.partial_fit(X[:, :4], y)
    with pytest.raises(NotFittedError):
        kind().predict(X)
    with pytest.raises(AttributeError, match="not fitted"):
        kind().coefs_  # noqa: B018
    with pytest.raises(DataError, match="at least 0"):
        kind().fit(X, y, np.where(y == 0, -1.0, 1.0))
    still = kind(max_iter=2).fit(np.zeros((60, 5)), y)
    assert np.isfinite(still.predict(sparse.csr_matrix(X))).all()


def test_hostile_targets_are_refused_or_learned_from() -> None:
    X, y = rows()
    with pytest.raises(DataError, match="one class leaves nothing to tell apart"):
        MLPClassifier().fit(X, np.zeros(60))
    with pytest.raises(DataError, match="one class"):
        MLPClassifier().fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="Unknown label type"):
        MLPClassifier().fit(X, np.linspace(0, 1, 60))
    with pytest.raises(DataError, match="first call to partial_fit"):
        MLPClassifier().partial_fit(X, y)
    found = MLPClassifier(max_iter=2).partial_fit(X, np.zeros(60, int), classes=[0, 1])
    with pytest.raises(DataError, match=r"y = \[2\]: `y` has classes not in `self.classes_`"):
        found.partial_fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        MLPRegressor().fit(X, np.where(y == 0, np.nan, 1.0))
    with pytest.raises(DataError, match="counts are at least 0"):
        MLPRegressor("poisson").fit(X, y - 1.0)
    one = MLPRegressor(hidden_layer_sizes=(4,), max_iter=3).fit(X[:1], [2.0])
    assert one.predict(X).shape == (60,)
    with pytest.raises(DataError, match="outputs that there were before"):
        one.partial_fit(X, np.c_[y, y])
    with pytest.raises(ValueError, match="The validation set is too small"):
        MLPRegressor(early_stopping=True, validation_fraction=0.01).fit(X, y)
    with pytest.raises(OptionError, match="partial_fit does not support early_stopping"):
        MLPRegressor(early_stopping=True).partial_fit(X, y)


@pytest.mark.parametrize(
    "options",
    [{"solver": "lbfgs"}, {"early_stopping": True, "learning_rate_init": 0.05, "n_iter_no_change": 200}],
    ids=str,
)
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_constant_target_is_learned_and_said(options: dict[str, Any], outputs: int) -> None:
    X, _ = rows()
    y = np.full((60, outputs), 3.0)
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=200, random_state=0, **options)
    what = r"every row has y = 3\.0:" if outputs == 1 else r"every row has y\[:, 0\] = 3\.0, y\[:, 1\] = 3\.0:"
    with pytest.warns(TrainingWarning, match=what):
        model.fit(X, y if outputs > 1 else y[:, 0])
    np.testing.assert_allclose(model.predict(X), np.squeeze(y), atol=0.5)


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, np.ndarray.tolist])
def test_of_several_targets_the_constant_one_is_named_and_nothing_is_said_of_the_network(container: Any) -> None:
    X, y = rows()
    targets = np.c_[y + 0.5, np.full(60, 1000.0)]
    with pytest.warns(TrainingWarning) as told:
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=1, random_state=0).fit(X, container(targets))
    (said,) = (str(one.message) for one in told if one.category is TrainingWarning)
    rule = "there is nothing to learn of that from the columns; predict that number"
    assert said == f"every row has y[:, 1] = 1000.0: {rule}"
    with pytest.warns(TrainingWarning, match=r"y\[:, 9\] = 0\.0, …: there is"):
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=1, random_state=0).fit(X, np.zeros((60, 11)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=1, random_state=0).fit(X[:1], targets[:1])


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("hidden_layer_sizes", (5, 0)),
        ("hidden_layer_sizes", -1),
        ("hidden_layer_sizes", (2.5,)),
        ("activation", "sigmoid"),
        ("solver", "newton"),
        ("alpha", -1.0),
        ("batch_size", 0),
        ("learning_rate", "falling"),
        ("learning_rate_init", 0.0),
        ("power_t", -1.0),
        ("max_iter", 0),
        ("shuffle", "yes"),
        ("random_state", "now"),
        ("tol", -1.0),
        ("tol", math.nan),
        ("verbose", -1),
        ("warm_start", 2),
        ("momentum", 1.1),
        ("nesterovs_momentum", None),
        ("early_stopping", 1),
        ("validation_fraction", 1.0),
        ("beta_1", 1.0),
        ("beta_2", -0.1),
        ("epsilon", 0.0),
        ("n_iter_no_change", 0),
        ("max_fun", 0),
        ("dropout", 1.0),
        ("input_dropout", -0.1),
        ("max_norm", 0.0),
        ("averaging", 1.0),
        ("device", "abacus"),
    ],
)
def test_parameters_that_break_a_rule_are_named(kind: Any, parameter: str, value: object) -> None:
    X, y = rows()
    with pytest.raises(OptionError, match=parameter):
        kind(**{parameter: value}).fit(X, y)


def test_what_needs_minibatches_is_refused_without() -> None:
    X, y = rows()
    for name in ("dropout", "input_dropout", "averaging", "max_norm"):
        with pytest.raises(OptionError, match=f"{name} = 0.5: needs minibatches"):
            MLPClassifier(solver="lbfgs", **{name: 0.5}).fit(X, y)
    assert not hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")
    with pytest.raises(OptionError, match="label_smoothing"):
        MLPClassifier(label_smoothing=1.0).fit(X, y)
    with pytest.raises(OptionError, match="loss"):
        MLPRegressor("absolute").fit(X, y)


@pytest.mark.parametrize("size", [10**9, 10**20])
def test_too_large_layers_are_named(size: int) -> None:
    X, y = rows()
    with pytest.raises(OptionError, match=r"hidden_layer_sizes.*needs more memory than there is"):
        MLPClassifier((size, size)).fit(X, y)
