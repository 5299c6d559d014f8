"""DBNRegressor: learns layers from all rows, and targets from those that have one."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.metrics import r2_score

from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators import DBNClassifier, DBNRegressor
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.network_epochs import EpochInfo
from layerwise.training.pretraining import LayerInfo

Array = npt.NDArray[Any]

SMALL: dict[str, Any] = {"hidden": (8,), "epochs": 2, "fine_tune_epochs": 3, "random_state": 0}


def rows(n: int = 60, columns: int = 4) -> tuple[Array, Array]:
    X = np.random.default_rng(0).random((n, columns))
    return X, 3 * X[:, 0] - X[:, 1] + 10


def parameters(net: DBNRegressor) -> list[torch.Tensor]:
    return [*net.net_.state_dict().values(), *net.network_.state_dict().values()]


def same(first: DBNRegressor, second: DBNRegressor) -> bool:
    return all(torch.equal(one, two) for one, two in zip(parameters(first), parameters(second), strict=True))


def test_its_parameters_are_the_classifiers_without_that_of_labels() -> None:
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(kind).parameters.values()]
        for kind in (DBNRegressor, DBNClassifier)
    )
    assert ours == [told for told in theirs if told[0] != "label_smoothing"]


@pytest.mark.parametrize("outputs", [1, 2])
def test_it_learns(outputs: int) -> None:
    X, y = rows(300)
    y = y if outputs == 1 else np.c_[y, -1000 * y]
    options = {"epochs": 2, "fine_tune_epochs": 40, "batch_size": 50, "fine_tune_learning_rate": 0.05}
    net = DBNRegressor((16,), **options, dropout=0.0, random_state=0).fit(X, y)
    assert net.predict(X).shape == y.shape
    assert net.n_outputs_ == outputs
    assert net.score(X, y) == pytest.approx(r2_score(y, net.predict(X)))
    assert net.score(X, y) > 0.95
    with torch.no_grad():
        found = net.network_(net.preparation_.prepare(X))
    np.testing.assert_allclose(net.predict(X).reshape(len(X), -1), found, rtol=1e-4)
    first, tuned = net.learning_curves_["layer 1"], net.learning_curves_["fine-tuning"]
    assert (len(first), len(tuned)) == (2, 40)
    assert isinstance(first[0], LayerInfo)
    assert isinstance(tuned[0], EpochInfo)
    assert tuned[-1].seen == pytest.approx(net.score(X, y), abs=1e-3)  # the last is that of the network as it is
    assert tuned[-1].loss < 0.1 < tuned[0].loss < outputs


def test_rows_without_target_move_the_layers_and_nothing_else() -> None:
    X, y = rows()
    hidden = np.arange(60) % 3 == 0
    half = DBNRegressor(**SMALL).fit(X, np.where(hidden, np.nan, y))
    alone = DBNRegressor(**SMALL).fit(X[~hidden], y[~hidden])
    whole = DBNRegressor(**SMALL).fit(X, y)
    assert not same(half, alone)
    assert all(torch.equal(a, b) for a, b in zip(half.net_.parameters(), whole.net_.parameters(), strict=True))
    # What the mark hides is not read: the network is that of any other numbers in its place.
    of_objects = [None if gone else value for gone, value in zip(hidden, y, strict=True)]
    of_pandas = pd.Series(np.where(hidden, np.nan, y)).astype("Float64")
    for marked in (of_objects, of_pandas):
        assert same(half, DBNRegressor(**SMALL).fit(X, marked))


def test_rows_without_target_are_not_scored() -> None:
    X, y = rows()
    net = DBNRegressor(**SMALL).fit(X, y)
    known, weights = np.arange(60) % 3 > 0, np.arange(60.0)
    marked = np.where(known, y, np.nan)
    assert net.score(X, marked) == net.score(X[known], y[known])
    assert net.score(X, marked, weights) == pytest.approx(net.score(X[known], y[known], weights[known]))
    with pytest.raises(DataError, match="60 rows without target"):
        net.score(X, np.full(60, np.nan))


def test_the_targets_scale_does_not_matter() -> None:
    X, y = rows()
    net, moved = DBNRegressor(**SMALL).fit(X, y), DBNRegressor(**SMALL).fit(X, 1024 * y - 256)
    np.testing.assert_allclose(moved.predict(X), 1024 * net.predict(X) - 256, rtol=1e-3)
    constant = DBNRegressor(**SMALL).fit(X, np.full(60, 7.0))
    np.testing.assert_allclose(constant.predict(X), 7, atol=0.05)


def test_a_row_of_weight_zero_is_not_there_and_a_heavy_one_is_hit() -> None:
    X, y = rows()
    weights = np.where(np.arange(60) < 40, 1.0, 0.0)
    without = DBNRegressor(**SMALL).fit(X[:40], y[:40])
    np.testing.assert_allclose(DBNRegressor(**SMALL).fit(X, y, weights).predict(X), without.predict(X), rtol=1e-5)
    for kind, told in ((DBNRegressor, y), (DBNClassifier, (y > 11).astype(int))):
        net = kind(**SMALL).fit(X, told)
        of_three = kind(**SMALL).fit(X, told, np.full(60, 3.0))
        np.testing.assert_allclose(of_three.transform(X), net.transform(X), rtol=1e-5)
        assert not same(net, kind(**SMALL).fit(X, told, np.arange(60) + 1.0))
    # Contradictory targets at one place: the weighted mean is predicted.
    of_two = np.array([1.0, 3.0])
    net = DBNRegressor((4,), epochs=0, fine_tune_epochs=60, fine_tune_learning_rate=0.1, dropout=0.0, random_state=0)
    net.fit([[0.5], [0.5]], of_two, sample_weight=[3.0, 1.0])
    np.testing.assert_allclose(net.predict([[0.5]]), 1.5, atol=0.02)


def test_precision_sparse_rows_and_pickle() -> None:
    X, y = rows()
    net = DBNRegressor(**SMALL).fit(X, y)
    assert net.predict(X).dtype == np.float64
    assert net.predict(X.astype(np.float32)).dtype == np.float32
    assert same(net, DBNRegressor(**SMALL).fit(sparse.csc_array(X), y))
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert net.transform(X).shape == (60, 8)
    assert net.sample(3, steps=2, random_state=0).shape == (3, 4)


def test_verbose_prints_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = rows()
    silent = DBNRegressor(**SMALL).fit(X, y)
    assert same(silent, DBNRegressor(**SMALL, verbose=1).fit(X, y))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("[DBNRegressor] layer 1, epoch 1, reconstruction error = ")
    assert lines[-1].startswith("[DBNRegressor, fine-tuning] Iteration 3, loss = ")


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (np.zeros(59), r"len\(y\) = 59: must be 60"),
        (np.full(60, np.nan), "60 rows without target"),
        (np.full(60, np.inf), "Input y contains infinity"),
        (["a"] * 60, "could not convert string"),
        (np.c_[np.zeros(60), np.full(60, np.nan)], r"y, row 0 = \[0.0, nan\]: must have all of its targets or none"),
        (np.zeros((60, 2, 2)), "dim 3"),
    ],
)
def test_bad_targets_are_named(y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DBNRegressor(**SMALL).fit(rows()[0], y)


@pytest.mark.parametrize(("kind", "mark"), [(DBNRegressor, np.nan), (DBNClassifier, -1)])
def test_weights_must_leave_something_to_learn(kind: Any, mark: float) -> None:
    X = rows()[0]
    told = np.arange(60.0) % 2
    told[:30] = mark
    with pytest.raises(DataError, match="leaves no row to learn from"):
        kind(**SMALL).fit(X, told, sample_weight=np.isin(np.arange(60), np.arange(30)))


def test_bad_input_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Any, state: Any, batch: Any) -> Any:
        raise AssertionError("training began")

    monkeypatch.setattr(ContrastiveLearning, "step", step)
    X, y = rows()
    with pytest.raises(OptionError, match="dropout = 1"):
        DBNRegressor(dropout=1).fit(X, y)
    with pytest.raises(DataError):
        DBNRegressor().fit(X, y[:-1])


def test_divergence_is_an_error_and_what_was_good_is_kept() -> None:
    X, y = rows()
    net = DBNRegressor(**{**SMALL, "fine_tune_learning_rate": 9e37, "fine_tune_epochs": 50, "batch_size": 2})
    with pytest.raises(DivergenceError, match=r"fine-tuning: "):
        net.fit(X, y)
    assert np.isfinite(net.predict(X)).all()


def test_its_network_is_torchs_own() -> None:
    X, y = rows()
    net = DBNRegressor(**SMALL).fit(X, y)
    with torch.no_grad():
        found = net.to_torch()(net.preparation_.prepare(X))
    np.testing.assert_allclose(net.predict(X), found[:, 0], rtol=1e-5)
