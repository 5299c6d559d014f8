"""scikit-learn's own checks, on every public estimator there is: a new one cannot escape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import layerwise
from layerwise import estimators

ESTIMATORS: list[type[BaseEstimator]] = [
    member
    for name in estimators.__all__
    if isinstance(member := getattr(estimators, name), type) and issubclass(member, BaseEstimator)
]

# Smaller than the defaults where the checks need no more; an estimator that is not named here is checked as it is.
QUICK: dict[str, dict[str, Any]] = {
    "StackedAutoencoder": {"hidden": (4, 3), "epochs": 2, "fine_tune_epochs": 2},
    "StackedAutoencoderClassifier": {"hidden": (32,), "epochs": 5, "fine_tune_epochs": 30, "learning_rate": 0.01},
    "Autoencoder": {"hidden": (4,), "epochs": 3},
    "BernoulliRBM": {"n_components": 16, "n_iter": 3},
    "RBM": {"n_components": 6, "n_iter": 3},
    "ClassRBM": {"n_components": 6, "n_iter": 10, "learning_rate": 0.05},
    "GaussianRBM": {"n_components": 6, "n_iter": 3},
    "DBN": {"hidden": (6, 4), "epochs": 3},
    "MLPClassifier": {"max_iter": 50, "learning_rate_init": 0.01},
    "MLPRegressor": {"max_iter": 50, "learning_rate_init": 0.01},
    "DBNClassifier": {
        "hidden": (16,),
        "epochs": 2,
        "fine_tune_epochs": 15,
        "batch_size": 20,
        "fine_tune_learning_rate": 0.03,
    },
    "DBNRegressor": {
        "hidden": (16,),
        "epochs": 2,
        "fine_tune_epochs": 15,
        "batch_size": 20,
        "fine_tune_learning_rate": 0.03,
    },
}

RANDOM_BITS = "the bit that is flipped depends on the row's place, as in scikit-learn's own BernoulliRBM"
MINIBATCHES = "a row's weight moves what a minibatch says, a repeated row also which minibatches there are"
WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data": MINIBATCHES,
    "check_sample_weight_equivalence_on_sparse_data": MINIBATCHES,
}
STEPS = "a row's weight lengthens a step, a repeated row takes two, as in scikit-learn's own Perceptron"
EXPECTED_FAILURES = {
    "Autoencoder": WEIGHTS,
    "StackedAutoencoder": WEIGHTS,
    "StackedAutoencoderClassifier": WEIGHTS,
    "Perceptron": dict.fromkeys(WEIGHTS, STEPS),
    "DBN": WEIGHTS,
    "DBNClassifier": WEIGHTS,
    "DBNRegressor": WEIGHTS,
    "RBM": WEIGHTS,
    "ClassRBM": WEIGHTS,
    "GaussianRBM": WEIGHTS,
    "BernoulliRBM": {
        "check_methods_subset_invariance": RANDOM_BITS,
        "check_methods_sample_order_invariance": RANDOM_BITS,
    },
}

# The checks fit rows of any size and labels of -1. They have hooks for estimators that accept less, which know
# scikit-learn's own estimators by name; these are ours.
ROWS_FROM_0_TO_1 = {"BernoulliRBM"}
UNLABELLED_IS_MINUS_ONE = {"ClassRBM", "DBNClassifier", "StackedAutoencoderClassifier"}


@pytest.fixture(autouse=True)
def domain(monkeypatch: pytest.MonkeyPatch) -> None:
    enforce: Callable[..., Any] = estimator_checks._enforce_estimator_tags_X

    def rows(estimator: BaseEstimator, X: Any, *args: Any, **kwargs: Any) -> Any:
        X = enforce(estimator, X, *args, **kwargs)
        return X / max(1, X.max()) if type(estimator).__name__ in ROWS_FROM_0_TO_1 else X

    def labels(name: str, y: Any, names: Any) -> Any:
        return y if name in UNLABELLED_IS_MINUS_ONE and np.any(names == -1) else names

    monkeypatch.setattr(estimator_checks, "_enforce_estimator_tags_X", rows)
    monkeypatch.setattr(estimator_checks, "_choose_check_classifiers_labels", labels)


# Some checks ask for classes that no hyperplane separates.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [estimator(**QUICK.get(estimator.__name__, {})) for estimator in ESTIMATORS],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator).__name__, {}),
)
def test_scikit_learns_checks(estimator: BaseEstimator, check: Callable[[BaseEstimator], None]) -> None:
    check(estimator)


def test_every_estimator_is_checked() -> None:
    assert {"BernoulliRBM", "DBNClassifier"} <= {estimator.__name__ for estimator in ESTIMATORS}
    assert set(layerwise.__all__) - {"__version__", "load"} <= {estimator.__name__ for estimator in ESTIMATORS}
