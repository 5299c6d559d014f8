"""Perceptron: scikit-learn's to the bit where the rule is its, and what it has beyond that."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import sklearn.linear_model
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from layerwise.errors import DataError, OptionError
from layerwise.estimators import Perceptron

Rows = npt.NDArray[np.floating[Any]]

RULES = ("rosenblatt", "delta", "pocket", "averaged")
LEARNED = ("coef_", "intercept_", "n_iter_", "t_", "classes_")


def rows(classes: int, seed: int = 0, count: int = 90) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Overlapping classes: the rule never comes to an end."""
    generator = np.random.default_rng(seed)
    X, y = generator.normal(size=(count, 6)), np.arange(count) % classes
    X[:, :classes] += 0.8 * np.eye(classes)[y]
    X[np.abs(X) < 0.4] = 0
    return X, y


def check_same(ours: Perceptron, theirs: Any) -> None:
    for name in LEARNED:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    assert ours.coef_.dtype == theirs.coef_.dtype


def test_the_parameters_are_scikit_learns_and_the_rule() -> None:
    ours, theirs = (
        {p.name: (p.kind, p.default) for p in inspect.signature(estimator).parameters.values()}
        for estimator in (Perceptron, sklearn.linear_model.Perceptron)
    )
    assert ours.pop("rule") == (inspect.Parameter.KEYWORD_ONLY, "rosenblatt")
    assert ours == theirs


def test_attributes_and_methods_are_scikit_learns() -> None:
    X, y = rows(3)
    ours, theirs = Perceptron().fit(X, y), sklearn.linear_model.Perceptron().fit(X, y)
    public = {name for name in dir(theirs) if not name.startswith("_")}
    # What SGDClassifier's other losses need, and a perceptron does not.
    fixed = {"average", "epsilon", "learning_rate", "loss", "loss_functions", "power_t"}
    assert public - fixed <= set(dir(ours))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"penalty": "l2", "alpha": 0.01},
        {"penalty": "l1", "alpha": 0.01},
        {"penalty": "elasticnet", "alpha": 0.02, "l1_ratio": 0.4},
        {"penalty": "l2", "alpha": 5.0},
        {"fit_intercept": False, "eta0": 0.3},
        {"tol": None, "max_iter": 7},
        {"tol": 0.0, "n_iter_no_change": 2, "max_iter": 30},
        {"class_weight": "balanced"},
        {"class_weight": {0: 2.0, 1: 0.5}},
        {"early_stopping": True, "validation_fraction": 0.3, "random_state": 3},
    ],
    ids=str,
)
def test_the_same_order_of_rows_gives_scikit_learns_weights(
    options: dict[str, Any], classes: int, container: Any
) -> None:
    X, y = rows(classes)
    X, weights = container(X), np.random.default_rng(1).integers(0, 4, len(y))
    for sample_weight in (None, weights):
        ours, theirs = (
            estimator(shuffle=False, **options).fit(X, y, sample_weight=sample_weight)
            for estimator in (Perceptron, sklearn.linear_model.Perceptron)
        )
        check_same(ours, theirs)
        np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-12)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_partial_fit_warm_start_and_first_weights_are_scikit_learns() -> None:
    X, y = rows(3)
    ours, theirs = (
        estimator(shuffle=False, warm_start=True, max_iter=3, tol=None)
        for estimator in (Perceptron, sklearn.linear_model.Perceptron)
    )
    for estimator in (ours, theirs):
        estimator.partial_fit(X[:40], y[:40], classes=[0, 1, 2]).partial_fit(X[40:], y[40:])
    check_same(ours, theirs)
    assert ours.mistakes_.shape == (2, 3)
    for estimator in (ours, theirs):
        estimator.fit(X, y)
    check_same(ours, theirs)
    start = {"coef_init": np.full((3, 6), 0.5), "intercept_init": np.arange(3.0)}
    ours.fit(X, y, **start)
    assert np.all(start["coef_init"] == 0.5)  # which scikit-learn's overwrites
    check_same(ours, theirs.fit(X, y, **start))
    with pytest.raises(ValueError, match="does not match dataset"):
        ours.fit(X, y, coef_init=np.zeros((2, 6)))


def test_labels_are_what_the_caller_calls_them() -> None:
    X, y = rows(2)
    plain = Perceptron().fit(X, y)
    for names in ([-1, 1], ["no", "yes"], [False, True], [0.0, 7.0]):
        named = Perceptron().fit(pd.DataFrame(X).add_prefix("x"), np.array(names)[y])
        np.testing.assert_array_equal(named.coef_, plain.coef_)
        assert named.classes_.tolist() == names
        assert named.feature_names_in_.tolist() == [f"x{i}" for i in range(6)]
    assert Perceptron().fit(X, np.where(y == 1, 1, -1)).predict(X).min() == -1


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_separates_iris_setosa_and_says_so(rule: str) -> None:
    X, y = load_iris(return_X_y=True)
    y = np.where(y == 0, "setosa", "other")
    found = Perceptron(rule=rule).fit(X, y)
    assert found.score(X, y) == 1
    (proof,) = found.separability(X, y)
    assert proof.separable
    if rule != "delta":
        assert 0 < found.mistakes_.sum() <= proof.mistake_bound
    assert found.mistakes_.shape == (found.n_iter_, 1)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict(X), found.predict(X))


def test_separability_of_several_classes_is_that_of_each_from_the_rest() -> None:
    X, y = load_iris(return_X_y=True)
    proofs = Perceptron().separability(X, y)
    assert [proof.separable for proof in proofs] == [True, False, False]
    assert [proof.exact for proof in proofs] == [False, True, True]


def test_the_pocket_is_never_worse_on_the_rows_than_the_last_weights() -> None:
    for seed in range(5):
        X, y = rows(2, seed)
        last, kept = (Perceptron(rule=rule, random_state=seed).fit(X, y) for rule in ("rosenblatt", "pocket"))
        np.testing.assert_array_equal(last.mistakes_, kept.mistakes_)  # the weights that move are the same
        assert kept.score(X, y) >= last.score(X, y)


@pytest.mark.parametrize("rule", ["pocket", "averaged"])
def test_partial_fit_goes_on_where_the_moving_weights_are(rule: str) -> None:
    X, y = rows(3)
    whole = Perceptron(rule=rule, shuffle=False, max_iter=4, tol=None).fit(X, y)
    parts = Perceptron(rule=rule, shuffle=False)
    for _ in range(4):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    np.testing.assert_array_equal(parts.coef_, whole.coef_)
    np.testing.assert_array_equal(parts.mistakes_, whole.mistakes_)
    # Another rule starts from the weights that are kept.
    start = {"coef_init": parts.coef_, "intercept_init": parts.intercept_}
    plain = Perceptron(shuffle=False, max_iter=1, tol=None).fit(X, y, **start)
    parts.set_params(rule="rosenblatt").partial_fit(X, y)
    np.testing.assert_array_equal(parts.coef_, plain.coef_)
    parts.set_params(rule=rule).partial_fit(X, y)
    assert len(parts.mistakes_) == 6


def test_verbose_prints_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = rows(2)
    found = Perceptron(verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == found.n_iter_
    assert f"mistakes = {found.mistakes_[0, 0]}" in lines[0]


def test_too_few_epochs_are_warned_of() -> None:
    X, y = rows(2)
    with pytest.warns(ConvergenceWarning, match="Maximum number of iteration reached"):
        Perceptron(max_iter=2).fit(X, y)


def test_weights_may_be_kept_sparse() -> None:
    X, y = rows(3)
    found = Perceptron(penalty="l1", alpha=0.01).fit(X, y)
    answer = found.decision_function(X)
    assert sparse.issparse(clone(found).fit(X, y).sparsify().coef_)
    np.testing.assert_allclose(found.sparsify().decision_function(X), answer)
    assert isinstance(found.densify().coef_, np.ndarray)


def test_a_grid_search_chooses_the_rule() -> None:
    X, y = rows(3)
    search = GridSearchCV(Perceptron(eta0=0.5), {"rule": list(RULES)}, cv=3).fit(X, y)
    assert search.best_score_ > 1 / 3


# What no perceptron can learn from


@pytest.mark.parametrize("rule", RULES)
def test_hostile_rows_are_learned_from_or_refused(rule: str) -> None:
    y = np.array([0, 1] * 5)
    still = np.ones((10, 3))
    found = Perceptron(rule=rule).fit(still, y)
    assert np.isfinite(found.coef_).all()
    assert Perceptron(rule=rule).fit(np.zeros((10, 3)), y).coef_.tolist() == [[0.0] * 3]
    huge = np.random.default_rng(0).normal(size=(10, 3)) * 1e150
    assert np.isfinite(Perceptron(rule=rule).fit(huge, y).coef_).all()
    tiny = Perceptron(rule=rule).fit(huge * 1e-300, y)
    assert np.isfinite(tiny.coef_).all()
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            Perceptron(rule=rule).fit(np.where(np.eye(10, 3) > 0, bad, 1.0), y)


def test_hostile_labels_are_refused() -> None:
    X, y = rows(2)
    with pytest.raises(DataError, match="greater than one; got 1 class"):
        Perceptron().fit(X, np.zeros(len(X)))
    with pytest.raises(DataError, match="got 1 class"):
        Perceptron().fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="Unknown label type"):
        Perceptron().fit(X, np.linspace(0, 1, len(X)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        Perceptron().fit(X, y[:-1])
    with pytest.raises(DataError, match="first call to partial_fit"):
        Perceptron().partial_fit(X, y)
    with pytest.raises(DataError, match="is none of the classes 0, 1"):
        Perceptron().partial_fit(X, y, classes=[0, 1]).partial_fit(X, y + 1)
    with pytest.raises(DataError, match="those of the first call"):
        Perceptron().partial_fit(X, y, classes=[0, 1]).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(NotFittedError):
        Perceptron().predict(X)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("penalty", "l3"),
        ("alpha", -1.0),
        ("l1_ratio", 1.1),
        ("fit_intercept", 1),
        ("max_iter", 0),
        ("tol", -1.0),
        ("shuffle", "yes"),
        ("verbose", -1),
        ("eta0", 0.0),
        ("n_jobs", 1.5),
        ("early_stopping", None),
        ("n_iter_no_change", 0),
        ("warm_start", 2),
        ("rule", "hebb"),
        ("random_state", "now"),
    ],
)
def test_parameters_that_break_a_rule_are_named(parameter: str, value: object) -> None:
    X, y = rows(2)
    with pytest.raises(OptionError, match=parameter):
        Perceptron(**{parameter: value}).fit(X, y)


def test_combinations_that_make_no_sense_are_refused() -> None:
    X, y = rows(2)
    for options, what in (
        ({"rule": "delta", "eta0": 2.0}, "share of the error"),
        ({"rule": "averaged", "penalty": "l2"}, "not the average"),
        ({"early_stopping": True, "validation_fraction": 1.0}, "validation_fraction"),
    ):
        with pytest.raises(OptionError, match=what):
            Perceptron(**options).fit(X, y)
    with pytest.raises(OptionError, match="False with partial_fit"):
        Perceptron(early_stopping=True).partial_fit(X, y, classes=[0, 1])
    with pytest.raises(OptionError, match="not supported for partial_fit"):
        Perceptron(class_weight="balanced").partial_fit(X, y, classes=[0, 1])


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_rows_whose_squared_length_is_not_finite_are_refused(container: Any) -> None:
    X, y = load_iris(return_X_y=True)
    for rule in ("rosenblatt", "delta"):
        for dtype, factor in ((np.float64, 1e160), (np.float32, 1e19)):
            model = Perceptron(rule=rule)
            with pytest.raises(DataError, match=r"X = .*the squared length of a row must be finite; scale the columns"):
                model.fit(container((X * factor).astype(dtype)), y)
            model.fit(container(X.astype(dtype)), y)


def test_a_warm_start_goes_on_with_the_same_classes_and_columns_alone() -> None:
    X, y = load_iris(return_X_y=True)
    model = Perceptron(warm_start=True).fit(X, y)
    for rows, labels, said in (
        (X[:100], y[:100], r"y = \[0, 1\]: warm_start goes on with the classes \[0, 1, 2\]"),
        (X, y + 1, r"y = \[1, 2, 3\]: warm_start goes on"),
        (X[:, :3], y, "X has 3 features, but Perceptron is expecting 4"),
    ):
        with pytest.raises(ValueError, match=said):
            model.fit(rows, labels)
        assert model.score(X, y) > 0.5  # what there was is as it was
