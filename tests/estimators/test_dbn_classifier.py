"""DBNClassifier: learns from rows with and without labels, and stores what it learned."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split

from layerwise.energy import BeliefNet
from layerwise.errors import DataError, DivergenceError, OptionError
from layerwise.estimators import DBNClassifier, conversion
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.course_observer import TuningInfo
from layerwise.training.plan import Plan
from layerwise.training.pretraining import LayerInfo

SMALL: dict[str, Any] = {"hidden": (8,), "epochs": 2, "fine_tune_epochs": 2, "random_state": 0}


def rows(n: int = 30, columns: int = 4, seed: int = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Three classes by the first column."""
    X = np.random.default_rng(seed).random((n, columns))
    return X, np.clip((3 * X[:, 0]).astype(np.int64), 0, 2)


def same(first: DBNClassifier, second: DBNClassifier) -> bool:
    parts = zip((first.net_, first.network_), (second.net_, second.network_), strict=True)
    return all(
        torch.equal(tensor, other)
        for one, two in parts
        for tensor, other in zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    )


def test_the_plans_options_have_the_plans_names() -> None:
    options = set(inspect.signature(DBNClassifier).parameters)
    assert set(inspect.signature(Plan).parameters) - {"twin"} <= options
    assert options - set(inspect.signature(Plan).parameters) == {"device", "random_state", "strategy", "verbose"}


# Learning


def test_unlabelled_digits_are_learned_from() -> None:
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    y[200:] = -1
    net = DBNClassifier((128,), epochs=10, fine_tune_epochs=50, random_state=0).fit(X, y)
    assert net.classes_.tolist() == list(range(10))
    assert net.score(X_test, y_test) > 0.85
    # A class is drawn by chance in one of ten cases; the top code tells most of them apart without a label.
    errors = [info.reconstruction_error for info in net.learning_curves_["layer 1"]]
    assert errors[-1] < 0.7 * errors[0]


def test_rows_without_label_move_the_layers_and_their_mark_does_not_matter() -> None:
    X, y = rows()
    names = np.array(["a", "b", "c"])[y]
    hidden = np.arange(30) % 3 == 0
    marked = DBNClassifier(**SMALL).fit(X, np.where(hidden, -1, y))
    for texts in (np.where(hidden, "", names), np.where(hidden, "-1", names), np.where(hidden, None, names)):
        of_texts = DBNClassifier(**SMALL).fit(X, texts)
        assert same(of_texts, marked)
        assert of_texts.classes_.tolist() == ["a", "b", "c"]
        assert set(of_texts.predict(X)) <= {"a", "b", "c"}
    alone = DBNClassifier(**SMALL).fit(X[~hidden], y[~hidden])
    assert not same(alone, marked)


def test_the_layers_know_nothing_of_the_labels() -> None:
    X, y = rows()
    first, second = (DBNClassifier(**SMALL).fit(X, labels) for labels in (y, y[::-1]))
    for one, two in zip(first.net_.parameters(), second.net_.parameters(), strict=True):
        assert torch.equal(one, two)
    assert np.array_equal(first.transform(X), second.transform(X))
    assert not np.array_equal(first.predict_proba(X), second.predict_proba(X))


def test_what_is_learned() -> None:
    X, y = rows(columns=5)
    net = DBNClassifier((7, 6), epochs=3, fine_tune_epochs=4, random_state=0).fit(X, y)
    assert isinstance(net.net_, BeliefNet)
    assert net.net_.sizes == (5, 7, 6)
    assert [tuple(p.shape) for p in net.network_.parameters()] == [(7, 5), (7,), (6, 7), (6,), (3, 6), (3,)]
    assert net.preparation_.kind == "bernoulli"
    assert {title: len(curve) for title, curve in net.learning_curves_.items()} == {
        "layer 1": 3,
        "layer 2": 3,
        "fine-tuning": 4,
    }
    assert isinstance(net.learning_curves_["layer 2"][0], LayerInfo)
    assert isinstance(net.learning_curves_["fine-tuning"][0], TuningInfo)
    assert [len(flow.update_ratio) for flow in net.gradient_flow_] == [len(net.hidden) + 1] * net.fine_tune_epochs
    assert list(net.get_feature_names_out()) == [f"dbnclassifier{j}" for j in range(6)]
    proba = net.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert np.array_equal(net.predict(X), net.classes_[proba.argmax(axis=1)])
    with torch.no_grad():
        scores = net.network_(net.preparation_.prepare(X))
        code = net.net_.up(net.preparation_.prepare(X))
    np.testing.assert_allclose(proba, torch.softmax(scores, 1), atol=1e-6)
    np.testing.assert_allclose(net.transform(X), code, atol=1e-6)


@pytest.mark.parametrize(
    ("X", "visible", "kind"),
    [
        ([[0.0, 0.1], [1.0, 0.3]], "auto", "bernoulli"),
        ([[0.0, 16.0], [9.0, 3.0]], "auto", "gaussian"),
        ([[0.0, -0.1], [1.0, 0.3]], "auto", "gaussian"),
        ([[0.0, -0.1], [1.0, 0.3]], "bernoulli", "bernoulli"),
        ([[0.0, 0.1], [1.0, 0.3]], "gaussian", "gaussian"),
    ],
)
def test_the_scale_of_the_columns(X: Any, visible: str, kind: str) -> None:
    for values in (np.array(X), sparse.csr_array(X)):
        net = DBNClassifier(visible=visible, **SMALL).fit(values, [0, 1])
        assert net.preparation_.kind == kind
        assert net.net_.layers[0].visible.name == kind


def test_samples_are_rows_in_the_callers_units() -> None:
    X = np.random.default_rng(0).random((40, 3)) * [1, 100, 1000] + [0, 5, -500]
    net = DBNClassifier(**SMALL, visible="bernoulli").fit(X, np.arange(40) % 2)
    drawn = net.sample(200, steps=5, random_state=0)
    assert drawn.shape == (200, 3)
    assert np.all((drawn >= X.min(axis=0) - 1e-4) & (drawn <= X.max(axis=0) + 1e-4))
    assert np.array_equal(drawn, net.sample(200, steps=5, random_state=0))
    assert not np.array_equal(drawn, net.sample(200, steps=5, random_state=1))
    assert net.sample().shape == (1, 3)


def test_two_layers_of_gaussian_units_draw_samples() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    net = DBNClassifier(**{**SMALL, "hidden": (6, 4)}).fit(X, np.arange(40) % 2)
    assert np.isfinite(net.sample(5, steps=3, random_state=0)).all()


def test_rows_without_label_are_not_scored() -> None:
    X, y = rows(60)
    net = DBNClassifier(**SMALL).fit(X, y)
    weights = np.arange(60.0)
    marked = np.where(np.arange(60) % 3 == 0, -1, y)
    known = marked >= 0
    assert net.score(X, marked) == net.score(X[known], y[known])
    assert net.score(X, marked, weights) == pytest.approx(net.score(X[known], y[known], weights[known]))
    with pytest.raises(DataError, match="60 rows without label"):
        net.score(X, np.full(60, -1))


@pytest.mark.parametrize("dtype", ["string", "object"])
def test_a_missing_label_in_a_data_frame_marks_a_row(dtype: str) -> None:
    X, y = rows(60)
    texts = pd.Series(np.where(y == 0, "a", "b"), dtype=dtype)
    missing, empty = texts.copy(), texts.copy()
    missing[::3], empty[::3] = pd.NA, ""
    given = DBNClassifier(**SMALL).fit(X, missing)
    assert given.classes_.tolist() == ["a", "b"]
    assert np.array_equal(given.predict_proba(X), DBNClassifier(**SMALL).fit(X, empty).predict_proba(X))


def test_no_epoch_leaves_a_plain_network() -> None:
    X, y = rows(60)
    net = DBNClassifier((8,), epochs=0, fine_tune_epochs=300, fine_tune_learning_rate=0.02, random_state=0).fit(X, y)
    assert net.learning_curves_["layer 1"] == []
    assert net.score(X, y) > 0.7


def test_verbose_prints_a_line_an_epoch_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = rows()
    silent = DBNClassifier(**SMALL).fit(X, y)
    assert capsys.readouterr().out == ""
    assert same(DBNClassifier(**SMALL, verbose=1).fit(X, y), silent)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[:2] for line in lines] == [
        ["[DBNClassifier] layer 1", "epoch 1"],
        ["[DBNClassifier] layer 1", "epoch 2"],
        ["[DBNClassifier] fine-tuning", "epoch 1"],
        ["[DBNClassifier] fine-tuning", "epoch 2"],
    ]
    assert "reconstruction error = " in lines[0]
    assert "accuracy = " in lines[-1]


# Determinism


def test_a_seed_decides_everything() -> None:
    X, y = rows()
    first, second = (DBNClassifier(**SMALL, dropout=0.5).fit(X, y) for _ in range(2))
    assert same(first, second)
    assert not same(first, DBNClassifier(**{**SMALL, "random_state": 1}, dropout=0.5).fit(X, y))
    assert same(first, first.fit(X, y))
    state = np.random.RandomState(0)
    assert same(first, clone(first).set_params(random_state=state).fit(X, y))
    assert not same(first, clone(first).set_params(random_state=state).fit(X, y))


def forms(X: npt.NDArray[Any]) -> dict[str, Any]:
    read_only = X.copy()
    read_only.flags.writeable = False
    wide = np.zeros((X.shape[0] * 2, X.shape[1] * 2), X.dtype)
    wide[::2, ::2] = X
    return {
        "read-only": read_only,
        "Fortran": np.asfortranarray(X),
        "not contiguous": wide[::2, ::2],
        "list": X.tolist(),
        "csr_array": sparse.csr_array(X),
        "csr_matrix": sparse.csr_matrix(X),
        "csc": sparse.csc_array(X),
        "pandas": pd.DataFrame(X, columns=list("abcd")),
        "polars": pl.DataFrame(X, schema=list("abcd")),
    }


@pytest.mark.parametrize("form", list(forms(np.zeros((1, 4)))))
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.bool_, np.uint8, np.int64])
def test_every_form_of_the_rows_gives_the_same(form: str, dtype: Any) -> None:
    X = (np.random.default_rng(0).integers(0, 4, (30, 4)) > 1).astype(dtype)
    if dtype not in (np.bool_, np.float32):
        X *= 3
    given = forms(X.copy())[form]
    if form == "list" and dtype == np.float32:
        X = X.astype(np.float64)  # a list of floats is one of doubles
    y = np.arange(30) % 3
    net, expected = DBNClassifier(**SMALL).fit(given, y), DBNClassifier(**SMALL).fit(X, y)
    assert same(net, expected)
    precision = np.float64 if X.dtype == np.float64 else np.float32
    for method in ("predict_proba", "transform"):
        result = getattr(net, method)(given)
        assert result.dtype == precision
        np.testing.assert_array_equal(result, getattr(expected, method)(X))


def test_a_sparse_matrix_is_never_made_dense_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    original = sparse.csr_array.toarray

    def toarray(self: sparse.csr_array, *args: Any, **kwargs: Any) -> Any:
        made.append(self.shape[0])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_array, "toarray", toarray)
    monkeypatch.setattr(conversion, "PART", 4 * 7)
    monkeypatch.setattr("layerwise.estimators.lessons.MEASURED", 9)
    X, y = rows(60)
    net = DBNClassifier(**SMALL).fit(sparse.csr_array(X), y)
    proba = net.predict_proba(sparse.csr_array(X))
    assert max(made) == 10
    np.testing.assert_allclose(proba, net.predict_proba(X), rtol=1e-12)


def test_two_threads_learn_at_once() -> None:
    X, y = rows()
    alone = DBNClassifier(**SMALL).fit(X, y)
    fits = [joblib.delayed(DBNClassifier(**SMALL).fit)(X, y) for _ in range(4)]
    together = joblib.Parallel(n_jobs=2, backend="threading")(fits)
    assert all(same(net, alone) for net in together)


# Storing


def test_pickle_joblib_and_clone(tmp_path: Path) -> None:
    X, y = rows()
    net = DBNClassifier(**SMALL).fit(X, y)
    joblib.dump(net, tmp_path / "net")
    for copy in (pickle.loads(pickle.dumps(net)), joblib.load(tmp_path / "net")):
        assert same(copy, net)
        assert np.array_equal(copy.predict_proba(X), net.predict_proba(X))
        assert np.array_equal(copy.transform(X), net.transform(X))
        assert np.array_equal(copy.sample(3, steps=2, random_state=0), net.sample(3, steps=2, random_state=0))
        assert copy.learning_curves_["fine-tuning"] == net.learning_curves_["fine-tuning"]
    assert not hasattr(clone(net), "net_")
    assert clone(net).get_params() == net.get_params()


def test_data_frames_keep_their_names() -> None:
    X, y = rows(columns=2)
    frame = pd.DataFrame(X, columns=["a", "b"])
    net = DBNClassifier(**SMALL).set_output(transform="pandas").fit(frame, y)
    assert list(net.feature_names_in_) == ["a", "b"]
    assert list(net.transform(frame).columns) == list(net.get_feature_names_out())
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame.rename(columns={"a": "z"}))


def test_it_is_searched_and_cross_validated() -> None:
    X, y = rows()
    search = GridSearchCV(DBNClassifier(**SMALL), {"hidden": [(4,), (5, 3)]}, cv=2).fit(X, y)
    assert search.best_estimator_.predict(X).shape == (30,)
    assert len(cross_val_score(DBNClassifier(**SMALL), X, y, cv=2)) == 2


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform"])
def test_nothing_works_before_fit(method: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(DBNClassifier(), method)(rows()[0])
    with pytest.raises(NotFittedError):
        DBNClassifier().sample()


# Rows at the edge


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 1)),
        np.full((5, 3), 7.0),
        np.array([[0.0], [1.0]]),
        np.array([[1e30, -1e30], [0, 0], [1e-30, 1e30]]),
        np.array([[1, 2], [3, 4]], dtype=object),
    ],
    ids=["zeros", "constant", "one column", "huge and tiny", "objects"],
)
def test_strange_rows_give_probabilities(X: Any, visible: str) -> None:
    y = np.arange(len(X)) % 2
    net = DBNClassifier(visible=visible, **SMALL).fit(X, y)
    np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert np.isfinite(net.transform(X)).all()
    assert np.isfinite(net.sample(2, steps=2, random_state=0)).all()


# Bad input


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden": ()}, r"hidden = \(\): must be a sequence of at least one .*; give .* such as \(256, 256\)"),
        ({"hidden": 0}, "hidden = 0: must be a sequence"),
        ({"hidden": (0,)}, r"hidden = \(0,\): every layer must have a whole number of units, at least 1"),
        ({"hidden": (5, -1)}, r"hidden = \(5, -1\): every layer"),
        ({"hidden": (2.5,)}, r"hidden = \(2.5,\): every layer"),
        ({"visible": "spin"}, "visible = 'spin': must be 'auto' or 'bernoulli' or 'gaussian'; try 'auto'"),
        ({"method": "ml"}, "method = 'ml': must be 'cd' or 'pcd'"),
        ({"gibbs_steps": 0}, "gibbs_steps = 0: must be a whole number of at least 1; start with 1"),
        ({"epochs": -1}, "epochs = -1: must be a whole number of at least 0; start with 20"),
        ({"epochs": 1.5}, "epochs = 1.5: must be a whole number"),
        ({"batch_size": 0}, "batch_size = 0: must be a whole number of at least 1"),
        ({"learning_rate": float("nan")}, "learning_rate = nan: must be a number greater than 0 .*; start with 0.1"),
        ({"learning_rate": -0.1}, "learning_rate = -0.1: must be a number greater than 0"),
        ({"momentum": 1}, "momentum = 1: must be a number at least 0 and less than 1; start with 0.5"),
        ({"weight_decay": -1e-3}, "weight_decay = -0.001: must be a number at least 0"),
        ({"fine_tune_epochs": 0}, "fine_tune_epochs = 0: must be a whole number of at least 1; start with 100"),
        ({"fine_tune_learning_rate": 0.0}, "fine_tune_learning_rate = 0.0: must be a number greater than 0"),
        ({"fine_tune_weight_decay": -1}, "fine_tune_weight_decay = -1: must be a number at least 0"),
        ({"dropout": 1.0}, "dropout = 1.0: must be a number at least 0 and less than 1"),
        ({"device": "gpu"}, "device = 'gpu': must be 'auto', 'cpu' or 'cuda'"),
        ({"random_state": "seed"}, "random_state = 'seed': must be None, a whole number"),
        ({"verbose": -1}, "verbose = -1: must be a whole number of at least 0"),
    ],
)
def test_bad_parameters_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        DBNClassifier(**{**SMALL, **options}).fit(*rows())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_samples": 0}, "n_samples = 0: must be a whole number of at least 1"),
        ({"steps": 0}, "steps = 0: must be a whole number of at least 1"),
        ({"random_state": "x"}, "random_state = 'x'"),
    ],
)
def test_bad_samples_are_named(options: dict[str, Any], words: str) -> None:
    net = DBNClassifier(**SMALL).fit(*rows())
    with pytest.raises(OptionError, match=words):
        net.sample(**options)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([[0.0, np.nan], [0, 1]], "Input X contains NaN"),
        ([[0.0, np.inf], [0, 1]], "Input X contains infinity"),
        ([[0.0, 1e300], [0, 1]], r"X, row 0, column 1 = 1e\+300: must be a finite number that float32 can hold"),
        (sparse.csr_array([[0.0, 1e300], [0, 1]]), r"X, row 0, column 1 = 1e\+300"),
        (pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, -1e300]}), r"X, row 1, column 'b' = -1e\+300"),
        (np.zeros((0, 3)), "0 sample"),
        (np.zeros((2, 0)), "0 feature"),
        ([0.0, 1.0], "Expected 2D array, got 1D array"),
        ([["a", "b"], ["c", "d"]], "'numeric' is not compatible|could not convert string"),
        (np.zeros((2, 2, 2)), "Found array with dim 3"),
    ],
)
def test_bad_rows_are_named(X: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DBNClassifier(**SMALL).fit(X, [0, 1])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_bad_rows_are_refused_by_a_fitted_model(value: float) -> None:
    net = DBNClassifier(**SMALL).fit(*rows())
    X = rows()[0]
    X[2, 1] = value
    for method in (net.predict, net.predict_proba, net.transform):
        with pytest.raises(ValueError, match=r"Input X contains|X, row 2, column 1"):
            method(X)
    with pytest.raises(ValueError, match="X has 3 features, but DBNClassifier is expecting 4 features"):
        net.predict(rows(columns=3)[0])


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (np.zeros(29), r"len\(y\) = 29: must be 30"),
        (np.zeros(30), r"y = \[0.0\]: one class"),
        (np.full(30, -1), "30 rows without label"),
        (np.linspace(0, 1, 30), "Unknown label type: continuous"),
    ],
)
def test_bad_labels_are_named(y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DBNClassifier(**SMALL).fit(rows()[0], y)


def test_bad_input_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Any, state: Any, batch: Any) -> Any:
        raise AssertionError("training began")

    monkeypatch.setattr(ContrastiveLearning, "step", step)
    X, y = rows()
    with pytest.raises(OptionError):
        DBNClassifier(fine_tune_learning_rate=-1).fit(X, y)
    with pytest.raises(DataError):
        DBNClassifier().fit(X, y[:-1])


def test_what_diverges_in_fine_tuning_leaves_the_layers_and_the_last_good_network() -> None:
    X, y = rows()
    options: dict[str, Any] = {**SMALL, "batch_size": 2}
    net = DBNClassifier(**{**options, "fine_tune_learning_rate": 9e37, "fine_tune_epochs": 50})
    with pytest.raises(DivergenceError, match=r"fine-tuning: .* left the finite numbers"):
        net.fit(X, y)
    np.testing.assert_array_equal(net.transform(X), DBNClassifier(**options).fit(X, y).transform(X))
    # No epoch made it better than it was before the first, when all classes were as probable.
    np.testing.assert_allclose(net.predict_proba(X), 1 / 3)


def test_what_diverges_in_a_layer_leaves_nothing() -> None:
    net = DBNClassifier(**{**SMALL, "learning_rate": 1e37, "epochs": 50})
    with pytest.raises(DivergenceError, match=r"layer 1: .* left the finite numbers"):
        net.fit(*rows())
    with pytest.raises(NotFittedError):
        net.predict(rows()[0])


def test_an_interruption_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Any, state: Any, batch: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(ContrastiveLearning, "step", step)
    with pytest.raises(KeyboardInterrupt):
        DBNClassifier(**SMALL).fit(*rows())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_and_the_result_is_kept_on_the_cpu() -> None:
    X, y = rows(200)
    net = DBNClassifier((16,), fine_tune_epochs=200, device="cuda", random_state=0).fit(X, y)
    assert {p.device.type for p in [*net.net_.parameters(), *net.network_.parameters()]} == {"cpu"}
    assert net.score(X, y) > 0.8
