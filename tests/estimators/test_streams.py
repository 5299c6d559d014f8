"""Estimators on rows that stay on disk: the same bits where one window holds them, the same answers anyway."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layerwise.data import load
from layerwise.data.npy_rows import stored_memmap
from layerwise.errors import DataError
from layerwise.estimators import RBM, MLPClassifier, Perceptron

X = np.random.default_rng(0).random((200, 6)).astype(np.float32)
y = (X[:, 0] > 0.5).astype(int)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.save(tmp_path / "rows.npy", X)
    return tmp_path / "rows.npy"


def answers(fitted: Any, rows: Any) -> Any:
    return (fitted.transform if hasattr(fitted, "transform") else fitted.predict)(rows)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_window_of_all_rows_is_memory_to_the_bit(any_estimator: Any, path: Path) -> None:
    rows = load(path, stream=True).train.values
    if isinstance(any_estimator(), Perceptron):
        with pytest.raises(DataError, match="is on disk, and this needs all rows in memory"):
            any_estimator().fit(rows, y)
        return
    held, streamed = any_estimator().fit(X, y), any_estimator().fit(rows, y)
    assert streamed.n_features_in_ == 6
    assert np.array_equal(answers(held, X), answers(streamed, X))
    narrow = load(path, stream=True, window=1000).train.values  # 41 rows at a time
    other = any_estimator().fit(narrow, y)
    assert not np.array_equal(answers(other, X), answers(held, X)) or not hasattr(held, "transform")
    assert np.array_equal(answers(other, narrow), answers(other, X))


def test_rows_in_their_order_are_memory_to_the_bit_in_any_window(path: Path) -> None:
    options: dict[str, Any] = {"hidden_layer_sizes": (3,), "shuffle": False, "max_iter": 3, "random_state": 0}
    narrow, fitted = load(path, stream=True, window=1000).train.values, []
    for rows in (X, narrow):
        with pytest.warns(UserWarning, match="Maximum iterations"):
            fitted.append(MLPClassifier(**options).fit(rows, y))
    held, streamed = fitted
    assert all(np.array_equal(a, b) for a, b in zip(held.coefs_, streamed.coefs_, strict=True))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_rows_may_be_held_out_in_any_window(path: Path) -> None:
    """In one window to the bit as in memory, in a narrow one in the order of the file, which is how it is read."""
    options: dict[str, Any] = {"hidden_layer_sizes": (3,), "shuffle": False, "max_iter": 3, "batch_size": 50}
    wide, narrow = (load(path, stream=True, **window).train.values for window in ({}, {"window": 1000}))
    held, streamed, other = (
        MLPClassifier(early_stopping=True, random_state=0, **options).fit(rows, y) for rows in (X, wide, narrow)
    )
    assert all(np.array_equal(a, b) for a, b in zip(held.coefs_, streamed.coefs_, strict=True))
    assert len(other.validation_scores_) == 3


def test_a_large_memmap_is_learned_window_by_window(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrowly = partial(stored_memmap, window=1000)
    monkeypatch.setattr("layerwise.estimators.conversion.stored_memmap", narrowly)
    mapped = np.load(path, mmap_mode="r")
    narrow = load(path, stream=True, window=1000).train.values
    machines = [RBM(3, n_iter=2, random_state=0).fit(rows).components_ for rows in (mapped, narrow, X)]
    assert np.array_equal(machines[0], machines[1])
    assert not np.array_equal(machines[0], machines[2])


def test_gaps_stay_where_the_estimator_takes_them(path: Path) -> None:
    with_gaps = X.copy()
    with_gaps[::7, 2] = np.nan
    np.save(path, with_gaps)
    rows = load(path, stream=True, missing=True).train.values
    held = RBM(3, n_iter=2, random_state=0).fit(with_gaps)
    assert np.array_equal(held.components_, RBM(3, n_iter=2, random_state=0).fit(rows).components_)
    with pytest.raises(DataError, match="misses values, and this estimator cannot do without"):
        MLPClassifier().fit(rows, y)


def test_what_does_not_fit_is_refused(path: Path) -> None:
    narrow = load(path, stream=True, window=1000).train.values
    with pytest.raises(DataError, match="partial_fit is one step on all of its rows, and a window of these holds 41"):
        RBM(3).partial_fit(narrow)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MLPClassifier().fit(narrow, y[:-1])
    fitted = RBM(3, n_iter=1).fit(X[:, :5])
    with pytest.raises(ValueError, match="6 features, but RBM is expecting 5"):
        fitted.transform(narrow)
    np.save(path, X * 3)
    large = load(path, stream=True, window=1000).train.values
    with pytest.raises(DataError, match=r"X, row \d+, column \d = .*is no value of a spin unit.*; scale the column"):
        RBM(3, visible="spin").fit(large)
