"""Code written for scikit-learn's estimators runs with ours: name by name through its signatures and docstrings.

Whatever is not the same must stand in the table of docs/coming_from_scikit_learn.md, and nothing else may.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn import linear_model, neural_network
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils import get_tags
from sklearn.utils._param_validation import generate_invalid_param_val, generate_valid_param, make_constraint

import layerwise

Array = npt.NDArray[Any]

THEIRS: list[type] = [
    neural_network.BernoulliRBM,
    neural_network.MLPClassifier,
    neural_network.MLPRegressor,
    linear_model.Perceptron,
]
PAGE = Path(__file__).parents[2] / "docs" / "coming_from_scikit_learn.md"
LISTED = set(re.findall(r"^\| `(\w+\.\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pairs = pytest.mark.parametrize("theirs", THEIRS, ids=lambda kind: kind.__name__)


def ours_of(theirs: type) -> Any:
    return getattr(layerwise, theirs.__name__)


def rows(classes: int = 2) -> tuple[Array, Array]:
    X = np.random.default_rng(0).random((60, 4))
    return X, np.minimum((X[:, 0] * classes).astype(int), classes - 1)


def fitted(kind: Any, X: Array, y: Array, **options: Any) -> Any:
    short = {"n_iter": 2, "n_components": 5, "max_iter": 4, "batch_size": 12}
    taken = inspect.signature(kind).parameters
    return kind(**{name: value for name, value in short.items() if name in taken} | options).fit(X, y)


def documented(kind: Any, section: str) -> list[str]:
    """The names that a numpydoc section of a docstring describes."""
    text = inspect.cleandoc(kind.__doc__)
    found = re.search(rf"^{section}\n-+\n(.*?)(?=\n\n\w[^\n]*\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return [name for line in re.findall(r"^(\w[\w, ]*?) ?:", found[1], re.MULTILINE) for name in line.split(", ")]


def public_methods(kind: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in dir(kind):
        if not name.startswith("_") and callable(getattr(kind, name)):
            yield name, getattr(kind, name)


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def alike(one: Any, other: Any) -> bool:
    """Whether a caller could tell two results apart by type, shape or precision."""
    if isinstance(other, np.ndarray):
        return isinstance(one, np.ndarray) and (one.shape, one.dtype) == (other.shape, other.dtype)
    if isinstance(other, list):
        return isinstance(one, list) and len(one) == len(other) and all(map(alike, one, other))
    if isinstance(other, float):  # which NumPy's float64 is
        return isinstance(one, float)
    return type(one).__name__ == type(other).__name__


def tags_of(kind: type) -> tuple[Any, ...]:
    tags = get_tags(kind())
    of_rows = tags.input_tags.sparse, tags.input_tags.allow_nan
    return tags.estimator_type, *of_rows, tags.target_tags, tags.classifier_tags, tags.regressor_tags


def differences(theirs: type) -> Iterator[str]:
    """What is missing here, or of another kind."""
    kind = ours_of(theirs)
    described, told = parameters(theirs), parameters(kind)
    assert documented(theirs, "Parameters") == [name for name, *_ in described]
    yield from (name for name, *rest in told[: len(described)] if (name, *rest) not in described)
    assert {how for _, how, _ in told[len(described) :]} <= {inspect.Parameter.KEYWORD_ONLY}
    for name, method in public_methods(theirs):
        if not hasattr(kind, name) or parameters(getattr(kind, name)) != parameters(method):
            yield name
    yield from (name for name in dir(theirs) if not name.startswith("_") and not hasattr(kind, name))
    if tags_of(kind) != tags_of(theirs):
        yield "__sklearn_tags__"
    for precision in (np.float64, np.float32):
        for classes in (2, 3):
            X, y = rows(classes)
            X = X.astype(precision)
            one, other = fitted(kind, X, y), fitted(theirs, X, y)
            for name in documented(theirs, "Attributes"):
                if hasattr(other, name) and not (
                    hasattr(one, name) and alike(getattr(one, name), getattr(other, name))
                ):
                    yield name
            for name, method in public_methods(theirs):
                asked = list(inspect.signature(method).parameters)[1:2]
                if asked in (["X"], ["v"]) and name not in ("fit", "fit_transform"):
                    also = [y] if "y" in inspect.signature(method).parameters and name != "transform" else []
                    if not alike(getattr(one, name)(X, *also), getattr(other, name)(X, *also)):
                        yield name


@pairs
def test_what_differs_is_documented(theirs: type) -> None:
    listed = {name.split(".")[1] for name in LISTED if name.split(".")[0] == theirs.__name__}
    assert set(differences(theirs)) == listed


def test_the_table_is_of_these_estimators() -> None:
    assert {name.split(".")[0] for name in LISTED} <= {kind.__name__ for kind in THEIRS}


@pairs
def test_every_parameter_takes_what_it_takes_there_and_refuses_the_rest(theirs: type) -> None:
    kind, (X, y) = ours_of(theirs), rows()
    for name, constraints in theirs._parameter_constraints.items():  # type: ignore[attr-defined]
        if constraints == "no_validation" or f"{theirs.__name__}.{name}" in LISTED:
            continue
        for constraint in map(make_constraint, constraints):
            if constraint.hidden:
                continue
            try:
                bad = generate_invalid_param_val(constraint)
            except NotImplementedError:
                continue
            if any(make_constraint(each).is_satisfied_by(bad) for each in constraints):
                continue
            with pytest.raises(ValueError, match=name):
                fitted(kind, X, y, **{name: bad})
        for constraint in map(make_constraint, constraints):
            good = generate_valid_param(constraint)
            assert fitted(theirs, X, y, **{name: good}) is not None
            assert fitted(kind, X, y, **{name: good}) is not None, (name, good)
        with pytest.raises(ValueError, match=name):
            fitted(kind, X, y, **{name: type("Strange", (), {})()})


@pairs
def test_warnings_and_exceptions_are_theirs(theirs: type) -> None:
    kind, (X, y) = ours_of(theirs), rows()
    for method, _ in public_methods(theirs):
        if method in ("predict", "transform", "predict_proba", "decision_function", "score_samples", "gibbs"):
            with pytest.raises(NotFittedError):
                getattr(kind(), method)(X)
    estimator = fitted(kind, X, y)
    told: list[tuple[Any, ...]] = [(X[:, :2],), (X[0],), (np.full_like(X, np.nan),), (None,)]
    for (bad,) in told:
        for other in (fitted(theirs, X, y), estimator):
            with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
                getattr(other, "predict" if hasattr(other, "predict") else "transform")(bad)
    if hasattr(kind, "predict"):
        for bad in (y[:-1], None):
            with pytest.raises(ValueError):  # noqa: PT011
                fitted(kind, X, bad)
    if "max_iter" in inspect.signature(kind).parameters:
        assert heard(fitted, kind, X, y, max_iter=1) == heard(fitted, theirs, X, y, max_iter=1) == {ConvergenceWarning}
        column = y[:, None]
        assert heard(fitted, kind, X, column) == heard(fitted, theirs, X, column)
        if "batch_size" in inspect.signature(kind).parameters:
            assert heard(fitted, kind, X, y, batch_size=99) == heard(fitted, theirs, X, y, batch_size=99)


def heard(function: Callable[..., Any], *args: Any, **options: Any) -> set[type[Warning]]:
    """The categories of the warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args, **options)
    return {warning.category for warning in caught}
