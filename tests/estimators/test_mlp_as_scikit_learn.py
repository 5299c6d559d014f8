"""From the same weights the multilayer perceptrons are scikit-learn's, epoch by epoch."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import sklearn.neural_network
import torch
from scipy import sparse
from sklearn.datasets import load_iris

from layerwise.estimators import MLPClassifier, MLPRegressor
from layerwise.estimators.mlp_rows import Lesson, hold_out
from layerwise.networks import CrossEntropy

Array = npt.NDArray[Any]

BEYOND = {"network", "watch_gradients", "dropout", "input_dropout", "max_norm", "averaging", "device", "strategy"}
THEIRS: dict[Any, Any] = {
    MLPClassifier: sklearn.neural_network.MLPClassifier,
    MLPRegressor: sklearn.neural_network.MLPRegressor,
}
ROUNDING = 1e-9
"""Of double precision after many epochs; a rule that differs at all moves the third digit."""

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def iris() -> tuple[Array, Array]:
    X, y = load_iris(return_X_y=True)
    return (X - X.mean(0)) / X.std(0), y


def both(kind: Any, X: Any, y: Array, weights: Array | None = None, **options: Any) -> tuple[Any, Any]:
    """Ours and theirs after 20 epochs from weights that theirs drew."""
    pair = [
        estimator(shuffle=False, warm_start=True, max_iter=1, random_state=0, **options).fit(X, y)
        for estimator in (kind, THEIRS[kind])
    ]
    ours, theirs = pair
    ours.coefs_ = [coef.copy() for coef in theirs.coefs_]
    ours.intercepts_ = [intercept.copy() for intercept in theirs.intercepts_]
    # The first epoch was each one's own, with other weights.
    ours._pace.best_loss = theirs.best_loss_
    ours._pace.best_score = theirs.best_validation_score_ = -np.inf
    for estimator in pair:
        estimator.set_params(max_iter=20).fit(X, y, sample_weight=weights)
    return ours, theirs


def check_same(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.loss_curve_[1:], theirs.loss_curve_[1:], rtol=ROUNDING)
    for one, other in zip([*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=ROUNDING)
    assert (ours.t_, ours.n_iter_, ours.n_layers_, ours.n_outputs_) == (
        theirs.t_,
        theirs.n_iter_,
        theirs.n_layers_,
        theirs.n_outputs_,
    )
    assert ours.out_activation_ == theirs.out_activation_


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_parameters_are_scikit_learns_and_more(kind: Any) -> None:
    ours, theirs = (
        {p.name: (p.kind, p.default) for p in inspect.signature(estimator).parameters.values()}
        for estimator in (kind, THEIRS[kind])
    )
    more = set(ours) - set(theirs)
    assert more - {"label_smoothing", "class_weight"} == BEYOND
    assert {name: ours[name] for name in theirs} == theirs
    assert list(ours)[: len(theirs)] == list(theirs)
    assert all(ours[name][0] == inspect.Parameter.KEYWORD_ONLY for name in more)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_attributes_and_methods_are_scikit_learns(kind: Any, solver: str) -> None:
    X, y = iris()
    ours, theirs = (estimator(solver=solver, max_iter=3).fit(X, y) for estimator in (kind, THEIRS[kind]))
    public = {name for name in dir(theirs) if not name.startswith("_")}
    # "loss" is no parameter of theirs; partial_fit is documented to be missing with lbfgs, and one of the two has it.
    assert public - set(dir(ours)) <= {"loss", *(["partial_fit"] if solver == "lbfgs" else [])}
    for name in ("n_iter_", "t_", "n_features_in_", "n_layers_", "n_outputs_", "out_activation_"):
        assert type(getattr(ours, name)) is type(getattr(theirs, name))


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "sgd", "learning_rate_init": 0.05},
        {"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False},
        {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0.0},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.2, "power_t": 0.2},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 0.02, "n_iter_no_change": 2},
        {"solver": "adam"},
        {"solver": "adam", "epsilon": 0.01, "beta_1": 0.5, "beta_2": 0.9},
        {"solver": "adam", "learning_rate_init": 0.05, "tol": 0.01, "n_iter_no_change": 1},
        {"activation": "tanh", "alpha": 1.0, "batch_size": 64},
        {"activation": "logistic", "alpha": 1.0, "hidden_layer_sizes": (8, 5), "learning_rate_init": 0.01},
        {"activation": "identity", "hidden_layer_sizes": 7, "batch_size": 32},
        {"hidden_layer_sizes": ()},
    ],
    ids=str,
)
def test_loss_curves_are_scikit_learns(options: dict[str, Any]) -> None:
    X, y = iris()
    weights = np.random.default_rng(0).random(len(y)) + 0.1
    some = slice(0, 100)  # two classes
    check_same(*both(MLPClassifier, X, y, **options))
    check_same(*both(MLPClassifier, X[some], y[some], weights[some], **options))
    check_same(*both(MLPClassifier, X, np.c_[y == 0, y > 0, X[:, 0] > 0].astype(int), **options))
    check_same(*both(MLPRegressor, X, np.c_[y, X[:, 1]], weights, **options))
    check_same(*both(MLPRegressor, X, y, loss="poisson", **options))


@pytest.mark.parametrize("options", [{"batch_size": 32}, {"batch_size": 32, "solver": "sgd"}, {}], ids=str)
def test_with_rows_held_out_minibatches_and_scores_are_scikit_learns(options: dict[str, Any]) -> None:
    X, y = iris()
    some = slice(0, 100)
    weights = np.random.default_rng(0).random(len(y)) + 0.1
    stopping: dict[str, Any] = {"early_stopping": True, "validation_fraction": 0.2, "learning_rate_init": 0.01}
    for kind, rows, target, counts in (
        (MLPRegressor, X, X[:, 0] + y, None),
        (MLPRegressor, X, np.c_[y, X[:, 1]], weights),
        (MLPClassifier, X[some], y[some], weights[some]),  # two classes, of which both hold out the same share
        (MLPClassifier, X, np.c_[y == 0, y > 0, X[:, 0] > 0].astype(int), None),
    ):
        ours, theirs = both(kind, rows, target, counts, **stopping, **options)
        check_same(ours, theirs)
        np.testing.assert_allclose(ours.validation_scores_[1:], theirs.validation_scores_[1:], rtol=1e-6)
        assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_, rel=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_of_every_class_the_same_share_is_held_out(classes: int) -> None:
    y = np.repeat(np.arange(classes), 20)
    lesson = Lesson(np.zeros((len(y), 1)), torch.from_numpy(y), None, CrossEntropy())
    for seed in range(5):
        learned, held = hold_out(lesson, 0.25, seed, y)
        assert np.bincount(y[held]).tolist() == [5] * classes
        assert sorted([*learned, *held]) == list(range(len(y)))
        assert (lesson.select(learned).targets.numpy() == y[learned]).all()


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_rows_give_what_dense_ones_do(container: Any) -> None:
    X, y = iris()
    X[np.abs(X) < 0.5] = 0
    ours, theirs = both(MLPClassifier, container(X), y)
    check_same(ours, theirs)
    np.testing.assert_allclose(ours.predict_proba(container(X)), theirs.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_the_best_weights_on_held_out_rows_are_kept(fraction: float) -> None:
    X, y = iris()
    ours = MLPClassifier(
        early_stopping=True, validation_fraction=fraction, learning_rate_init=0.02, max_iter=300, random_state=0
    ).fit(X, y)
    assert ours.validation_scores_ is not None
    assert ours.best_loss_ is None
    assert max(ours.validation_scores_) == ours.best_validation_score_
    assert len(ours.validation_scores_) == ours.n_iter_ == len(ours.loss_curve_) < 300
    best = int(np.argmax(ours.validation_scores_)) + 1
    again = MLPClassifier(
        early_stopping=True, validation_fraction=fraction, learning_rate_init=0.02, max_iter=best, random_state=0
    ).fit(X, y)
    for one, other in zip(ours.coefs_, again.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_reaches_scikit_learns_loss(dtype: Any) -> None:
    X, y = iris()
    X = X.astype(dtype)
    options = {"solver": "lbfgs", "alpha": 1.0, "hidden_layer_sizes": (5,), "max_iter": 500, "random_state": 0}
    for kind, target in ((MLPClassifier, y), (MLPClassifier, y > 0), (MLPRegressor, y.astype(float))):
        ours, theirs = (estimator(**options).fit(X, target) for estimator in (kind, THEIRS[kind]))
        assert ours.loss_ <= theirs.loss_ * 1.05  # minima differ, and theirs is one of a search in the rows' precision
        assert ours.coefs_[0].dtype == dtype
        assert ours.predict(X).dtype == (dtype if kind is MLPRegressor else target.dtype)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_precision_follows_the_rows_as_in_scikit_learn(kind: Any) -> None:
    X, y = iris()
    say = "predict_proba" if kind is MLPClassifier else "predict"
    for learned in (np.float32, np.float64):
        ours, theirs = (estimator(max_iter=2).fit(X.astype(learned), y) for estimator in (kind, THEIRS[kind]))
        assert ours.coefs_[0].dtype == theirs.coefs_[0].dtype == learned
        for asked in (np.float32, np.float64, np.int64):
            rows = X.astype(asked)
            assert getattr(ours, say)(rows).dtype == getattr(theirs, say)(rows).dtype


def test_partial_fit_goes_on_as_scikit_learns() -> None:
    X, y = iris()
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order], y[order]
    ours, theirs = (
        estimator(shuffle=False, random_state=0).partial_fit(X[:50], y[:50], classes=[0, 1, 2])
        for estimator in (MLPClassifier, sklearn.neural_network.MLPClassifier)
    )
    for kind in ("adam", "sgd"):
        # fit makes a new optimiser; from then on both have the same past
        for estimator in (ours, theirs):
            estimator.set_params(solver=kind, warm_start=True, max_iter=1)
        ours.coefs_ = [coef.copy() for coef in theirs.coefs_]
        ours.intercepts_ = [intercept.copy() for intercept in theirs.intercepts_]
        for estimator in (ours, theirs):
            estimator.fit(X, y).set_params(warm_start=False)
            for start in (0, 50, 100) * 2:
                estimator.partial_fit(X[start : start + 50], y[start : start + 50])
        np.testing.assert_allclose(ours.loss_curve_[-6:], theirs.loss_curve_[-6:], rtol=ROUNDING)
        assert ours.n_iter_ == theirs.n_iter_ == 1
        assert ours.t_ == theirs.t_
