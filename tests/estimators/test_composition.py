"""Every estimator as a part of larger things: pipelines, searches, calibration, curves, other processes."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn import config_context
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # scikit-learn asks for this line
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import estimator_html_repr

Array = npt.NDArray[Any]
Make = Callable[..., Any]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rows(n: int = 24) -> tuple[Array, Array]:
    X = np.random.default_rng(0).random((n, 3))
    return X, (X[:, 0] > 0.5).astype(int)


def says(estimator: Any, X: Any) -> Array:
    """Numbers that any of them can be asked for."""
    asked = ("transform", "predict_proba", "decision_function", "predict")
    return np.asarray(getattr(estimator, next(name for name in asked if hasattr(estimator, name)))(X))


def test_it_ends_a_pipeline(any_estimator: Make) -> None:
    X, y = rows()
    pipeline = make_pipeline(MinMaxScaler(clip=True), any_estimator()).fit(X, y)
    assert len(says(pipeline, X)) == len(X)
    judge = None if hasattr(any_estimator(), "score") else lambda estimator, X, y=None: float(len(says(estimator, X)))
    assert np.isfinite(cross_val_score(pipeline, X, y, cv=2, error_score="raise", scoring=judge)).all()


def test_its_codes_feed_pipelines_and_stand_beside_others(any_transformer: Make) -> None:
    X, y = rows()
    assert make_pipeline(any_transformer(), LogisticRegression()).fit(X, y).predict(X).shape == y.shape
    both = FeatureUnion([("code", any_transformer()), ("rows", StandardScaler())]).fit(X, y)
    code = any_transformer().fit(X, y).transform(X)
    np.testing.assert_array_equal(both.transform(X)[:, :-3], code)
    assert len(both.get_feature_names_out(["a", "b", "c"])) == code.shape[1] + 3
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    some = ColumnTransformer([("code", any_transformer(), ["a", "b"])], remainder="passthrough")
    assert some.set_output(transform="pandas").fit_transform(frame, y).shape == (len(X), code.shape[1] + 1)


def test_tables_come_out_of_it(any_transformer: Make) -> None:
    X, y = rows()
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(24) * 2)
    estimator = any_transformer().set_output(transform="pandas").fit(frame, y)
    code = estimator.transform(frame)
    assert list(code.columns) == list(estimator.get_feature_names_out())
    assert list(code.index) == list(frame.index)
    of_polars = estimator.set_output(transform="polars").transform(pl.DataFrame(frame))
    assert isinstance(of_polars, pl.DataFrame)
    np.testing.assert_allclose(of_polars.to_numpy(), code.to_numpy())
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.transform(frame[["b", "a", "c"]])


def test_copies_say_the_same(any_estimator: Make, tmp_path: Path) -> None:
    X, y = rows()
    estimator = any_estimator().fit(X, y)
    joblib.dump(estimator, tmp_path / "estimator")
    for copy in (pickle.loads(pickle.dumps(estimator)), joblib.load(tmp_path / "estimator")):
        np.testing.assert_array_equal(says(copy, X), says(estimator, X))
    fresh = clone(estimator)
    assert fresh.get_params() == estimator.get_params()
    with pytest.raises(NotFittedError):
        says(fresh, X)


def test_chance_is_a_seed_a_state_or_numpys_own(any_estimator: Make) -> None:
    X, y = rows()
    of_seed = [says(any_estimator(random_state=7).fit(X, y), X) for _ in range(2)]
    np.testing.assert_array_equal(*of_seed)
    of_state = [says(any_estimator(random_state=np.random.RandomState(7)).fit(X, y), X) for _ in range(2)]
    np.testing.assert_array_equal(*of_state)
    of_numpy = []
    for _ in range(2):
        np.random.seed(7)  # noqa: NPY002  # None means NumPy's global state
        of_numpy.append(says(any_estimator(random_state=None).fit(X, y), X))
    np.testing.assert_array_equal(*of_numpy)


def test_verbose_prints_and_the_repr_shows_parameters(any_estimator: Make, capsys: pytest.CaptureFixture[str]) -> None:
    X, y = rows()
    silent = any_estimator().fit(X, y)
    assert capsys.readouterr().out == ""
    told = any_estimator(verbose=1).fit(X, y)
    assert capsys.readouterr().out
    np.testing.assert_array_equal(says(told, X), says(silent, X))
    shown = estimator_html_repr(told)
    assert type(told).__name__ in shown
    assert "verbose" in repr(told)


def learned(estimator: Any, X: Array) -> list[Array]:
    """Numbers that a step of learning moves."""
    if hasattr(estimator, "transform"):
        return [estimator.transform(X)]
    return [np.array(weights) for weights in getattr(estimator, "coefs_", None) or [estimator.coef_]]


def test_rows_given_step_by_step(any_stepwise: Make) -> None:
    X, y = rows()
    estimator = any_stepwise()
    told = {"classes": [0, 1]} if is_classifier(estimator) else {}
    assert estimator.partial_fit(X[:12], y[:12], **told) is estimator
    before = learned(estimator, X)
    assert estimator.partial_fit(X[12:], y[12:]) is estimator
    assert any(not np.array_equal(one, two) for one, two in zip(before, learned(estimator, X), strict=True))


def test_a_warm_start_goes_on(any_warm: Make) -> None:
    X, y = rows()
    estimator = any_warm(warm_start=True, max_iter=1).fit(X, y)
    first, cold = learned(estimator, X), learned(any_warm(max_iter=1).fit(X, y), X)
    assert all(np.array_equal(one, two) for one, two in zip(first, cold, strict=True))
    estimator.fit(X, y)
    assert any(not np.array_equal(one, two) for one, two in zip(first, learned(estimator, X), strict=True))


def test_weights_reach_it_through_a_pipeline(any_weighing: Make) -> None:
    X, y = rows()
    weights = np.r_[np.ones(12), np.full(12, 5.0)]
    with config_context(enable_metadata_routing=True):
        asks = any_weighing().set_fit_request(sample_weight=True)
        routed = Pipeline([("rows", MinMaxScaler()), ("model", asks)]).fit(X, y, sample_weight=weights)
        direct = any_weighing().fit(MinMaxScaler().fit_transform(X), y, sample_weight=weights)
        np.testing.assert_array_equal(says(routed, X), says(direct, routed["rows"].transform(X)))
        plain = any_weighing().fit(MinMaxScaler().fit_transform(X), y)
        assert not np.array_equal(says(plain, X), says(direct, X))
        split = cross_validate(asks, X, y, params={"sample_weight": weights}, cv=2, error_score="raise", scoring=zero)
        assert len(split["fit_time"]) == 2


def zero(estimator: Any, X: Array, y: Array | None = None) -> float:
    return 0.0


def test_predictions_are_looked_into(any_predictor: Make) -> None:
    X, y = rows()
    estimator = any_predictor().fit(X, y)
    importance = permutation_importance(estimator, X, y, n_repeats=1, random_state=0)
    assert importance.importances_mean.shape == (3,)
    _, seen, unseen = learning_curve(any_predictor(), X, y, train_sizes=[0.5, 1.0], cv=2, error_score="raise")
    assert seen.shape == unseen.shape == (2, 2)
    assert cross_val_predict(any_predictor(), X, y, cv=2).shape == y.shape
    if is_classifier(estimator):
        calibrated = CalibratedClassifierCV(any_predictor(), cv=2, method="sigmoid").fit(X, y)
        np.testing.assert_allclose(calibrated.predict_proba(X).sum(1), 1, rtol=1e-6)


def test_rows_without_label_are_learned_from(any_semi_supervised: Make) -> None:
    X, y = rows()
    hidden = np.arange(24) % 3 == 0
    if is_classifier(any_semi_supervised()):
        marked = [np.where(hidden, -1, y), np.where(hidden, "", np.array(["no", "yes"])[y])]
    else:
        marked = [np.where(hidden, np.nan, y.astype(float))]
    for told in marked:
        half = any_semi_supervised().fit(X, told)
        assert half.score(X, told) == half.score(X[~hidden], told[~hidden])
        # They teach the layers: others in their place are another lesson.
        moved = any_semi_supervised().fit(np.where(hidden[:, None], 1 - X, X), told)
        assert not np.array_equal(half.transform(X), moved.transform(X))


def test_the_marks_mean_nothing_to_scikit_learns_namesakes(any_namesake: Make) -> None:
    X, y = rows()
    if is_classifier(any_namesake()):
        assert list(any_namesake().fit(X, y - 1).classes_) == [-1, 0]
    else:
        with pytest.raises(ValueError, match="contains NaN"):
            any_namesake().fit(X, np.full(24, np.nan))


def threads_of_a_worker(estimator: BaseEstimator, X: Array, y: Array) -> tuple[int, int]:
    """Threads of torch and of numba where a fit has just run."""
    estimator.fit(X, y)  # type: ignore[attr-defined]
    return torch.get_num_threads(), numba.get_num_threads()


def test_other_processes_search_and_take_no_more_cores_than_there_are() -> None:
    from layerwise.estimators import RBM, MLPClassifier

    X, y = rows(60)
    fits = [
        joblib.delayed(threads_of_a_worker)(model, X, y)
        for model in (RBM(4, n_iter=1), MLPClassifier((4,), max_iter=2))
    ]
    cores = os.cpu_count() or 1
    for threads in joblib.Parallel(n_jobs=2)(fits):
        assert all(2 * each <= max(2, cores) for each in threads)
    model = make_pipeline(RBM(4, n_iter=1, random_state=0), MLPClassifier((4,), max_iter=3, random_state=0))
    grid = {"rbm__n_components": [2, 4]}
    several, alone = (GridSearchCV(model, grid, cv=2, n_jobs=n, error_score="raise").fit(X, y) for n in (2, 1))
    np.testing.assert_array_equal(several.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    halving = HalvingGridSearchCV(model, grid, cv=2, n_jobs=2, min_resources=20, random_state=0, error_score="raise")
    assert halving.fit(X, y).best_estimator_.predict(X).shape == y.shape
